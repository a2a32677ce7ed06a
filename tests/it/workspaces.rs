//! Tenants, their API keys, and how a request selects one.

mod create;
mod create_key;
mod list;
mod list_keys;
mod read;
mod revoke_key;
mod selection;

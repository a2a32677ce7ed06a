//! Registering, running and versioning tools.

mod bodies;
mod breaker;
mod builtin;
mod cache;
mod errors_inside;
mod execute;
mod formats;
mod idempotency;
mod limits;
mod list;
mod list_saved;
mod pagination;
mod preview;
mod reach;
mod read;
mod read_more;
mod register;
mod respond_async;
mod restore;
mod retire;
mod revise;
mod save;
mod versions;

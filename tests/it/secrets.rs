//! Credentials that tools use.

mod create;
mod delete;
mod list;

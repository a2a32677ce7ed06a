//! Postgres: migrations, transactions that begin as somebody, and every SQL statement of the product.
//!
//! Row-level security decides what a statement sees; the functions here take a [`Tx`], never a pool,
//! so that nobody can forget to say who is asking. Not found is `Ok(None)`.

pub mod audit;
pub mod audit_chain;
pub mod data_keys;
mod db;
mod entry;
mod error;
pub mod executions;
pub mod keys;
pub mod members;
mod migrate;
mod pool;
mod revisions;
pub mod secrets;
mod statements;
mod tool_versions;
pub mod tools;
pub mod workspaces;

pub use db::{DatabaseConfig, Db, PoolMode, Tx};
pub use entry::{Entry, KeyEntry, Membership};
pub use error::{Cause, Error};
pub use migrate::{MIGRATIONS, MigrationReport, migrate};
pub use statements::{Column, RunsAs, Statement, statements};

/// What came of adding something whose name must be unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Insert<T> {
    /// Added.
    Created(T),
    /// The name is taken.
    Exists,
}

//! Postgres: migrations, transactions that begin as somebody, and every SQL statement of the product.
//!
//! Row-level security decides what a statement sees; the functions here take a [`Tx`], never a pool,
//! so that nobody can forget to say who is asking. Not found is `Ok(None)`.

pub mod analytics;
pub mod audit;
pub mod audit_chain;
pub mod authorizations;
pub mod connections;
pub mod conversations;
pub mod data_keys;
mod db;
mod entry;
mod error;
pub mod executions;
pub mod flow_sweep;
mod flow_versions;
pub mod flows;
pub mod idempotency;
pub mod installs;
pub mod invitations;
pub mod keys;
pub mod limits;
pub mod marketplace;
pub mod members;
mod migrate;
pub mod models;
pub mod outputs;
mod pool;
pub mod prompts;
pub mod publications;
pub mod retention;
pub mod reviews;
mod revisions;
pub mod run_events;
pub mod run_keys;
pub mod run_steps;
pub mod runs;
mod schema;
pub mod secret_providers;
pub mod secret_work;
pub mod secrets;
mod statements;
pub mod tokens;
mod tool_versions;
pub mod tools;
pub mod versioned;
pub mod workspaces;

pub use db::{DatabaseConfig, Db, PoolMode, Tx};
pub use entry::{Entry, KeyEntry, Membership};
pub use error::{Cause, Error};
pub use migrate::{MIGRATIONS, MigrationReport, migrate};
pub use schema::Found;
pub use statements::{Column, RunsAs, Statement, statements};

/// What came of adding something whose name must be unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Insert<T> {
    /// Added.
    Created(T),
    /// The name is taken.
    Exists,
}

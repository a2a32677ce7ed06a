//! The database layer against a real Postgres, with real policies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests"
)]

mod analytics;
mod attacks;
mod cluster;
mod connection;
mod connections;
mod entry;
mod executions;
mod flows;
mod idempotency;
mod layout;
mod neighbours;
mod outputs;
mod pooler;
mod races;
mod retention;
mod rules;
mod secrets;
// Shared with the tests of the whole product, which no crate below them can import.
#[path = "../../../../tests/it/skip.rs"]
mod skip;
mod statements;
mod tools;
mod workspaces;

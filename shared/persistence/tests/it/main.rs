//! The database layer against a real Postgres, with real policies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests"
)]

mod attacks;
mod cluster;
mod connection;
mod entry;
mod executions;
mod layout;
mod neighbours;
mod pooler;
mod races;
mod rules;
mod secrets;
mod skip;
mod statements;
mod tools;
mod workspaces;

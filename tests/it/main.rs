//! Integration tests through the door.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests"
)]

mod analytics;
mod audit_of_use;
mod hostile;
mod lambda;
mod layering;
mod matrix;
mod openapi;
mod secrets;
mod session_tokens;
mod skip;
mod system;
mod template;
mod tools;
mod trips;
mod walk;
mod workspaces;

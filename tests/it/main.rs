//! Integration tests through the door.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests"
)]

mod analytics;
mod audit_of_change;
mod audit_of_use;
mod auth;
mod connections;
mod container;
mod crowd;
mod flows;
mod freshness;
mod hostile;
mod http_limits;
mod killed;
mod lambda;
mod layering;
mod local_aws;
mod marketplace;
mod master_keys;
mod matrix;
mod mcp;
mod openapi;
mod orchestrate;
mod own_login;
mod prompts;
mod queue;
mod repository;
mod restart;
mod secrets;
mod secrets_never_leak;
mod session_tokens;
mod skip;
mod supply_chain;
mod system;
mod telemetry;
mod template;
mod tenancy;
mod tools;
mod trips;
mod walk;
mod workspaces;

//! Integration tests through the door.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests"
)]

mod lambda;
mod layering;
mod openapi;
mod skip;
mod template;
mod tools;

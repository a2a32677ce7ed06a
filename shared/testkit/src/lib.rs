//! What only tests need: an app, personas, builders and fakes.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

pub mod upstream;

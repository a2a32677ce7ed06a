//! How a function starts: configuration, logs, the Lambda loop.

pub mod config;
pub mod start;

pub use config::{Config, PoolMode};
pub use start::StartError;

//! How a function starts: configuration, logs, the Lambda loop.

pub mod config;
mod lambda;
mod start;
pub mod telemetry;

pub use config::{Config, PoolMode};
pub use lambda::serve;
pub use start::StartError;

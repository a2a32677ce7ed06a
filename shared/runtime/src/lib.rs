//! How a function starts: configuration, logs, the Lambda loop.

pub mod config;
mod events;
mod lambda;
mod start;
mod sweep;
pub mod telemetry;
mod wire;

pub use config::Config;
pub use events::serve_events;
pub use lambda::{serve, serve_streaming};
pub use persistence::PoolMode;
pub use start::StartError;
pub use sweep::{Swept, sweep_once};

//! The agent loop: a prompt goes in, a model calls the workspace's tools through the executor, the answer comes out.

pub mod agent;
pub mod endpoint;
pub mod model;
pub mod offer;
pub mod setting;

pub use agent::{Agent, Answer, Ask, Ending, Event, OrchestrateError, Running, ToolCall};
pub use model::{Endpoint, Models};

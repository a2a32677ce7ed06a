//! A model server for tests, and for a tour without a key: it speaks the OpenAI Responses API and follows a script.
//!
//! It answers `POST /v1/responses`, plain and as a stream, in the shapes of OpenAI's published description, and refuses what the
//! real one refuses. It thinks nothing: each answer is the next step of its script, or, without one, what the rules of
//! [`demo_router`] make of the prompt.
//!
//! ```
//! # async fn tested() -> std::io::Result<()> {
//! use scripted_model::{ScriptedModel, call, say};
//!
//! let model = ScriptedModel::start().await?;
//! model
//!     .then(call([("weather_api", serde_json::json!({ "city": "SF" }))]))
//!     .then(say("It is 18 °C."));
//! // … whoever uses it at `model.base_url()` with the key `model.key()` …
//! assert!(model.refusals().is_empty());
//! # Ok(())
//! # }
//! ```

mod answer;
mod captured;
mod check;
mod demo;
mod error;
mod events;
mod gate;
mod input;
mod reply;
mod server;
mod step;
mod strict;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "these are tests"
)]
mod tests;

pub use captured::Captured;
pub use gate::Gate;
pub use reply::{Cause, Reply, call, call_text, item, refuse, say, think};
pub use server::{DEMO_MODEL, KEY, ScriptedModel, demo_router};
pub use step::{
    Raw, Step, context_length_exceeded, error, hang, hang_up, raw, reply_with, sse, status,
};
pub use strict::function as check_parameters;

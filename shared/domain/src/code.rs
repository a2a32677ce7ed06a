//! Code-based tools: async functions that are listed, run and recorded exactly as tools made of a config.
//!
//! [`tool`] makes a [`CodeTool`] of a function; its schemas come from the function's types. Whatever such a
//! tool wants of the world it asks of its [`ToolContext`]: the time, and HTTP calls, which take the same way
//! out as every other tool's. A secret is named in a [`Request`], never read.

mod answer;
mod context;
mod error;
mod request;
mod schema;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::Effects;
use crate::fault::Fault;
use crate::walk::escape_into;

pub use answer::Answer;
pub use context::{Calling, Looking, ToolContext};
pub use error::ToolError;
pub use macros::tool;
pub use request::Request;

/// What `#[tool(…)]` says of a tool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Definition {
    /// Its id in every workspace.
    pub id: &'static str,
    /// What a person calls it.
    pub name: &'static str,
    /// A longer display name.
    pub title: Option<&'static str>,
    /// What it does, for models.
    pub description: &'static str,
    /// Words to find it by.
    pub tags: &'static [&'static str],
    /// Grows when the tool behaves differently; recorded with each execution.
    pub version: i32,
    /// Deadline of one execution, in milliseconds.
    pub timeout_ms: u64,
    /// What running it does to the world.
    pub effects: Effects,
}

/// An execution under way.
pub type Running = Pin<Box<dyn Future<Output = Result<Value, ToolError>> + Send>>;

type Run = dyn Fn(ToolContext, Value) -> Running + Send + Sync;

/// A tool that is a function. Cheap to clone.
#[derive(Clone)]
pub struct CodeTool {
    /// What is said of it.
    pub definition: Definition,
    /// JSON Schema of its input.
    pub input_schema: Value,
    /// JSON Schema of its output.
    pub output_schema: Value,
    run: Arc<Run>,
}

impl CodeTool {
    /// A tool of this function, with the schemas of its types. `#[tool]` writes this call.
    pub fn new<I, O, F, R>(definition: Definition, function: F) -> Self
    where
        I: DeserializeOwned + JsonSchema,
        O: Serialize + JsonSchema,
        F: Fn(ToolContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, ToolError>> + Send + 'static,
    {
        let run = move |context: ToolContext, input: Value| -> Running {
            match read(input) {
                Ok(input) => {
                    let running = function(context, input);
                    Box::pin(async move { written(&running.await?) })
                }
                Err(error) => Box::pin(std::future::ready(Err(error))),
            }
        };
        Self {
            definition,
            input_schema: schema::of_input::<I>(),
            output_schema: schema::of_output::<O>(),
            run: Arc::new(run),
        }
    }

    /// Runs it with an input that fits its schema.
    pub fn run(&self, context: ToolContext, input: Value) -> Running {
        (self.run)(context, input)
    }
}

impl fmt::Debug for CodeTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CodeTool")
            .field(&self.definition.id)
            .finish()
    }
}

/// Nothing, for a type that can be an input: `#[tool]` asks it of the type where it stands.
#[doc(hidden)]
pub const fn is_input<T: DeserializeOwned + JsonSchema>() {}

/// Nothing, for a type that can be an output.
#[doc(hidden)]
pub const fn is_output<T: Serialize + JsonSchema>() {}

/// The input as the function's type. A schema lets through what some types do not hold (1.0 for an integer,
/// 300 where the type ends at 255 without saying so): told as any other wrong input.
fn read<I: DeserializeOwned>(input: Value) -> Result<I, ToolError> {
    serde_path_to_error::deserialize(input).map_err(|error| {
        let mut pointer = String::new();
        for step in error.path() {
            use serde_path_to_error::Segment;
            match step {
                Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
                Segment::Map { key } => {
                    pointer.push('/');
                    escape_into(&mut pointer, key);
                }
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let fault = Fault::new(pointer, "invalid_value", error.inner().to_string());
        ToolError::Input(vec![fault])
    })
}

fn written<O: Serialize>(output: &O) -> Result<Value, ToolError> {
    serde_json::to_value(output).map_err(|error| {
        ToolError::failed(
            crate::failure::FailureCode::OutputInvalid,
            format!("The output cannot be written as JSON: {error}."),
            "This is a defect of the tool; report it.",
        )
    })
}

#[cfg(test)]
mod tests;

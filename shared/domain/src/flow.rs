//! A flow's definition: steps over tools, joined by the expressions that read one another's outputs.
//!
//! [`read`] turns a document into a [`Flow`] or into every fault that it has; [`check`] says what is wrong
//! with it beside the tools and flows that there are. [`work`] says what a step comes to once the steps that
//! it needs are done. Everything here is pure.

mod action;
mod check;
mod compile;
mod engine;
mod expression;
mod fit;
mod graph;
mod guard;
mod id;
mod mermaid;
mod paths;
mod read;
mod render;
mod scope;
mod step;
mod template;
mod templates;
mod text;
mod token;
mod values;
mod work;

use std::collections::HashMap;

use serde_json::Value;

use crate::ids::ToolId;

pub use check::{Callee, Known, check};
pub use id::{StepId, StepIdError};
pub use mermaid::mermaid;
pub use read::read;
pub use scope::{Scope, StepView, Unrendered};
pub use template::Template;
pub use work::{Item, Work, output, undo, work};

/// Steps of one flow at most.
pub const MAX_STEPS: usize = 10_000;

/// Edges between the steps of one flow at most.
pub const MAX_EDGES: usize = 50_000;

/// Levels of sub-flows below a flow at most.
pub const MAX_SUB_FLOWS: usize = 8;

/// Items of a `for_each` at most, when the flow runs.
pub const MAX_ITEMS: usize = 10_000;

/// Longest time that a run or a `wait` may take, in milliseconds: 30 days.
pub const MAX_WAIT_MS: u64 = 30 * 24 * 3_600 * 1_000;

/// Largest value that a template renders to, in bytes of JSON.
pub const MAX_RENDERED_BYTES: usize = 6 * 1024 * 1024;

/// One flow, as far as its document says; defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// As stated; absent: whoever stores it makes one, as for a tool.
    pub id: Option<ToolId>,
    /// What a person calls it.
    pub name: String,
    /// A longer display name.
    pub title: Option<String>,
    /// What it does.
    pub description: String,
    /// False: listed, but not run.
    pub enabled: bool,
    /// For finding it.
    pub tags: Vec<String>,
    /// JSON Schema of the input, always with a `type`; a flow that has one is a tool as well.
    pub input_schema: Option<Value>,
    /// In the document's order.
    pub steps: Vec<Step>,
    /// What a run comes to; absent: the outputs of the steps that nobody needs, by id.
    pub output: Option<Template>,
    /// The run's deadline, in milliseconds.
    pub timeout_ms: u64,
    /// Runs that are under way at once; more wait.
    pub max_concurrency: Option<u32>,
    index: HashMap<StepId, usize>,
    /// The steps that the run's output reads: without an `output`, those that nobody needs, in the document's order.
    pub output_reads: Vec<StepId>,
}

impl Flow {
    /// The step of this id.
    pub fn step(&self, id: &str) -> Option<&Step> {
        let id: StepId = id.parse().ok()?;
        self.index.get(&id).and_then(|index| self.steps.get(*index))
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name in the flow.
    pub id: StepId,
    /// What a person calls it.
    pub name: Option<String>,
    /// What it does.
    pub action: Action,
    /// The steps that come before it: those that it reads and those that it names, each once.
    pub needs: Vec<StepId>,
    /// Those of `needs` that its expressions read.
    pub reads: Vec<StepId>,
    /// Whether it runs at all; false: it is skipped.
    pub when: Option<Template>,
    /// It runs although a step that it needs was skipped.
    pub always: bool,
    /// It runs once for each item.
    pub for_each: Option<ForEach>,
    /// How often a failed call is made again.
    pub retry: Retry,
    /// Longest time of one attempt, in milliseconds; of a wait, until it is answered.
    pub timeout_ms: Option<u64>,
    /// What its failure means.
    pub on_error: OnError,
    /// The call that undoes it.
    pub compensate: Option<Compensation>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Calls a tool.
    Tool {
        /// Which.
        tool: ToolId,
        /// Renders to an object.
        input: Template,
    },
    /// Computes a value.
    Transform(Template),
    /// Runs another flow.
    Flow {
        /// Which.
        flow: ToolId,
        /// Renders to an object.
        input: Template,
    },
    /// Waits.
    Wait(Wait),
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wait {
    /// Time, in milliseconds; at most [`MAX_WAIT_MS`].
    Duration(Template),
    /// Somebody's word.
    Signal {
        /// What is awaited, for people.
        about: String,
        /// JSON Schema of what is sent.
        schema: Option<Value>,
    },
    /// Somebody's consent.
    Approval {
        /// What is asked, for people.
        about: String,
    },
}

/// A step that runs once for each item of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ForEach {
    /// Renders to an array.
    pub items: Template,
    /// Items that are under way at once.
    pub max_concurrency: u32,
}

/// How often a failed call is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts at most, the first included; 1 to 10.
    pub max_attempts: u32,
    /// First pause at most, in milliseconds; doubles with each attempt.
    pub backoff_ms: u64,
}

/// What a step's failure means.
#[derive(Clone, Debug, PartialEq)]
pub enum OnError {
    /// The run fails.
    Fail,
    /// The run goes on; the output is null.
    Continue,
    /// The run goes on with this output.
    Output(Value),
}

/// The call that undoes a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Compensation {
    /// Which tool.
    pub tool: ToolId,
    /// Renders to an object; reads the step's own output as well.
    pub input: Template,
    /// The steps that the input reads, without the step itself.
    pub reads: Vec<StepId>,
}

#[cfg(test)]
mod tests;

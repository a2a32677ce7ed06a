//! Which tools the model gets, and what a call of it means.

use domain::failure::Failure;
use domain::fault::Fault;
use domain::ids::ToolId;
use registry::Catalog;
use serde_json::Value;

/// How much is offered.
#[derive(Clone, Copy, Debug)]
pub struct OfferRules {
    /// Most estimated tokens of all function definitions together; beyond it the model searches.
    pub max_tokens: u64,
}

/// A tool that the model was not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Its id.
    pub tool: String,
    /// Why, and what to do about it.
    pub reason: String,
}

/// What a function call of the model means.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    /// Run this tool.
    Run {
        /// Which.
        tool: ToolId,
        /// Its input, in the tool's own schema.
        input: Value,
    },
    /// Nothing is run; this is the function's output.
    Answer(Value),
    /// The call makes no sense; the model is told so.
    Refuse(Failure),
}

/// The functions of one run.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    definitions: Vec<Value>,
    withheld: Vec<Withheld>,
}

impl Offer {
    /// The functions for this prompt out of the workspace's tools, or out of the wanted ones alone.
    ///
    /// # Errors
    /// Names in `wanted` that are no tools, with pointers into the request (`/tools/0`).
    pub fn new(
        _catalog: &Catalog,
        _wanted: Option<&[ToolId]>,
        _prompt: &str,
        _rules: &OfferRules,
    ) -> Result<Self, Vec<Fault>> {
        Ok(Self::default())
    }

    /// As the Responses API wants them, in an order that does not change.
    pub fn definitions(&self) -> &[Value] {
        &self.definitions
    }

    /// What was left out, and why.
    pub fn withheld(&self) -> &[Withheld] {
        &self.withheld
    }

    /// What a call of the model means.
    pub fn resolve(&self, name: &str, _arguments: &str) -> Resolved {
        let message = format!("{name} is no function here");
        Resolved::Refuse(Failure::new(
            domain::failure::FailureCode::ToolNotFound,
            message,
            "",
        ))
    }
}

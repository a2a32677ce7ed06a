//! What an expression can read, and why one could not be rendered.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What expressions read. Secrets are no part of it.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The run's input.
    pub input: &'a Value,
    /// `{id, flow_id, version, started_at}`.
    pub run: &'a Value,
    /// The steps that are done, by id.
    pub steps: &'a BTreeMap<String, StepView>,
    /// The item of a `for_each`.
    pub item: Option<&'a Value>,
    /// The item's place in its list, from 0.
    pub index: Option<u64>,
}

/// A step as expressions see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    /// `succeeded`, `failed`, `skipped` and so on.
    pub status: String,
    /// Null until it succeeded.
    pub output: Value,
    /// Null unless it failed.
    pub error: Value,
}

/// An expression that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unrendered {
    /// As it stands in the definition, without its braces; empty when the whole value is meant.
    pub expression: String,
    /// Why, in one sentence.
    pub message: String,
}

impl Unrendered {
    pub(super) fn new(expression: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            expression: expression.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Unrendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.expression.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(
                f,
                "the expression {{{{ {} }}}} has no value: {}",
                self.expression, self.message
            )
        }
    }
}

impl std::error::Error for Unrendered {}

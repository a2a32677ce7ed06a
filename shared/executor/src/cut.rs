//! What of an execution's output was cut, and under which cursor the rest is kept.

use domain::rest::Rest;
use serde::{Deserialize, Serialize};

/// What was taken out of an output that was larger than `output.max_tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// For the tool `read_more`, which reads the rest; `None`: it could not be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Where, in the order of the document.
    pub at: Vec<CutAt>,
    /// Estimated tokens of the output as it is answered.
    pub kept_tokens: u64,
    /// Estimated tokens of the whole output.
    pub total_tokens: u64,
}

/// One place at which something was taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutAt {
    /// JSON pointer into the output.
    pub pointer: String,
    /// What is counted: `items`, `characters` or `members`.
    pub unit: String,
    /// How many of them stayed.
    pub kept: u64,
    /// How many there are altogether.
    pub total: u64,
}

impl From<&Rest> for CutAt {
    fn from(rest: &Rest) -> Self {
        Self {
            pointer: rest.at.clone(),
            unit: rest.left.unit().to_owned(),
            kept: rest.kept,
            total: rest.total(),
        }
    }
}

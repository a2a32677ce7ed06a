//! What `response.success_when` and `response.errors` say: when an answer is a failure.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::ResponsePath;
use crate::failure::FailureCode;

/// Something that holds of an answer or does not.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A value in the body.
    Body {
        /// Where.
        path: ResponsePath,
        /// What must hold of it.
        test: Test,
    },
    /// The status is in one of these ranges.
    Status(Vec<RangeInclusive<u16>>),
    /// All hold.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

/// What must hold of a value; of one at least, where a path leads to several.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It is there and not null, or is not.
    Exists(bool),
    /// It is one of these; what is not there counts as null.
    In(Vec<Value>),
    /// It is a text or a number in which this linear regular expression finds something.
    Matches(String),
}

/// One rule of `response.errors`.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorRule {
    /// When it applies; the first that does counts.
    pub when: Condition,
    /// What kind of failure it is; `None`: what the status says, `upstream_error` for a success.
    pub kind: Option<FailureCode>,
    /// The tool's own name of the failure.
    pub code: Option<String>,
    /// Where the upstream says what is wrong.
    pub message_from: Option<ResponsePath>,
    /// What to do.
    pub hint: Option<String>,
    /// Whether the same call may work later; `None`: as the kind says.
    pub retryable: Option<bool>,
}

//! What `response.success_when` and `response.errors` say: when an answer is a failure.

use serde_json::Value;

use super::ResponsePath;

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
    /// The status is one of these.
    Status(Vec<u16>),
    /// All hold.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

/// What must hold of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It is there and not null, or is not.
    Exists(bool),
    /// It equals this JSON value.
    Equals(Value),
    /// It equals one of these.
    In(Vec<Value>),
    /// It is a text that this linear regular expression finds something in.
    Matches(String),
}

/// One rule of `response.errors`.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorRule {
    /// When it applies; the first that does counts.
    pub when: Condition,
    /// The tool's own name of the failure.
    pub code: Option<String>,
    /// Where the upstream says what is wrong.
    pub message_from: Option<ResponsePath>,
    /// What to do.
    pub hint: Option<String>,
    /// Whether the same call may work later.
    pub retryable: bool,
}

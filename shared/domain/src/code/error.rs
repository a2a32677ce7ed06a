//! Why a code-based tool has no output: in the terms that every tool fails in.

use crate::failure::{Failure, FailureCode};
use crate::fault::Fault;

/// What a code-based tool ends with when it has no output.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ToolError {
    /// The input is wrong in a way that its schema cannot say. Pointers lead into the input.
    #[error("the input does not fit the tool")]
    Input(Vec<Fault>),
    /// The execution failed.
    #[error(transparent)]
    Failed(Box<Failure>),
}

impl ToolError {
    /// One wrong input: `pointer` leads to it (`/symbol`), `hint` says what to do.
    pub fn input(
        pointer: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::Input(vec![
            Fault::new(pointer, "invalid_value", message).hint(hint),
        ])
    }

    /// A failure of this kind.
    pub fn failed(code: FailureCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Failure::new(code, message, hint).into()
    }
}

impl From<Failure> for ToolError {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

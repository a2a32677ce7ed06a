//! One thing wrong with a document or a request, told so that a person or a model can mend it.

use serde::Serialize;

/// A single fault: where it is, what it is, and what to do about it.
///
/// Faults are collected, never thrown: whoever checks a document returns every fault it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// JSON pointer (RFC 6901) into the document that was checked; `""` is the document itself.
    pub pointer: String,
    /// Stable machine-readable name of the kind of fault, such as `unknown_field`.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do, such as `did you mean "base_url"?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// The same fault with advice on how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

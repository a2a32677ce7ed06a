//! What an upstream answered to a code-based tool.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ToolError;
use crate::failure::FailureCode;
use crate::json;

/// An answer, with the execution's secrets masked in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`, if it is text.
    pub content_type: Option<String>,
    /// The decoded body; of a 4xx or 5xx only its beginning.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    ///
    /// # Errors
    /// `invalid_response`: it is not UTF-8.
    pub fn text(&self) -> Result<&str, ToolError> {
        std::str::from_utf8(&self.body).map_err(|_| self.invalid("is not UTF-8 text"))
    }

    /// The body as JSON. Integers that fit no 64 bits are kept as texts.
    ///
    /// # Errors
    /// `invalid_response`: it is not JSON.
    pub fn value(&self) -> Result<Value, ToolError> {
        json::parse_response(&self.body)
            .map_err(|fault| self.invalid(&format!("is not JSON: {}", json::reason(&fault))))
    }

    /// The body as this type, read from JSON.
    ///
    /// # Errors
    /// `invalid_response`: it is not JSON, or another one.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        serde_json::from_value(self.value()?)
            .map_err(|error| self.invalid(&format!("is not as expected: {error}")))
    }

    fn invalid(&self, what: &str) -> ToolError {
        let failure = crate::failure::Failure::new(
            FailureCode::InvalidResponse,
            format!("The upstream's answer {what}."),
            "Call again; if it stays so, the upstream has changed and the tool must follow.",
        );
        failure.detail("status", self.status).into()
    }
}

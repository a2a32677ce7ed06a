//! A prompt template: texts with typed variables, filled in without anything being evaluated.
//!
//! ```
//! use serde_json::json;
//! let prompt = domain::prompt::read(&json!({
//!     "name": "Weather report",
//!     "template": "What's the weather in {{city}}?",
//!     "variables": { "city": { "type": "string" } },
//! })).unwrap();
//! let filled = prompt.fill(json!({ "city": "{{secret}}" }).as_object().unwrap()).unwrap();
//! // A value is text, whatever it looks like.
//! assert_eq!(filled.messages[0].text, "What's the weather in {{secret}}?");
//! ```

mod fill;
mod read;
mod text;
mod variable;

use serde_json::Value;

use crate::ids::{PromptId, ToolId};

pub use read::read;
pub use text::{Piece, Text};
pub use variable::{Kind, Variable};

/// Largest document, in bytes of compact JSON.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// Largest text of all parts together once they are filled in, in bytes.
pub const MAX_FILLED_BYTES: usize = 256 * 1024;

/// One prompt, as far as its document says.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// Stated, or the slug of `name`.
    pub id: PromptId,
    /// What a person calls it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The system text.
    pub instructions: Option<Text>,
    /// The conversation that the model answers.
    pub messages: Vec<Message>,
    /// What is filled in, in the document's order.
    pub variables: Vec<Variable>,
    /// Only these tools.
    pub tools: Option<Vec<ToolId>>,
    /// The model that it was written for.
    pub model: Option<String>,
    /// How the answer must look, as the Responses API's `text.format`.
    pub text_format: Option<Value>,
}

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The person who asks.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The role's name on the wire, the same for model servers and MCP.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message of a [`Prompt`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What.
    pub text: Text,
}

/// A prompt with its variables filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Filled {
    /// The system text.
    pub instructions: Option<String>,
    /// The conversation that the model answers.
    pub messages: Vec<FilledMessage>,
    /// Only these tools.
    pub tools: Option<Vec<ToolId>>,
    /// The model that the prompt was written for.
    pub model: Option<String>,
    /// How the answer must look, as the Responses API's `text.format`.
    pub text_format: Option<Value>,
}

/// One message of a [`Filled`] prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilledMessage {
    /// Who says it.
    pub role: Role,
    /// What.
    pub text: String,
}

impl Filled {
    /// The last message if a person says it, and what was said before.
    pub fn split_prompt(mut self) -> (Vec<FilledMessage>, Option<String>) {
        let prompt = self
            .messages
            .pop_if(|message| message.role == Role::User)
            .map(|message| message.text);
        (self.messages, prompt)
    }
}

#[cfg(test)]
mod tests;

//! One step of the script: what the next request gets.

use std::sync::Arc;

use crate::captured::Captured;
use crate::error::ApiError;
use crate::gate::Gate;
use crate::reply::Reply;

/// An answer byte by byte.
#[derive(Clone, Debug)]
#[must_use]
pub struct Raw {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Raw {
    /// One more header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// `Retry-After`, in seconds or as a date.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a number or a text, written where it stands"
    )]
    pub fn retry_after(self, value: impl ToString) -> Self {
        self.header("retry-after", value.to_string())
    }

    /// Another content type.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// Another body.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }
}

type Maker = Arc<dyn Fn(&Captured) -> Step + Send + Sync>;

/// What the next request gets.
#[derive(Clone)]
pub enum Step {
    /// An answer of the model.
    Reply(Box<Reply>),
    /// Bytes as they stand.
    Raw(Raw),
    /// Nothing, until the gate lets it; then the step.
    Hang(Gate, Box<Step>),
    /// The connection closes without an answer.
    HangUp,
    /// Whatever the request leads to.
    With(Maker),
}

impl From<Reply> for Step {
    fn from(reply: Reply) -> Self {
        Self::Reply(Box::new(reply))
    }
}

impl From<Raw> for Step {
    fn from(raw: Raw) -> Self {
        Self::Raw(raw)
    }
}

/// A status and the body that the provider usually gives with it.
pub fn status(status: u16) -> Raw {
    refusal(&ApiError::of_status(status))
}

/// A status with an error object of the test's choice.
pub fn error(status: u16, kind: &str, code: Option<&str>, message: &str) -> Raw {
    refusal(&ApiError {
        status,
        kind: kind.to_owned(),
        code: code.map(str::to_owned),
        param: None,
        message: message.to_owned(),
    })
}

/// 400: the input is longer than the model's context window.
pub fn context_length_exceeded() -> Raw {
    refusal(&ApiError::invalid(
        "input",
        "context_length_exceeded",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
    ))
}

fn refusal(error: &ApiError) -> Raw {
    raw(error.status, "application/json", error.body().to_string())
}

/// Any answer.
pub fn raw(status: u16, content_type: impl Into<String>, body: impl Into<String>) -> Raw {
    Raw {
        status,
        content_type: content_type.into(),
        headers: Vec::new(),
        body: body.into(),
    }
}

/// A stream of events as they stand.
pub fn sse(text: impl Into<String>) -> Raw {
    raw(200, "text/event-stream; charset=utf-8", text)
}

/// No answer until the gate lets it; then the step.
pub fn hang(gate: &Gate, then: impl Into<Step>) -> Step {
    Step::Hang(gate.clone(), Box::new(then.into()))
}

/// The connection closes without an answer.
pub const fn hang_up() -> Step {
    Step::HangUp
}

/// What the request leads to.
pub fn reply_with<S: Into<Step>>(make: impl Fn(&Captured) -> S + Send + Sync + 'static) -> Step {
    Step::With(Arc::new(move |request| make(request).into()))
}

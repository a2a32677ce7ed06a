//! An answer of the model, part by part, and how its delivery goes wrong when that is wanted.

use serde_json::Value;

use crate::gate::Gate;

/// One part of an answer; each becomes an output item.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Think(String),
    Say(String),
    Refuse(String),
    Call {
        name: String,
        arguments: String,
        call_id: Option<String>,
    },
    /// As it stands: of a type that nobody knows, for instance.
    Item(Value),
}

/// Why an answer is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// `max_output_tokens` was reached.
    MaxOutputTokens,
    /// The provider's filter cut it.
    ContentFilter,
}

impl Cause {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MaxOutputTokens => "max_output_tokens",
            Self::ContentFilter => "content_filter",
        }
    }
}

/// How an answer ends.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Completed,
    Incomplete(Cause),
    Failed { code: String, message: String },
}

/// What happens to a stream behind so many of its events.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection breaks.
    Cut,
    /// The stream ends as if that was all.
    End,
    /// These bytes come between.
    Insert(String),
    /// More and more text, without an end.
    Flood,
}

/// Tokens, as `usage` tells them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokens {
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
}

/// An answer, built part by part: `think("Hm").call([("weather_api", json!({ "city": "SF" }))])`.
#[derive(Clone)]
#[must_use]
pub struct Reply {
    pub(crate) parts: Vec<Part>,
    pub(crate) end: End,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) model: Option<String>,
    pub(crate) pace: Option<Gate>,
    pub(crate) faults: Vec<(usize, Fault)>,
    pub(crate) chunks: Option<usize>,
    pub(crate) content_type: Option<String>,
}

impl Default for Reply {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            end: End::Completed,
            tokens: None,
            model: None,
            pace: None,
            faults: Vec::new(),
            chunks: None,
            content_type: None,
        }
    }
}

/// Answers with text.
pub fn say(text: impl Into<String>) -> Reply {
    Reply::default().say(text)
}

/// Reasons first, with this summary; sealed when the request asks for that.
pub fn think(summary: impl Into<String>) -> Reply {
    Reply::default().think(summary)
}

/// Refuses with a text of its own (`refusal`, not an error).
pub fn refuse(text: impl Into<String>) -> Reply {
    Reply::default().refuse(text)
}

/// Calls functions: `(name, arguments)`, all in one turn.
pub fn call<N: Into<String>>(calls: impl IntoIterator<Item = (N, Value)>) -> Reply {
    Reply::default().call(calls)
}

/// Calls a function with arguments as they stand: possibly no JSON at all.
pub fn call_text(name: impl Into<String>, arguments: impl Into<String>) -> Reply {
    Reply::default().call_text(name, arguments)
}

/// An output item as it stands.
pub fn item(item: Value) -> Reply {
    Reply::default().item(item)
}

impl Reply {
    /// More text, in a message of its own.
    pub fn say(self, text: impl Into<String>) -> Self {
        self.part(Part::Say(text.into()))
    }

    /// A reasoning item.
    pub fn think(self, summary: impl Into<String>) -> Self {
        self.part(Part::Think(summary.into()))
    }

    /// A refusal.
    pub fn refuse(self, text: impl Into<String>) -> Self {
        self.part(Part::Refuse(text.into()))
    }

    /// Calls of functions.
    pub fn call<N: Into<String>>(mut self, calls: impl IntoIterator<Item = (N, Value)>) -> Self {
        for (name, arguments) in calls {
            self = self.call_text(name, arguments.to_string());
        }
        self
    }

    /// A call with arguments as they stand.
    pub fn call_text(self, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        self.part(Part::Call {
            name: name.into(),
            arguments: arguments.into(),
            call_id: None,
        })
    }

    /// A call with a call id of the test's choice.
    pub fn call_as(
        self,
        call_id: impl Into<String>,
        name: impl Into<String>,
        arguments: &Value,
    ) -> Self {
        self.part(Part::Call {
            name: name.into(),
            arguments: arguments.to_string(),
            call_id: Some(call_id.into()),
        })
    }

    /// An output item as it stands.
    pub fn item(self, item: Value) -> Self {
        self.part(Part::Item(item))
    }

    fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// It ends before it is whole: `status: "incomplete"`.
    pub fn incomplete(mut self, cause: Cause) -> Self {
        self.end = End::Incomplete(cause);
        self
    }

    /// It ends with `status: "failed"` and this error (`server_error`, `rate_limit_exceeded` …).
    pub fn failed(mut self, code: impl Into<String>, message: impl Into<String>) -> Self {
        self.end = End::Failed {
            code: code.into(),
            message: message.into(),
        };
        self
    }

    /// Tells these tokens instead of an estimate.
    pub fn tokens(mut self, input: u64, output: u64) -> Self {
        let (cached, reasoning) = (0, 0);
        self.tokens = Some(Tokens {
            input,
            cached,
            output,
            reasoning,
        });
        self
    }

    /// Of the tokens told, these were cached and these went into reasoning.
    pub fn of_them(mut self, cached: u64, reasoning: u64) -> Self {
        if let Some(tokens) = &mut self.tokens {
            (tokens.cached, tokens.reasoning) = (cached, reasoning);
        }
        self
    }

    /// The answer names this model instead of the one asked for.
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.model = Some(name.into());
        self
    }

    /// Each event of a stream (a plain answer: the whole) passes this gate first.
    pub fn drip(mut self, gate: &Gate) -> Self {
        self.pace = Some(gate.clone());
        self
    }

    /// The connection breaks behind so many events; a plain answer breaks in its middle.
    pub fn cut_after(self, events: usize) -> Self {
        self.fault(events, Fault::Cut)
    }

    /// The stream ends, well-formed, behind so many events, without the answer's end.
    pub fn ends_after(self, events: usize) -> Self {
        self.fault(events, Fault::End)
    }

    /// An event whose data is no JSON comes behind so many events.
    pub fn malformed_after(self, events: usize) -> Self {
        let broken = "event: response.output_text.delta\ndata: {\"type\":\"response.outp\n\n";
        self.insert_after(events, broken)
    }

    /// An event of a type that nobody knows comes behind so many events.
    pub fn unknown_event_after(self, events: usize) -> Self {
        let unknown = "event: response.dream.delta\ndata: {\"type\":\"response.dream.delta\",\"delta\":\"zzz\",\"sequence_number\":99}\n\n";
        self.insert_after(events, unknown)
    }

    /// An `error` event comes behind so many events, and the stream ends.
    pub fn error_after(self, events: usize, code: &str, message: &str) -> Self {
        let data = serde_json::json!({
            "type": "error", "code": code, "message": message, "param": null, "sequence_number": events,
        });
        self.insert_after(events, format!("event: error\ndata: {data}\n\n"))
            .ends_after(events)
    }

    /// The same in the other shape that is seen in the wild: the error nested in `error`.
    pub fn nested_error_after(self, events: usize, code: &str, message: &str) -> Self {
        let data = serde_json::json!({
            "type": "error", "sequence_number": events,
            "error": { "type": "server_error", "code": code, "message": message, "param": null },
        });
        self.insert_after(events, format!("event: error\ndata: {data}\n\n"))
            .ends_after(events)
    }

    /// These bytes come behind so many events, as they stand.
    pub fn insert_after(self, events: usize, bytes: impl Into<String>) -> Self {
        self.fault(events, Fault::Insert(bytes.into()))
    }

    /// Text without an end comes behind so many events (at least four: a message must have begun).
    pub fn flood_after(self, events: usize) -> Self {
        self.fault(events, Fault::Flood)
    }

    fn fault(mut self, after: usize, fault: Fault) -> Self {
        self.faults.push((after, fault));
        self
    }

    /// The bytes of a stream arrive in pieces of this size, whatever they hold.
    pub fn in_pieces_of(mut self, bytes: usize) -> Self {
        self.chunks = Some(bytes.max(1));
        self
    }

    /// Another content type than the right one.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }
}

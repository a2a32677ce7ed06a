//! Server-sent events of the app, read while they come.

use http::{HeaderMap, StatusCode};
use reqwest::Method;
use serde_json::Value;

use crate::persona::Persona;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct SentEvent {
    /// `event:`
    pub name: String,
    /// `data:`, as JSON; as text when it is none.
    pub data: Value,
}

/// An answer that comes event by event. Dropping it is going away.
pub struct EventStream {
    answer: reqwest::Response,
    unread: Vec<u8>,
    comments: usize,
}

impl Persona {
    /// `POST` of a JSON body whose answer is read while it comes.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn streams(&self, path: &str, body: &Value) -> EventStream {
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/json")
            .body(body.to_string());
        EventStream {
            answer: request.send().await.expect("an answer"),
            unread: Vec::new(),
            comments: 0,
        }
    }
}

impl EventStream {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// Comment lines so far.
    pub const fn comments(&self) -> usize {
        self.comments
    }

    /// The next event; none when the stream is at its end.
    ///
    /// # Panics
    /// When the connection breaks, or what comes is no event stream.
    pub async fn next(&mut self) -> Option<SentEvent> {
        loop {
            while let Some(block) = self.block() {
                if let Some(event) = self.event(&block) {
                    return Some(event);
                }
            }
            let more = self.answer.chunk().await.expect("a whole stream");
            match more {
                Some(more) => self.unread.extend_from_slice(&more),
                None => {
                    let rest = String::from_utf8_lossy(&self.unread);
                    assert!(rest.is_empty(), "the stream ends within an event: {rest}");
                    return None;
                }
            }
        }
    }

    /// All events that are still to come.
    pub async fn rest(mut self) -> Vec<SentEvent> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// The lines up to the next empty one, if they are here.
    fn block(&mut self) -> Option<String> {
        let end = self.unread.windows(2).position(|two| two == b"\n\n")?;
        let block: Vec<u8> = self.unread.drain(..end + 2).collect();
        Some(String::from_utf8(block).expect("events are UTF-8"))
    }

    fn event(&mut self, block: &str) -> Option<SentEvent> {
        let (mut name, mut data) = (None, None);
        for line in block.lines().filter(|line| !line.is_empty()) {
            match line.split_once(": ").or_else(|| line.split_once(':')) {
                Some(("event", value)) => name = Some(value.to_owned()),
                Some(("data", value)) => data = Some(value),
                Some(("", _)) => self.comments += 1,
                Some(("id" | "retry", _)) => {}
                Some(_) | None => panic!("no line of an event stream: {line:?}"),
            }
        }
        let data = data?;
        Some(SentEvent {
            name: name.unwrap_or_else(|| "message".to_owned()),
            data: serde_json::from_str(data).unwrap_or_else(|_| data.into()),
        })
    }
}

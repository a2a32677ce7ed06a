//! What the fake API answers, and what it remembers of a request.

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

/// One scripted reaction to a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A well-formed answer.
    Answer(Answer),
    /// 200 with the request as JSON: `{method, path, query, headers, body}`.
    Echo,
    /// What a function makes of the request.
    Made(Maker),
    /// Another reply, as soon as the gate says true.
    Held(watch::Receiver<bool>, Box<Reply>),
    /// These bytes instead of an answer, then the connection is closed.
    Raw(Vec<u8>),
    /// These bytes first (status line and headers, say), then this chunk for ever.
    Endless {
        /// Sent once.
        start: Vec<u8>,
        /// Sent until the client hangs up.
        repeat: Vec<u8>,
    },
    /// One of these bytes at a time, slowly, and from the start again.
    Drip(Vec<u8>),
    /// These bytes, then silence with the connection open.
    Hang(Vec<u8>),
    /// These bytes, then a TCP reset.
    Reset(Vec<u8>),
    /// A TCP reset before anything is read. Only for the path `"*"`.
    ResetOnAccept,
}

/// Makes a reply of a request.
#[derive(Clone)]
pub struct Maker(Arc<dyn Fn(&Captured) -> Reply + Send + Sync>);

impl Maker {
    /// What it makes is no maker again.
    pub fn new(make: impl Fn(&Captured) -> Reply + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    pub(crate) fn make(&self, request: &Captured) -> Reply {
        (self.0)(request)
    }
}

impl fmt::Debug for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Maker")
    }
}

impl Reply {
    /// The reply that a function makes of the request; what it makes is no function again.
    pub fn made(make: impl Fn(&Captured) -> Self + Send + Sync + 'static) -> Self {
        Self::Made(Maker::new(make))
    }
}

/// A well-formed HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// 200 with this JSON.
    pub fn json(body: &Value) -> Self {
        Self::bytes("application/json", body.to_string().into_bytes())
    }

    /// 200 with this text.
    pub fn text(body: &str) -> Self {
        Self::bytes("text/plain; charset=utf-8", body.as_bytes().to_vec())
    }

    /// 200 with these bytes.
    pub fn bytes(content_type: &str, body: Vec<u8>) -> Self {
        Self {
            status: 200,
            headers: vec![("Content-Type".into(), content_type.into())],
            body,
        }
    }

    /// 200 with this JSON, gzipped.
    pub fn gzipped_json(body: &Value) -> Self {
        Self::json(body).gzipped()
    }

    /// The same answer, gzipped.
    ///
    /// # Panics
    /// Never: writing to memory works.
    #[must_use]
    pub fn gzipped(mut self) -> Self {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&self.body).expect("writing to memory");
        self.body = encoder.finish().expect("writing to memory");
        self.header("Content-Encoding", "gzip")
    }

    /// A redirect to `location`.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self {
            status,
            headers: vec![("Location".into(), location.into())],
            body: Vec::new(),
        }
    }

    /// The same answer with another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The whole answer as it goes over the wire; `head` leaves the body out.
    pub(crate) fn wire(&self, head: bool) -> Vec<u8> {
        let mut wire = format!("HTTP/1.1 {} Scripted\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            wire.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        let sized = self.headers.iter().any(|(name, _)| {
            name.eq_ignore_ascii_case("content-length")
                || name.eq_ignore_ascii_case("transfer-encoding")
        });
        if !sized && self.status != 204 {
            wire.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        wire.extend_from_slice(b"\r\n");
        if !head {
            wire.extend_from_slice(&self.body);
        }
        wire
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl From<Value> for Reply {
    fn from(body: Value) -> Self {
        Self::Answer(Answer::json(&body))
    }
}

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The method.
    pub method: String,
    /// Path and query exactly as sent.
    pub target: String,
    /// Names as sent, in order.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Captured {
    /// The target without its query, still percent-encoded.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The decoded query parameters, in order.
    pub fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub(crate) fn echo(&self) -> Answer {
        let body = serde_json::from_slice::<Value>(&self.body)
            .unwrap_or_else(|_| String::from_utf8_lossy(&self.body).into_owned().into());
        let query: serde_json::Map<String, Value> = self
            .query()
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        let headers: serde_json::Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().into()))
            .collect();
        Answer::json(&serde_json::json!({
            "method": self.method,
            "path": self.path(),
            "query": query,
            "headers": headers,
            "body": body,
        }))
    }
}

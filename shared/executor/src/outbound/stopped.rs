//! Why a call ended without an answer, and whether the upstream may have acted on it.

use std::error::Error;
use std::io;

use super::guard::{Refused, Unresolved};

/// A call that brought no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Why.
    pub cause: Cause,
    /// Whether the request may have reached the upstream: then an unsafe call is not repeated.
    pub sent: bool,
    /// The status, when the answer broke off after its headers.
    pub status: Option<u16>,
}

/// Why a call brought no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The egress guard refused the destination.
    Blocked(String),
    /// No connection: name look-up, TCP or TLS failed.
    Connect {
        /// What happened.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// The connection was lost before the answer was complete.
    Lost,
    /// The total deadline passed.
    Timeout,
    /// The answer is over this many bytes.
    TooLarge(u64),
    /// The answer breaks HTTP, its encoding is wrong, or it is not what the tool reads.
    Invalid {
        /// What happened.
        message: String,
        /// What to do about it.
        hint: String,
    },
}

impl Cause {
    pub(crate) fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Invalid {
            message: message.into(),
            hint: hint.into(),
        }
    }
}

impl Stopped {
    /// Stopped before anything was sent.
    pub(crate) fn unsent(cause: Cause) -> Self {
        Self {
            cause,
            sent: false,
            status: None,
        }
    }

    /// Stopped after the request was, or may have been, sent.
    pub(crate) fn sent(cause: Cause) -> Self {
        Self {
            cause,
            sent: true,
            status: None,
        }
    }

    /// Stopped while the answer with this status was read.
    pub(crate) fn answered(cause: Cause, status: u16) -> Self {
        Self {
            cause,
            sent: true,
            status: Some(status),
        }
    }
}

impl From<Refused> for Stopped {
    fn from(refused: Refused) -> Self {
        Self::unsent(Cause::Blocked(refused.0))
    }
}

const BROKEN_HTTP: &str = "The upstream's answer breaks HTTP/1.1; check base_url and port.";

/// Reads an error of the client: of sending, or (with a status) of reading the body.
pub fn from_client(error: &reqwest::Error, status: Option<u16>) -> Stopped {
    let mut found = Found::default();
    found.search(error);
    if let Some(refused) = found.refused {
        return Stopped::unsent(Cause::Blocked(refused));
    }
    if error.is_connect() {
        return Stopped::unsent(found.connect(error.is_timeout()));
    }
    let cause = match found.http {
        Some(Http::Lost) | None => Cause::Lost,
        Some(Http::TooManyHeaders) => Cause::invalid(
            "The upstream's headers are too many or too large.",
            BROKEN_HTTP,
        ),
        Some(Http::Broken(what)) => Cause::invalid(
            format!("The upstream's answer is not valid HTTP: {what}."),
            BROKEN_HTTP,
        ),
    };
    Stopped {
        cause,
        sent: true,
        status,
    }
}

enum Http {
    Lost,
    TooManyHeaders,
    Broken(String),
}

/// What the chain of sources holds.
#[derive(Default)]
struct Found {
    refused: Option<String>,
    unresolved: Option<String>,
    tls: Option<String>,
    io: Option<io::ErrorKind>,
    http: Option<Http>,
}

impl Found {
    fn search(&mut self, error: &(dyn Error + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.look_at(error);
            // `source` of an io::Error skips the error inside it.
            if let Some(inner) = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref)
            {
                self.search(inner);
            }
            next = error.source();
        }
    }

    fn look_at(&mut self, error: &(dyn Error + 'static)) {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            self.refused = Some(refused.0.clone());
        } else if let Some(unresolved) = error.downcast_ref::<Unresolved>() {
            self.unresolved = Some(unresolved.host.clone());
        } else if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            self.tls = Some(tls.to_string());
        } else if let Some(io) = error.downcast_ref::<io::Error>() {
            self.io = Some(io.kind());
        } else if let Some(http) = error.downcast_ref::<hyper::Error>() {
            self.http = Some(read_http(http));
        }
    }

    fn connect(self, timed_out: bool) -> Cause {
        let (message, hint) = if let Some(host) = self.unresolved {
            (
                format!("The name {host} could not be resolved."),
                "Check the host in base_url.".to_owned(),
            )
        } else if let Some(tls) = self.tls {
            (
                format!("No TLS connection: {tls}."),
                "The upstream's certificate must be valid for the host in base_url and come from a public authority."
                    .to_owned(),
            )
        } else if timed_out || self.io == Some(io::ErrorKind::TimedOut) {
            (
                "No connection within the connect timeout.".to_owned(),
                "Check that the upstream is reachable, or raise connect_timeout_ms.".to_owned(),
            )
        } else if self.io == Some(io::ErrorKind::ConnectionRefused) {
            (
                "The upstream refused the connection.".to_owned(),
                "Check the port in base_url and that the upstream is running.".to_owned(),
            )
        } else {
            (
                "The connection could not be made.".to_owned(),
                "Check base_url and that the upstream is reachable.".to_owned(),
            )
        };
        Cause::Connect { message, hint }
    }
}

fn read_http(error: &hyper::Error) -> Http {
    if error.is_parse_too_large() {
        return Http::TooManyHeaders;
    }
    if error.is_parse() {
        return Http::Broken(error.to_string());
    }
    // A bad chunk is told as an io error of kind InvalidInput or InvalidData below hyper's own.
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<io::Error>()
            && matches!(
                io.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            )
        {
            return Http::Broken(io.to_string());
        }
        source = inner.source();
    }
    Http::Lost
}

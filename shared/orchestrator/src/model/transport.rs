//! How requests reach the model server: the transport under async-openai's client.
//!
//! The client drafts the request and reads JSON and events; between them stands [`Transport`]: the egress guard, the
//! timeouts, the sizes, and every status that is no success. A refusal or a broken answer leaves its reason in a
//! [`Reason`], since the client's own errors carry text only; and what it could not parse it would log, so nothing that
//! is no JSON gets there.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_openai::config::Config;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use domain::model::{ModelFailure, ModelFailureCode};
use executor::outbound::{self, Body, Bytes, Request, Response, Way};
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue,
    USER_AGENT,
};
use secrecy::{ExposeSecret, SecretString};
use serde::de::IgnoredAny;
use url::Url;

use super::events::{Bad, Events};
use super::failure::{self, Trouble, invalid_answer, timed_out};
use super::{Endpoint, Patience};

/// Most bytes of an answer in one piece.
const MAX_ANSWER: u64 = 8 << 20;
/// Most bytes of a stream: some hundred for each word, and the whole answer once more at its end.
const MAX_STREAM: u64 = 64 << 20;
/// How long the words to a refusal are waited for.
const REFUSAL_WITHIN: Duration = Duration::from_secs(2);

const AGENT: &str = concat!("orchestrator/", env!("CARGO_PKG_VERSION"));

/// Where an endpoint's requests go, and what they carry.
pub(super) struct Address {
    base: String,
    url: String,
    headers: HeaderMap,
    key: SecretString,
}

impl Address {
    /// The address of an endpoint's responses.
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, Trouble> {
        let bearer = format!("Bearer {}", endpoint.key.expose_secret().trim());
        let Ok(mut bearer) = HeaderValue::try_from(bearer) else {
            return Err(Trouble::last(ModelFailure::new(
                ModelFailureCode::AuthFailed,
                "The key of the model server holds characters that no HTTP header can carry.",
                "Store the key again, without line ends and other control characters.",
            )));
        };
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        Ok(Self {
            base: endpoint.base_url.as_str().to_owned(),
            url: responses(&endpoint.base_url).into(),
            headers,
            key: endpoint.key.clone(),
        })
    }
}

/// `base_url` with `/responses` behind its path; a query stays.
fn responses(base_url: &Url) -> Url {
    let mut url = base_url.clone();
    url.set_path(&format!(
        "{}/responses",
        base_url.path().trim_end_matches('/')
    ));
    url
}

impl Config for Address {
    fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    /// Responses are all that is asked for.
    fn url(&self, _path: &str) -> String {
        self.url.clone()
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.base
    }

    fn api_key(&self) -> &SecretString {
        &self.key
    }
}

/// Why a request or its answer ended badly; the first reason stays.
#[derive(Clone, Default)]
pub(super) struct Reason(Arc<Mutex<Option<Trouble>>>);

impl Reason {
    fn set(&self, trouble: Trouble) {
        let mut reason = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reason.get_or_insert(trouble);
    }

    /// The reason, if there is one.
    pub(super) fn take(&self) -> Option<Trouble> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Sends one request, once.
#[derive(Clone)]
pub(super) struct Transport {
    pub(super) way: Way,
    pub(super) guarded: bool,
    /// Whether a stream is expected.
    pub(super) stream: bool,
    pub(super) patience: Patience,
    pub(super) key: SecretString,
    pub(super) reason: Reason,
}

impl tower::Service<HttpRequestFactory> for Transport {
    type Response = Response;
    type Error = OpenAIError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, OpenAIError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), OpenAIError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, draft: HttpRequestFactory) -> Self::Future {
        let transport = self.clone();
        Box::pin(async move {
            let request = draft.build().await?;
            transport.exchange(request).await.map_err(|trouble| {
                transport.reason.set(trouble);
                OpenAIError::InvalidArgument("the reason is kept beside".to_owned())
            })
        })
    }
}

impl Transport {
    async fn exchange(&self, request: Request) -> Result<Response, Trouble> {
        let stopped = |stopped| failure::stopped(stopped, self.guarded);
        let sending = self.way.send(request);
        let response = if self.stream {
            tokio::time::timeout(self.patience.first_byte, sending)
                .await
                .map_err(|_| Trouble::last(timed_out("its answer did not begin")))?
        } else {
            sending.await
        }
        .map_err(stopped)?;
        let status = response.status();
        if !status.is_success() {
            let headers = response.headers().clone();
            let words = outbound::beginning(response);
            let words = tokio::time::timeout(REFUSAL_WITHIN, words).await;
            let words = words.unwrap_or_default();
            return Err(failure::refused(
                status.as_u16(),
                &headers,
                &words,
                &self.key,
            ));
        }
        let is = |kind: &str| {
            let value = response.headers().get(CONTENT_TYPE);
            value.is_some_and(|value| value.as_bytes().starts_with(kind.as_bytes()))
        };
        if self.stream && !is("application/json") {
            return self.streamed(response);
        }
        let whole = outbound::whole(response, MAX_ANSWER)
            .await
            .map_err(stopped)?;
        if str::from_utf8(&whole).is_err() || serde_json::from_slice::<IgnoredAny>(&whole).is_err()
        {
            return Err(Trouble::last(invalid_answer("it is no JSON")));
        }
        // A server that does not stream, asked to: its answer is the last event.
        let body: Bytes = if self.stream {
            last_event(&whole).into()
        } else {
            whole
        };
        Ok(http::Response::new(Body::from(body)).into())
    }

    fn streamed(&self, response: Response) -> Result<Response, Trouble> {
        if response.headers().contains_key(CONTENT_ENCODING) {
            return Err(Trouble::last(invalid_answer(
                "its stream has a content encoding that was not asked for",
            )));
        }
        let reading = Reading {
            response,
            events: Events::default(),
            read: 0,
            ended: false,
            guarded: self.guarded,
            idle: self.patience.idle,
            reason: self.reason.clone(),
        };
        let body = futures_util::stream::unfold(reading, |mut reading| async {
            let next = reading.next().await?;
            Some((next, reading))
        });
        Ok(http::Response::new(Body::wrap_stream(body)).into())
    }
}

/// A whole response as the event that would have ended its stream.
fn last_event(response: &[u8]) -> Vec<u8> {
    let mut event = b"data: {\"type\":\"response.completed\",\"response\":".to_vec();
    // In JSON a line end stands between tokens only.
    event.extend(response.iter().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        byte => *byte,
    }));
    event.extend_from_slice(b"}\n\n");
    event
}

/// A stream while it is read.
struct Reading {
    response: Response,
    events: Events,
    read: u64,
    ended: bool,
    guarded: bool,
    idle: Duration,
    reason: Reason,
}

impl Reading {
    /// The next whole events, or none at the end.
    async fn next(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        while !self.ended {
            match self.some().await {
                Ok(events) if events.is_empty() => {}
                Ok(events) => return Some(Ok(events.into())),
                Err(trouble) => {
                    self.ended = true;
                    self.reason.set(trouble);
                    return Some(Err(std::io::Error::other("the reason is kept beside")));
                }
            }
        }
        None
    }

    async fn some(&mut self) -> Result<Vec<u8>, Trouble> {
        let chunk = tokio::time::timeout(self.idle, self.response.chunk())
            .await
            .map_err(|_| Trouble::last(timed_out("its stream fell silent")))?
            .map_err(|error| {
                let stopped = outbound::from_client(&error, None);
                match stopped.cause {
                    // The headers had come: the model was at work.
                    outbound::Cause::Lost => {
                        Trouble::last(invalid_answer("it breaks off in the middle"))
                    }
                    outbound::Cause::Blocked(_)
                    | outbound::Cause::Connect { .. }
                    | outbound::Cause::Timeout
                    | outbound::Cause::TooLarge(_)
                    | outbound::Cause::Invalid { .. } => failure::stopped(stopped, self.guarded),
                }
            })?;
        let events = match chunk {
            Some(chunk) => {
                self.read += chunk.len() as u64;
                if self.read > MAX_STREAM {
                    return Err(too_large(MAX_STREAM));
                }
                self.events.take(&chunk)
            }
            None => {
                self.ended = true;
                self.events.rest()
            }
        };
        events.map_err(|bad| match bad {
            Bad::NotJson => Trouble::last(invalid_answer("an event of its stream is no JSON")),
            Bad::TooLarge => Trouble::last(invalid_answer("an event of its stream is too large")),
        })
    }
}

fn too_large(limit: u64) -> Trouble {
    Trouble::last(invalid_answer(&format!("it is larger than {limit} bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_the_base_with_responses_behind_it() {
        for (base, expected) in [
            (
                "https://api.example.com/v1",
                "https://api.example.com/v1/responses",
            ),
            (
                "https://api.example.com/v1/",
                "https://api.example.com/v1/responses",
            ),
            (
                "https://api.example.com",
                "https://api.example.com/responses",
            ),
            (
                "https://x.example.com/openai/v1?api-version=preview",
                "https://x.example.com/openai/v1/responses?api-version=preview",
            ),
        ] {
            assert_eq!(responses(&Url::parse(base).unwrap()).as_str(), expected);
        }
    }
}

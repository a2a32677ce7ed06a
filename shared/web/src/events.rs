//! Answers that are streams of server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::Stream;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue};

/// A comment keeps the connection through proxies.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// Tells proxies (nginx) not to collect the events.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The answer whose body these events are, each sent at once; a comment of this text comes while nothing else does. A caller who hangs
/// up drops them.
pub fn events(events: impl Stream<Item = Event> + Send + 'static, comment: &str) -> Response {
    let events = futures_util::StreamExt::map(events, Ok::<_, Infallible>);
    let comments = KeepAlive::new().interval(COMMENT_EVERY).text(comment);
    let mut response = Sse::new(events).keep_alive(comments).into_response();
    let headers = response.headers_mut();
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

//! A function's answer as what the gateway sends: status, headers, body.

use std::io::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use serde_json::Value;
use tokio::time::Instant;

use crate::gateway::event::is_binary;
use crate::intrinsics::plain;
use crate::streamed::Streamed;

/// A stream in which nothing comes for so long is given up.
const IDLE: Duration = Duration::from_secs(300);

/// Headers that a function may not set: the gateway sends them on under another name.
const REMAPPED: [&str; 8] = [
    "authorization",
    "connection",
    "content-length",
    "date",
    "host",
    "server",
    "user-agent",
    "www-authenticate",
];

/// Status, headers and body of a function that answers whole. `None`: it is no answer for a gateway.
pub(crate) fn whole(answer: &Bytes, accept: &str, binary: &[String]) -> Option<Response<Bytes>> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let mut response = head(&answer)?;
    let text = match &answer["body"] {
        Value::Null => "",
        body => body.as_str()?,
    };
    let decoded = match answer["isBase64Encoded"] == true && is_binary(accept, binary) {
        true => STANDARD.decode(text).ok()?.into(),
        false => text.as_bytes().to_vec().into(),
    };
    *response.body_mut() = decoded;
    Some(response)
}

/// The same of one that streams.
pub(crate) fn streamed(answer: Streamed, patience: Duration) -> Option<Response<Body>> {
    let head = head(&answer.head)?;
    let end = Instant::now() + patience;
    let parts = stream::unfold(Some(answer), move |answer| async move {
        let mut answer = answer?;
        let until = end.min(Instant::now() + IDLE);
        let part = tokio::time::timeout_at(until, answer.part()).await;
        match part {
            Ok(Some(Ok(part))) => Some((Ok(part), Some(answer))),
            Ok(None) => None,
            Ok(Some(Err(why))) => Some((Err(std::io::Error::other(why)), None)),
            Err(_) => Some((Err(std::io::ErrorKind::TimedOut.into()), None)),
        }
    });
    Some(head.map(|_| Body::from_stream(parts)))
}

fn head(answer: &Value) -> Option<Response<Bytes>> {
    let mut response = Response::new(Bytes::new());
    let status = answer["statusCode"].as_u64()?;
    *response.status_mut() = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let headers = response.headers_mut();
    let several = answer["multiValueHeaders"].as_object();
    for (name, values) in several.into_iter().flatten() {
        for value in values.as_array()? {
            append(headers, name, &plain(value)?)?;
        }
    }
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let value = plain(value)?;
        // What both name is told once.
        let told = several
            .and_then(|several| several.get(name))
            .and_then(Value::as_array);
        if !told.is_some_and(|told| told.iter().any(|one| one == value.as_str())) {
            append(headers, name, &value)?;
        }
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        append(headers, "set-cookie", cookie.as_str()?)?;
    }
    Some(response)
}

fn append(headers: &mut HeaderMap, name: &str, value: &str) -> Option<()> {
    let name = name.to_ascii_lowercase();
    let name = match REMAPPED.contains(&name.as_str()) {
        true => format!("x-amzn-remapped-{name}"),
        false => name,
    };
    // How the body is framed is this connection's matter.
    if name == "transfer-encoding" {
        return Some(());
    }
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    headers.append(name, HeaderValue::from_str(value).ok()?);
    Some(())
}

/// Compresses a whole answer from a size on, for callers that ask for it.
pub(crate) fn compressed(
    response: Response<Bytes>,
    accepted: &str,
    from: Option<usize>,
) -> Response<Bytes> {
    let wanted = accepted
        .split(',')
        .any(|one| one.split(';').next().unwrap_or_default().trim() == "gzip");
    let large = from.is_some_and(|from| response.body().len() >= from);
    if !wanted || !large || response.headers().contains_key("content-encoding") {
        return response;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let Ok(packed) = encoder
        .write_all(response.body())
        .and_then(|()| encoder.finish())
    else {
        return response;
    };
    let (mut parts, _) = response.into_parts();
    parts
        .headers
        .insert("content-encoding", HeaderValue::from_static("gzip"));
    Response::from_parts(parts, packed.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(answer: &Value) -> Option<Response<Bytes>> {
        whole(&answer.to_string().into(), "*/*", &[])
    }

    #[test]
    fn headers_that_a_function_may_not_set_get_another_name() {
        let response = answered(&json!({ "statusCode": 401, "headers": { "WWW-Authenticate": "Bearer" },
            "multiValueHeaders": { "WWW-Authenticate": ["Bearer"], "Set-Cookie": ["a=1", "b=2"], "X-Count": [3] }, "body": "{}" }))
        .unwrap();
        let values = |name: &str| {
            let values = response.headers().get_all(name).iter();
            values
                .map(|value| value.to_str().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(response.status(), 401);
        assert_eq!(values("x-amzn-remapped-www-authenticate"), ["Bearer"]);
        assert_eq!(values("www-authenticate"), [""; 0]);
        assert_eq!(values("set-cookie"), ["a=1", "b=2"]);
        assert_eq!(values("x-count"), ["3"]);
        assert_eq!(response.body(), "{}");
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for answer in [
            json!("text"),
            json!({ "body": "" }),
            json!({ "statusCode": "many" }),
            json!({ "statusCode": 200, "body": {} }),
            json!({ "statusCode": 200, "headers": { "a": {} } }),
            json!({ "statusCode": 99_999 }),
        ] {
            assert!(answered(&answer).is_none(), "{answer}");
        }
        assert!(answered(&json!({ "statusCode": 204 })).is_some());
    }

    #[test]
    fn a_large_answer_is_compressed_for_who_asks() {
        let response = |size| Response::new(Bytes::from(vec![b'a'; size]));
        let encoding = |size, accepted| {
            let packed = compressed(response(size), accepted, Some(1_024));
            packed.headers().contains_key("content-encoding")
        };
        assert!(encoding(2_000, "br, gzip;q=0.9"));
        assert!(!encoding(2_000, "br"));
        assert!(!encoding(1_000, "gzip"));
    }
}

//! A streamed answer on its way from a function: a head of JSON, eight NULs, then the body as it comes.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::harness::PATIENCE;

const END_OF_HEAD: [u8; 8] = [0; 8];

/// How a function says that it failed within its answer. It should be a trailer; `lambda_runtime` 1.5 writes it as a part.
const FAILED: &str = "lambda-runtime-function-error-type";

/// An answer whose head has come.
#[derive(Debug)]
pub(crate) struct Streamed {
    /// Status, headers and cookies.
    pub(crate) head: Value,
    parts: mpsc::UnboundedReceiver<Result<Bytes, String>>,
}

impl Streamed {
    /// The next part of the body, as soon as the function sent it; none when it is whole.
    ///
    /// # Panics
    /// When the function failed within its answer.
    pub(crate) async fn part(&mut self) -> Option<Bytes> {
        let part = tokio::time::timeout(PATIENCE, self.parts.recv());
        let part = part.await.expect("a part, or the end");
        part.map(|part| part.unwrap())
    }

    /// The answer as a function tells it that does not stream.
    pub(crate) async fn whole(mut self) -> Value {
        let mut body = Vec::new();
        while let Some(part) = self.part().await {
            body.extend_from_slice(&part);
        }
        let mut headers = serde_json::Map::new();
        for (name, value) in self.head["headers"].as_object().unwrap() {
            // The gateway knows one value a header, and would refuse a list.
            assert!(value.is_string(), "{name}: {value}");
            // Without a type the runtime says that it knows none, even of nothing.
            let unknown = name == "content-type" && value == "application/octet-stream";
            if !(unknown && body.is_empty()) {
                headers.insert(name.clone(), json!([value]));
            }
        }
        let cookies = self.head["cookies"].as_array().unwrap();
        if !cookies.is_empty() {
            headers.insert("set-cookie".to_owned(), cookies.clone().into());
        }
        json!({
            "statusCode": self.head["statusCode"],
            "multiValueHeaders": headers,
            "body": String::from_utf8(body).unwrap(),
            "isBase64Encoded": false,
        })
    }
}

/// Hands the answer out when its head is here, then each part when it comes; returns when all of it came.
pub(super) async fn receive(mut body: Body, hand_out: impl FnOnce(Streamed)) {
    let (sender, parts) = mpsc::unbounded_channel();
    let mut waiting = Some((hand_out, parts));
    let mut head = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                let _ = sender.send(Err(error.to_string()));
                return;
            }
        };
        let mut part = match frame.into_data() {
            Ok(part) => part,
            Err(trailers) => {
                let _ = sender.send(Err(format!("{:?}", trailers.into_trailers())));
                return;
            }
        };
        if waiting.is_some() {
            head.extend_from_slice(&part);
            let Some(end) = head.windows(8).position(|eight| eight == END_OF_HEAD) else {
                continue;
            };
            part = Bytes::from(head.split_off(end + END_OF_HEAD.len()));
            head.truncate(end);
            let head = serde_json::from_slice(&head).unwrap();
            if let Some((hand_out, parts)) = waiting.take() {
                hand_out(Streamed { head, parts });
            }
        }
        if !part.is_empty() {
            let _ = sender.send(judged(part));
        }
    }
}

fn judged(part: Bytes) -> Result<Bytes, String> {
    let text = String::from_utf8_lossy(&part);
    match text.to_ascii_lowercase().starts_with(FAILED) {
        true => Err(text.into_owned()),
        false => Ok(part),
    }
}

#[tokio::test]
#[should_panic(expected = "lambda-runtime-function-error-type")]
async fn an_answer_that_fails_within_is_no_whole_answer() {
    let failure = HeaderMap::from_iter([(
        HeaderName::from_static(FAILED),
        HeaderValue::from_static("Runtime.StreamError"),
    )]);
    let sent = Full::new(Bytes::from_static(
        b"{\"statusCode\":200}\0\0\0\0\0\0\0\0part",
    ));
    let body = Body::new(sent.with_trailers(async { Some(Ok(failure)) }));
    let mut handed_out = None;
    receive(body, |answer| handed_out = Some(answer)).await;
    let mut answer = handed_out.unwrap();
    assert_eq!(answer.head["statusCode"], 200);
    assert_eq!(answer.part().await.unwrap(), "part");
    answer.part().await;
}

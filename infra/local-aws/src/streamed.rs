//! A streamed answer on its way from a function: a head of JSON, eight NULs, then the body as it comes.

use axum::body::{Body, Bytes};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::mpsc;

/// What a streamed answer must say that it is, so that the gateway finds a head in it.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.awslambda.http-integration-response";

const END_OF_HEAD: [u8; 8] = [0; 8];

/// How a function says that it failed within its answer. It should be a trailer; `lambda_runtime` 1.5 writes it as a part.
const FAILED: &str = "lambda-runtime-function-error-type";

/// An answer whose head has come.
#[derive(Debug)]
pub struct Streamed {
    /// Status, headers and cookies.
    pub head: Value,
    parts: mpsc::UnboundedReceiver<Result<Bytes, String>>,
}

impl Streamed {
    /// The next part of the body, as soon as the function sent it; none when it is whole. `Err` when the function failed
    /// within its answer, or ended.
    pub async fn part(&mut self) -> Option<Result<Bytes, String>> {
        self.parts.recv().await
    }
}

/// Hands the answer out when its head is here, then each part when it comes; returns when all of it came. `Err` when no head
/// came.
pub(crate) async fn receive(mut body: Body, hand_out: impl FnOnce(Streamed)) -> Result<(), String> {
    let (sender, parts) = mpsc::unbounded_channel();
    let mut waiting = Some((hand_out, parts));
    let mut head = Vec::new();
    while let Some(frame) = body.frame().await {
        let part = frame.map_err(|error| error.to_string()).and_then(|frame| {
            frame
                .into_data()
                .map_err(|trailers| format!("{:?}", trailers.into_trailers()))
        });
        let mut part = match part {
            Ok(part) => part,
            Err(why) => return broken(&sender, waiting.is_none(), why),
        };
        if waiting.is_some() {
            head.extend_from_slice(&part);
            let Some(end) = head.windows(8).position(|eight| eight == END_OF_HEAD) else {
                continue;
            };
            part = Bytes::from(head.split_off(end + END_OF_HEAD.len()));
            head.truncate(end);
            let head =
                serde_json::from_slice(&head).map_err(|error| format!("the head: {error}"))?;
            if let Some((hand_out, parts)) = waiting.take() {
                hand_out(Streamed { head, parts });
            }
        }
        if !part.is_empty() {
            let _ = sender.send(judged(part));
        }
    }
    match waiting {
        Some(_) => Err("the answer ends within its head".to_owned()),
        None => Ok(()),
    }
}

fn broken(
    sender: &mpsc::UnboundedSender<Result<Bytes, String>>,
    headed: bool,
    why: String,
) -> Result<(), String> {
    if !headed {
        return Err(why);
    }
    let _ = sender.send(Err(why));
    Ok(())
}

fn judged(part: Bytes) -> Result<Bytes, String> {
    let text = String::from_utf8_lossy(&part);
    match text.to_ascii_lowercase().starts_with(FAILED) {
        true => Err(text.into_owned()),
        false => Ok(part),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
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
        let received = receive(body, |answer| handed_out = Some(answer)).await;
        assert_eq!(received, Ok(()));
        let mut answer = handed_out.unwrap();
        assert_eq!(answer.head["statusCode"], 200);
        assert_eq!(answer.part().await.unwrap().unwrap(), "part");
        let failed = answer.part().await.unwrap().unwrap_err();
        assert!(failed.contains(FAILED), "{failed}");
    }

    #[tokio::test]
    async fn an_answer_without_a_head_is_none() {
        for sent in ["{\"statusCode\":200}", "no JSON\0\0\0\0\0\0\0\0part"] {
            let received = receive(Body::from(sent), |_| panic!("{sent} has no head")).await;
            assert!(received.is_err(), "{sent}");
        }
    }
}

//! SQS on its bad days: entries that fail in a request that succeeds, a service that is away, a role without permission.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use testkit::logs;
use workflow::{Hint, Queue as _, QueueError, SqsConfig, SqsQueue};

use super::hints;

/// Answers the nth request (from 1); `None` never does.
type Answers = dyn Fn(usize, &Value) -> Option<(StatusCode, Value)> + Send + Sync;

/// An SQS that answers as a test says, and keeps what it was asked.
#[derive(Clone)]
struct FakeSqs {
    answers: Arc<Answers>,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl FakeSqs {
    async fn start(
        answers: impl Fn(usize, &Value) -> Option<(StatusCode, Value)> + Send + Sync + 'static,
    ) -> (Self, SqsQueue) {
        let fake = Self {
            answers: Arc::new(answers),
            asked: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let queue = SqsQueue::new(SqsConfig {
            queue_url: format!("{url}/123456789012/flows"),
            region: "eu-central-1".to_owned(),
            endpoint_url: Some(url),
            access_key_id: "testing".to_owned(),
            secret_access_key: "testing".into(),
            session_token: Some("of-the-role".into()),
        });
        (fake, queue)
    }

    fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State(fake): State<FakeSqs>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers["x-amz-security-token"], "of-the-role");
    let operation = headers["x-amz-target"].to_str().unwrap().to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap();
    let nth = {
        let mut asked = fake.asked.lock().unwrap();
        asked.push((operation, request.clone()));
        asked.len()
    };
    match (fake.answers)(nth, &request) {
        Some((status, told)) => (status, Body::from(told.to_string())).into_response(),
        None => std::future::pending().await,
    }
}

fn ids(request: &Value) -> Vec<&str> {
    let entries = request["Entries"].as_array().unwrap().iter();
    entries.map(|entry| entry["Id"].as_str().unwrap()).collect()
}

/// Every entry but those, which fail with a code, by our fault or theirs.
fn told(request: &Value, failed: &[(&str, bool)]) -> Option<(StatusCode, Value)> {
    let fails = |id: &&str| failed.iter().any(|(failed, _)| failed == id);
    let successful: Vec<Value> = ids(request)
        .into_iter()
        .filter(|id| !fails(id))
        .map(|id| json!({ "Id": id, "MessageId": format!("m{id}"), "MD5OfMessageBody": "" }))
        .collect();
    let failed: Vec<Value> = failed
        .iter()
        .filter(|(id, _)| ids(request).contains(id))
        .map(|(id, ours)| json!({ "Id": id, "SenderFault": ours, "Code": "AnyCode", "Message": "no" }))
        .collect();
    Some((
        StatusCode::OK,
        json!({ "Successful": successful, "Failed": failed }),
    ))
}

fn refusal(status: StatusCode, code: &str) -> Option<(StatusCode, Value)> {
    let kind = format!("com.amazonaws.sqs#{code}");
    Some((status, json!({ "__type": kind, "message": "no" })))
}

#[tokio::test]
async fn entries_that_failed_are_looked_at() {
    let logs = logs::trace_here();
    // 2 fails by our fault, 13 by theirs until the second request, 14 by theirs every time.
    let (fake, queue) = FakeSqs::start(|nth, request| match nth {
        1 | 2 => told(request, &[("2", true), ("13", false), ("14", false)]),
        _ => told(request, &[("14", false)]),
    })
    .await;
    let delay = Duration::from_millis(1_500);
    assert_eq!(queue.send(&hints(15), delay).await, [2, 14]);
    let asked = fake.asked();
    let operations: Vec<&str> = asked.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(operations, ["AmazonSQS.SendMessageBatch"; 3]);
    assert_eq!(ids(&asked[2].1), ["13", "14"]);
    let entries = asked
        .iter()
        .flat_map(|(_, request)| request["Entries"].as_array().unwrap());
    for entry in entries {
        assert_eq!(entry["DelaySeconds"], 2);
        let index: usize = entry["Id"].as_str().unwrap().parse().unwrap();
        let hint = Hint::read(entry["MessageBody"].as_str().unwrap());
        assert_eq!(hint.as_ref(), Ok(&hints(15)[index]));
    }
    let told = logs.text();
    let lines = told.lines().filter(|line| line.contains("did not take"));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 1, "{told}");
    assert!(lines[0].contains("AnyCode") && lines[0].contains(r#""failed":2"#));
    for hidden in ["quotes", "of-the-role"] {
        assert!(!told.contains(hidden), "{hidden} in {told}");
    }
}

#[tokio::test]
async fn receipts_that_failed_are_looked_at() {
    let (fake, queue) = FakeSqs::start(|_, request| told(request, &[("1", true)])).await;
    let receipts = ["a", "b", "c"].map(str::to_owned);
    assert_eq!(queue.acknowledge(&receipts).await, [1]);
    let back = queue.give_back(&receipts, Duration::from_millis(1)).await;
    assert_eq!(back, [1]);
    let asked = fake.asked();
    assert_eq!(asked[0].0, "AmazonSQS.DeleteMessageBatch");
    assert_eq!(asked[1].0, "AmazonSQS.ChangeMessageVisibilityBatch");
    assert_eq!(asked[1].1["Entries"][2]["ReceiptHandle"], "c");
    assert_eq!(asked[1].1["Entries"][2]["VisibilityTimeout"], 1);
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn a_request_that_fails_in_passing_is_made_again() {
    let (fake, queue) = FakeSqs::start(|nth, request| match nth {
        1 => refusal(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
        2 => refusal(StatusCode::BAD_REQUEST, "ThrottlingException"),
        _ => told(request, &[]),
    })
    .await;
    assert_eq!(queue.send(&hints(2), Duration::ZERO).await, [0; 0]);
    assert_eq!(fake.asked().len(), 3);
}

#[tokio::test]
async fn a_request_that_is_refused_is_not() {
    let denied = |_: usize, _: &Value| refusal(StatusCode::FORBIDDEN, "AccessDeniedException");
    let (fake, queue) = FakeSqs::start(denied).await;
    assert_eq!(queue.send(&hints(3), Duration::ZERO).await, [0, 1, 2]);
    assert_eq!(fake.asked().len(), 1);
    let received = queue.receive(10, Duration::from_secs(20)).await;
    let why = "403 AccessDeniedException".to_owned();
    assert_eq!(received, Err(QueueError::Refused(why)));
    assert_eq!(fake.asked()[1].1["WaitTimeSeconds"], 20);
}

#[tokio::test]
async fn a_queue_that_never_answers_is_given_up() {
    let (_fake, queue) = FakeSqs::start(|_, _| None).await;
    let receipts = ["a".to_owned()];
    let (sent, received, acknowledged) = tokio::join!(
        queue.send(&[], Duration::ZERO),
        queue.receive(10, Duration::ZERO),
        queue.acknowledge(&receipts),
    );
    assert_eq!((sent, acknowledged), (vec![], vec![0]));
    let why = "no answer".to_owned();
    assert_eq!(received, Err(QueueError::Unavailable(why)));
}

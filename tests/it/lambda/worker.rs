//! The worker's binary: events of a queue and of the schedule in, answers and rows out.

use serde_json::{Value, json};
use testkit::TestApp;

use super::event::{self, Fill};
use super::harness::Function;
use super::variables;

/// The worker of an app's database. Its queue takes nothing: nobody listens there.
async fn worker(app: &TestApp) -> Function {
    let mut all = variables(app.config());
    let aws = |name, value: &str| (name, value.to_owned());
    let queue = "https://sqs.eu-central-1.amazonaws.com/123456789012/flows";
    all.extend([
        aws("FLOW_QUEUE_URL", queue),
        aws("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1"),
        aws("AWS_ACCESS_KEY_ID", "testing"),
        aws("AWS_SECRET_ACCESS_KEY", "testing"),
    ]);
    Function::start("flow-worker", &all).await.unwrap()
}

fn failed(answer: &Value) -> Vec<&str> {
    let failures = answer["batchItemFailures"].as_array().unwrap().iter();
    failures
        .map(|failure| failure["itemIdentifier"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_message_that_is_no_hint_comes_again_and_is_told() {
    let app = TestApp::start().await;
    let mut function = worker(&app).await;
    let mut event = event::filled("flow-worker", "sqs", &Fill::new());
    event["Records"][1]["body"] = "hunter22".into();
    let id = event["Records"][1]["messageId"].clone();
    let answer = function.invoke(event).await;
    assert!(failed(&answer).contains(&id.as_str().unwrap()), "{answer}");
    let printed = function.printed();
    let told = printed
        .lines()
        .find(|line| line.contains("a message is no hint"));
    assert!(told.unwrap().contains(id.as_str().unwrap()), "{printed}");
    assert!(!printed.contains("hunter22"), "{printed}");
}

#[tokio::test]
async fn the_schedule_does_the_chores_until_there_are_none() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    alice.stores_secret("KEY", "a-value-of-some-length").await;
    let pending = |verified: Value| verified["pending"].as_u64().unwrap();
    let verified = alice.get("/api/v1/audit/verify").await.json();
    let mut function = worker(&app).await;
    let event = event::filled("flow-worker", "schedule", &Fill::new());
    let answer = function.invoke(event.clone()).await;
    assert!(answer["rounds"].as_u64().unwrap() >= 1, "{answer}");
    let linked = alice.get("/api/v1/audit/verify").await.json();
    assert_eq!(pending(linked), 0, "before: {verified}");
    // Now there is nothing to do: one look.
    let answer = function.invoke(event).await;
    assert_eq!(answer, json!({ "rounds": 1 }));
}

#[tokio::test]
async fn events_of_others_are_refused() {
    let app = TestApp::start().await;
    let mut function = worker(&app).await;
    let told = function
        .refuse(json!({ "httpMethod": "GET", "path": "/" }))
        .await;
    let why = "the event is neither a batch of SQS nor of the schedule: it has the members httpMethod, path";
    assert_eq!(told["errorMessage"], why);
    let printed = function.printed();
    assert_eq!(printed.matches(why).count(), 1, "logged once: {printed}");
    // And it goes on.
    let batch = json!({ "Records": [] });
    let answer = function.invoke(batch).await;
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
}

#[tokio::test]
async fn without_a_queue_it_says_what_it_lacks() {
    let app = TestApp::start().await;
    let all = variables(app.config());
    let Err(printed) = Function::start("flow-worker", &all).await else {
        panic!("the worker starts without a queue");
    };
    assert!(printed.contains("FLOW_QUEUE_URL: is required"), "{printed}");
}

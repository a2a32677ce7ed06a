//! AWS Secrets Manager does not answer, throttles, refuses, or is not there any more.

use serde_json::{Value, json};
use testkit::{AwsFault, TestApp, ToolBuilder};

use super::aws::{at_aws, keyed, names, sent, with_aws};

#[tokio::test]
async fn while_it_is_down_nothing_is_sent_and_nothing_lost() {
    let Some((app, aws)) = with_aws("while_it_is_down_nothing_is_sent_and_nothing_lost", 0).await
    else {
        return;
    };
    let alice = app.alice();
    let tool = keyed(&alice).await;
    alice
        .stores_secret("API_KEY", "the-first-value-of-all")
        .await;
    let open = alice.registers(ToolBuilder::get("/open")).await;
    let unavailable = |response: &testkit::Response| {
        assert_eq!(response.status(), 503, "{}", response.text());
        assert_eq!(response.code(), "secret_store_unavailable");
        assert!(response.header("retry-after").is_some());
        assert!(!response.text().contains("tests/"), "{}", response.text());
    };
    aws.fails(Some(AwsFault::Down));
    unavailable(&alice.executes(&tool, json!({})).await);
    assert_eq!(app.upstream().requests().len(), 0);
    assert_eq!(alice.executes(&open, json!({})).await.status(), 200);
    assert_eq!(names(&alice).await, ["API_KEY"]);

    let other = json!({ "name": "OTHER_KEY", "value": "another-value-of-some-length" });
    unavailable(&alice.post("/api/v1/secrets", &other).await);
    let next = json!({ "value": "the-second-value-of-all" });
    unavailable(&alice.put("/api/v1/secrets/API_KEY", &next).await);
    assert_eq!(
        names(&alice).await,
        ["API_KEY"],
        "what was not made is not shown"
    );
    let hosts = json!({ "allowed_hosts": [app.upstream().host_port(), "b.example.com"] });
    let changed = alice.put("/api/v1/secrets/API_KEY", &hosts).await;
    assert_eq!(changed.status(), 200, "{}", changed.text());

    // Up again: the old value is what it was, and each request can simply be made again.
    aws.fails(None);
    assert_eq!(sent(&app, &alice, &tool).await, "the-first-value-of-all");
    let made = alice.post("/api/v1/secrets", &other).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let changed = alice.put("/api/v1/secrets/API_KEY", &next).await;
    assert_eq!(
        (changed.status().as_u16(), &changed.json()["version"]),
        (200, &json!(2))
    );
    assert_eq!(sent(&app, &alice, &tool).await, "the-second-value-of-all");

    // A deletion counts at once; the value outside goes when the store is back.
    aws.fails(Some(AwsFault::Down));
    unavailable(&alice.delete("/api/v1/secrets/API_KEY").await);
    assert_eq!(names(&alice).await, ["OTHER_KEY"]);
    let done = alice.executes(&tool, json!({})).await;
    assert_eq!(done.code(), "secret_missing", "{}", done.text());
    aws.fails(None);
    assert_eq!(alice.delete("/api/v1/secrets/API_KEY").await.status(), 204);
    assert_eq!(aws.value(&at_aws(&alice)).await, None);
}

#[tokio::test]
async fn without_any_connection_the_answer_is_as_clear() {
    let Some((app, _aws)) = with_aws("without_any_connection_the_answer_is_as_clear", 0).await
    else {
        return;
    };
    let tool = keyed(&app.alice()).await;
    app.alice()
        .stores_secret("API_KEY", "the-first-value-of-all")
        .await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let mut stores = app.config().secret_stores.clone();
    stores.aws.as_mut().unwrap().endpoint_url = Some(closed);
    let setup = TestApp::setup().config(move |config| config.secret_stores = stores);
    let cut = setup.start_on_database_of(&app).await;
    let alice = cut.alice();
    let done = alice.executes(&tool, json!({})).await;
    assert_eq!(
        (done.status().as_u16(), done.code()),
        (503, "secret_store_unavailable".into()),
        "{}",
        done.text()
    );
    assert_eq!(names(&alice).await, ["API_KEY"]);
    assert_eq!(app.upstream().requests().len(), 0);
}

#[tokio::test]
async fn a_passing_failure_is_tried_again_and_a_refusal_is_not() {
    let Some((app, aws)) =
        with_aws("a_passing_failure_is_tried_again_and_a_refusal_is_not", 0).await
    else {
        return;
    };
    let alice = app.alice();
    let tool = keyed(&alice).await;
    let throttled = Some(AwsFault::Throttled);
    // Done, and the answer lost: the same attempt made again makes no second version.
    aws.next("CreateSecret", &[throttled, Some(AwsFault::AnswerLost)]);
    alice
        .stores_secret("API_KEY", "the-first-value-of-all")
        .await;
    assert_eq!(aws.asked("CreateSecret"), 3);
    aws.next(
        "GetSecretValue",
        &[throttled, Some(AwsFault::Down), throttled],
    );
    assert_eq!(sent(&app, &alice, &tool).await, "the-first-value-of-all");
    assert_eq!(aws.asked("GetSecretValue"), 4);
    aws.next("PutSecretValue", &[Some(AwsFault::AnswerLost)]);
    let next = json!({ "value": "the-second-value-of-all" });
    assert_eq!(
        alice.put("/api/v1/secrets/API_KEY", &next).await.status(),
        200
    );
    assert_eq!(sent(&app, &alice, &tool).await, "the-second-value-of-all");

    let before = aws.asked("GetSecretValue");
    aws.next("GetSecretValue", &[Some(AwsFault::Denied)]);
    let done = alice.executes(&tool, json!({})).await;
    assert_eq!(
        (done.status().as_u16(), done.code()),
        (503, "secret_store_unavailable".into()),
        "{}",
        done.text()
    );
    assert_eq!(aws.asked("GetSecretValue"), before + 1);
}

#[tokio::test]
async fn old_secrets_stay_where_they_are() {
    let Some((app, aws)) = with_aws("old_secrets_stay_where_they_are", 60).await else {
        return;
    };
    let alice = app.alice();
    let tool = keyed(&alice).await;
    let here =
        json!({ "name": "API_KEY", "value": "a-value-of-some-length", "provider": "builtin" });
    let made = alice.post("/api/v1/secrets", &here).await;
    assert_eq!(made.json()["provider"], "builtin", "{}", made.text());
    assert_eq!(sent(&app, &alice, &tool).await, "a-value-of-some-length");
    assert_eq!(
        (aws.names().await, aws.asked("GetSecretValue")),
        (Vec::<String>::new(), 0)
    );
    // One that is where this installation has no store any more says so, and can still be listed.
    alice
        .stores_secret("OTHER_KEY", "another-value-of-some-length")
        .await;
    let without = TestApp::setup().start_on_database_of(&app).await;
    let alice = without.alice();
    assert_eq!(names(&alice).await, ["API_KEY", "OTHER_KEY"]);
    let auth = json!({ "method": "bearer", "secret_ref": "${OTHER_KEY}" });
    let other = alice.registers(ToolBuilder::get("/y").auth(auth)).await;
    let done = alice.executes(&other, json!({})).await;
    let told: (u16, Value) = (done.status().as_u16(), done.code().into());
    assert_eq!(
        told,
        (503, json!("secret_store_unavailable")),
        "{}",
        done.text()
    );
}

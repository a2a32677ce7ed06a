//! Secrets whose values live in AWS Secrets Manager, against the emulator.

use std::time::Duration;

use serde_json::json;
use testkit::{Answer, FakeAws, Persona, RegisteredTool, Reply, TestApp, ToolBuilder, logs};

use crate::skip::skip;

/// An app whose secrets live at AWS unless they say otherwise, and which keeps values for so many seconds.
pub(super) async fn with_aws(test: &str, cache: u64) -> Option<(TestApp, FakeAws)> {
    let Some(aws) = FakeAws::start().await else {
        skip(test, "moto is not installed (.ci/run installs it)");
        return None;
    };
    let mut reached = aws.config();
    reached.session_token = Some("s3ssion-of-the-role".into());
    let setup = TestApp::setup().config(move |config| {
        let stores = &mut config.secret_stores;
        stores.default = "aws_secrets_manager".parse().unwrap();
        stores.aws = Some(reached);
        stores.cache = Duration::from_secs(cache);
    });
    let app = setup.start().await;
    app.upstream().on("*", json!({}));
    Some((app, aws))
}

/// A tool that sends `${API_KEY}`.
pub(super) async fn keyed(who: &Persona) -> RegisteredTool {
    let auth = json!({ "method": "bearer", "secret_ref": "${API_KEY}" });
    who.registers(ToolBuilder::get("/x").auth(auth)).await
}

/// What the value is called at AWS, below the prefix.
pub(super) fn at_aws(who: &Persona) -> String {
    format!("{}/API_KEY", who.workspace_id())
}

/// Runs the tool and answers the credential that the upstream got.
pub(super) async fn sent(app: &TestApp, who: &Persona, tool: &RegisteredTool) -> String {
    let done = who.executes(tool, json!({})).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    let request = app.upstream().last_request();
    let credential = request.header("authorization").unwrap();
    credential.strip_prefix("Bearer ").unwrap().to_owned()
}

pub(super) async fn names(who: &Persona) -> Vec<String> {
    let listed = who.get("/api/v1/secrets").await;
    assert_eq!(listed.status(), 200, "{}", listed.text());
    let listed = listed.json();
    let names = listed["secrets"].as_array().unwrap().iter();
    names
        .map(|secret| secret["name"].as_str().unwrap().to_owned())
        .collect()
}

pub(super) fn refused(value: &str) -> Reply {
    let bad = format!("Bearer {value}");
    Reply::made(move |request| {
        let status = if request.header("authorization") == Some(&bad) {
            401
        } else {
            200
        };
        Answer::json(&json!({})).status(status).into()
    })
}

#[tokio::test]
async fn a_value_lives_at_aws_and_nowhere_in_postgres() {
    let Some((app, aws)) = with_aws("a_value_lives_at_aws_and_nowhere_in_postgres", 60).await
    else {
        return;
    };
    let alice = app.alice();
    let tool = keyed(&alice).await;
    let value = "aws-k3pt-4711-value";
    let secret = json!({ "name": "API_KEY", "value": value });
    let made = alice.post("/api/v1/secrets", &secret).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!(made.json()["provider"], "aws_secrets_manager");
    assert_eq!(aws.value(&at_aws(&alice)).await.as_deref(), Some(value));
    assert_eq!(aws.names().await, [at_aws(&alice)]);
    for _ in 0..3 {
        assert_eq!(sent(&app, &app.member(), &tool).await, value);
    }
    assert_eq!(aws.asked("GetSecretValue"), 1, "the value is kept");
    let uses = app.sql("select count(*) from secrets.audit where action = 'secret.use'");
    assert_eq!(
        uses.single(),
        Some("3"),
        "each use is in the audit all the same"
    );

    let next = "aws-k3pt-4712-value";
    let changed = alice
        .put("/api/v1/secrets/API_KEY", &json!({ "value": next }))
        .await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    assert_eq!(changed.json()["version"], 2);
    assert_eq!(
        sent(&app, &alice, &tool).await,
        next,
        "what was kept does not count any more"
    );
    let second = app.second().await;
    assert_eq!(
        second.alice().executes(&tool, json!({})).await.status(),
        200
    );

    let rows = app
        .sql("select s::text from secrets.secrets s union all select a::text from secrets.audit a")
        .rows;
    let rows = format!("{rows:?}");
    assert!(!rows.contains("k3pt"), "{rows}");
    assert!(!logs::contain("k3pt"));
}

#[tokio::test]
async fn a_rotation_at_aws_is_seen_when_nothing_is_kept() {
    let Some((app, aws)) = with_aws("a_rotation_at_aws_is_seen_when_nothing_is_kept", 0).await
    else {
        return;
    };
    let alice = app.alice();
    let tool = keyed(&alice).await;
    alice
        .stores_secret("API_KEY", "the-first-value-of-all")
        .await;
    assert_eq!(sent(&app, &alice, &tool).await, "the-first-value-of-all");
    aws.rotates(&at_aws(&alice), "the-second-value-of-all")
        .await;
    assert_eq!(sent(&app, &alice, &tool).await, "the-second-value-of-all");
    // What was stored there past our rules is not used.
    aws.rotates(&at_aws(&alice), "q7#zX").await;
    let done = alice.executes(&tool, json!({})).await;
    assert_eq!(
        (done.status().as_u16(), done.code()),
        (500, "secret_missing".into()),
        "{}",
        done.text()
    );
    assert!(!done.text().contains("q7#zX"), "{}", done.text());
}

#[tokio::test]
async fn a_refusal_by_the_upstream_forces_one_fresh_reading() {
    let Some((app, aws)) = with_aws("a_refusal_by_the_upstream_forces_one_fresh_reading", 60).await
    else {
        return;
    };
    let alice = app.alice();
    let tool = keyed(&alice).await;
    alice
        .stores_secret("API_KEY", "the-first-value-of-all")
        .await;
    assert_eq!(sent(&app, &alice, &tool).await, "the-first-value-of-all");
    aws.rotates(&at_aws(&alice), "the-second-value-of-all")
        .await;
    assert_eq!(
        sent(&app, &alice, &tool).await,
        "the-first-value-of-all",
        "it is kept"
    );
    app.upstream().on("*", refused("the-first-value-of-all"));
    assert_eq!(sent(&app, &alice, &tool).await, "the-second-value-of-all");
    assert_eq!(
        (aws.asked("GetSecretValue"), app.upstream().requests().len()),
        (2, 4)
    );
    // Refused for another reason: the value is what it was, so the call is not made again, and not each refusal
    // asks the store.
    app.upstream().on("*", refused("the-second-value-of-all"));
    for _ in 0..3 {
        let done = alice.executes(&tool, json!({})).await;
        assert_eq!(done.code(), "auth_failed", "{}", done.text());
    }
    assert_eq!(app.upstream().requests().len(), 7);
    assert!(
        aws.asked("GetSecretValue") <= 5,
        "{}",
        aws.asked("GetSecretValue")
    );
}

#[tokio::test]
async fn deleted_is_missing_everywhere_at_once_and_the_name_is_free_again() {
    let Some((app, aws)) = with_aws(
        "deleted_is_missing_everywhere_at_once_and_the_name_is_free_again",
        60,
    )
    .await
    else {
        return;
    };
    let (alice, other) = (app.alice(), app.second().await);
    let tool = keyed(&alice).await;
    alice
        .stores_secret("API_KEY", "the-first-value-of-all")
        .await;
    assert_eq!(sent(&app, &alice, &tool).await, "the-first-value-of-all");
    assert_eq!(other.alice().executes(&tool, json!({})).await.status(), 200);
    let gone = alice.delete("/api/v1/secrets/API_KEY").await;
    assert_eq!(gone.status(), 204, "{}", gone.text());
    assert_eq!(alice.delete("/api/v1/secrets/API_KEY").await.status(), 404);
    assert_eq!(aws.value(&at_aws(&alice)).await, None);
    for who in [app.alice(), other.alice()] {
        let done = who.executes(&tool, json!({})).await;
        assert_eq!(done.code(), "secret_missing", "{}", done.text());
    }
    alice
        .stores_secret("API_KEY", "the-second-value-of-all")
        .await;
    assert_eq!(sent(&app, &alice, &tool).await, "the-second-value-of-all");
    assert_eq!(
        aws.value(&at_aws(&alice)).await.as_deref(),
        Some("the-second-value-of-all")
    );
}

#[tokio::test]
async fn workspaces_with_one_name_have_values_of_their_own() {
    let Some((app, aws)) = with_aws("workspaces_with_one_name_have_values_of_their_own", 60).await
    else {
        return;
    };
    let (alice, bob) = (app.alice(), app.bob());
    let tools = [keyed(&alice).await, keyed(&bob).await];
    alice.stores_secret("API_KEY", "the-value-of-alice").await;
    bob.stores_secret("API_KEY", "the-value-of-bob").await;
    let mut both = [at_aws(&alice), at_aws(&bob)];
    both.sort_unstable();
    assert_eq!(aws.names().await, both);
    for _ in 0..2 {
        assert_eq!(sent(&app, &alice, &tools[0]).await, "the-value-of-alice");
        assert_eq!(sent(&app, &bob, &tools[1]).await, "the-value-of-bob");
    }
    assert_eq!(alice.delete("/api/v1/secrets/API_KEY").await.status(), 204);
    assert_eq!(sent(&app, &bob, &tools[1]).await, "the-value-of-bob");
    // Not even a row that names another's value reads it.
    alice
        .stores_secret("API_KEY", "the-next-value-of-alice")
        .await;
    app.sql(
        "update secrets.secrets s set reference = t.reference
         from secrets.secrets t where s.reference <> t.reference",
    );
    let done = alice.executes(&tools[0], json!({})).await;
    assert_eq!(done.code(), "secret_missing", "{}", done.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_reads_a_value_once() {
    let Some((app, aws)) = with_aws("a_crowd_reads_a_value_once", 60).await else {
        return;
    };
    let alice = app.alice();
    let tool = keyed(&alice).await;
    alice
        .stores_secret("API_KEY", "the-first-value-of-all")
        .await;
    let calls: Vec<_> = (0..24)
        .map(|_| {
            let (alice, path) = (alice.clone(), tool.execute_path());
            tokio::spawn(async move { alice.post(&path, &json!({ "input": {} })).await })
        })
        .collect();
    for call in calls {
        let done = call.await.unwrap();
        assert_eq!(done.status(), 200, "{}", done.text());
    }
    assert_eq!(aws.asked("GetSecretValue"), 1);
    let audited = app.sql("select count(*) from secrets.audit where action = 'secret.use'");
    assert_eq!(audited.single(), Some("24"));
}

#[tokio::test]
async fn the_host_is_bound_wherever_the_value_lives() {
    let Some((app, aws)) = with_aws("the_host_is_bound_wherever_the_value_lives", 60).await else {
        return;
    };
    let alice = app.alice();
    let tool = keyed(&alice).await;
    let hosts = json!(["elsewhere.example.com"]);
    let secret =
        json!({ "name": "API_KEY", "value": "a-value-of-some-length", "allowed_hosts": hosts });
    assert_eq!(alice.post("/api/v1/secrets", &secret).await.status(), 201);
    let done = alice.executes(&tool, json!({})).await;
    assert_eq!(done.code(), "egress_blocked", "{}", done.text());
    assert_eq!(aws.asked("GetSecretValue"), 0, "the value is not even read");
    let approve = json!({ "allowed_hosts": [app.upstream().host_port()] });
    let approved = alice.put("/api/v1/secrets/API_KEY", &approve).await;
    assert_eq!(
        (approved.status().as_u16(), &approved.json()["version"]),
        (200, &json!(1))
    );
    assert_eq!(sent(&app, &alice, &tool).await, "a-value-of-some-length");
}

#[tokio::test]
async fn not_even_the_finest_log_holds_a_value() {
    let test = "not_even_the_finest_log_holds_a_value";
    let Some((app, aws)) = with_aws(test, 0).await else {
        return;
    };
    let traced = logs::trace_here();
    let alice = app.alice();
    let tool = keyed(&alice).await;
    alice.stores_secret("API_KEY", "tr4ced-value-one").await;
    assert_eq!(sent(&app, &alice, &tool).await, "tr4ced-value-one");
    let next = json!({ "value": "tr4ced-value-two" });
    let changed = alice.put("/api/v1/secrets/API_KEY", &next).await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    assert_eq!(sent(&app, &alice, &tool).await, "tr4ced-value-two");
    aws.rotates(&at_aws(&alice), "tr4ced-value-three").await;
    assert_eq!(sent(&app, &alice, &tool).await, "tr4ced-value-three");
    assert_eq!(alice.delete("/api/v1/secrets/API_KEY").await.status(), 204);
    let text = traced.text();
    assert!(!text.is_empty());
    let line = text
        .lines()
        .find(|line| line.contains("tr4ced") || line.contains("s3ssion"));
    assert_eq!(line, None);
}

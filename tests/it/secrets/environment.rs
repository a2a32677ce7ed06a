//! Secrets that stand for a variable of the operator's environment: for local development.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

const VALUE: &str = "an-env-value-of-some-length";

async fn with_variable() -> TestApp {
    let setup = TestApp::setup().config(|config| {
        let variables = &mut config.secret_stores.environment;
        variables.insert("LOCAL_KEY".to_owned(), VALUE.into());
        variables.insert("TOO_SHORT".to_owned(), "q7#zX".into());
    });
    setup.start().await
}

#[tokio::test]
async fn only_listed_variables_can_be_named() {
    let app = with_variable().await;
    let alice = app.alice();
    for (secret, pointer) in [
        (
            json!({ "name": "PATH", "provider": "environment" }),
            "/reference",
        ),
        (
            json!({ "name": "API_KEY", "provider": "environment", "reference": "HOME" }),
            "/reference",
        ),
        (
            json!({ "name": "API_KEY", "provider": "environment", "reference": "local_key" }),
            "/reference",
        ),
        (
            json!({ "name": "LOCAL_KEY", "provider": "environment", "value": "a-value-of-some-length" }),
            "/value",
        ),
        (
            json!({ "name": "API_KEY", "value": "a-value-of-some-length", "reference": "LOCAL_KEY" }),
            "/reference",
        ),
    ] {
        let refused = alice.post("/api/v1/secrets", &secret).await;
        assert_eq!(refused.status(), 400, "{secret}: {}", refused.text());
        assert_eq!(
            refused.json()["errors"][0]["pointer"],
            pointer,
            "{}",
            refused.text()
        );
    }
    let none = TestApp::start().await;
    let secret = json!({ "name": "PATH", "provider": "environment" });
    let refused = none.alice().post("/api/v1/secrets", &secret).await;
    assert_eq!(
        refused.json()["errors"][0]["pointer"],
        "/provider",
        "{}",
        refused.text()
    );
}

#[tokio::test]
async fn the_variable_is_what_a_tool_sends() {
    let app = with_variable().await;
    let alice = app.alice();
    app.upstream().on("*", json!({}));
    let hosts = json!([app.upstream().host_port()]);
    let secret = json!({ "name": "API_KEY", "provider": "environment", "reference": "LOCAL_KEY", "allowed_hosts": hosts });
    let made = alice.post("/api/v1/secrets", &secret).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!(made.json()["provider"], "environment");
    let auth = json!({ "method": "bearer", "secret_ref": "${API_KEY}" });
    let tool = alice.registers(ToolBuilder::get("/x").auth(auth)).await;
    assert_eq!(app.member().executes(&tool, json!({})).await.status(), 200);
    let sent = app.upstream().last_request();
    assert_eq!(
        sent.header("authorization"),
        Some(format!("Bearer {VALUE}").as_str())
    );

    let change = json!({ "value": "another-value-of-some-length" });
    let refused = alice.put("/api/v1/secrets/API_KEY", &change).await;
    assert_eq!(refused.status(), 400, "{}", refused.text());
    let moved = json!({ "allowed_hosts": ["b.example.com"] });
    assert_eq!(
        alice.put("/api/v1/secrets/API_KEY", &moved).await.status(),
        200
    );
    assert_eq!(
        alice.executes(&tool, json!({})).await.code(),
        "egress_blocked"
    );
    assert_eq!(alice.delete("/api/v1/secrets/API_KEY").await.status(), 204);
    // A variable that is too short to be hidden, and one that is not set any more, are not used.
    let short = json!({ "name": "API_KEY", "provider": "environment", "reference": "TOO_SHORT", "allowed_hosts": hosts });
    assert_eq!(alice.post("/api/v1/secrets", &short).await.status(), 201);
    let done = alice.executes(&tool, json!({})).await;
    assert_eq!(done.code(), "secret_missing", "{}", done.text());
    app.sql("update secrets.secrets set reference = 'HOME'");
    let done = alice.executes(&tool, json!({})).await;
    assert_eq!(done.code(), "secret_missing", "{}", done.text());
    assert_eq!(app.upstream().requests().len(), 1);
}

//! Each secret is bound to the hosts that it, or a token made with it, is sent to, and to no other.

use serde_json::{Value, json};
use testkit::{Persona, TestApp, ToolBuilder};

async fn hosts(alice: &Persona, name: &str) -> Value {
    let listed = alice.get("/api/v1/secrets").await.json();
    let secrets = listed["secrets"].as_array().unwrap().iter();
    let mut found = secrets.filter(|secret| secret["name"] == name);
    found.next().unwrap()["allowed_hosts"].clone()
}

/// A key goes to the API; what a token is obtained with goes to both hosts.
fn tool() -> ToolBuilder {
    let auth = json!({ "method": "oauth2_client_credentials", "oauth2": {
        "token_url": "https://login.example.com:8443/token", "client_id": "${CLIENT_ID}",
        "client_secret_ref": "${CLIENT_SECRET}",
    }});
    ToolBuilder::get("/x")
        .base_url("https://api.example.com")
        .auth(auth)
        .set("/api/headers", json!({ "X-Key": "${API_KEY}" }))
}

#[tokio::test]
async fn an_admins_save_binds_each_secret_to_its_own_hosts() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    for name in ["CLIENT_ID", "CLIENT_SECRET", "API_KEY"] {
        alice.stores_secret(name, "a-value-of-some-length").await;
        assert_eq!(hosts(&alice, name).await, json!([]));
    }
    alice.registers(tool()).await;
    let both = json!(["api.example.com", "login.example.com:8443"]);
    assert_eq!(hosts(&alice, "CLIENT_ID").await, both);
    assert_eq!(hosts(&alice, "CLIENT_SECRET").await, both);
    assert_eq!(hosts(&alice, "API_KEY").await, json!(["api.example.com"]));
}

#[tokio::test]
async fn a_secret_made_after_its_tool_is_bound_in_the_same_way() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    alice.registers(tool()).await;
    for name in ["CLIENT_SECRET", "API_KEY"] {
        alice.stores_secret(name, "a-value-of-some-length").await;
    }
    let both = json!(["api.example.com", "login.example.com:8443"]);
    assert_eq!(hosts(&alice, "CLIENT_SECRET").await, both);
    assert_eq!(hosts(&alice, "API_KEY").await, json!(["api.example.com"]));
}

#[tokio::test]
async fn a_key_that_signs_is_bound_to_the_api() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    let auth = json!({ "method": "hmac", "secret_ref": "${KEY}", "hmac": { "message": ["body"] } });
    let value = json!({ "name": "KEY", "value": "a-key-of-some-length", "allowed_hosts": ["other.example.com"] });
    assert_eq!(alice.post("/api/v1/secrets", &value).await.status(), 201);
    let tool = alice.registers(ToolBuilder::get("/x").auth(auth)).await;
    let done = alice.executes(&tool, json!({})).await;
    assert_eq!(
        done.json()["error"]["code"],
        "egress_blocked",
        "{}",
        done.text()
    );
    assert!(app.upstream().requests().is_empty());
}

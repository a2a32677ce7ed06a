//! `GET /api/v1/secrets`.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

use crate::walk::{texts, walk};

#[tokio::test]
async fn lists_names_and_never_values() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let mut names = Vec::new();
    for (number, name) in ["ZETA", "A_1", "MID", "A", "B2"].into_iter().enumerate() {
        alice
            .stores_secret(name, &format!("hidden-value-{number}-of-alice"))
            .await;
        names.push(name);
    }
    bob.stores_secret("BOBS", "hidden-value-of-bob").await;
    names.sort_unstable();
    for limit in [1, 2, 5, 50] {
        let walked = walk(&app.member(), "/api/v1/secrets", "secrets", limit).await;
        assert_eq!(texts(&walked, "name"), names, "{limit} at a time");
    }
    let text = alice.get("/api/v1/secrets").await.text();
    assert!(!text.contains("hidden-value"), "{text}");
    for telling in [
        "value",
        "ciphertext",
        "nonce",
        "hash",
        "length",
        "prefix",
        "reference",
    ] {
        assert!(
            !text.contains(&format!("\"{telling}\"")),
            "{telling}: {text}"
        );
    }
    assert_eq!(app.viewer().get("/api/v1/secrets").await.status(), 403);
}

#[tokio::test]
async fn tells_when_a_tool_last_used_it() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    alice.stores_secret("USED", "a-value-of-some-length").await;
    alice
        .stores_secret("UNUSED", "another-value-of-some-length")
        .await;
    let auth = json!({ "method": "bearer", "secret_ref": "${USED}" });
    let tool = alice.registers(ToolBuilder::get("/x").auth(auth)).await;
    let done = alice.executes(&tool, json!({})).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    let listed = alice.get("/api/v1/secrets").await.json();
    assert_eq!(listed["secrets"][0].get("last_used_at"), None);
    assert!(listed["secrets"][1]["last_used_at"].is_string(), "{listed}");
}

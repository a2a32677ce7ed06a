//! `GET /api/v1/workspaces/{workspace_id}/keys`.

use serde_json::json;
use testkit::TestApp;

use crate::walk::texts;

#[tokio::test]
async fn lists_keys_oldest_first_with_their_last_use_and_without_values() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let path = "/api/v1/workspaces/a/keys";
    let mut values = Vec::new();
    for name in ["first", "second", "third"] {
        let made = alice.post(path, &json!({ "name": name })).await.json();
        values.push(made["value"].as_str().unwrap().to_owned());
    }
    bob.post("/api/v1/workspaces/b/keys", &json!({ "name": "bobs" }))
        .await;
    alice.with_token(&values[1]).get("/api/v1/tools").await;

    let response = app.admin().get(path).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    let listed = response.json();
    let keys = listed["keys"].as_array().unwrap();
    assert_eq!(texts(keys, "name"), ["first", "second", "third"]);
    let used: Vec<bool> = keys
        .iter()
        .map(|key| key.get("last_used_at").is_some())
        .collect();
    assert_eq!(used, [false, true, false]);
    for (key, value) in keys.iter().zip(&values) {
        assert!(value.starts_with(key["prefix"].as_str().unwrap()));
        assert_eq!(key.get("value"), None);
        assert_eq!(key.get("hash"), None);
        assert!(!response.text().contains(value.as_str()));
    }
    assert_eq!(app.member().get(path).await.status(), 403);
}

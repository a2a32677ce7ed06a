//! `GET /api/v1/tools/saved/{tool_id}/versions`.

use serde_json::{Value, json};
use testkit::{TestApp, ToolBuilder};

use crate::walk::{texts, walk};

#[tokio::test]
async fn keeps_every_version_with_hash_author_and_document() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    let path = format!("{}/versions", tool.saved_path());
    let mut documents = vec![tool.document.clone()];
    for number in 2..=6 {
        let mut document = tool.document.clone();
        document["description"] = json!(format!("Number {number}"));
        let done = app.member().put(&tool.saved_path(), &document).await;
        assert_eq!(done.json()["version"], number);
        documents.push(document);
    }
    documents.reverse();

    let history = walk(&app.viewer(), &path, "versions", 4).await;
    let numbers: Vec<_> = history
        .iter()
        .map(|version| version["version"].clone())
        .collect();
    assert_eq!(numbers, [6, 5, 4, 3, 2, 1]);
    let configs: Vec<Value> = history
        .iter()
        .map(|version| version["config"].clone())
        .collect();
    assert_eq!(configs, documents);
    let hashes = texts(&history, "hash");
    for (at, hash) in hashes.iter().enumerate() {
        assert!(
            hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()),
            "{hash}"
        );
        assert!(!hashes[..at].contains(hash));
    }
    assert_eq!(
        hashes[0],
        alice.get(&tool.path()).await.json()["hash"]
            .as_str()
            .unwrap()
    );
    assert_eq!(history[0]["created_by"], app.member().user_id().to_string());
    assert_eq!(history[5]["created_by"], alice.user_id().to_string());
    for limit in [1, 2, 6, 200] {
        assert_eq!(walk(&alice, &path, "versions", limit).await, history);
    }
    assert_eq!(bob.get(&path).await.status(), 404);
    assert_eq!(
        alice
            .get("/api/v1/tools/saved/nothing/versions")
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn the_hash_is_that_of_the_canonical_document() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let document = json!({
        "name": "fixed", "description": "A document whose hash was computed by hand",
        "api": { "base_url": "https://api.example.com", "method": "GET" },
        "input_schema": {}, "output_schema": {}
    });
    let saved = alice.post("/api/v1/tools/saved", &document).await;
    assert_eq!(saved.status(), 201, "{}", saved.text());
    // sha256sum of {"api":{…},"description":"…","input_schema":{},"name":"fixed","output_schema":{}}
    assert_eq!(
        saved.json()["hash"],
        "1377120a6f2ba7cb6038ce95d57077766f3d744606b00d4501b131626c7bb7e1"
    );
}

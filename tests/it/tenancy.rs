//! Neighbours on one database and one pool: each sees its own, whatever the other does.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Persona, TestApp, ToolBuilder};

use crate::walk::walk;

/// The app with a single connection, which both tenants share.
async fn with_one_connection() -> (TestApp, Persona, Persona) {
    let app = TestApp::setup()
        .without_built_in_tools()
        .config(|config| config.database_max_connections = 1)
        .start()
        .await;
    let (alice, bob) = (app.alice(), app.bob());
    (app, alice, bob)
}

#[tokio::test]
async fn the_same_names_mean_different_things() {
    let (app, alice, bob) = with_one_connection().await;
    for (who, value, path) in [
        (&alice, "value-of-alice", "/alice"),
        (&bob, "value-of-bob", "/bob"),
    ] {
        app.upstream().on(path, json!({ "for": path }));
        who.stores_secret("API_KEY", value).await;
        let auth = json!({ "method": "bearer", "secret_ref": "${API_KEY}" });
        who.registers(ToolBuilder::get(path).id("shared_name").auth(auth))
            .await;
    }
    let run = json!({ "input": {} });
    for (who, value, path) in [
        (&alice, "value-of-alice", "/alice"),
        (&bob, "value-of-bob", "/bob"),
        (&alice, "value-of-alice", "/alice"),
    ] {
        let done = who.post("/api/v1/tools/shared_name/execute", &run).await;
        assert_eq!(
            done.json()["output"],
            json!({ "for": path }),
            "{}",
            done.text()
        );
        let sent = app.upstream().last_request();
        assert_eq!(
            sent.header("authorization"),
            Some(format!("Bearer {value}").as_str())
        );
    }
    assert_eq!(
        alice
            .delete("/api/v1/tools/saved/shared_name")
            .await
            .status(),
        204
    );
    assert_eq!(alice.delete("/api/v1/secrets/API_KEY").await.status(), 204);
    let done = bob.post("/api/v1/tools/shared_name/execute", &run).await;
    assert_eq!(done.status(), 200, "{}", done.text());
}

#[tokio::test]
async fn nothing_of_one_tenant_is_in_any_list_of_the_other() {
    let (app, alice, bob) = with_one_connection().await;
    app.upstream().on("*", json!({ "note": "alices-output" }));
    alice
        .stores_secret("ALICES_SECRET", "a-value-of-some-length")
        .await;
    let tool = ToolBuilder::get("/alices-path")
        .id("alices_tool")
        .set("/description", "alices-words");
    let tool = alice.registers(tool).await;
    alice.executes(&tool, json!({ "q": "alices-input" })).await;
    alice
        .post(
            "/api/v1/workspaces/a/keys",
            &json!({ "name": "alices-key" }),
        )
        .await;
    for (path, member) in [
        ("/api/v1/tools", "tools"),
        ("/api/v1/tools?format=mcp", "tools"),
        ("/api/v1/tools/saved", "tools"),
        ("/api/v1/secrets", "secrets"),
        ("/api/v1/executions", "executions"),
        ("/api/v1/executions?tool_id=alices_tool", "executions"),
    ] {
        assert!(!walk(&alice, path, member, 200).await.is_empty(), "{path}");
        assert!(walk(&bob, path, member, 200).await.is_empty(), "{path}");
    }
    let listed = bob.get("/api/v1/tools?q=alices").await.json();
    assert_eq!(listed, json!({ "tools": [] }));
    let keys = bob.get("/api/v1/workspaces/b/keys").await.json();
    assert_eq!(keys, json!({ "keys": [] }));
}

#[tokio::test]
async fn a_neighbour_changes_nothing() {
    let (app, alice, bob) = with_one_connection().await;
    alice
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let before = alice.get("/api/v1/tools/saved").await.text();
    for selector in [None, Some("a"), Some("b")] {
        for (method, path) in [
            (Method::PUT, tool.saved_path()),
            (Method::DELETE, tool.saved_path()),
            (
                Method::POST,
                format!("{}/versions/1/restore", tool.saved_path()),
            ),
            (Method::POST, tool.execute_path()),
            (Method::POST, tool.preview_path()),
            (Method::DELETE, "/api/v1/secrets/API_KEY".to_owned()),
            (Method::POST, "/api/v1/workspaces/a/keys".to_owned()),
        ] {
            let mut request = bob.request(method.clone(), &path);
            if let Some(selector) = selector {
                request = request.header("x-workspace-id", selector);
            }
            let mut body = tool.document.clone();
            body["input"] = json!({});
            let request = request.header("content-type", "application/json");
            let response = bob.send(request.body(body.to_string())).await;
            let status = response.status().as_u16();
            assert!(
                matches!(status, 400 | 404),
                "{method} {path}: {}",
                response.text()
            );
        }
    }
    assert_eq!(alice.get("/api/v1/tools/saved").await.text(), before);
    let secrets = alice.get("/api/v1/secrets").await.json();
    assert_eq!(secrets["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(app.upstream().connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_in_turn_and_at_once_never_see_each_others_rows() {
    let (app, alice, bob) = with_one_connection().await;
    for (who, id) in [(&alice, "of_alice"), (&bob, "of_bob")] {
        who.registers(ToolBuilder::get("/x").id(id)).await;
    }
    let ids = |listed: &Value| -> Vec<Value> {
        let tools = listed["tools"].as_array().expect("a list");
        tools.iter().map(|tool| tool["id"].clone()).collect()
    };
    let (anon, stranger) = (app.anon(), app.stranger());
    for path in ["/api/v1/tools/saved", "/api/v1/tools"] {
        for _ in 0..5 {
            let (mine, theirs, none, nowhere) = tokio::join!(
                alice.get(path),
                bob.get(path),
                anon.get(path),
                stranger.get(path)
            );
            assert_eq!(ids(&mine.json()), ["of_alice"]);
            assert_eq!(ids(&theirs.json()), ["of_bob"]);
            assert_eq!(none.status(), 401);
            assert_eq!(nowhere.status(), 400);
        }
    }
}

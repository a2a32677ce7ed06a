//! `GET /api/v1/flows/{flow_id}`.

use reqwest::Method;
use serde_json::json;
use testkit::TestApp;

use super::{BRIEF, brief, saved, with, with_tools};

#[tokio::test]
async fn answers_the_definition_as_it_was_written() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    let text =
        "{ \"name\" : \"n\", \"id\":\"exact\",\n \"steps\":[{\"transform\":1.50,\"id\":\"one\"}] }";
    let request = alice
        .request(Method::POST, super::PATH)
        .header("content-type", "application/json");
    let first = alice.send(request.body(text)).await;
    assert_eq!(first.status(), 201, "{}", first.text());
    let exact = app.viewer().get("/api/v1/flows/exact").await;
    assert_eq!(
        exact.json()["definition"],
        serde_json::from_str::<serde_json::Value>(text).unwrap()
    );
    let kept = "{\"name\":\"n\",\"id\":\"exact\",\"steps\":[{\"transform\":1.5,\"id\":\"one\"}]}";
    assert!(exact.text().contains(kept), "{}", exact.text());

    let made = saved(&alice, &brief()).await;
    let read = app.viewer().get(BRIEF).await;
    assert_eq!(read.json(), made.json());
    let tag = read.header("etag").unwrap();
    assert_eq!(Some(tag), made.header("etag"));
    let known = alice
        .request(Method::GET, BRIEF)
        .header("if-none-match", tag);
    let unchanged = alice.send(known).await;
    assert_eq!(
        (unchanged.status().as_u16(), unchanged.text().as_str()),
        (304, "")
    );

    for response in [
        bob.get(BRIEF).await,
        alice.get("/api/v1/flows/none").await,
        alice.get("/api/v1/flows/quote").await,
    ] {
        assert_eq!(response.status(), 404, "{}", response.text());
        assert_eq!(response.code(), "flow_not_found");
    }
}

#[tokio::test]
async fn answers_earlier_versions() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    let first = saved(&alice, &brief()).await.json();
    let renamed = with("name", "Another name");
    let second = app.member().put(BRIEF, &renamed).await.json();
    let old = alice.get(&format!("{BRIEF}?version=1")).await;
    assert_eq!(old.json(), first);
    assert_eq!(
        old.header("etag"),
        Some(format!("\"{}\"", first["hash"].as_str().unwrap()).as_str())
    );
    assert_eq!(
        alice.get(&format!("{BRIEF}?version=2")).await.json(),
        second
    );
    for n in ["0", "3", "-1"] {
        let missing = alice.get(&format!("{BRIEF}?version={n}")).await;
        assert_eq!(missing.code(), "flow_not_found", "{n}");
    }
    assert_eq!(
        alice.get(&format!("{BRIEF}?version=one")).await.status(),
        400
    );
    assert_eq!(bob.get(&format!("{BRIEF}?version=1")).await.status(), 404);
    // A retired flow's history can be read.
    assert_eq!(alice.delete(BRIEF).await.status(), 204);
    assert_eq!(alice.get(BRIEF).await.status(), 404);
    assert_eq!(alice.get(&format!("{BRIEF}?version=1")).await.json(), first);
}

#[tokio::test]
async fn draws_the_steps() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    saved(&alice, &brief()).await;
    let path = format!("{BRIEF}?format=mermaid");
    let drawn = app.viewer().get(&path).await;
    assert_eq!(drawn.status(), 200, "{}", drawn.text());
    assert_eq!(
        drawn.header("content-type"),
        Some("text/vnd.mermaid; charset=utf-8")
    );
    let text = drawn.text();
    assert!(text.starts_with("flowchart TD\n"), "{text}");
    for step in ["quotes", "best", "mail"] {
        assert!(text.contains(step), "{text}");
    }
    assert_eq!(text.matches("-->").count(), 2, "{text}");
    let refused = alice.get(&format!("{BRIEF}?format=dot")).await;
    assert_eq!(
        (refused.status().as_u16(), refused.code().as_str()),
        (400, "invalid_request")
    );
    assert_eq!(bob.get(&path).await.status(), 404);
}

#[tokio::test]
async fn a_stored_document_that_is_no_flow_any_more_is_told_and_not_run() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let workspace = alice.workspace_id();
    let document = json!({ "name": "Old", "description": "From another time", "input_schema": {}, "stages": [] });
    app.sql(&format!(
        "begin;
         insert into orchestration.flows (workspace_id, id, name, callable, version, hash, revision)
         values ('{workspace}', 'old', 'Old', true, 1, repeat('a', 64), 0);
         insert into orchestration.flow_versions (workspace_id, flow_id, version, hash, document)
         values ('{workspace}', 'old', 1, repeat('a', 64), '{document}');
         commit"
    ));
    let read = alice.get("/api/v1/flows/old").await;
    assert_eq!(read.status(), 200, "{}", read.text());
    let view = read.json();
    assert!(
        view["quarantined"].as_str().unwrap().contains("stages"),
        "{view}"
    );
    assert_eq!(
        (&view["enabled"], &view["definition"]),
        (&json!(false), &document)
    );
    let drawn = alice.get("/api/v1/flows/old?format=mermaid").await;
    assert_eq!(
        (drawn.status().as_u16(), drawn.code().as_str()),
        (409, "flow_not_runnable")
    );
    let started = alice
        .post("/api/v1/flows/old/execute", &json!({ "input": {} }))
        .await;
    assert_eq!(
        (started.status().as_u16(), started.code().as_str()),
        (409, "flow_not_runnable")
    );
    assert!(started.text().contains("stages"), "{}", started.text());

    let tools = alice.get("/api/v1/tools").await.json();
    let listed = tools["tools"]
        .as_array()
        .unwrap()
        .iter()
        .find(|tool| tool["id"] == "old")
        .unwrap();
    assert_eq!(
        (&listed["source"], &listed["enabled"]),
        (&json!("flow"), &json!(false))
    );
    assert!(listed["quarantined"].is_string(), "{listed}");
    assert!(
        !alice
            .get("/api/v1/tools?format=mcp")
            .await
            .text()
            .contains("\"old\"")
    );
    let run = alice
        .post("/api/v1/tools/old/execute", &json!({ "input": {} }))
        .await;
    assert_eq!(
        (run.status().as_u16(), run.code().as_str()),
        (409, "tool_disabled")
    );
    let calling = json!({ "name": "caller", "steps": [{ "id": "one", "flow": "old" }] });
    let faults = super::refused(&alice, &calling).await;
    assert_eq!(super::told(&faults), [("/steps/0/flow", "unusable_tool")]);
}

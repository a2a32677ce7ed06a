//! `GET /api/v1/tools/{tool_id}`.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Persona, RegisteredTool, Response, TestApp, ToolBuilder};

async fn read_unless(persona: &Persona, tool: &RegisteredTool, known: &str) -> Response {
    let request = persona.request(Method::GET, &tool.path());
    persona.send(request.header("if-none-match", known)).await
}

#[tokio::test]
async fn answers_the_tool_with_its_config() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    let response = alice.get(&tool.path()).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    let mut body = response.json();
    let hash = body["hash"].take();
    let hash = hash.as_str().unwrap();
    assert_eq!(
        response.header("etag"),
        Some(format!("\"{hash}\"").as_str())
    );
    assert_eq!(hash.len(), 64);
    assert_eq!(
        body,
        json!({
            "id": "get_weather", "name": "get_weather", "description": "A tool of a test.",
            "version": 1, "hash": null, "enabled": true, "source": "saved",
            "config": tool.document
        })
    );
}

#[tokio::test]
async fn answers_304_to_those_who_have_this_version() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    let tag = alice
        .get(&tool.path())
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
        "*".to_owned(),
    ] {
        let response = read_unless(&alice, &tool, &known).await;
        assert_eq!(response.status(), 304, "{known}");
        assert!(response.bytes().is_empty());
        assert_eq!(response.header("etag"), Some(tag.as_str()));
    }
    assert_eq!(read_unless(&alice, &tool, "\"other\"").await.status(), 200);
    let malformed = read_unless(&alice, &tool, "no-quotes").await;
    assert_eq!(malformed.status(), 400, "{}", malformed.text());

    let mut changed = tool.document.clone();
    changed["description"] = json!("Another one.");
    alice.put(&tool.saved_path(), &changed).await;
    let response = read_unless(&alice, &tool, &tag).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.json()["version"], 2);
    assert_ne!(response.header("etag"), Some(tag.as_str()));
}

/// Documents whose text is unusual, and whose value must come back as it was.
fn odd_documents(upstream: &str) -> Vec<String> {
    let rest = format!(
        r#""description":"d","api":{{"base_url":"{upstream}","method":"GET"}},"input_schema":{{"type":"object"}},"output_schema":{{}}"#
    );
    vec![
        // Spellings of numbers, and integers that a double cannot hold.
        format!(
            r#"{{"id":"numbers",{rest},"name":"numbers","metadata":{{"a":1e2,"b":1.0,"c":-0.0,"d":1E-7,"e":0.1,"f":9007199254740993,
               "g":18446744073709551615,"h":-9223372036854775808,"i":5e-324,"j":1.7976931348623157e308,"k":100,"l":123456789012345680000.0}}}}"#
        ),
        // Members in no order, keys of digits, empty and escaped keys.
        format!(
            r#"{{"name":"order","metadata":{{"z":1,"10":2,"9":3,"a":4,"":5,"a\/b":6,"a~b":7,"\u00e9":8,"e\u0301":9}},"id":"order",{rest}}}"#
        ),
        // Text of many scripts, astral characters, escapes, and the end of the basic plane.
        format!(
            r#"{{"id":"texts",{rest},"name":"texts","metadata":{{"t":["日本語","\ud83d\ude00","😀","tab\tnew\nline","\u0001\u001f\u007f","\uffff","a\u2028b","ß𝔘"]}}}}"#
        ),
        // White space, empty and nested containers, null and the defaults written out.
        format!(
            "{{\r\n\t\"id\" : \"space\" ,\n {rest} , \"name\":\"space\",\"x-own\": null ,\"enabled\":true,\"tags\":[],\"metadata\":{{ \"a\" : [ ] , \"b\":{{}}, \"c\":[[[{{}}]]] }} }}"
        ),
    ]
}

#[tokio::test]
async fn what_was_saved_is_what_is_loaded() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let second = app.second().await;
    for text in odd_documents(&app.upstream().base_url()) {
        let request = alice
            .request(Method::POST, "/api/v1/tools")
            .header("content-type", "application/json");
        let saved = alice.send(request.body(text.clone())).await;
        assert_eq!(saved.status(), 201, "{text}: {}", saved.text());
        let document: Value = serde_json::from_str(&text).unwrap();
        let path = format!(
            "/api/v1/tools/{}",
            saved.json()["tool_id"].as_str().unwrap()
        );
        // From memory, from the database by another process, and from the history.
        let here = alice.get(&path).await.json()["config"].take();
        assert_same(&here, &document);
        let there = second.alice().get(&path).await.json()["config"].take();
        assert_same(&there, &document);
        let versions = path.replace("/tools/", "/tools/saved/") + "/versions";
        let kept = alice.get(&versions).await.json()["versions"][0]["config"].take();
        assert_same(&kept, &document);
    }
    let listed = alice.get("/api/v1/tools/saved").await.json();
    assert_eq!(listed["tools"].as_array().unwrap().len(), 4);
}

/// Equal, and the members in the same order.
fn assert_same(loaded: &Value, saved: &Value) {
    assert_eq!(loaded, saved);
    assert_eq!(loaded.to_string(), saved.to_string());
}

#[tokio::test]
async fn an_unknown_id_is_a_problem_that_says_so() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let response = alice.get("/api/v1/tools/nothing").await;
    assert_eq!(response.status(), 404);
    assert_eq!(
        response.header("content-type"),
        Some("application/problem+json")
    );
    let mut problem = response.json();
    assert_eq!(
        problem["request_id"].take().as_str(),
        response.header("x-request-id")
    );
    assert_eq!(
        problem,
        json!({
            "type": "urn:problem:tool_not_found", "title": "There is no such tool", "status": 404,
            "detail": "this workspace has no such tool", "code": "tool_not_found", "request_id": null
        })
    );
    for odd in ["UPPER", "a%20b", "a%2Fb", "..%2F..", "%00", &"a".repeat(65)] {
        let response = alice.get(&format!("/api/v1/tools/{odd}")).await;
        assert_eq!(response.status(), 404, "{odd}: {}", response.text());
    }
}

#[tokio::test]
async fn a_tool_that_the_operator_no_longer_allows_is_shown_with_the_reason_and_not_run() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    let url = app.database().url();
    let fenced = TestApp::setup()
        .without_private_upstreams()
        .without_built_in_tools()
        .config(|config| config.database_url = url.into())
        .start()
        .await;
    let alice = fenced.alice();
    let read = alice.get(&tool.path()).await;
    assert_eq!(read.status(), 200, "{}", read.text());
    let read = read.json();
    assert!(read["quarantined"].is_string(), "{read}");
    assert_eq!(read["config"], tool.document);
    assert_eq!(read["enabled"], false);
    for path in [tool.execute_path(), tool.preview_path()] {
        let refused = alice.post(&path, &json!({ "input": {} })).await;
        assert_eq!(refused.status(), 409, "{path}: {}", refused.text());
        assert_eq!(refused.code(), "tool_disabled");
    }
    let offered = alice.get("/api/v1/tools?format=openai").await;
    assert_eq!(offered.json(), json!({ "tools": [] }));
}

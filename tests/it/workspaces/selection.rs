//! The header `X-Workspace-Id`: which workspace a request is about.

use reqwest::Method;
use serde_json::json;
use testkit::{Persona, Response, TestApp, ToolBuilder};

async fn tools_in(who: &Persona, selector: &str) -> Response {
    let request = who.request(Method::GET, "/api/v1/tools");
    who.send(request.header("x-workspace-id", selector)).await
}

#[tokio::test]
async fn the_only_workspace_need_not_be_named() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    alice.registers(ToolBuilder::get("/x")).await;
    let id = alice.workspace_id().to_string();
    let unnamed = alice.get("/api/v1/tools").await.text();
    for selector in ["a", id.as_str(), id.to_uppercase().as_str()] {
        let named = tools_in(&alice, selector).await;
        assert_eq!(named.status(), 200, "{selector}: {}", named.text());
        assert_eq!(named.text(), unnamed);
    }
}

#[tokio::test]
async fn one_of_several_must_be_named() {
    let (_app, alice, _) = TestApp::with_two_empty_workspaces().await;
    alice.registers(ToolBuilder::get("/x").id("in_a")).await;
    let made = json!({ "name": "Second" });
    let made = alice.post("/api/v1/workspaces", &made).await.json();
    for path in ["/api/v1/tools", "/api/v1/executions", "/api/v1/secrets"] {
        let response = alice.get(path).await;
        assert_eq!(response.status(), 400, "{}", response.text());
        assert_eq!(response.code(), "workspace_required");
    }
    // The person's own account needs none.
    assert_eq!(alice.get("/api/v1/workspaces").await.status(), 200);
    let here = tools_in(&alice, "a").await.json();
    assert_eq!(here["tools"].as_array().unwrap().len(), 1);
    for selector in ["second", made["id"].as_str().unwrap()] {
        let there = tools_in(&alice, selector).await;
        assert_eq!(there.json(), json!({ "tools": [] }), "{selector}");
    }
}

#[tokio::test]
async fn a_foreign_one_is_as_one_that_does_not_exist() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    bob.registers(ToolBuilder::get("/x")).await;
    let foreign = bob.workspace_id().to_string();
    for selector in [
        "b",
        foreign.as_str(),
        "nowhere",
        "0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11",
    ] {
        let response = tools_in(&alice, selector).await;
        assert_eq!(response.status(), 404, "{selector}: {}", response.text());
        assert_eq!(response.code(), "workspace_not_found");
    }
}

#[tokio::test]
async fn a_selector_that_is_none_is_refused() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    for selector in ["", "a b", "a,b", "'; drop table", "*", &"a".repeat(65)] {
        let response = tools_in(&alice, selector).await;
        assert_eq!(response.status(), 400, "{selector}: {}", response.text());
        assert_eq!(response.json()["errors"][0]["pointer"], "x-workspace-id");
    }
    let twice = alice
        .request(Method::GET, "/api/v1/tools")
        .header("x-workspace-id", "a")
        .header("x-workspace-id", "b");
    assert_eq!(alice.send(twice).await.status(), 400);
    // A query parameter is never taken for the header.
    let query = alice.get("/api/v1/tools?workspace_id=b").await;
    assert_eq!(query.status(), 400, "{}", query.text());
}

#[tokio::test]
async fn a_disabled_person_stays_out() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    assert_eq!(alice.get("/api/v1/tools").await.status(), 200);
    let id = alice.user_id();
    app.sql(&format!(
        "update identity.profiles set disabled_at = now() where id = '{id}'"
    ));
    let refused = alice.get("/api/v1/tools").await;
    assert!(
        matches!(refused.status().as_u16(), 401 | 403),
        "{}",
        refused.text()
    );
}

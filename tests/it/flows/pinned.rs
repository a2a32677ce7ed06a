//! What a run is pinned to: versions of flows and tools as they were, from memory where they still are.

use domain::caller::{Caller, Principal, Role};
use domain::ids::ToolId;
use serde_json::{Value, json};
use testkit::{Persona, TestApp};

use super::{BRIEF, brief, saved, with, with_tools};

fn caller(persona: &Persona) -> Caller {
    Caller {
        principal: Principal::user(persona.user_id(), None),
        workspace_id: persona.workspace_id(),
        role: Role::Member,
        catalog_revision: 0,
    }
}

fn id(text: &str) -> ToolId {
    text.parse().unwrap()
}

/// Somebody of elsewhere, to whom the database tells nothing of this workspace.
fn nobody(persona: &Persona, elsewhere: &Persona) -> Caller {
    Caller {
        workspace_id: persona.workspace_id(),
        ..caller(elsewhere)
    }
}

#[tokio::test]
async fn every_version_of_a_flow_is_found_whatever_became_of_it() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    saved(&alice, &brief()).await;
    assert_eq!(
        alice.put(BRIEF, &with("name", "Second")).await.status(),
        200
    );
    let registry = &app.rooms().registry;
    let (alices, bobs) = (caller(&alice), caller(&bob));
    for (version, name) in [(1, "Ticker brief"), (2, "Second"), (1, "Ticker brief")] {
        let flow = registry
            .flow_at(&alices, &id("ticker_brief"), version)
            .await
            .unwrap();
        assert_eq!((flow.version, flow.flow.name.as_str()), (version, name));
        let read = alice.get(&format!("{BRIEF}?version={version}")).await;
        assert_eq!(read.json()["hash"], flow.hash.as_str());
        assert_eq!(flow.flow.steps.len(), 3);
    }
    for (who, flow, version) in [
        (&bobs, "ticker_brief", 1),
        (&alices, "ticker_brief", 3),
        (&alices, "quote", 1),
        (&alices, "none", 1),
    ] {
        let missing = registry.flow_at(who, &id(flow), version).await;
        assert!(
            missing.unwrap_err().to_string().contains("no such"),
            "{flow}"
        );
    }
    assert_eq!(alice.delete(BRIEF).await.status(), 204);
    // A process that never saw it reads it from its history.
    let second = app.second().await;
    let late = second
        .rooms()
        .registry
        .flow_at(&alices, &id("ticker_brief"), 2)
        .await
        .unwrap();
    assert_eq!(late.flow.name, "Second");
    // Read once, it is kept, though a retired flow stands in no catalog.
    let again = second
        .rooms()
        .registry
        .flow_at(&alices, &id("ticker_brief"), 2)
        .await
        .unwrap();
    assert!(std::sync::Arc::ptr_eq(&late, &again));
}

#[tokio::test]
async fn what_is_current_comes_from_memory() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    saved(&alice, &brief()).await;
    assert_eq!(alice.get("/api/v1/tools").await.status(), 200);
    let old: Value = alice.get("/api/v1/tools/quote").await.json()["config"].clone();
    let registry = &app.rooms().registry;
    // What is answered now comes from memory.
    let nobody = nobody(&alice, &bob);
    let one = registry
        .flow_at(&nobody, &id("ticker_brief"), 1)
        .await
        .unwrap();
    let two = registry
        .flow_at(&nobody, &id("ticker_brief"), 1)
        .await
        .unwrap();
    assert!(std::sync::Arc::ptr_eq(&one, &two));
    let tool = registry.tool_at(&nobody, &id("quote"), 1).await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&tool.document).unwrap(), old);
    // All else is asked for under the caller's own rights.
    assert!(registry.tool_at(&nobody, &id("quote"), 2).await.is_err());
}

#[tokio::test]
async fn every_version_of_a_tool_is_found_whatever_became_of_it() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    saved(&alice, &brief()).await;
    let mut quote = alice.get("/api/v1/tools/quote").await.json()["config"].clone();
    quote["description"] = json!("Second");
    assert_eq!(
        alice
            .put("/api/v1/tools/saved/quote", &quote)
            .await
            .status(),
        200
    );
    assert_eq!(alice.get("/api/v1/tools").await.status(), 200);
    let registry = &app.rooms().registry;
    let (alices, bobs) = (caller(&alice), caller(&bob));
    for (version, description) in [(1, "A tool of a test."), (2, "Second")] {
        let tool = registry
            .tool_at(&alices, &id("quote"), version)
            .await
            .unwrap();
        assert_eq!(
            (tool.version, tool.config.description.as_str()),
            (version, description)
        );
        assert!(tool.quarantined.is_none() && tool.config.enabled);
    }
    assert_eq!(
        alice.delete("/api/v1/tools/saved/quote").await.status(),
        204
    );
    assert_eq!(alice.get("/api/v1/tools").await.status(), 200);
    let tool = registry.tool_at(&alices, &id("quote"), 2).await.unwrap();
    assert_eq!(tool.config.description, "Second");
    for (who, tool, version) in [
        (&bobs, "quote", 1),
        (&alices, "quote", 3),
        (&alices, "ticker_brief", 1),
    ] {
        assert!(
            registry.tool_at(who, &id(tool), version).await.is_err(),
            "{tool} {version}"
        );
    }
    // Code has no history: what runs is what this release has.
    for version in [1, 7] {
        let tool = registry
            .tool_at(&alices, &id("calculate"), version)
            .await
            .unwrap();
        assert!(tool.code.is_some(), "{version}");
    }
}

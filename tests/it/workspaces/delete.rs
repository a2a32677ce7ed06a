//! `DELETE /api/v1/workspaces/{workspace_id}`.

use serde_json::json;
use testkit::{Persona, TestApp, ToolBuilder};

use super::{INVITATIONS, MEMBERS};

async fn refused(who: &Persona, workspace: &str) {
    for path in [
        "/api/v1/tools",
        "/api/v1/secrets",
        "/api/v1/flows",
        "/api/v1/executions",
        "/api/v1/prompts",
        "/api/v1/audit",
        "/api/v1/workspaces/a",
        "/api/v1/workspaces/a/keys",
        MEMBERS,
        INVITATIONS,
    ] {
        let request = who
            .request(reqwest::Method::GET, path)
            .header("x-workspace-id", workspace);
        let response = who.send(request).await;
        assert_eq!(response.status(), 404, "{path}: {}", response.text());
        assert_eq!(response.code(), "workspace_not_found", "{path}");
    }
}

#[tokio::test]
async fn nobody_enters_it_any_more_in_any_process() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let second = app.second().await;
    app.upstream().on("*", json!({}));
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let key = json!({ "name": "ci", "role": "admin" });
    let key = alice.post("/api/v1/workspaces/a/keys", &key).await.json();
    let machine = second.alice().with_token(key["value"].as_str().unwrap());
    assert_eq!(machine.executes(&tool, json!({})).await.status(), 200);
    assert_eq!(second.member().get("/api/v1/tools").await.status(), 200);

    let deleted = alice.delete("/api/v1/workspaces/a").await;
    assert_eq!(deleted.status(), 204, "{}", deleted.text());
    let id = alice.workspace_id().to_string();
    for who in [
        alice.clone(),
        second.alice(),
        second.admin(),
        second.member(),
        app.viewer(),
    ] {
        refused(&who, "a").await;
        refused(&who, &id).await;
        // It is not the only one either.
        let unnamed = who.get("/api/v1/tools").await;
        assert_eq!(unnamed.code(), "workspace_required", "{}", unnamed.text());
        let mine = who.get("/api/v1/workspaces").await.json();
        assert_eq!(mine, json!({ "workspaces": [] }));
    }
    let locked = machine.executes(&tool, json!({})).await;
    assert_eq!(locked.status(), 401, "{}", locked.text());
    assert_eq!(alice.delete("/api/v1/workspaces/a").await.status(), 404);
    // Its slug is not free.
    let again = json!({ "name": "Another", "slug": "a" });
    assert_eq!(alice.post("/api/v1/workspaces", &again).await.status(), 409);
}

#[tokio::test]
async fn is_the_owners_alone() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let key = json!({ "name": "ci", "role": "admin" });
    let key = alice.post("/api/v1/workspaces/a/keys", &key).await.json();
    let machine = alice.with_token(key["value"].as_str().unwrap());
    for (who, status) in [
        (&app.admin(), 403),
        (&machine, 403),
        (&bob, 404),
        (&app.anon(), 401),
    ] {
        let refused = who.delete("/api/v1/workspaces/a").await;
        assert_eq!(refused.status(), status, "{}", refused.text());
    }
    assert_eq!(alice.get("/api/v1/workspaces/a").await.status(), 200);
}

#[tokio::test]
async fn runs_of_it_call_nobody_any_more() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    alice.registers(ToolBuilder::get("/x").id("call_x")).await;
    let flow = json!({ "id": "f", "name": "f", "steps": [
        { "id": "later", "wait": { "duration_ms": 3_600_000 } },
        { "id": "one", "tool": "call_x", "depends_on": ["later"] },
    ] });
    let saved = alice.post("/api/v1/flows", &flow).await;
    assert_eq!(saved.status(), 201, "{}", saved.text());
    let started = alice
        .post("/api/v1/flows/f/execute", &json!({ "input": {} }))
        .await;
    assert_eq!(started.status(), 202, "{}", started.text());
    let rows = |condition: &str| {
        let count = format!("select count(*) from orchestration.{condition}");
        app.sql(&count).single() == Some("1")
    };
    while !rows(
        "run_steps where step_id = 'later' and isfinite(not_before) and not_before > now() + interval '1 minute'",
    ) {
        tokio::task::yield_now().await;
    }
    assert_eq!(alice.delete("/api/v1/workspaces/a").await.status(), 204);
    app.sql(
        "update orchestration.run_steps
         set not_before = now() - interval '1 second', due_at = now() - interval '1 second'
         where step_id = 'later'",
    );
    app.sweeps().await;
    while !rows("runs where finished_at is not null") {
        tokio::task::yield_now().await;
    }
    let why =
        app.sql("select status || ' ' || (error -> 'error' ->> 'code') from orchestration.runs");
    assert_eq!(why.single(), Some("failed not_permitted"));
    assert_eq!(app.upstream().connections(), 0);
}

#[tokio::test]
async fn after_the_time_to_restore_it_is_gone_with_all_but_its_audit() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    alice.executes(&tool, json!({})).await;
    alice
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    assert_eq!(alice.delete("/api/v1/workspaces/a").await.status(), 204);
    app.sql(
        "update identity.workspaces set deleted_at = now() - interval '29 days' where slug = 'a'",
    );
    app.sweeps().await;
    let there = "select count(*) from identity.workspaces where slug = 'a'";
    assert_eq!(app.sql(there).single(), Some("1"));
    app.sql(
        "update identity.workspaces set deleted_at = now() - interval '31 days' where slug = 'a'",
    );
    let restore = "/api/v1/workspaces/a/restore";
    assert_eq!(alice.post(restore, &json!({})).await.status(), 404);
    let listed = alice.get("/api/v1/workspaces?deleted=true").await.json();
    assert_eq!(listed, json!({ "workspaces": [] }));
    app.sweeps().await;
    assert_eq!(app.sql(there).single(), Some("0"));
    let id = alice.workspace_id();
    for table in [
        "catalog.tools",
        "secrets.secrets",
        "orchestration.executions",
        "identity.memberships",
    ] {
        let rows = app.sql(&format!(
            "select count(*) from {table} where workspace_id = '{id}'"
        ));
        assert_eq!(rows.single(), Some("0"), "{table}");
    }
    let last = app.sql(&format!(
        "select action from secrets.audit where workspace_id = '{id}' order by id desc limit 1"
    ));
    assert_eq!(last.single(), Some("workspace.purge"));
    // The neighbour has all of theirs, and the slug is free.
    assert_eq!(bob.get("/api/v1/tools").await.status(), 200);
    let again = json!({ "name": "Another", "slug": "a" });
    assert_eq!(alice.post("/api/v1/workspaces", &again).await.status(), 201);
}

//! Health: what the calls of those who installed it came to.

use serde_json::{Value, json};
use testkit::{Answer, TestApp, ToolBuilder};

use super::{installs, publishes, runs};

async fn health(app: &TestApp) -> Value {
    app.anon().get("/api/v1/marketplace/a_free").await.json()["health"].clone()
}

/// As if everything in the log had happened two hours ago and been counted.
async fn counted(app: &TestApp) {
    app.sql(
        "delete from orchestration.execution_rollups;
         update orchestration.rollup_state set done_until = null;
         update catalog.publications set health_at = null;
         update catalog.installs set installed_at = now() - interval '1 day';
         update orchestration.executions
         set started_at = now() - interval '2 hours',
             id = (left(orchestration.first_id_at(now() - interval '2 hours')::text, 14) || substr(id::text, 15))::uuid",
    );
    app.sweeps().await;
}

#[tokio::test]
async fn calls_of_installers_count_and_the_publishers_own_do_not() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/x", json!({}));
    let tool = ToolBuilder::get("/x")
        .id("free")
        .set("/description", "Does something.");
    alice
        .registers(
            tool.input(json!({ "type": "object", "properties": { "n": { "type": "integer" } } })),
        )
        .await;
    publishes(&alice, "free").await;
    assert_eq!(installs(&bob, "a_free", &json!({})).await.status(), 201);
    assert_eq!(
        health(&app).await,
        json!({ "status": "unknown", "calls": 0 })
    );
    for _ in 0..12 {
        assert_eq!(runs(&alice, "free", json!({})).await.status(), 200);
    }
    for _ in 0..9 {
        assert_eq!(runs(&bob, "free", json!({})).await.status(), 200);
    }
    counted(&app).await;
    // Below ten it would be about few people.
    assert_eq!(health(&app).await["status"], "unknown");

    app.upstream()
        .on("/x", Answer::json(&json!({})).status(503));
    assert_eq!(runs(&bob, "free", json!({})).await.status(), 500);
    counted(&app).await;
    let told = health(&app).await;
    assert_eq!(
        (&told["status"], &told["calls"]),
        (&json!("degraded"), &json!(10)),
        "{told}"
    );
    assert_eq!(told["success_rate"], 0.9);
    assert!(
        told["p95_ms"].is_u64() && told["last_success_at"].is_string(),
        "{told}"
    );
    for _ in 0..5 {
        runs(&bob, "free", json!({})).await;
    }
    counted(&app).await;
    assert_eq!(health(&app).await["status"], "failing");
}

#[tokio::test]
async fn runs_of_installed_flows_count() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let flow = json!({
        "id": "sum", "name": "Sum", "description": "Adds two numbers.",
        "steps": [{ "id": "add", "transform": "{{ 1 + 1 }}" }],
    });
    assert_eq!(alice.post("/api/v1/flows", &flow).await.status(), 201);
    let published = alice.post("/api/v1/flows/sum/publish", &json!({})).await;
    assert_eq!(published.status(), 200, "{}", published.text());
    assert_eq!(installs(&bob, "a_sum", &json!({})).await.status(), 201);
    for _ in 0..10 {
        let request = bob
            .request(reqwest::Method::POST, "/api/v1/flows/sum/execute")
            .header("prefer", "wait=20")
            .header("content-type", "application/json")
            .body(r#"{"input":{}}"#);
        let run = bob.send(request).await;
        assert_eq!(run.json()["status"], "succeeded", "{}", run.text());
    }
    app.sweeps().await;
    let told = app.anon().get("/api/v1/marketplace/a_sum").await.json()["health"].clone();
    assert_eq!(
        (&told["status"], &told["calls"]),
        (&json!("healthy"), &json!(10)),
        "{told}"
    );
    let review = super::reviews(&bob, "a_sum", &json!({ "rating": 4 })).await;
    assert_eq!(review.status(), 200, "{}", review.text());
}

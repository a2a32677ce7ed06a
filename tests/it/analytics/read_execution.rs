//! `GET /api/v1/executions/{execution_id}`.

use serde_json::{Value, json};
use testkit::{Answer, Persona, TestApp, ToolBuilder};

async fn recorded(persona: &Persona, answered: &Value) -> Value {
    let id = answered["execution_id"].as_str().expect("an id");
    let response = persona.get(&format!("/api/v1/executions/{id}")).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    response.json()
}

fn phases(record: &Value) -> Vec<String> {
    let phases = record["timeline"].as_array().expect("a timeline");
    phases
        .iter()
        .map(|phase| {
            assert!(phase["us"].is_u64(), "{phase}");
            phase["phase"].as_str().expect("a name").to_owned()
        })
        .collect()
}

#[tokio::test]
async fn tells_input_output_and_where_the_time_went() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({ "celsius": 9 }));
    alice
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    let tool = ToolBuilder::get("/weather")
        .auth(json!({ "method": "bearer", "secret_ref": "${API_KEY}" }))
        .input(json!({ "type": "object", "properties": { "city": { "type": "string" } } }));
    let tool = alice.registers(tool).await;
    let done = alice
        .executes(&tool, json!({ "city": "Oslo" }))
        .await
        .json();
    let record = recorded(&app.viewer(), &done).await;
    assert_eq!(record["id"], done["execution_id"]);
    assert_eq!(record["success"], true);
    assert_eq!(record["input"], json!({ "city": "Oslo" }));
    assert_eq!(record["output"], json!({ "celsius": 9 }));
    assert_eq!(record.get("error"), None);
    assert_eq!(record.get("error_code"), None);
    assert_eq!(
        phases(&record),
        ["validate", "build", "secrets", "send", "receive", "map"]
    );
    assert_eq!(record["timeline"][3]["attempt"], 1);
    assert_eq!(record["timeline"][3]["status"], 200);
    // The phases fill the duration, and the answer told the same time in whole milliseconds.
    let sum: u64 = record["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|p| p["us"].as_u64())
        .sum();
    let duration = record["duration_ms"].as_f64().unwrap();
    assert!(
        u32::try_from(sum).unwrap() as f64 / 1000.0 <= duration,
        "{record}"
    );
    assert!(
        done["execution_time_ms"].as_u64().unwrap() as f64 <= duration,
        "{record}"
    );
}

#[tokio::test]
async fn tells_every_attempt_of_a_call_that_was_repeated() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let busy = || Answer::text("busy").status(503).into();
    app.upstream()
        .on_sequence("*", vec![busy(), busy(), json!({}).into()]);
    let retry = json!({ "max_attempts": 3, "on": ["5xx"], "backoff_ms": 1, "max_backoff_ms": 2 });
    let tool = alice
        .registers(ToolBuilder::get("/x").set("/retry", retry))
        .await;
    let done = alice.executes(&tool, json!({})).await.json();
    let record = recorded(&alice, &done).await;
    assert_eq!(record["success"], true);
    let sends: Vec<_> = record["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|phase| phase["phase"] == "send")
        .map(|phase| (phase["attempt"].clone(), phase["status"].clone()))
        .collect();
    assert_eq!(
        sends,
        [
            (json!(1), json!(503)),
            (json!(2), json!(503)),
            (json!(3), json!(200))
        ]
    );
    assert_eq!(app.upstream().requests().len(), 3);
}

#[tokio::test]
async fn keeps_the_failure_as_it_was_answered() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on("*", Answer::text("no such place").status(404));
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let done = alice
        .executes(&tool, json!({ "a": [1, null] }))
        .await
        .json();
    let record = recorded(&alice, &done).await;
    assert_eq!(record["success"], false);
    assert_eq!(record["error_code"], "upstream_4xx");
    assert_eq!(record["error"], done["error"]);
    assert_eq!(record["input"], json!({ "a": [1, null] }));
    assert_eq!(record.get("output"), None);
}

#[tokio::test]
async fn what_the_tool_redacts_is_answered_and_not_kept() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let card = json!({ "card": "4111-1111", "name": "Ann" });
    app.upstream().on("*", card.clone());
    let redact = json!(["/card", "/absent"]);
    let tool = alice
        .registers(ToolBuilder::get("/x").set("/output/redact", redact))
        .await;
    let done = alice.executes(&tool, json!({})).await.json();
    assert_eq!(done["output"], card);
    let record = recorded(&alice, &done).await;
    assert_eq!(
        record["output"],
        json!({ "card": "[redacted]", "name": "Ann" })
    );
    let rows = app
        .sql("select e::text from orchestration.executions e")
        .rows;
    assert!(!format!("{rows:?}").contains("4111-1111"));
}

#[tokio::test]
async fn warnings_are_answered_and_kept() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({ "price": "dear" }));
    let tool = ToolBuilder::get("/x")
        .set(
            "/output_schema",
            json!({ "type": "object", "required": ["currency"] }),
        )
        .set("/output/validation", "warn");
    let tool = alice.registers(tool).await;
    let done = alice.executes(&tool, json!({})).await.json();
    assert_eq!(done["success"], true);
    assert_eq!(done["warnings"].as_array().unwrap().len(), 1, "{done}");
    let record = recorded(&alice, &done).await;
    assert_eq!(record["warnings"], done["warnings"]);
}

#[tokio::test]
async fn belongs_to_its_workspace() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let done = alice.executes(&tool, json!({})).await.json();
    let path = format!(
        "/api/v1/executions/{}",
        done["execution_id"].as_str().unwrap()
    );
    for (who, status) in [(app.viewer(), 200), (bob, 404), (app.anon(), 401)] {
        assert_eq!(who.get(&path).await.status(), status, "{}", who.name());
    }
    for odd in ["0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11", "no-id", "%00"] {
        let response = alice.get(&format!("/api/v1/executions/{odd}")).await;
        assert_eq!(response.status(), 404, "{odd}: {}", response.text());
    }
}

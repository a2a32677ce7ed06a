//! `Prefer: respond-async`: an execution that is accepted now and made by a worker.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::upstream::Reply;
use testkit::{Persona, Response, TestApp, ToolBuilder};
use tokio::sync::watch;

async fn asks(persona: &Persona, id: &str, input: Value, key: Option<&str>) -> Response {
    let mut request = persona
        .request(Method::POST, &format!("/api/v1/tools/{id}/execute"))
        .header("prefer", "respond-async")
        .json(&json!({ "input": input }));
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    persona.send(request).await
}

/// The record as soon as the execution has ended.
async fn record(persona: &Persona, place: &str) -> Response {
    let looking = async {
        loop {
            let answer = persona.get(place).await;
            if answer.status() != 202 {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(90), looking).await;
    came.expect("an end")
}

#[tokio::test]
async fn is_accepted_now_and_read_later() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let (open, gate) = watch::channel(false);
    app.upstream().on(
        "/slow",
        Reply::Held(gate, Box::new(json!({ "n": 7 }).into())),
    );
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
    alice
        .registers(ToolBuilder::get("/slow").id("slow").input(schema))
        .await;
    let accepted = asks(&alice, "slow", json!({ "n": 1 }), Some("k")).await;
    assert_eq!(accepted.status(), 202, "{}", accepted.text());
    assert_eq!(accepted.header("preference-applied"), Some("respond-async"));
    let id = accepted.json()["execution_id"].clone();
    let place = accepted.header("location").unwrap().to_owned();
    assert_eq!(
        place,
        format!("/api/v1/executions/{}", id.as_str().unwrap())
    );
    let running = alice.get(&place).await;
    assert_eq!(
        (running.status().as_u16(), running.json()["status"].clone()),
        (202, json!("running"))
    );
    assert_eq!(bob.get(&place).await.status(), 404);
    let again = asks(&alice, "slow", json!({ "n": 1 }), Some("k")).await;
    assert_eq!(
        (again.status().as_u16(), &again.json()["execution_id"]),
        (202, &id)
    );
    let other = asks(&alice, "slow", json!({ "n": 2 }), Some("k")).await;
    assert_eq!(
        (other.status().as_u16(), other.code().as_str()),
        (409, "idempotency_key_reused")
    );
    open.send_replace(true);
    let made = record(&alice, &place).await;
    assert_eq!(made.status(), 200, "{}", made.text());
    let made = made.json();
    assert_eq!(
        (&made["id"], &made["success"], &made["output"]),
        (&id, &json!(true), &json!({ "n": 7 })),
        "{made:#}"
    );
    assert_eq!(
        (&made["tool_id"], &made["door"]),
        (&json!("slow"), &json!("rest"))
    );
    assert_eq!(app.upstream().requests().len(), 1);
}

#[tokio::test]
async fn what_was_made_before_with_the_key_is_its_outcome() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/n", json!({ "n": 7 }));
    alice.registers(ToolBuilder::post("/n").id("made")).await;
    let request = alice
        .request(Method::POST, "/api/v1/tools/made/execute")
        .header("idempotency-key", "k")
        .json(&json!({ "input": {} }));
    let first = alice.send(request).await;
    assert_eq!(first.status(), 200, "{}", first.text());
    let accepted = asks(&alice, "made", json!({}), Some("k")).await;
    assert_eq!(accepted.status(), 202, "{}", accepted.text());
    let told = record(&alice, accepted.header("location").unwrap()).await;
    assert_eq!(told.status(), 200, "{}", told.text());
    assert_eq!(told.json()["id"], accepted.json()["execution_id"]);
    assert_eq!(told.json()["output"], json!({ "n": 7 }), "{}", told.text());
    assert_eq!(app.upstream().requests().len(), 1);
}

#[tokio::test]
async fn refuses_at_once_what_can_never_be_made() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
    alice
        .registers(ToolBuilder::get("/n").id("slow").input(schema))
        .await;
    let bad = asks(&alice, "slow", json!({ "n": "x" }), None).await;
    assert_eq!(
        (bad.status().as_u16(), bad.code().as_str()),
        (400, "invalid_input"),
        "{}",
        bad.text()
    );
    let part = json!({ "type": "object", "properties": { "part": { "type": "string" } } });
    let placed = ToolBuilder::get("/n/{part}").id("placed");
    alice.registers(placed.input(part)).await;
    let nowhere = asks(&alice, "placed", json!({ "part": ".." }), None).await;
    assert_eq!(
        (nowhere.status().as_u16(), nowhere.code().as_str()),
        (400, "invalid_input"),
        "{}",
        nowhere.text()
    );
    let off = ToolBuilder::get("/n").id("off").set("/enabled", false);
    alice.registers(off).await;
    let off = asks(&alice, "off", json!({}), None).await;
    assert_eq!(
        (off.status().as_u16(), off.code().as_str()),
        (409, "tool_disabled")
    );
    let unknown = asks(&alice, "none", json!({}), None).await;
    assert_eq!(
        (unknown.status().as_u16(), unknown.code().as_str()),
        (404, "tool_not_found")
    );
    assert_eq!(
        asks(&app.viewer(), "slow", json!({}), None).await.status(),
        403
    );
    assert_eq!(
        app.sql("select count(*) from orchestration.runs").single(),
        Some("0")
    );
}

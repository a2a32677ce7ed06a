//! `POST …/steps/{step_id}/signal`, and steps that wait.

use serde_json::{Value, json};
use testkit::{Persona, Response, TestApp};

use super::acts::{ended, flow, started, state, time_passes, until};

async fn tells(persona: &Persona, path: &str, step: &str, body: Value) -> Response {
    persona
        .post(&format!("{path}/steps/{step}/signal"), &body)
        .await
}

async fn waiting(persona: &Persona, path: &str) {
    until(persona, path, |run| {
        run["steps"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| step["awaits_signal"] == true)
    })
    .await;
}

#[tokio::test]
async fn its_payload_becomes_the_output() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let schema = json!({ "type": "object", "properties": { "paid": { "type": "boolean" } }, "required": ["paid"] });
    flow(
        &alice,
        json!([
            { "id": "pay", "wait": { "signal": "the payment", "schema": schema } },
            { "id": "last", "transform": "{{ steps.pay.output.paid }}" },
        ]),
    )
    .await;
    let path = started(&alice, "f", json!({})).await;
    waiting(&alice, &path).await;
    let paid = json!({ "payload": { "paid": true } });
    assert_eq!(
        tells(&app.viewer(), &path, "pay", paid.clone())
            .await
            .status(),
        403
    );
    assert_eq!(tells(&bob, &path, "pay", paid.clone()).await.status(), 404);
    let bad = tells(
        &alice,
        &path,
        "pay",
        json!({ "payload": { "paid": "yes please" } }),
    )
    .await;
    assert_eq!(
        (bad.status().as_u16(), bad.code().as_str()),
        (400, "invalid_input")
    );
    assert_eq!(bad.json()["errors"][0]["pointer"], "/payload/paid");
    assert_eq!(
        tells(&alice, &path, "pay", json!({ "approved": true }))
            .await
            .status(),
        400
    );
    let missing = tells(&alice, &path, "none", paid.clone()).await;
    assert_eq!(
        (missing.status().as_u16(), missing.code().as_str()),
        (404, "step_not_found")
    );
    let wrong = tells(&alice, &path, "last", paid.clone()).await;
    assert_eq!(
        (wrong.status().as_u16(), wrong.code().as_str()),
        (409, "step_not_waiting")
    );
    assert_eq!(
        tells(&alice, &path, "pay", paid.clone()).await.status(),
        200
    );
    let run = ended(&alice, &path).await;
    assert_eq!(run["output"], json!({ "last": true }), "{run:#}");
    let again = tells(&alice, &path, "pay", paid).await;
    assert_eq!(
        (again.status().as_u16(), again.json()["repeated"].clone()),
        (200, json!(true))
    );
    let other = tells(
        &alice,
        &path,
        "pay",
        json!({ "payload": { "paid": false } }),
    )
    .await;
    assert_eq!(
        (other.status().as_u16(), other.code().as_str()),
        (409, "step_answered")
    );
}

#[tokio::test]
async fn it_may_come_before_the_step_waits() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    flow(
        &alice,
        json!([
            { "id": "first", "wait": { "signal": "one" } },
            { "id": "second", "wait": { "signal": "two" }, "depends_on": ["first"] },
        ]),
    )
    .await;
    let path = started(&alice, "f", json!({})).await;
    waiting(&alice, &path).await;
    assert_eq!(
        tells(&alice, &path, "second", json!({ "payload": 2 }))
            .await
            .status(),
        200
    );
    let run = until(&alice, &path, |_| true).await;
    assert_eq!(state(&run, "second"), "waiting");
    assert_eq!(
        tells(&alice, &path, "first", json!({ "payload": 1 }))
            .await
            .status(),
        200
    );
    let run = ended(&alice, &path).await;
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("succeeded"), &json!({ "second": 2 })),
        "{run:#}"
    );
}

#[tokio::test]
async fn an_approval_is_yes_or_no() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    flow(
        &alice,
        json!([
            { "id": "ask", "wait": { "approval": "May it be sent?" } },
            { "id": "last", "transform": "{{ steps.ask.output.approved }}" },
        ]),
    )
    .await;
    let path = started(&alice, "f", json!({})).await;
    waiting(&alice, &path).await;
    assert_eq!(
        tells(&alice, &path, "ask", json!({ "payload": 1 }))
            .await
            .status(),
        400
    );
    assert_eq!(
        tells(
            &alice,
            &path,
            "ask",
            json!({ "approved": true, "payload": "fine" })
        )
        .await
        .status(),
        200
    );
    assert_eq!(
        ended(&alice, &path).await["output"],
        json!({ "last": true })
    );
    let path = started(&alice, "f", json!({})).await;
    waiting(&alice, &path).await;
    assert_eq!(
        tells(&alice, &path, "ask", json!({ "approved": false }))
            .await
            .status(),
        200
    );
    let run = ended(&alice, &path).await;
    assert_eq!(
        (&run["status"], state(&run, "ask"), state(&run, "last")),
        (&json!("failed"), "failed", "cancelled")
    );
    assert_eq!(run["error"]["error"]["code"], "not_approved");
}

#[tokio::test]
async fn nobody_waits_longer_than_the_step_says() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    flow(&alice, json!([
        { "id": "ask", "wait": { "signal": "anything" }, "timeout_ms": 3_600_000, "on_error": "continue" },
        { "id": "last", "transform": "{{ steps.ask.error.code }}" },
    ])).await;
    let path = started(&alice, "f", json!({})).await;
    waiting(&alice, &path).await;
    app.sweeps().await;
    assert_eq!(
        state(&until(&alice, &path, |_| true).await, "ask"),
        "running"
    );
    time_passes(&app).await;
    let run = ended(&alice, &path).await;
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("succeeded"), &json!({ "last": "signal_timeout" })),
        "{run:#}"
    );
    let late = tells(&alice, &path, "ask", json!({})).await;
    assert_eq!(
        (late.status().as_u16(), late.code().as_str()),
        (409, "step_not_waiting")
    );
}

#[tokio::test]
async fn a_sleeping_step_wakes_when_its_time_has_come() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    flow(
        &alice,
        json!([
            { "id": "nap", "wait": { "duration_ms": "{{ input.hours * 3600000 }}" } },
            { "id": "last", "transform": "{{ steps.nap.output.waited_ms }}" },
        ]),
    )
    .await;
    let path = started(&alice, "f", json!({ "hours": 5 })).await;
    let sleeps = |run: &Value| {
        run["steps"][0]["status"] == "running" && run["steps"][0]["output"].is_object()
    };
    until(&alice, &path, sleeps).await;
    let due = app.sql("select not_before > now() + interval '4 hours' from orchestration.run_steps where step_id = 'nap'");
    assert_eq!(due.single(), Some("t"));
    let early = tells(&alice, &path, "nap", json!({})).await;
    assert_eq!(
        (early.status().as_u16(), early.code().as_str()),
        (409, "step_not_waiting")
    );
    app.sweeps().await;
    assert_eq!(
        state(&until(&alice, &path, |_| true).await, "nap"),
        "running"
    );
    time_passes(&app).await;
    let run = ended(&alice, &path).await;
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("succeeded"), &json!({ "last": 18_000_000 })),
        "{run:#}"
    );
}

//! `POST …/runs/{run_id}/cancel`.

use serde_json::json;
use testkit::TestApp;
use testkit::upstream::Reply;
use tokio::sync::watch;

use super::acts::{comes, ended, flow, paths, plain, ran, started, state, until};
use super::saved;

#[tokio::test]
async fn nothing_starts_after_its_answer_and_what_was_done_is_undone() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let (open, gate) = watch::channel(false);
    app.upstream().on("*", json!({})).on(
        "/slow",
        Reply::Held(gate, Box::new(json!({ "n": 1 }).into())),
    );
    for id in ["fast", "slow", "unfast", "never", "unslow"] {
        alice.registers(plain("POST", &format!("/{id}"), id)).await;
    }
    flow(&alice, json!([
        { "id": "a", "tool": "fast", "compensate": { "tool": "unfast", "input": {} } },
        { "id": "b", "tool": "slow", "depends_on": ["a"], "compensate": { "tool": "unslow", "input": { "n": "{{ steps.b.output.n }}" } } },
        { "id": "c", "tool": "never", "depends_on": ["b"] },
    ])).await;
    let path = started(&alice, "f", json!({})).await;
    comes("the slow call", || {
        paths(&app).contains(&"/slow".to_owned())
    })
    .await;
    let cancel = format!("{path}/cancel");
    assert_eq!(app.viewer().post(&cancel, &json!({})).await.status(), 403);
    assert_eq!(bob.post(&cancel, &json!({})).await.status(), 404);
    let cancelled = alice.post(&cancel, &json!({})).await;
    assert_eq!(
        (
            cancelled.status().as_u16(),
            cancelled.json()["status"].clone()
        ),
        (200, json!("cancelling")),
        "{}",
        cancelled.text()
    );
    open.send_replace(true);
    let run = ended(&alice, &path).await;
    assert_eq!(run["status"], "cancelled", "{run:#}");
    assert_eq!(paths(&app), ["/fast", "/slow", "/unslow", "/unfast"]);
    assert_eq!(
        ["a", "b", "c"].map(|id| state(&run, id)),
        ["compensated", "compensated", "cancelled"]
    );
    // One that has ended stays as it is.
    let again = alice.post(&cancel, &json!({})).await;
    assert_eq!(
        (again.status().as_u16(), again.json()["status"].clone()),
        (200, json!("cancelled"))
    );
}

#[tokio::test]
async fn it_reaches_the_runs_below() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let inner = json!({ "id": "inner", "name": "inner", "steps": [
        { "id": "go", "wait": { "signal": "go on" } },
        { "id": "one", "transform": 1, "depends_on": ["go"] },
    ] });
    saved(&alice, &inner).await;
    flow(&alice, json!([{ "id": "sub", "flow": "inner" }])).await;
    let path = started(&alice, "f", json!({})).await;
    let run = until(&alice, &path, |run| run["steps"][0]["run_id"].is_string()).await;
    let below = format!(
        "/api/v1/flows/inner/runs/{}",
        run["steps"][0]["run_id"].as_str().unwrap()
    );
    until(&alice, &below, |run| {
        run["steps"][0]["awaits_signal"] == true
    })
    .await;
    assert_eq!(
        alice
            .post(&format!("{path}/cancel"), &json!({}))
            .await
            .status(),
        200
    );
    assert_eq!(ended(&alice, &below).await["status"], "cancelled");
    app.sweeps().await;
    let run = ended(&alice, &path).await;
    assert_eq!(
        (&run["status"], state(&run, "sub")),
        (&json!("cancelled"), "cancelled"),
        "{run:#}"
    );
}

#[tokio::test]
async fn a_run_that_was_cancelled_can_go_on() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    flow(
        &alice,
        json!([
            { "id": "first", "transform": 1 },
            { "id": "go", "wait": { "signal": "go on" }, "depends_on": ["first"] },
            { "id": "last", "transform": "{{ steps.go.output }}" },
        ]),
    )
    .await;
    let path = started(&alice, "f", json!({})).await;
    until(&alice, &path, |run| {
        run["steps"][1]["awaits_signal"] == true
    })
    .await;
    assert_eq!(
        alice
            .post(&format!("{path}/cancel"), &json!({}))
            .await
            .json()["status"],
        "cancelled"
    );
    assert_eq!(
        alice
            .post(&format!("{path}/resume"), &json!({}))
            .await
            .status(),
        200
    );
    until(&alice, &path, |run| {
        run["steps"][1]["awaits_signal"] == true
    })
    .await;
    assert_eq!(
        alice
            .post(&format!("{path}/steps/go/signal"), &json!({ "payload": 5 }))
            .await
            .status(),
        200
    );
    let run = ended(&alice, &path).await;
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("succeeded"), &json!({ "last": 5 })),
        "{run:#}"
    );
    let other = json!({ "id": "g", "name": "g", "steps": [{ "id": "one", "transform": 2 }] });
    saved(&alice, &other).await;
    assert_eq!(
        ran(&alice, "g", json!({})).await["output"],
        json!({ "one": 2 })
    );
}

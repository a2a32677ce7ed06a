//! `POST …/runs/{run_id}/resume`.

use serde_json::json;
use testkit::upstream::Reply;
use testkit::{Answer, TestApp};

use super::acts::{ended, flow, paths, plain, started, state, step};

#[tokio::test]
async fn only_what_is_left_runs_again() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on("/a", json!({ "a": 1 }))
        .on("/b", Answer::text("no").status(400));
    for id in ["a", "b"] {
        alice.registers(plain("POST", &format!("/{id}"), id)).await;
    }
    flow(
        &alice,
        json!([
            { "id": "one", "tool": "a" },
            { "id": "two", "tool": "b", "depends_on": ["one"] },
            { "id": "three", "transform": "{{ steps.one.output.a }}", "depends_on": ["two"] },
        ]),
    )
    .await;
    let path = started(&alice, "f", json!({})).await;
    let run = ended(&alice, &path).await;
    assert_eq!(
        ["one", "two", "three"].map(|id| state(&run, id)),
        ["succeeded", "failed", "cancelled"]
    );
    app.upstream().on("/b", json!({ "b": 1 }));
    let resume = format!("{path}/resume");
    assert_eq!(app.viewer().post(&resume, &json!({})).await.status(), 403);
    assert_eq!(bob.post(&resume, &json!({})).await.status(), 404);
    let resumed = alice.post(&resume, &json!({})).await;
    assert_eq!(resumed.status(), 200, "{}", resumed.text());
    let run = ended(&alice, &path).await;
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("succeeded"), &json!({ "three": 1 })),
        "{run:#}"
    );
    assert_eq!(paths(&app), ["/a", "/b", "/b"]);
    assert!(run["error"].is_null());
    let again = alice.post(&resume, &json!({})).await;
    assert_eq!(
        (again.status().as_u16(), again.code().as_str()),
        (409, "run_not_stopped")
    );
}

#[tokio::test]
async fn a_call_of_unknown_outcome_is_made_again_only_when_it_is_named() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/mail", Reply::Reset(Vec::new()));
    alice.registers(plain("POST", "/mail", "mail")).await;
    flow(&alice, json!([
        { "id": "send", "tool": "mail", "retry": { "max_attempts": 3, "backoff_ms": 1 }, "on_error": "continue" },
        { "id": "after", "transform": 1, "depends_on": ["send"] },
    ])).await;
    let path = started(&alice, "f", json!({})).await;
    let run = ended(&alice, &path).await;
    assert_eq!(
        (&run["status"], state(&run, "send"), state(&run, "after")),
        (&json!("failed"), "unknown", "cancelled"),
        "{run:#}"
    );
    assert_eq!(step(&run, "send")["error"]["code"], "unknown_outcome");
    assert_eq!(paths(&app).len(), 1);
    app.upstream().on("/mail", json!({ "sent": true }));
    let resume = format!("{path}/resume");
    for unnamed in [json!({}), json!({ "confirm": ["after"] })] {
        let refused = alice.post(&resume, &unnamed).await;
        assert_eq!(
            (refused.status().as_u16(), refused.code().as_str()),
            (409, "steps_unconfirmed")
        );
        assert!(
            refused.json()["detail"].as_str().unwrap().contains("send"),
            "{}",
            refused.text()
        );
    }
    assert_eq!(paths(&app).len(), 1);
    let resumed = alice.post(&resume, &json!({ "confirm": ["send"] })).await;
    assert_eq!(resumed.status(), 200, "{}", resumed.text());
    let run = ended(&alice, &path).await;
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("succeeded"), &json!({ "after": 1 })),
        "{run:#}"
    );
    assert_eq!(paths(&app).len(), 2);
}

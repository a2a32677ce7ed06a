//! Steps that fail: tried again, borne, or the end of the run.

use serde_json::{Value, json};
use testkit::upstream::Reply;
use testkit::{Answer, TestApp};

use super::acts::{ended, flow, paths, plain, ran, started, state, step, time_passes, until};

fn down() -> Reply {
    Answer::text("down").status(503).into()
}

#[tokio::test]
async fn a_failing_upstream_is_asked_again_as_often_as_allowed() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on_sequence("/flaky", vec![down(), down(), json!({ "up": true }).into()]);
    alice.registers(plain("GET", "/flaky", "call")).await;
    let retry = |most: u32| json!([{ "id": "one", "tool": "call", "retry": { "max_attempts": most, "backoff_ms": 1 } }]);
    flow(&alice, retry(3)).await;
    let run = ran(&alice, "f", json!({})).await;
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("succeeded"), &json!({ "one": { "up": true } })),
        "{run:#}"
    );
    let one = step(&run, "one");
    let outcomes: Vec<&Value> = one["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["outcome"])
        .collect();
    assert_eq!(outcomes, ["retried", "retried", "succeeded"]);
    assert_eq!(one["attempts"][0]["error"]["code"], "upstream_5xx");
    assert!(one["error"].is_null() && one["attempt"] == 3, "{one:#}");

    app.upstream().on("/flaky", down());
    let document = json!({ "id": "f", "name": "f", "steps": retry(2) });
    assert_eq!(alice.put("/api/v1/flows/f", &document).await.status(), 200);
    let run = ran(&alice, "f", json!({})).await;
    assert_eq!(
        (&run["status"], &run["error"]["step_id"]),
        (&json!("failed"), &json!("one"))
    );
    assert_eq!(run["error"]["error"]["code"], "upstream_5xx");
    assert_eq!(paths(&app).len(), 5);
}

#[tokio::test]
async fn what_no_repetition_mends_fails_at_once() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/gone", Answer::text("gone").status(404));
    alice.registers(plain("GET", "/gone", "call")).await;
    flow(
        &alice,
        json!([
            { "id": "one", "tool": "call", "retry": { "max_attempts": 5, "backoff_ms": 1 } },
            { "id": "two", "transform": "{{ steps.one.output }}" },
        ]),
    )
    .await;
    let run = ran(&alice, "f", json!({})).await;
    assert_eq!(
        (state(&run, "one"), state(&run, "two")),
        ("failed", "cancelled"),
        "{run:#}"
    );
    assert_eq!(paths(&app).len(), 1);
}

#[tokio::test]
async fn an_upstream_is_not_asked_before_it_wants() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let later = Answer::text("later")
        .status(429)
        .header("Retry-After", "200");
    app.upstream()
        .on_sequence("/busy", vec![later.into(), json!({}).into()]);
    alice.registers(plain("GET", "/busy", "call")).await;
    flow(
        &alice,
        json!([{ "id": "one", "tool": "call", "retry": { "max_attempts": 2, "backoff_ms": 1 } }]),
    )
    .await;
    let path = started(&alice, "f", json!({})).await;
    let run = until(&alice, &path, |run| {
        run["steps"][0]["attempts"][0]["outcome"] == "retried"
    })
    .await;
    assert_eq!(state(&run, "one"), "ready");
    let paused =
        app.sql("select not_before - now() > interval '100 seconds' from orchestration.run_steps");
    assert_eq!(paused.single(), Some("t"));
    app.sweeps().await;
    assert_eq!(paths(&app).len(), 1);
    time_passes(&app).await;
    assert_eq!(ended(&alice, &path).await["status"], "succeeded");
    assert_eq!(paths(&app).len(), 2);
}

#[tokio::test]
async fn a_failure_that_is_borne_is_readable_by_later_steps() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/gone", Answer::text("gone").status(404));
    alice.registers(plain("GET", "/gone", "call")).await;
    flow(&alice, json!([
        { "id": "a", "tool": "call", "on_error": "continue" },
        { "id": "b", "tool": "call", "on_error": { "output": { "n": 7 } } },
        { "id": "c", "transform": ["{{ steps.a.output }}", "{{ steps.a.status }}", "{{ steps.a.error.code }}", "{{ steps.b.output.n }}"] },
    ])).await;
    let run = ran(&alice, "f", json!({})).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    assert_eq!(
        run["output"]["c"],
        json!([null, "failed", "upstream_4xx", 7])
    );
    assert!(run["error"].is_null());
}

#[tokio::test]
async fn an_expression_that_comes_to_nothing_says_where() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    flow(
        &alice,
        json!([{ "id": "one", "transform": "{{ input.missing.deeper }}" }]),
    )
    .await;
    let run = ran(&alice, "f", json!({})).await;
    assert_eq!(
        (&run["status"], state(&run, "one")),
        (&json!("failed"), "failed")
    );
    let error = &run["error"]["error"];
    assert_eq!(error["code"], "expression_failed");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("input.missing.deeper"),
        "{error}"
    );
}

#[tokio::test]
async fn what_was_done_is_undone_last_things_first() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on("*", json!({ "id": 7 }))
        .on("/broken", Answer::text("no").status(400));
    for id in ["book", "pay", "unbook", "unpay", "broken"] {
        alice.registers(plain("POST", &format!("/{id}"), id)).await;
    }
    flow(&alice, json!([
        { "id": "a", "tool": "book", "compensate": { "tool": "unbook", "input": { "id": "{{ steps.a.output.id }}" } } },
        { "id": "b", "tool": "pay", "depends_on": ["a"], "compensate": { "tool": "unpay", "input": {} } },
        { "id": "c", "tool": "broken", "depends_on": ["b"], "compensate": { "tool": "unpay", "input": {} } },
    ])).await;
    let path = started(&alice, "f", json!({})).await;
    let run = ended(&alice, &path).await;
    assert_eq!(run["status"], "failed", "{run:#}");
    assert_eq!(
        paths(&app),
        ["/book", "/pay", "/broken", "/unpay", "/unbook"]
    );
    assert_eq!(
        ["a", "b", "c"].map(|id| state(&run, id)),
        ["compensated", "compensated", "failed"]
    );
    assert_eq!(app.upstream().last_request().json(), json!({ "id": 7 }));
    let resumed = alice.post(&format!("{path}/resume"), &json!({})).await;
    assert_eq!(
        (resumed.status().as_u16(), resumed.code().as_str()),
        (409, "run_compensated")
    );
}

/// A member's run goes on after the member left, in the process that began it or in a new one.
async fn goes_on_without_its_member(in_a_new_process: bool) {
    let (mut app, mut alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/n", json!({}));
    alice.registers(plain("GET", "/n", "call")).await;
    flow(
        &alice,
        json!([
            { "id": "go", "wait": { "signal": "go on" } },
            { "id": "one", "tool": "call", "depends_on": ["go"] },
        ]),
    )
    .await;
    let path = started(&app.member(), "f", json!({})).await;
    until(&alice, &path, |run| {
        run["steps"][0]["awaits_signal"] == true
    })
    .await;
    app.sql(&format!(
        "delete from identity.memberships where user_id = '{}'",
        app.member().user_id()
    ));
    if in_a_new_process {
        app = app.restarted().await;
        alice = app.alice();
    }
    assert_eq!(
        alice
            .post(&format!("{path}/steps/go/signal"), &json!({}))
            .await
            .status(),
        200
    );
    let run = ended(&alice, &path).await;
    assert_eq!(run["status"], "failed", "{run:#}");
    assert_eq!(run["error"]["error"]["code"], "not_permitted");
    assert_eq!(paths(&app), [""; 0]);
}

#[tokio::test]
async fn whoever_lost_the_workspace_runs_nothing_any_more() {
    goes_on_without_its_member(false).await;
}

#[tokio::test]
async fn whoever_lost_the_workspace_runs_nothing_in_a_new_process_either() {
    goes_on_without_its_member(true).await;
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_stopped() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    flow(
        &alice,
        json!([
            { "id": "go", "wait": { "signal": "go on" } },
            { "id": "one", "transform": 1, "depends_on": ["go"] },
        ]),
    )
    .await;
    let path = started(&alice, "f", json!({})).await;
    until(&alice, &path, |run| {
        run["steps"][0]["awaits_signal"] == true
    })
    .await;
    app.sql("update orchestration.runs set deadline_at = now() - interval '1 second'");
    app.sweeps().await;
    let run = ended(&alice, &path).await;
    assert_eq!(
        (&run["status"], &run["error"]["error"]["code"]),
        (&json!("cancelled"), &json!("run_timeout")),
        "{run:#}"
    );
    assert_eq!(
        ["go", "one"].map(|id| state(&run, id)),
        ["cancelled", "cancelled"]
    );
}

#[tokio::test]
async fn a_call_over_the_tools_own_limit_is_made_when_there_is_room_and_costs_no_attempt() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/quote", json!({ "price": 5 }));
    let tool = plain("GET", "/quote", "call").set("/limits", json!({ "rate_per_minute": 1 }));
    let tool = alice.registers(tool).await;
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
    flow(
        &alice,
        json!([{ "id": "one", "tool": "call", "retry": { "max_attempts": 1 } }]),
    )
    .await;
    let path = started(&alice, "f", json!({})).await;
    let waiting = until(&alice, &path, |run| {
        step(run, "one")["attempts"][0]["error"]["code"] == "quota_exceeded"
    })
    .await;
    assert_eq!(waiting["status"], "running", "{waiting:#}");
    assert_eq!(paths(&app).len(), 1);
    app.sql("update orchestration.limits set refilled_at = refilled_at - interval '60 seconds'");
    time_passes(&app).await;
    let run = ended(&alice, &path).await;
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("succeeded"), &json!({ "one": { "price": 5 } })),
        "{run:#}"
    );
    assert_eq!(paths(&app).len(), 2);
}

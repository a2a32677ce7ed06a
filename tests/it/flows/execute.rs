//! `POST /api/v1/flows/{flow_id}/execute`.

use serde_json::{Value, json};
use testkit::TestApp;
use testkit::upstream::Reply;
use tokio::sync::watch;

use super::acts::{
    comes, ended, flow, paths, plain, ran, started, starts_with, state, step, until,
};
use super::{of_steps, saved};

fn doubling() -> Value {
    json!({
        "id": "f", "name": "f",
        "input_schema": { "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"] },
        "steps": [{ "id": "twice", "transform": "{{ input.n * 2 }}" }],
        "output": { "n": "{{ steps.twice.output }}" },
    })
}

#[tokio::test]
async fn is_accepted_and_shown_to_its_end() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    saved(&alice, &doubling()).await;
    let accepted = alice
        .post("/api/v1/flows/f/execute", &json!({ "input": { "n": 4 } }))
        .await;
    assert_eq!(accepted.status(), 202, "{}", accepted.text());
    let told = accepted.json();
    assert_eq!(told["flow_version"], 1);
    let path = format!("/api/v1/flows/f/runs/{}", told["run_id"].as_str().unwrap());
    assert_eq!(accepted.header("location"), Some(path.as_str()));
    let run = ended(&app.viewer(), &path).await;
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("succeeded"), &json!({ "n": 8 }))
    );
    assert_eq!(
        (&run["input"], &run["door"]),
        (&json!({ "n": 4 }), &json!("rest"))
    );
    assert_eq!(run["started_by"], alice.user_id().to_string());
    let twice = step(&run, "twice");
    assert_eq!(
        (&twice["status"], &twice["output"]),
        (&json!("succeeded"), &json!(8))
    );
    assert_eq!(
        (&twice["attempt"], &twice["attempts"][0]["outcome"]),
        (&json!(1), &json!("succeeded"))
    );
    let listed = alice
        .get("/api/v1/flows/f/runs?status=succeeded")
        .await
        .json();
    assert_eq!(listed["runs"][0]["run_id"], told["run_id"]);
    assert_eq!(
        alice.get("/api/v1/flows/f/runs?status=failed").await.json(),
        json!({ "runs": [] })
    );
    let foreign = bob.get(&path).await;
    assert_eq!(
        (foreign.status().as_u16(), foreign.code().as_str()),
        (404, "run_not_found")
    );
}

#[tokio::test]
async fn waits_for_the_end_as_long_as_it_is_asked_to() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    saved(&alice, &doubling()).await;
    let run = starts_with(&alice, "f", &json!({ "n": 3 }), ("prefer", "wait=20")).await;
    assert_eq!(run.status(), 200, "{}", run.text());
    assert_eq!(run.header("preference-applied"), Some("wait"));
    assert_eq!(run.json()["output"], json!({ "n": 6 }));
    assert!(
        run.header("location")
            .unwrap()
            .ends_with(run.json()["run_id"].as_str().unwrap())
    );
    // One that does not end in time is accepted all the same.
    app.stops_working();
    let held = starts_with(&alice, "f", &json!({ "n": 3 }), ("prefer", "wait=0")).await;
    assert_eq!(
        (held.status().as_u16(), held.json()["status"].clone()),
        (202, json!("running"))
    );
}

#[tokio::test]
async fn a_wait_that_is_no_number_is_refused_before_anything_starts() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    saved(&alice, &doubling()).await;
    for bad in ["wait=soon", "wait=-1", "wait", "handling=lenient, wait=1.5"] {
        let refused = starts_with(&alice, "f", &json!({ "n": 3 }), ("prefer", bad)).await;
        assert_eq!(
            (refused.status().as_u16(), refused.code().as_str()),
            (400, "invalid_request"),
            "{bad}: {}",
            refused.text()
        );
        assert_eq!(refused.json()["errors"][0]["code"], "invalid_header");
    }
    assert_eq!(
        app.sql("select count(*) from orchestration.runs").single(),
        Some("0")
    );
}

#[tokio::test]
async fn is_started_once_with_one_key() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    saved(&alice, &doubling()).await;
    let key = ("idempotency-key", "k");
    let first = starts_with(&alice, "f", &json!({ "n": 1 }), key).await;
    let again = starts_with(&alice, "f", &json!({ "n": 1 }), key).await;
    assert_eq!(
        (first.status().as_u16(), again.status().as_u16()),
        (202, 202)
    );
    assert_eq!(again.json()["run_id"], first.json()["run_id"]);
    assert_eq!(again.json()["existing"], true);
    let other = starts_with(&alice, "f", &json!({ "n": 2 }), key).await;
    assert_eq!(
        (other.status().as_u16(), other.code().as_str()),
        (409, "idempotency_key_reused")
    );
    assert_eq!(
        app.sql("select count(*) from orchestration.runs").single(),
        Some("1")
    );
}

#[tokio::test]
async fn is_the_same_run_whatever_became_of_the_flow() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/call", json!({}));
    alice.registers(plain("GET", "/call", "call")).await;
    let mut document = doubling();
    document["input_schema"]["properties"]["by"] =
        json!({ "type": "integer", "x-hidden": true, "default": 2 });
    document["steps"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "id": "call", "tool": "call" }));
    saved(&alice, &document).await;
    let key = ("idempotency-key", "k");
    let input = json!({ "n": 1 });
    let first = starts_with(&alice, "f", &input, key).await.json();
    let again = async || {
        let again = starts_with(&alice, "f", &input, key).await;
        assert_eq!(again.status(), 202, "{}", again.text());
        let again = again.json();
        assert_eq!(
            (&again["run_id"], &again["flow_version"], &again["existing"]),
            (&first["run_id"], &json!(1), &json!(true))
        );
        let called = alice.request(reqwest::Method::POST, "/api/v1/tools/f/execute");
        let called = called.header("idempotency-key", "k");
        let called = alice.send(called.json(&json!({ "input": input }))).await;
        assert_eq!(called.json()["execution_id"], first["run_id"]);
        let later = alice.request(reqwest::Method::POST, "/api/v1/tools/f/execute");
        let later = later
            .header("idempotency-key", "k")
            .header("prefer", "respond-async");
        let later = alice.send(later.json(&json!({ "input": input }))).await;
        assert_eq!(
            later.json()["execution_id"],
            first["run_id"],
            "{}",
            later.text()
        );
        assert!(later.header("location").unwrap().contains("/flows/f/runs/"));
    };
    again().await;
    // Other defaults, and an input that would not fit any more.
    document["input_schema"]["properties"]["by"]["default"] = json!(3);
    document["input_schema"]["required"] = json!(["n", "more"]);
    assert_eq!(alice.put("/api/v1/flows/f", &document).await.status(), 200);
    again().await;
    assert_eq!(alice.delete("/api/v1/tools/saved/call").await.status(), 204);
    again().await;
    assert_eq!(alice.delete("/api/v1/flows/f").await.status(), 204);
    again().await;
    let other = starts_with(&alice, "f", &json!({ "n": 2 }), key).await;
    assert_eq!(
        (other.status().as_u16(), other.code().as_str()),
        (409, "idempotency_key_reused")
    );
    let without = alice
        .post("/api/v1/flows/f/execute", &json!({ "input": input }))
        .await;
    assert_eq!(without.status(), 404);
    assert_eq!(
        app.sql("select count(*) from orchestration.runs").single(),
        Some("1")
    );
}

#[tokio::test]
async fn a_start_whose_statement_was_made_twice_is_a_new_one() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    saved(&alice, &doubling()).await;
    app.upstream().on("/call", json!({ "n": 7 }));
    alice.registers(plain("GET", "/call", "call")).await;
    // As the second statement is answered, when the first one's answer was lost.
    app.sql(
        "do $$ begin
           execute replace(pg_get_functiondef('orchestration.start_run'::regproc), $q$outcome := 'started'$q$,
                           $q$outcome := 'existing'$q$);
         end $$",
    );
    let accepted = starts_with(&alice, "f", &json!({ "n": 4 }), ("idempotency-key", "k")).await;
    assert_eq!(accepted.status(), 202, "{}", accepted.text());
    let told = accepted.json();
    assert_eq!(
        (&told["existing"], &told["flow_version"]),
        (&Value::Null, &json!(1))
    );
    // Nobody sweeps here: its first steps were sent.
    let path = accepted.header("location").unwrap();
    assert_eq!(ended(&alice, path).await["output"], json!({ "n": 8 }));
    let later = alice.request(reqwest::Method::POST, "/api/v1/tools/call/execute");
    let later = later.header("prefer", "respond-async");
    let later = alice.send(later.json(&json!({ "input": {} }))).await;
    let run = later.json()["execution_id"].as_str().unwrap().to_owned();
    let sql = format!(
        "select count(*) from orchestration.runs where id = '{run}' and status = 'succeeded'"
    );
    comes("the execution", || app.sql(&sql).single() == Some("1")).await;
}

#[tokio::test]
async fn refuses_what_cannot_run() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    saved(&alice, &doubling()).await;
    let path = "/api/v1/flows/f/execute";
    let bad = alice.post(path, &json!({ "input": { "n": "four" } })).await;
    assert_eq!(
        (bad.status().as_u16(), bad.code().as_str()),
        (400, "invalid_input")
    );
    assert_eq!(bad.json()["errors"][0]["pointer"], "/input/n");
    let good = json!({ "input": { "n": 1 } });
    let viewer = app.viewer().post(path, &good).await;
    assert_eq!(
        (viewer.status().as_u16(), viewer.code().as_str()),
        (403, "role_required")
    );
    let foreign = bob.post(path, &good).await;
    assert_eq!(
        (foreign.status().as_u16(), foreign.code().as_str()),
        (404, "flow_not_found")
    );
    let mut off = doubling();
    off["enabled"] = json!(false);
    assert_eq!(alice.put("/api/v1/flows/f", &off).await.status(), 200);
    let disabled = alice.post(path, &good).await;
    assert_eq!(
        (disabled.status().as_u16(), disabled.code().as_str()),
        (409, "flow_not_runnable")
    );
    assert_eq!(
        app.sql("select count(*) from orchestration.runs").single(),
        Some("0")
    );
}

#[tokio::test]
async fn skips_what_is_not_wanted_and_what_follows() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let steps = json!([
        { "id": "a", "transform": 1, "when": "{{ input.wanted }}" },
        { "id": "b", "transform": "{{ steps.a.output }}" },
        { "id": "c", "transform": 3, "depends_on": ["b"] },
        { "id": "d", "transform": "{{ steps.b.status }}", "run_if": "always" },
        { "id": "e", "transform": 5 },
    ]);
    flow(&alice, steps).await;
    let run = ran(&alice, "f", json!({ "wanted": false })).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let states = ["a", "b", "c", "d", "e"].map(|id| state(&run, id));
    assert_eq!(
        states,
        ["skipped", "skipped", "skipped", "succeeded", "succeeded"]
    );
    assert_eq!(run["output"], json!({ "c": null, "d": "skipped", "e": 5 }));
    let run = ran(&alice, "f", json!({ "wanted": true })).await;
    assert_eq!(run["output"], json!({ "c": 3, "d": "succeeded", "e": 5 }));
}

#[tokio::test]
async fn runs_above_a_flows_limit_wait_for_their_turn() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let (open, gate) = watch::channel(false);
    app.upstream()
        .on("/slow", Reply::Held(gate, Box::new(json!({}).into())));
    alice.registers(plain("GET", "/slow", "slow")).await;
    let mut document = of_steps(json!([{ "id": "one", "tool": "slow" }]));
    document["max_concurrency"] = json!(1);
    saved(&alice, &document).await;
    let first = started(&alice, "ticker_brief", json!({})).await;
    comes("the first calls", || paths(&app).len() == 1).await;
    let second = alice
        .post(
            "/api/v1/flows/ticker_brief/execute",
            &json!({ "input": {} }),
        )
        .await;
    assert_eq!(second.json()["held"], true, "{}", second.text());
    let second = second.header("location").unwrap().to_owned();
    app.sweeps().await;
    let waiting = until(&alice, &second, |_| true).await;
    assert_eq!(
        (&waiting["held"], state(&waiting, "one")),
        (&json!(true), "ready")
    );
    assert_eq!(paths(&app).len(), 1);
    open.send_replace(true);
    assert_eq!(ended(&alice, &first).await["status"], "succeeded");
    assert_eq!(ended(&alice, &second).await["status"], "succeeded");
    assert_eq!(paths(&app).len(), 2);
}

#[tokio::test]
async fn follows_the_versions_of_its_start() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on("/old", json!({ "v": "old" }))
        .on("/new", json!({ "v": "new" }));
    alice.registers(plain("GET", "/old", "call")).await;
    flow(
        &alice,
        json!([
            { "id": "go", "wait": { "signal": "go on" } },
            { "id": "one", "tool": "call", "depends_on": ["go"] },
            { "id": "two", "transform": "{{ steps.one.output.v }}" },
        ]),
    )
    .await;
    let path = started(&alice, "f", json!({})).await;
    until(&alice, &path, |run| {
        run["steps"][0]["awaits_signal"] == true
    })
    .await;
    let new = plain("GET", "/new", "call").document(&app.upstream().base_url());
    assert_eq!(
        alice.put("/api/v1/tools/saved/call", &new).await.status(),
        200
    );
    let other = json!({ "id": "f", "name": "f", "steps": [{ "id": "none", "transform": 1 }] });
    assert_eq!(alice.put("/api/v1/flows/f", &other).await.status(), 200);
    let told = alice
        .post(&format!("{path}/steps/go/signal"), &json!({}))
        .await;
    assert_eq!(told.status(), 200, "{}", told.text());
    let run = ended(&alice, &path).await;
    assert_eq!(
        (&run["flow_version"], &run["pinned"]["call"]),
        (&json!(1), &json!(1)),
        "{run:#}"
    );
    assert_eq!(run["output"], json!({ "two": "old" }));
}

#[tokio::test]
async fn nothing_that_it_keeps_holds_a_secret() {
    const VALUE: &str = "s3cr3t-of-a-flow-0815";
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    alice.stores_secret("KEY", VALUE).await;
    app.upstream().on("/echo", Reply::Echo);
    let auth = json!({ "method": "bearer", "secret_ref": "${KEY}" });
    alice
        .registers(plain("GET", "/echo", "call").auth(auth))
        .await;
    flow(&alice, json!([{ "id": "one", "tool": "call" }, { "id": "two", "transform": "{{ steps.one.output }}" }])).await;
    let path = started(&alice, "f", json!({})).await;
    let run = ended(&alice, &path).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let sent = app.upstream().last_request();
    assert_eq!(
        sent.header("authorization"),
        Some(format!("Bearer {VALUE}").as_str())
    );
    assert!(!run.to_string().contains(VALUE), "{run:#}");
    assert!(
        !alice
            .get(&format!("{path}/events"))
            .await
            .text()
            .contains(VALUE)
    );
    for table in [
        "runs",
        "run_steps",
        "run_events",
        "step_attempts",
        "executions",
    ] {
        let rows = app.sql(&format!("select count(*) from orchestration.{table}"));
        assert_ne!(rows.single(), Some("0"), "{table}");
        let held = app.sql(&format!(
            "select count(*) from orchestration.{table} t where t::text like '%{VALUE}%'"
        ));
        assert_eq!(held.single(), Some("0"), "{table}");
    }
}

#[tokio::test]
async fn a_zero_character_in_an_answer_breaks_nothing() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/odd", json!({ "text": "a\u{0}b" }));
    alice.registers(plain("GET", "/odd", "call")).await;
    flow(&alice, json!([{ "id": "one", "tool": "call" }, { "id": "two", "transform": "{{ steps.one.output.text }}" }])).await;
    let run = ran(&alice, "f", json!({})).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let text = run["output"]["two"].as_str().unwrap();
    assert!(
        text.starts_with('a') && text.ends_with('b') && !text.contains('\u{0}'),
        "{text:?}"
    );
}

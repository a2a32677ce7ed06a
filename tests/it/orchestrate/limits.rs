//! How runs end that would not end by themselves: turns, tokens, time; and requests that make no sense.

use serde_json::{Value, json};
use testkit::scripted_model::{Cause, Gate, call, hang, say};
use testkit::{Reply, TestApp};

use super::{answered, assert_clean, errors_told, plain, prompt, refused};

#[tokio::test]
async fn in_the_last_turn_the_model_answers() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("*", json!({ "n": 1 }));
    alice.registers(plain("one")).await;
    alice.registers(plain("two")).await;
    app.model()
        .then(call([("one", json!({}))]))
        .then(call([("two", json!({}))]))
        .then(say("As far as I got."));
    let body = json!({ "prompt": "Try", "max_turns": 3 });
    let answer = answered(&alice, &body).await;
    assert_eq!(answer["response"], "As far as I got.");
    assert!(
        answer["warnings"][0]
            .as_str()
            .unwrap()
            .contains("max_turns")
    );
    let choices: Vec<Value> = app
        .model()
        .requests()
        .iter()
        .map(|request| request.body["tool_choice"].clone())
        .collect();
    assert_eq!(choices, ["auto", "auto", "none"]);
    assert_clean(&app);
}

#[tokio::test]
async fn a_model_that_calls_when_it_must_answer_is_stopped() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("*", json!({}));
    alice.registers(plain("one")).await;
    app.model()
        .then(call([("one", json!({}))]))
        .then(call([("one", json!({}))]));
    let problem = refused(&alice, &json!({ "prompt": "Try", "max_turns": 2 })).await;
    assert_eq!(
        (problem.status().as_u16(), problem.code().as_str()),
        (400, "model_too_many_turns")
    );
    assert_eq!(app.upstream().requests().len(), 1);
}

#[tokio::test]
async fn tokens_are_set_aside_before_a_request_and_counted_after_it() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("*", json!({ "n": 1 }));
    alice.registers(plain("one")).await;
    app.model()
        .then(call([("one", json!({}))]).tokens(4_000, 500));
    let body = json!({ "prompt": "Try", "token_budget": 9_000 });
    let problem = refused(&alice, &body).await;
    assert_eq!(problem.code(), "model_budget_exceeded");
    let first = &app.model().requests()[0].body;
    let limit = first["max_output_tokens"].as_u64().unwrap();
    assert!((7_000..9_000).contains(&limit), "{limit}");
    assert_eq!(
        app.model().requests().len(),
        1,
        "the second one would not fit"
    );
    // Far below the budget no limit is said.
    app.model().then(say("Hello."));
    answered(&alice, &prompt("Hi")).await;
    let free = app.model().last_request().unwrap().body;
    assert!(free.get("max_output_tokens").is_none(), "{free}");
    // An answer that its own limit cut is the budget's end as well.
    app.model()
        .then(say("It is").incomplete(Cause::MaxOutputTokens));
    let problem = refused(&alice, &json!({ "prompt": "Hi", "token_budget": 2_000 })).await;
    assert_eq!(problem.code(), "model_budget_exceeded");
}

#[tokio::test]
async fn time_ends_a_run_whoever_is_waited_for() {
    let setup = TestApp::setup()
        .scripted_model()
        .without_built_in_tools()
        .config(|config| config.model.deadline_s = 3);
    let app = setup.start().await;
    let alice = app.alice();
    let closed = Gate::new();
    app.model().then(hang(&closed, say("Too late.")));
    let problem = refused(&alice, &prompt("Hi")).await;
    assert_eq!(
        (problem.status().as_u16(), problem.code().as_str()),
        (503, "model_timed_out")
    );
    // A tool gets no longer than the run has; its failure is told, and then the time is over.
    app.upstream().on("/one", Reply::Hang(Vec::new()));
    alice.registers(plain("one")).await;
    app.model()
        .then(call([("one", json!({}))]))
        .otherwise(hang(&closed, say("Too late.")));
    let problem = refused(&alice, &prompt("Hi")).await;
    assert_eq!(problem.code(), "model_timed_out");
    let listed = alice.get("/api/v1/executions").await.json();
    assert_eq!(listed["executions"][0]["error_code"], "timeout", "{listed}");
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_told_all_its_faults() {
    let (app, alice) = TestApp::with_model().await;
    alice.registers(plain("weather_api")).await;
    for (body, faults) in [
        (json!({}), vec![("/prompt", "required")]),
        (json!({ "prompt": "" }), vec![("/prompt", "required")]),
        (json!({ "prompt": "  " }), vec![("/prompt", "required")]),
        (
            json!({ "prompt": 7, "tools": "x", "stream": "yes", "max_turns": -1, "previous_id": "p", "tool": [] }),
            vec![
                ("/prompt", "wrong_type"),
                ("/tools", "wrong_type"),
                ("/stream", "wrong_type"),
                ("/previous_id", "invalid_value"),
                ("/max_turns", "wrong_type"),
                ("/tool", "unknown_field"),
            ],
        ),
        (
            json!({ "prompt": "Hi", "max_turns": 51, "token_budget": 1, "model": "", "tools": ["wether_api"] }),
            vec![
                ("/model", "invalid_value"),
                ("/max_turns", "invalid_value"),
                ("/token_budget", "invalid_value"),
                ("/tools/0", "unknown_tool"),
            ],
        ),
        (
            json!({ "prompt": "Hi", "tools": ["A b"] }),
            vec![("/tools/0", "invalid_value")],
        ),
        (
            json!({ "prompt": "Hi", "previous_response_id": "resp_1" }),
            vec![("/previous_response_id", "unknown_field")],
        ),
        (
            json!({ "prompt": "Hi", "text_format": { "type": "json_schema" } }),
            vec![
                ("/text_format/name", "invalid_value"),
                ("/text_format/schema", "required"),
            ],
        ),
        (
            json!({ "prompt": "Hi", "variables": { "a": 1 } }),
            vec![("/variables", "invalid_value")],
        ),
    ] {
        let problem = refused(&alice, &body).await;
        assert_eq!(problem.status(), 400, "{}", problem.text());
        let told = problem.json();
        let told: Vec<(&str, &str)> = told["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| {
                (
                    fault["pointer"].as_str().unwrap(),
                    fault["code"].as_str().unwrap(),
                )
            })
            .collect();
        let (mut told, mut faults) = (told, faults);
        told.sort_unstable();
        faults.sort_unstable();
        assert_eq!(told, faults, "{body}");
    }
    let many: Vec<String> = (0..50_000).map(|n| format!("t{n}")).collect();
    let problem = refused(&alice, &json!({ "prompt": "Hi", "tools": many })).await;
    assert_eq!(problem.json()["errors"].as_array().unwrap().len(), 1);
    assert!(app.model().requests().is_empty());
}

#[tokio::test]
async fn a_call_over_the_tools_own_limit_is_told_to_the_model() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("*", json!({}));
    let tool = plain("one").set("/limits", json!({ "rate_per_minute": 1 }));
    let tool = alice.registers(tool).await;
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
    app.model()
        .then(call([("one", json!({}))]))
        .then(say("Not before a minute has passed."));
    let answer = answered(&alice, &prompt("Try")).await;
    assert_eq!(answer["response"], "Not before a minute has passed.");
    let told = &errors_told(&app)[0];
    assert_eq!(told["code"], "quota_exceeded", "{told}");
    let wait = told["details"]["retry_after_s"].as_u64().unwrap();
    assert!((1..=60).contains(&wait), "{told}");
    assert_eq!(app.upstream().requests().len(), 1);
    assert_clean(&app);
}

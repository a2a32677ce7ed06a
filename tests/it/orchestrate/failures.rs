//! What a model server does wrong: each a problem with code and advice, and no second request that could do harm.

use serde_json::json;
use testkit::scripted_model::{
    Cause, Step, call, context_length_exceeded, error, hang_up, raw, say, sse, status,
};
use testkit::{TestApp, upstream::Reply};

use super::{STREAM, answered, plain, prompt, refused};

fn failures() -> Vec<(Step, u16, &'static str)> {
    vec![
        (status(401).into(), 503, "model_auth_failed"),
        (status(403).into(), 503, "model_auth_failed"),
        (
            status(429).retry_after(3_600).into(),
            429,
            "model_rate_limited",
        ),
        (
            error(
                429,
                "insufficient_quota",
                Some("insufficient_quota"),
                "No credit",
            )
            .into(),
            503,
            "model_quota_used_up",
        ),
        (
            error(
                404,
                "invalid_request_error",
                Some("model_not_found"),
                "No such model",
            )
            .into(),
            400,
            "model_invalid_request",
        ),
        (
            context_length_exceeded().into(),
            400,
            "model_context_too_large",
        ),
        (
            error(
                400,
                "invalid_request_error",
                Some("content_filter"),
                "Filtered",
            )
            .into(),
            400,
            "model_content_filtered",
        ),
        (
            say("No").incomplete(Cause::ContentFilter).into(),
            400,
            "model_content_filtered",
        ),
        (
            say("Half").incomplete(Cause::MaxOutputTokens).into(),
            503,
            "model_invalid_answer",
        ),
        (
            raw(200, "application/json", "{\"id\":").into(),
            503,
            "model_invalid_answer",
        ),
        (
            say("x").failed("server_error", "Sorry").into(),
            503,
            "model_unavailable",
        ),
    ]
}

#[tokio::test]
async fn each_failure_is_a_problem_with_its_code_and_advice() {
    let (app, alice) = TestApp::with_model().await;
    for (step, expected, code) in failures() {
        // Those that may pass are tried again: they stay as they are.
        app.model().forget_script();
        app.model().otherwise(step);
        let problem = refused(&alice, &prompt("Hi")).await;
        assert_eq!(
            (problem.status().as_u16(), problem.code().as_str()),
            (expected, code),
            "{}",
            problem.text()
        );
        let id = problem.json()["conversation_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let conversation = alice
            .get(&format!("/api/v1/conversations/{id}"))
            .await
            .json();
        assert_eq!(conversation["error"]["code"], code, "{conversation}");
        let detail = problem.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.len() > 20, "{detail}");
        assert!(!problem.text().contains("sk-"), "{}", problem.text());
        if code == "model_rate_limited" {
            assert_eq!(problem.header("retry-after"), Some("3600"));
        }
    }
}

#[tokio::test]
async fn the_same_failures_before_the_first_event_are_problems_of_a_stream_too() {
    let (app, alice) = TestApp::with_model().await;
    for (step, expected, code) in failures() {
        if [
            "model_invalid_answer",
            "model_content_filtered",
            "model_unavailable",
        ]
        .contains(&code)
        {
            // A stream may have told something by then.
            continue;
        }
        app.model().otherwise(step);
        let response = alice.post(STREAM, &prompt("Hi")).await;
        assert_eq!(
            (response.status().as_u16(), response.code().as_str()),
            (expected, code),
            "{}",
            response.text()
        );
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_then_answered() {
    let (app, alice) = TestApp::with_model().await;
    app.model()
        .then(status(503))
        .then(hang_up())
        .then(say("Hello."));
    let answer = answered(&alice, &prompt("Hi")).await;
    assert_eq!(answer["response"], "Hello.");
    assert_eq!(app.model().requests().len(), 3);
}

#[tokio::test]
async fn errors_after_the_first_event_are_events() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("/one", json!({ "n": 1 }));
    alice.registers(plain("one")).await;
    for (step, code) in [
        (status(401).into(), "model_auth_failed"),
        (
            Step::from(say("It is 18 degrees").cut_after(5)),
            "model_invalid_answer",
        ),
        (
            say("It is 18 degrees").ends_after(5).into(),
            "model_invalid_answer",
        ),
        (
            say("It is").malformed_after(5).into(),
            "model_invalid_answer",
        ),
        (
            say("It is")
                .error_after(5, "rate_limit_exceeded", "Slow down")
                .into(),
            "model_rate_limited",
        ),
        (
            say("It is")
                .nested_error_after(5, "server_error", "Sorry")
                .into(),
            "model_unavailable",
        ),
    ] {
        app.model().forget_script();
        app.model().then(call([("one", json!({}))])).then(step);
        let stream = alice.streams(STREAM, &prompt("One")).await;
        assert_eq!(stream.status(), 200);
        let events = stream.rest().await;
        let names: Vec<&str> = events
            .iter()
            .map(|event| event.name.as_str())
            .filter(|name| *name != "response.delta")
            .collect();
        assert_eq!(
            names,
            ["tool_call", "tool_result", "error", "done"],
            "{code}"
        );
        let failed = &events[events.len() - 2].data;
        assert_eq!(failed["code"], code, "{failed}");
        for member in ["message", "hint", "title"] {
            assert!(failed[member].as_str().unwrap().len() > 5, "{failed}");
        }
        let done = &events.last().unwrap().data;
        let path = format!("/api/v1/conversations/{}", done["id"].as_str().unwrap());
        let conversation = alice.get(&path).await.json();
        assert_eq!(conversation["status"], "failed");
        assert_eq!(conversation["error"]["code"], code);
        assert_eq!(conversation["tool_calls"][0]["tool"], "one");
    }
}

#[tokio::test]
async fn without_a_model_it_is_said_what_to_set() {
    let app = TestApp::start().await;
    let alice = app.alice();
    for path in [super::PATH, STREAM] {
        let response = alice.post(path, &prompt("Hi")).await;
        assert_eq!(
            (response.status().as_u16(), response.code().as_str()),
            (503, "model_not_configured")
        );
        let detail = response.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains("OPENAI_API_KEY") && detail.contains("PUT /api/v1/model"),
            "{detail}"
        );
    }
    let unnamed = TestApp::setup()
        .scripted_model()
        .config(|config| config.model.model = None);
    let app = unnamed.start().await;
    let problem = refused(&app.alice(), &prompt("Hi")).await;
    assert!(
        problem.json()["detail"]
            .as_str()
            .unwrap()
            .contains("OPENAI_MODEL")
    );
    app.model().then(say("Hello."));
    answered(&app.alice(), &json!({ "prompt": "Hi", "model": "gpt-5" })).await;
}

#[tokio::test]
async fn a_database_that_is_gone_ends_the_run_and_says_so() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("/one", Reply::Echo);
    alice.registers(plain("one")).await;
    app.model().then(say("Hello."));
    app.rooms().db.close().await;
    let response = alice.post(super::PATH, &prompt("Hi")).await;
    assert_eq!(
        (response.status().as_u16(), response.code().as_str()),
        (503, "database_unavailable")
    );
}

#[tokio::test]
async fn what_a_model_server_writes_oddly_breaks_nothing() {
    let (app, alice) = TestApp::with_model().await;
    let text = r#"{"id":"r","status":"completed","output":[{"type":"message","id":"msg_1","role":"assistant",
        "status":"completed","content":[{"type":"output_text","text":"half \ud800 pair","annotations":[]}]}]}"#;
    app.model().then(raw(200, "application/json", text));
    let answer = answered(&alice, &prompt("Hi")).await;
    assert_eq!(answer["response"], "half \u{fffd} pair");
    // Numbers that no list has.
    let item = json!({ "type": "message", "id": "msg_1", "role": "assistant", "content": [] });
    let done =
        json!({ "type": "response.output_item.done", "output_index": u64::MAX, "item": item });
    let next = json!({ "type": "response.output_item.done", "item": item });
    app.model()
        .then(sse(format!("data: {done}\n\ndata: {next}\n\n")));
    let response = alice.post(STREAM, &prompt("Hi")).await;
    assert_eq!(
        (response.status().as_u16(), response.code().as_str()),
        (503, "model_invalid_answer")
    );
    let running =
        app.sql("select count(*) from orchestration.conversations where status = 'running'");
    assert_eq!(running.single(), Some("0"));
}

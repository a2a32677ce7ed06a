//! A trace from whoever asks, through the queue, to whoever is asked.

use reqwest::Method;
use serde_json::json;
use telemetry::{Parent, TraceContext};
use testkit::{TestApp, ToolBuilder, logs};
use tokio::time::Instant;
use workflow::{Hint, MAX_BATCH, Worker};

use super::{NEVER, ended, executed, lines_with, of_target, saved, sent, trace};

/// The trace that an upstream was told of.
fn told(request: &testkit::upstream::Captured) -> TraceContext {
    let header = request.header("traceparent").expect("a traceparent");
    TraceContext::of_traceparent(header).expect("a well-formed traceparent")
}

#[tokio::test]
async fn a_callers_trace_goes_through_to_the_upstream_the_log_and_the_record() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({ "celsius": 9 }));
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    let (trace, header) = trace();
    let sent = [
        ("traceparent", header.as_str()),
        ("tracestate", "rojo=never-told-on"),
    ];
    let done = executed(&alice, &tool.path(), &sent).await;
    assert_eq!(done.status(), 200, "{}", done.text());

    let request = app.upstream().last_request();
    assert_eq!(told(&request).trace_id().to_string(), trace);
    // A span of its own within it; what the caller's vendor wrote goes nowhere.
    assert_ne!(request.header("traceparent"), Some(header.as_str()));
    assert_eq!(request.header("tracestate"), None);
    assert!(!logs::contain("never-told-on"));

    let lines = logs::of_trace(&trace);
    let access = of_target(&lines, "access");
    assert_eq!(access.len(), 1, "{lines:?}");
    assert_eq!(access[0]["route"], "/api/v1/tools/{tool_id}/execute");
    assert_eq!(access[0]["tool_successes"], 1);

    let id = done.json()["execution_id"].as_str().unwrap().to_owned();
    let record = alice.get(&format!("/api/v1/executions/{id}")).await.json();
    assert_eq!(record["timeline"][0]["trace_id"], trace.as_str());
    assert_eq!(record["timeline"][1].get("trace_id"), None);
}

#[tokio::test]
async fn each_attempt_and_each_page_is_of_the_same_trace() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let broken = testkit::upstream::Answer::text("later").status(503);
    app.upstream().on_sequence(
        "*",
        vec![
            testkit::upstream::Reply::Answer(broken),
            json!({ "celsius": 9 }).into(),
        ],
    );
    let again = json!({ "max_attempts": 2, "on": ["upstream_5xx"], "backoff_ms": 1 });
    let tool = ToolBuilder::get("/weather").set("/retry", again);
    let tool = alice.registers(tool).await;
    let (trace, header) = trace();
    let done = executed(&alice, &tool.path(), &[("traceparent", &header)]).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    let requests = app.upstream().requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(told(&request).trace_id().to_string(), trace);
    }
}

#[tokio::test]
async fn lambdas_trace_is_continued_unless_the_caller_names_one() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    app.upstream().on("*", json!({}));
    let (of_caller, header) = trace();
    let (of_lambda, _) = trace();
    let root = format!("1-{}-{}", &of_lambda[..8], &of_lambda[8..]);
    let xray = format!("Root={root};Parent=53995c3f42cd8ad8;Sampled=0");

    let both = [
        ("x-amzn-trace-id", xray.as_str()),
        ("traceparent", header.as_str()),
    ];
    executed(&alice, &tool.path(), &both).await;
    assert_eq!(
        told(&app.upstream().last_request()).trace_id().to_string(),
        of_caller
    );
    let lines = logs::of_trace(&of_caller);
    // Both can be found.
    assert_eq!(
        of_target(&lines, "access")[0]["xray_trace_id"],
        root.as_str()
    );

    executed(&alice, &tool.path(), &both[..1]).await;
    let told = told(&app.upstream().last_request());
    assert_eq!(told.trace_id().to_string(), of_lambda);
    assert!(!told.as_parent().sampled);
    let lines = logs::of_trace(&of_lambda);
    let access = of_target(&lines, "access");
    assert_eq!(access.len(), 1, "{lines:?}");
    assert_eq!(access[0].get("xray_trace_id"), None);
}

#[tokio::test]
async fn headers_that_name_no_trace_are_passed_over_and_told_nowhere() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    app.upstream().on("*", json!({}));
    let long = "z9-hostile".repeat(400);
    let (trace, good) = trace();
    for bad in [
        "z9-hostile",
        "00-z9-hostile",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-z9-hostile",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
        "\"}{\"z9-hostile\":1",
        "${jndi:ldap://z9-hostile}",
        long.as_str(),
    ] {
        for name in ["traceparent", "x-amzn-trace-id"] {
            let done = executed(&alice, &tool.path(), &[(name, bad)]).await;
            assert_eq!(done.status(), 200, "{name}: {bad}");
            let request = app.upstream().last_request();
            let new = told(&request).trace_id().to_string();
            assert!(!bad.contains(&new), "{bad}");
            assert_eq!(of_target(&logs::of_trace(&new), "access").len(), 1, "{bad}");
        }
    }
    // Two say nothing, not even the first.
    let twice = [
        ("traceparent", good.as_str()),
        ("traceparent", good.as_str()),
    ];
    let done = executed(&alice, &tool.path(), &twice).await;
    assert_eq!(done.status(), 200);
    assert_ne!(
        told(&app.upstream().last_request()).trace_id().to_string(),
        trace
    );
    assert!(!logs::contain("z9-hostile"));
}

#[tokio::test]
async fn a_header_that_the_tool_states_itself_stays() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    let own = "00-11111111111111111111111111111111-2222222222222222-00";
    let tool = ToolBuilder::get("/weather").set("/api/headers", json!({ "Traceparent": own }));
    let tool = alice.registers(tool).await;
    let (_, header) = trace();
    executed(&alice, &tool.path(), &[("traceparent", &header)]).await;
    let sent = app.upstream().last_request();
    let all: Vec<&str> = sent
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("traceparent"))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(all, [own]);
}

#[tokio::test]
async fn a_run_is_of_the_trace_of_who_started_it_up_to_the_upstream() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({ "celsius": 9 }));
    let tool = alice
        .registers(ToolBuilder::get("/weather").id("weather"))
        .await;
    // The second step is far behind a pause, which is a message of its own; the third is of a run below.
    saved(
        &alice,
        &json!({ "id": "below", "name": "below", "steps": [{ "id": "call", "tool": "weather" }] }),
    )
    .await;
    let steps = json!([
        { "id": "one", "tool": "weather" },
        { "id": "pause", "wait": { "duration_ms": 1 }, "depends_on": ["one"] },
        { "id": "two", "tool": "weather", "depends_on": ["pause"] },
        { "id": "three", "flow": "below", "depends_on": ["two"] },
    ]);
    saved(&alice, &json!({ "id": "f", "name": "f", "steps": steps })).await;
    let (trace, header) = trace();
    let started = [("traceparent", header.as_str())];
    let body = json!({ "input": {} });
    let accepted = sent(
        &alice,
        Method::POST,
        "/api/v1/flows/f/execute",
        &started,
        Some(&body),
    )
    .await;
    assert_eq!(accepted.status(), 202, "{}", accepted.text());
    let run = ended(&alice, accepted.header("location").unwrap()).await;
    assert_eq!(run["status"], "succeeded", "{run}");

    let requests = app.upstream().requests();
    assert_eq!(requests.len(), 3, "{}", tool.path());
    for request in &requests {
        assert_eq!(told(request).trace_id().to_string(), trace);
    }
    let id = run["run_id"].as_str().unwrap();
    let worked = lines_with("work", "run_id", id).await;
    assert!(
        worked.iter().all(|line| line["trace_id"] == trace.as_str()),
        "{worked:?}"
    );
    assert_eq!(worked[0]["workspace_id"], alice.workspace_id().to_string());
    // Of the run below too.
    let lines = logs::of_trace(&trace);
    let of_worker = of_target(&lines, "work");
    assert!(
        of_worker.iter().any(|line| line["run_id"] != id),
        "{of_worker:?}"
    );
}

#[tokio::test]
async fn a_message_without_a_trace_begins_one() {
    let setup = TestApp::setup().without_workers();
    let app = setup.start().await;
    let alice = app.alice();
    saved(
        &alice,
        &json!({ "id": "f", "name": "f", "steps": [{ "id": "a", "transform": 1 }] }),
    )
    .await;
    let (trace, header) = trace();
    let started = [("traceparent", header.as_str())];
    let body = json!({ "input": {} });
    let accepted = sent(
        &alice,
        Method::POST,
        "/api/v1/flows/f/execute",
        &started,
        Some(&body),
    )
    .await;
    let queue = &app.rooms().queue;
    let mut batch = queue.receive(MAX_BATCH, NEVER).await.unwrap();
    let hint = batch[0].hint.clone().unwrap();
    let carried = hint.trace.map(|trace| trace.trace_id().to_string());
    assert_eq!(carried.as_deref(), Some(trace.as_str()));

    // As an older sender, or the sweep, would send it.
    let run = hint.run_id;
    batch[0].hint = Ok(Hint::new(run, hint.step_id));
    let worker = Worker::new(app.rooms().flows.clone());
    let failed = worker.handle(&batch, Instant::now() + NEVER).await;
    assert_eq!(failed, Vec::<usize>::new());
    let ended = ended(&alice, accepted.header("location").unwrap()).await;
    assert_eq!(ended["status"], "succeeded");
    let lines = lines_with("work", "run_id", &run.to_string()).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    let new = lines[0]["trace_id"].as_str().unwrap();
    assert_ne!(new, trace);
    assert!(Parent::of_traceparent(&format!("00-{new}-00f067aa0ba902b7-01")).is_some());
}

#[tokio::test]
async fn models_and_mcp_clients_call_tools_within_their_traces() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("*", json!({ "celsius": 9 }));
    alice
        .registers(ToolBuilder::get("/weather").id("weather"))
        .await;
    app.model()
        .otherwise(testkit::scripted_model::reply_with(|asked| {
            match asked.outputs().is_empty() {
                true => {
                    testkit::scripted_model::Reply::default().call_as("c", "weather", &json!({}))
                }
                false => testkit::scripted_model::say("Nine degrees."),
            }
        }));
    let (by_model, header) = trace();
    let body = json!({ "prompt": "How warm is it?" });
    let headers = [("traceparent", header.as_str())];
    let done = sent(
        &alice,
        Method::POST,
        "/api/v1/orchestrate",
        &headers,
        Some(&body),
    )
    .await;
    assert_eq!(done.status(), 200, "{}", done.text());
    assert_eq!(
        told(&app.upstream().last_request()).trace_id().to_string(),
        by_model
    );
    let access = of_target(&logs::of_trace(&by_model), "access");
    assert_eq!(access.len(), 1, "{access:?}");
    assert_eq!(access[0]["tool_successes"], 1);
    assert!(
        access[0]["model_input_tokens"].as_u64().unwrap() > 0,
        "{access:?}"
    );
    // A model's server is told of no trace.
    let asked = app.model().requests();
    assert!(!asked.is_empty() && asked.iter().all(|it| it.header("traceparent").is_none()));

    let (by_client, header) = trace();
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "weather", "arguments": {} },
    });
    let headers = [
        ("traceparent", header.as_str()),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2025-11-25"),
    ];
    let done = sent(&alice, Method::POST, "/mcp", &headers, Some(&call)).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    assert_eq!(
        told(&app.upstream().last_request()).trace_id().to_string(),
        by_client
    );
    let access = of_target(&logs::of_trace(&by_client), "access");
    assert_eq!(access.len(), 1, "{access:?}");
    assert_eq!(access[0]["tool_successes"], 1);
}

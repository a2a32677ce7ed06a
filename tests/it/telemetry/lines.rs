//! One line of each request: what was asked, what came of it, how long it took.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::upstream::Reply;
use testkit::{TestApp, ToolBuilder, logs};
use tokio::sync::watch;
use tower::ServiceExt as _;
use uuid::Uuid;
use web::{StackConfig, serve_stack};

use super::{NEVER, ended, executed, line_of, saved, sent, trace};

fn ms(line: &Value, member: &str) -> f64 {
    line[member]
        .as_f64()
        .unwrap_or_else(|| panic!("{member} of {line}"))
}

#[tokio::test]
async fn every_request_has_one_line_with_all_that_is_known() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let (nobody, workspace) = (app.anon(), alice.workspace_id().to_string());
    let inside = Some(workspace.as_str());
    for (who, method, path, status, route, workspace) in [
        (
            &alice,
            "GET",
            "/api/v1/tools?q=words",
            200,
            "/api/v1/tools",
            inside,
        ),
        (
            &alice,
            "GET",
            "/api/v1/tools/nothing",
            404,
            "/api/v1/tools/{tool_id}",
            inside,
        ),
        (
            &alice,
            "POST",
            "/api/v1/tools",
            415,
            "/api/v1/tools",
            inside,
        ),
        (&nobody, "GET", "/api/v1/tools", 401, "/api/v1/tools", None),
        (&nobody, "GET", "/health", 200, "/health", None),
        (&alice, "GET", "/nowhere/at/all", 404, "none", None),
        (&alice, "DELETE", "/health", 405, "/health", None),
        (&alice, "PROPFIND", "/nowhere", 404, "none", None),
    ] {
        let id = Uuid::new_v4().to_string();
        let (trace, header) = trace();
        let headers = [
            ("x-request-id", id.as_str()),
            ("traceparent", header.as_str()),
        ];
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = sent(who, method.clone(), path, &headers, None).await;
        assert_eq!(
            answer.status(),
            status,
            "{method} {path}: {}",
            answer.text()
        );
        let line = line_of(&id).await;
        let known = if method == "PROPFIND" {
            "other"
        } else {
            method.as_str()
        };
        assert_eq!(line["method"], known, "{line}");
        assert_eq!(line["route"], route, "{line}");
        assert_eq!(line["status"], status, "{line}");
        assert_eq!(line["trace_id"], trace, "{line}");
        assert_eq!(
            line.get("workspace_id").and_then(Value::as_str),
            workspace,
            "{line}"
        );
        assert_eq!(
            (&line["requests"], &line["faults"]),
            (&json!(1), &json!(0)),
            "{line}"
        );
        assert_eq!(
            line["errors_4xx"],
            i32::from((400..500).contains(&status)),
            "{line}"
        );
        assert!(
            ms(&line, "overhead_ms") <= ms(&line, "duration_ms"),
            "{line}"
        );
        assert!(
            line["timestamp"].is_string() && line["level"] == "INFO",
            "{line}"
        );
        // Not what the address holds besides the route.
        assert!(!line.to_string().contains("words"), "{line}");
    }
}

/// Routes that this product has not, behind what stands around its own.
fn stack() -> Router {
    let pieces = |count: usize| {
        let pieces = futures_util::stream::iter(0..count);
        Body::from_stream(pieces.then(|_| async {
            tracing::info!("a piece is made");
            Ok::<_, std::io::Error>("piece")
        }))
    };
    let router = Router::new()
        .route("/broken", get(broken))
        .route("/stream", get(move || async move { pieces(3) }))
        .route("/endless", get(move || async move { pieces(1_000_000) }))
        .route("/tools", post(tools));
    logs::keep();
    serve_stack(router, &StackConfig::new(&[]))
}

async fn broken() -> &'static str {
    panic!("a defect that a test provokes")
}

/// Seven milliseconds of our own; two tools beside one another, one of them after a pause of its own.
async fn tools() -> &'static str {
    let pause = |ms| tokio::time::sleep(Duration::from_millis(ms));
    pause(7).await;
    let late = async {
        pause(300).await;
        telemetry::outside(pause(900)).await;
    };
    tokio::join!(telemetry::outside(pause(1_000)), late);
    "done"
}

fn request(method: &str, path: &str, id: &str) -> http::Request<Body> {
    let request = http::Request::builder().method(method).uri(path);
    request
        .header("x-request-id", id)
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn a_panic_has_its_line_too() {
    let id = Uuid::new_v4().to_string();
    let answer = stack()
        .oneshot(request("GET", "/broken", &id))
        .await
        .unwrap();
    assert_eq!(answer.status(), 500);
    let line = line_of(&id).await;
    assert_eq!(
        (&line["route"], &line["status"]),
        (&json!("/broken"), &json!(500))
    );
    assert_eq!(
        (&line["errors_5xx"], &line["faults"]),
        (&json!(1), &json!(1))
    );
}

/// By a clock that only these pauses move.
#[tokio::test(start_paused = true)]
async fn overhead_is_exactly_what_no_tool_took() {
    let id = Uuid::new_v4().to_string();
    let answer = stack()
        .oneshot(request("POST", "/tools", &id))
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let log = logs::text();
    let line = log.lines().find(|line| line.contains(&id)).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    // 7 + max(1000, 300 + 900): of these, all but 7 there was a tool. Not 1900 in which there were two.
    assert_eq!(ms(&line, "duration_ms"), 1_207.0);
    assert_eq!(ms(&line, "overhead_ms"), 7.0);
}

#[tokio::test]
async fn a_stream_has_its_line_when_it_ends_and_is_logged_as_a_part_of_its_request() {
    let id = Uuid::new_v4().to_string();
    let answer = stack()
        .oneshot(request("GET", "/stream", &id))
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    // The head is there; its line is not.
    assert!(!logs::contain(&id));
    let whole = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&whole[..], b"piecepiecepiece");
    let line = line_of(&id).await;
    assert_eq!(
        (&line["status"], &line["streamed"]),
        (&json!(200), &json!(true))
    );
    assert_eq!(line.get("cut_short"), None, "{line}");
    let trace = line["trace_id"].as_str().unwrap();
    assert_eq!(logs::of_trace(trace).len(), 4, "three pieces and the line");
}

#[tokio::test]
async fn whoever_hangs_up_is_told_so_in_the_line() {
    let id = Uuid::new_v4().to_string();
    let answer = stack()
        .oneshot(request("GET", "/endless", &id))
        .await
        .unwrap();
    let mut body = answer.into_body().into_data_stream();
    assert!(body.next().await.unwrap().is_ok());
    let log = logs::text();
    let mut of_request = log.lines().filter(|line| line.contains(&id));
    assert!(of_request.all(|line| !line.contains("answered")));
    drop(body);
    let line = line_of(&id).await;
    assert_eq!(
        (&line["streamed"], &line["cut_short"]),
        (&json!(true), &json!(true))
    );
}

#[tokio::test]
async fn the_events_of_a_run_have_their_line_at_their_end() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    saved(
        &alice,
        &json!({ "id": "f", "name": "f", "steps": [{ "id": "a", "transform": 1 }] }),
    )
    .await;
    let accepted = alice
        .post("/api/v1/flows/f/execute", &json!({ "input": {} }))
        .await;
    let path = accepted.header("location").unwrap().to_owned();
    ended(&alice, &path).await;
    let id = Uuid::new_v4().to_string();
    let headers = [("x-request-id", id.as_str())];
    let events = sent(
        &alice,
        Method::GET,
        &format!("{path}/events"),
        &headers,
        None,
    )
    .await;
    assert!(
        events.text().contains("run.ended") || events.text().contains("event:"),
        "{}",
        events.text()
    );
    let line = line_of(&id).await;
    assert_eq!(
        line["route"],
        "/api/v1/flows/{flow_id}/runs/{run_id}/events"
    );
    assert_eq!(
        (&line["status"], &line["streamed"]),
        (&json!(200), &json!(true))
    );
    assert_eq!(line.get("cut_short"), None, "{line}");
}

/// An upstream holds its answer for as long as the test does something else; all of that is the tool's time, none of it ours.
#[tokio::test]
async fn waiting_for_an_upstream_is_no_overhead() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let (open, gate) = watch::channel(false);
    app.upstream()
        .on("*", Reply::Held(gate, Box::new(json!({}).into())));
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    let id = Uuid::new_v4().to_string();
    let headers = [("x-request-id", id.as_str())];
    let path = tool.path();
    let executing = executed(&alice, &path, &headers);
    let holding = async {
        let reached = async {
            while app.upstream().requests().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(NEVER, reached).await.unwrap();
        // From here on the upstream has the request; until there, it has not answered.
        let since = Instant::now();
        for _ in 0..100 {
            app.anon().get("/health").await;
        }
        let held = since.elapsed();
        open.send(true).unwrap();
        held
    };
    let (done, held) = tokio::join!(executing, holding);
    assert_eq!(done.status(), 200, "{}", done.text());
    let line = line_of(&id).await;
    let (duration, overhead) = (ms(&line, "duration_ms"), ms(&line, "overhead_ms"));
    let held_ms = held.as_secs_f64() * 1_000.0;
    // Whatever the machine's speed: to the microsecond to which each is rounded.
    assert!(
        duration - overhead >= held_ms - 0.002,
        "{line}: held for {held_ms}"
    );
    assert!(overhead > 0.0, "{line}");
}

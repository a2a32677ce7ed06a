//! What stands around every route: request ids, CORS, limits, unknown routes, and the end of a panic.

use axum::Router;
use axum::routing::get;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use testkit::{Persona, Response, TestApp, logs};
use tokio::net::TcpListener;
use web::{StackConfig, serve_stack};

/// The origin that the tests' app lets in.
const OURS: &str = "https://app.example.com";
const MEGABYTE: usize = 1_048_576;

async fn sent(who: &Persona, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = who.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    who.send(request).await
}

async fn posted(who: &Persona, body: impl Into<reqwest::Body>) -> Response {
    let request = who
        .request(Method::POST, "/api/v1/tools")
        .header("content-type", "application/json");
    who.send(request.body(body)).await
}

fn is_problem(response: &Response, status: u16, code: &str) {
    assert_eq!(response.status(), status, "{}", response.text());
    assert_eq!(
        response.header("content-type"),
        Some("application/problem+json")
    );
    let problem = response.json();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["type"], format!("urn:problem:{code}"));
    for member in ["title", "detail"] {
        assert!(
            problem[member]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{problem}"
        );
    }
    assert_eq!(
        problem["request_id"].as_str(),
        response.header("x-request-id")
    );
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let mut seen = Vec::new();
    for (who, path) in [
        (&alice, "/api/v1/tools"),
        (&alice, "/api/v1/tools/nothing"),
        (&alice, "/nowhere"),
        (&app.anon(), "/api/v1/tools"),
        (&app.anon(), "/health"),
    ] {
        let response = who.get(path).await;
        let id = response.header("x-request-id").expect("an id").to_owned();
        assert_eq!(id.len(), 36, "{id}");
        assert!(!seen.contains(&id));
        seen.push(id);
    }
}

#[tokio::test]
async fn the_callers_own_request_id_is_kept_if_it_is_plain() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let id = "http-limits.Own_id-1";
    let response = sent(&alice, Method::GET, "/nowhere", &[("x-request-id", id)]).await;
    assert_eq!(response.header("x-request-id"), Some(id));
    is_problem(&response, 404, "not_found");
    // One line in the log, in that name.
    let log = logs::text();
    let lines: Vec<Value> = log
        .lines()
        .filter(|line| line.contains(id))
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line["target"] == "access")
        .collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["status"], 404);
    assert_eq!(lines[0]["method"], "GET");

    let long = "x".repeat(129);
    for odd in ["a b", "a;b", "{\"a\":1}", "ü", "", long.as_str()] {
        let response = sent(&alice, Method::GET, "/health", &[("x-request-id", odd)]).await;
        assert_eq!(response.header("x-request-id").unwrap().len(), 36, "{odd}");
    }
    let twice = [("x-request-id", "one"), ("x-request-id", "two")];
    let response = sent(&alice, Method::GET, "/health", &twice).await;
    assert_eq!(response.header("x-request-id").unwrap().len(), 36);
}

#[tokio::test]
async fn the_log_holds_no_token_and_no_query() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let response = alice.get("/api/v1/tools?q=words-of-a-private-search").await;
    assert_eq!(response.status(), 200);
    assert!(logs::contain(response.header("x-request-id").unwrap()));
    assert!(!logs::contain("words-of-a-private-search"));
    assert!(!logs::contain(alice.token()));
}

#[tokio::test]
async fn a_browser_of_a_configured_origin_is_let_in() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let preflight = sent(
        &app.anon(),
        Method::OPTIONS,
        "/api/v1/tools/some/execute",
        &[
            ("origin", OURS),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "authorization,content-type,x-workspace-id,idempotency-key",
            ),
        ],
    )
    .await;
    assert!(preflight.status().is_success(), "{}", preflight.status());
    assert_eq!(preflight.header("access-control-allow-origin"), Some(OURS));
    let methods = preflight.header("access-control-allow-methods").unwrap();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(methods.contains(method), "{methods}");
    }
    let headers = preflight
        .header("access-control-allow-headers")
        .unwrap()
        .to_lowercase();
    for header in [
        "authorization",
        "content-type",
        "if-match",
        "if-none-match",
        "idempotency-key",
        "prefer",
        "x-workspace-id",
        "x-request-id",
    ] {
        assert!(headers.contains(header), "{header}: {headers}");
    }
    assert_eq!(preflight.header("access-control-allow-credentials"), None);

    // Its requests are answered to it, those that fail as well.
    for (path, status) in [
        ("/api/v1/tools", 200),
        ("/api/v1/tools/nothing", 404),
        ("/nowhere", 404),
    ] {
        let response = sent(&alice, Method::GET, path, &[("origin", OURS)]).await;
        assert_eq!(response.status(), status);
        assert_eq!(
            response.header("access-control-allow-origin"),
            Some(OURS),
            "{path}"
        );
        let exposed = response
            .header("access-control-expose-headers")
            .unwrap()
            .to_lowercase();
        for header in ["etag", "location", "retry-after", "x-request-id"] {
            assert!(exposed.contains(header), "{exposed}");
        }
        assert!(
            response
                .header("vary")
                .unwrap()
                .to_lowercase()
                .contains("origin")
        );
    }
}

#[tokio::test]
async fn a_foreign_origin_gets_no_permission() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    for foreign in [
        "https://evil.example.com",
        "http://app.example.com",
        "https://app.example.com.evil.com",
        "null",
    ] {
        let asks = [
            ("origin", foreign),
            ("access-control-request-method", "POST"),
        ];
        let preflight = sent(&app.anon(), Method::OPTIONS, "/api/v1/tools", &asks).await;
        assert_eq!(
            preflight.header("access-control-allow-origin"),
            None,
            "{foreign}"
        );
        let response = sent(&alice, Method::GET, "/api/v1/tools", &[("origin", foreign)]).await;
        assert_eq!(
            response.header("access-control-allow-origin"),
            None,
            "{foreign}"
        );
    }
}

#[tokio::test]
async fn every_origin_may_be_configured_and_none() {
    for (origins, answer) in [(vec!["*".to_owned()], Some("*")), (Vec::new(), None)] {
        let app = TestApp::setup()
            .config(move |config| config.cors_origins = origins)
            .start()
            .await;
        let origin = [("origin", "https://anywhere.example.com")];
        let response = sent(&app.anon(), Method::GET, "/health", &origin).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.header("access-control-allow-origin"), answer);
    }
}

#[tokio::test]
async fn a_body_has_at_most_a_megabyte() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let document = |total: usize| {
        let start = r#"{"name":"n","description":"d","metadata":{"#;
        let end = r#"}}"#;
        format!(
            "{start}{}{end}",
            " ".repeat(total - start.len() - end.len())
        )
    };
    // A fault of the document, not of its size.
    let largest = posted(&alice, document(MEGABYTE)).await;
    is_problem(&largest, 400, "invalid_config");
    is_problem(
        &posted(&alice, document(MEGABYTE + 1)).await,
        413,
        "body_too_large",
    );
    is_problem(
        &posted(&alice, document(4 * MEGABYTE)).await,
        413,
        "body_too_large",
    );
    // Who it is comes first.
    is_problem(
        &posted(&app.anon(), document(2 * MEGABYTE)).await,
        401,
        "missing_token",
    );
}

#[tokio::test]
async fn headers_are_counted() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let mut request = alice.request(Method::GET, "/health");
    for number in 0..120 {
        request = request.header(format!("x-header-{number}"), "v");
    }
    // This many are refused by the HTTP parser already.
    assert_eq!(alice.send(request).await.status(), 431);
    let big = "v".repeat(40 * 1024);
    let response = sent(&alice, Method::GET, "/health", &[("x-big", &big)]).await;
    is_problem(&response, 431, "headers_too_large");
    let fine = "v".repeat(20 * 1024);
    let response = sent(&alice, Method::GET, "/health", &[("x-big", &fine)]).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_body_is_json_of_bounded_depth() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let nested = |depth: usize| {
        format!(
            r#"{{"metadata":{}{}}}"#,
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    let deepest = posted(&alice, nested(64)).await;
    is_problem(&deepest, 400, "invalid_config");
    for depth in [65, 1000, 500_000] {
        is_problem(&posted(&alice, nested(depth)).await, 400, "invalid_json");
    }
    for broken in [
        "",
        "{",
        "nonsense",
        "{}{}",
        "[1,]",
        "{'a':1}",
        "{\"a\":NaN}",
        "{\"a\":1e999}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "\u{feff}",
        "{\"a\":123456789012345678901234567890}",
    ] {
        is_problem(&posted(&alice, broken).await, 400, "invalid_json");
    }
    let latin1: &[u8] = b"{\"name\":\"caf\xe9\"}";
    is_problem(&posted(&alice, latin1).await, 400, "invalid_json");
    is_problem(&posted(&alice, "[]").await, 400, "invalid_config");
}

#[tokio::test]
async fn a_body_says_that_it_is_json() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/json; charset=latin1"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let mut request = alice.request(Method::POST, "/api/v1/tools").body("{}");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        is_problem(&alice.send(request).await, 415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn what_is_no_route_is_a_problem() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    for path in [
        "/",
        "/nowhere",
        "/api/v1",
        "/api/v2/tools",
        "/api/v1/tools/",
        "/api/v1/tools/a/b/c",
        "//health",
        "/health/",
        "/HEALTH",
        "/.env",
    ] {
        is_problem(&alice.get(path).await, 404, "not_found");
        is_problem(&app.anon().get(path).await, 404, "not_found");
    }
}

#[tokio::test]
async fn a_method_that_a_route_lacks_is_told_with_those_it_has() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    for (method, path, allowed) in [
        (Method::PUT, "/api/v1/tools", vec!["GET", "POST"]),
        (Method::DELETE, "/api/v1/tools/some", vec!["GET"]),
        (Method::GET, "/api/v1/tools/some/execute", vec!["POST"]),
        (Method::POST, "/health", vec!["GET"]),
        (
            Method::PATCH,
            "/api/v1/tools/saved/some",
            vec!["DELETE", "PUT"],
        ),
    ] {
        let response = sent(&alice, method.clone(), path, &[]).await;
        is_problem(&response, 405, "method_not_allowed");
        let allow = response.header("allow").expect("an Allow header");
        let mut told: Vec<&str> = allow
            .split(',')
            .map(str::trim)
            .filter(|method| *method != "HEAD")
            .collect();
        told.sort_unstable();
        assert_eq!(told, allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn a_panic_is_one_500_and_one_line_in_the_log() {
    logs::keep();
    let router = Router::new()
        .route("/broken", get(broken))
        .route("/fine", get(async || "fine"));
    let router = serve_stack(router, &StackConfig::new(&[]));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();

    let id = "http-limits.panic-1";
    let request = client
        .get(format!("{url}/broken"))
        .header("x-request-id", id);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(response.headers()["x-request-id"], id);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(
        problem,
        json!({
            "type": "urn:problem:internal", "title": "Something broke on our side", "status": 500,
            "detail": "the request ended in a defect of this product", "code": "internal", "request_id": id
        })
    );
    let log = logs::text();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(id)).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("\"status\":500"), "{}", lines[0]);
    // The process goes on.
    let fine = client.get(format!("{url}/fine")).send().await.unwrap();
    assert_eq!(fine.status(), 200);
    serving.abort();
}

async fn broken() -> &'static str {
    panic!("a defect that a test provokes")
}

//! What stands around every route: request id, log line, CORS, limits, one 500 for a panic.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Method, header};
use telemetry::trace::TRACEPARENT;
use telemetry::{Facts, Parent};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::line::Line;
use crate::prefer::PREFERENCE_APPLIED;
use crate::problem::{Code, Problem};

/// The header that names a request in logs and problems.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// What the stack is configured with.
#[derive(Clone, Debug, Default)]
pub struct StackConfig {
    /// Origins that browsers may call from, or `*`; none: no CORS answers.
    pub cors_origins: Vec<String>,
}

impl StackConfig {
    /// These origins.
    pub fn new(cors_origins: &[String]) -> Self {
        Self {
            cors_origins: cors_origins.to_vec(),
        }
    }
}

/// Names one request; in the extensions of every request behind [`serve_stack`].
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The router with everything around it that all functions share.
pub fn serve_stack(router: Router, config: &StackConfig) -> Router {
    let router = router
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async |request: Request| no_such_method(request.method()))
        .layer(CatchPanicLayer::custom(panicked));
    let router = match cors(&config.cors_origins) {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.layer(from_fn(frame))
}

fn no_such_method(method: &Method) -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        format!("this route has no method {method}"),
    )
}

/// The panic itself is logged by the process's panic hook; the caller learns nothing of it.
#[allow(clippy::needless_pass_by_value, reason = "the layer's signature")]
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Problem::new(
        Code::Internal,
        "the request ended in a defect of this product",
    )
    .into_response()
}

fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| origin.parse().ok()))
    };
    Some(
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([
                Method::GET,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::IF_MATCH,
                header::IF_NONE_MATCH,
                HeaderName::from_static("prefer"),
                HeaderName::from_static("idempotency-key"),
                HeaderName::from_static("last-event-id"),
                HeaderName::from_static("x-workspace-id"),
                HeaderName::from_static("mcp-protocol-version"),
                HeaderName::from_static("mcp-method"),
                HeaderName::from_static("mcp-name"),
                TRACEPARENT,
                REQUEST_ID,
            ])
            .expose_headers([
                header::ETAG,
                header::LOCATION,
                header::RETRY_AFTER,
                header::WWW_AUTHENTICATE,
                HeaderName::from_static("idempotency-replayed"),
                PREFERENCE_APPLIED,
                REQUEST_ID,
            ])
            .max_age(Duration::from_secs(7200)),
    )
}

async fn frame(mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let facts = Facts::of_request(&id, Parent::of_headers(request.headers()));
    let mut line = Line::begin(&request, facts.clone());
    let mut response = if headers_too_large(request.headers()) {
        let detail = format!("at most {MAX_HEADERS} headers and {MAX_HEADER_BYTES} bytes of them");
        Problem::new(Code::HeadersTooLarge, detail).into_response()
    } else {
        request.extensions_mut().insert(facts.clone());
        request.extensions_mut().insert(RequestId(id.clone()));
        facts.scope(next.run(request)).await
    };
    line.head(&response);
    finish(&mut response, &id);
    line.with(response)
}

/// Writes the request id into a problem and the headers that every answer has.
fn finish(response: &mut Response, id: &str) {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        *response.body_mut() = Body::from(problem.body(Some(id)));
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    // Room for all of them at once: growing one by one would rehash what is there.
    headers.reserve(8);
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (STRICT_TRANSPORT_SECURITY, "max-age=63072000"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

/// The caller's own id if it sent one that is safe to log and echo, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let mut values = headers.get_all(REQUEST_ID).iter();
    match (values.next().map(HeaderValue::to_str), values.next()) {
        (Some(Ok(text)), None) if is_plain(text) => text.to_owned(),
        (Some(_) | None, _) => uuid::Uuid::now_v7().to_string(),
    }
}

fn is_plain(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn headers_too_large(headers: &HeaderMap) -> bool {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use http::{Request, StatusCode};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    fn stack() -> Router {
        let router = Router::new()
            .route("/thing", get(async || "here").post(async || "made"))
            .route("/made", axum::routing::post(async || "made"))
            .route("/broken", get(broken));
        let config = StackConfig {
            cors_origins: vec!["https://app.example.com".to_owned()],
        };
        serve_stack(router, &config)
    }

    async fn broken() -> &'static str {
        panic!("a defect")
    }

    async fn send(
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (http::response::Parts, String) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = stack()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn every_answer_has_a_request_id_and_safe_headers() {
        let (parts, _) = send("GET", "/thing", &[]).await;
        assert_eq!(parts.status, StatusCode::OK);
        assert_eq!(parts.headers["x-content-type-options"], "nosniff");
        assert_eq!(parts.headers["x-request-id"].len(), 36);
        let (parts, _) = send("GET", "/thing", &[("x-request-id", "mine-1")]).await;
        assert_eq!(parts.headers["x-request-id"], "mine-1");
        let (parts, _) = send("GET", "/thing", &[("x-request-id", "not ok")]).await;
        assert_eq!(parts.headers["x-request-id"].len(), 36);
    }

    #[tokio::test]
    async fn a_panic_is_one_500_with_the_request_id() {
        let (parts, body) = send("GET", "/broken", &[("x-request-id", "r-9")]).await;
        assert_eq!(parts.status, StatusCode::INTERNAL_SERVER_ERROR);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["code"], "internal");
        assert_eq!(body["request_id"], "r-9");
        assert_eq!(parts.headers["content-type"], "application/problem+json");
    }

    #[tokio::test]
    async fn unknown_routes_are_404_and_wrong_methods_405() {
        for path in ["/nothing", "/thing/", "/./thing", "/a/../thing"] {
            let (parts, body) = send("GET", path, &[]).await;
            assert_eq!(parts.status, StatusCode::NOT_FOUND, "{path}");
            assert!(body.contains("\"code\":\"not_found\""), "{body}");
        }
        for (method, path) in [("DELETE", "/thing"), ("TRACE", "/thing"), ("HEAD", "/made")] {
            let (parts, _) = send(method, path, &[]).await;
            assert_eq!(parts.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
            assert!(parts.headers.contains_key("allow"), "{method}");
        }
    }

    #[tokio::test]
    async fn many_headers_are_431() {
        let value = "x".repeat(MAX_HEADER_BYTES);
        let (parts, _) = send("GET", "/thing", &[("x-big", &value)]).await;
        assert_eq!(parts.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }

    #[tokio::test]
    async fn only_configured_origins_get_cors_answers() {
        let preflight = async |origin| {
            let headers = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
            ];
            send("OPTIONS", "/thing", &headers).await
        };
        let (parts, _) = preflight("https://app.example.com").await;
        assert_eq!(parts.status, StatusCode::OK);
        assert_eq!(
            parts.headers["access-control-allow-origin"],
            "https://app.example.com"
        );
        let (parts, _) = preflight("https://evil.example.com").await;
        assert!(!parts.headers.contains_key("access-control-allow-origin"));
    }
}

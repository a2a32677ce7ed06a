//! The group `system`: whether the product is well, and its documentation.

mod docs;
mod health;
mod openapi;

use axum::extract::FromRef;
use axum::routing::get;
use persistence::Db;
use runtime::{Config, StartError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the group's operations use.
#[derive(Clone)]
pub struct System {
    /// Asked whether it answers.
    pub db: Db,
    /// Where callers reach the product; the server of the API description.
    pub public_url: Option<String>,
}

impl System {
    /// Wires the group as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn wire(config: &Config) -> Result<Self, StartError> {
        Ok(Self {
            db: config.database()?,
            public_url: config.public_url.clone(),
        })
    }
}

impl FromRef<System> for Db {
    fn from_ref(system: &System) -> Self {
        system.db.clone()
    }
}

/// The group's operations.
pub fn routes() -> OpenApiRouter<System> {
    OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(openapi::openapi))
        .routes(routes!(docs::docs))
        .route("/docs/{asset}", get(docs::docs_asset))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use http::{HeaderMap, Request, StatusCode};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    /// The group over a database that refuses connections.
    async fn get(path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
        let config = Config::with_database("postgres://nobody@127.0.0.1:1/none");
        let router: Router = routes().with_state(System::wire(&config).unwrap()).into();
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, bytes.to_vec())
    }

    #[tokio::test]
    async fn health_is_degraded_without_a_database() {
        let (status, _, body) = get("/health", &[]).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["status"], "degraded");
        assert_eq!(body["checks"]["database"], "unavailable");
    }

    #[tokio::test]
    async fn documentation_needs_no_database() {
        let (status, headers, page) = get("/docs", &[]).await;
        assert_eq!(status, StatusCode::OK);
        assert!(headers.contains_key("content-security-policy"));
        let page = String::from_utf8(page).unwrap();
        for quoted in page.split('"').filter(|text| text.starts_with("docs/")) {
            let (status, headers, plain) = get(&format!("/{quoted}"), &[]).await;
            assert_eq!(status, StatusCode::OK, "{quoted}");
            assert!(!headers.contains_key("content-encoding") && !plain.is_empty());
        }
        let (status, _, document) = get("/openapi.json", &[]).await;
        assert_eq!(status, StatusCode::OK);
        assert!(serde_json::from_slice::<serde_json::Value>(&document).is_ok());
        assert_eq!(get("/docs/other.js", &[]).await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn assets_are_packed_for_those_who_can_unpack() {
        let accept = [("accept-encoding", "gzip")];
        let (_, headers, packed) = get("/docs/swagger-ui.css", &accept).await;
        assert_eq!(headers["content-encoding"], "gzip");
        let (_, _, plain) = get("/docs/swagger-ui.css", &[]).await;
        assert!(packed.len() < plain.len() / 4);
    }
}

//! `GET /openapi.json`: the description of every operation of the product.

use std::sync::OnceLock;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::System;

/// Exported from all groups' routes by `cargo xtask export`; a test keeps it fresh.
const EXPORTED: &str = include_str!("../../../docs/api-spec.json");

/// The API description
///
/// OpenAPI 3.1, of all functions together.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "system",
    responses((status = 200, description = "The OpenAPI document.", body = Value, content_type = "application/json"))
)]
pub(crate) async fn openapi(State(system): State<System>) -> Response {
    let document = match &system.public_url {
        Some(url) => with_server(url),
        None => EXPORTED,
    };
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, document).into_response()
}

/// The document with the product's own address; one address a process.
fn with_server(url: &str) -> &'static str {
    static FILLED: OnceLock<String> = OnceLock::new();
    FILLED.get_or_init(|| fill(url).unwrap_or_else(|| EXPORTED.to_owned()))
}

fn fill(url: &str) -> Option<String> {
    let mut document: Value = serde_json::from_str(EXPORTED).ok()?;
    document["servers"] = json!([{ "url": url }]);
    serde_json::to_string(&document).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_public_address() {
        let filled: Value =
            serde_json::from_str(&fill("https://api.example.com").unwrap()).unwrap();
        assert_eq!(filled["servers"][0]["url"], "https://api.example.com");
        assert!(filled["openapi"].as_str().unwrap().starts_with("3.1"));
    }
}

//! Upstreams for trying things out: recorded answers of real APIs, on a loopback port.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::error::Error;

/// Answers as recorded in `folder`.
pub(crate) fn router(folder: &Path) -> Result<Router, Error> {
    let failed = |source| Error::File {
        path: folder.to_owned(),
        source,
    };
    let mut recorded = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let text = fs::read_to_string(entry.map_err(failed)?.path()).map_err(failed)?;
        recorded.push(serde_json::from_str(&text).map_err(Error::system)?);
    }
    let recorded: Arc<Vec<Value>> = Arc::new(recorded);
    Ok(Router::new().fallback(answer).with_state(recorded))
}

async fn answer(
    State(recorded): State<Arc<Vec<Value>>>,
    method: Method,
    uri: Uri,
    sent: Bytes,
) -> Response {
    let found = recorded
        .iter()
        .find(|one| one["method"] == method.as_str() && one["path"] == uri.path());
    let Some(recording) = found else {
        let body = json!({ "error": "nothing was recorded for this request" });
        return (StatusCode::NOT_FOUND, axum::Json(body)).into_response();
    };
    let mut body = recording["body"].clone();
    if let Some(place) = recording["echo_body"]
        .as_str()
        .and_then(|it| body.pointer_mut(it))
    {
        *place = serde_json::from_slice(&sent).unwrap_or_default();
    }
    let status = recording["status"]
        .as_u64()
        .and_then(|it| u16::try_from(it).ok());
    let status = status
        .and_then(|it| StatusCode::from_u16(it).ok())
        .unwrap_or_default();
    (status, axum::Json(body)).into_response()
}

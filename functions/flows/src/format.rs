//! How a flow or a run is told: as JSON, or as a diagram of its steps.

use std::str::FromStr;

use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, HeaderValue};
use utoipa::ToSchema;

/// What a diagram is.
const MERMAID: HeaderValue = HeaderValue::from_static("text/vnd.mermaid; charset=utf-8");

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Format {
    Json,
    Mermaid,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "mermaid" => Ok(Self::Mermaid),
            _ => Err("a format is json or mermaid"),
        }
    }
}

/// The answer that is a diagram.
pub(crate) fn diagram(text: String) -> Response {
    ([(CONTENT_TYPE, MERMAID)], text).into_response()
}

//! `GET /api/v1/prompts/{prompt_id}`: one prompt with its document.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::ids::PromptId;
use http::StatusCode;
use http::header::{CACHE_CONTROL, ETAG, HeaderValue};
use registry::Registry;
use web::openapi::Missing;
use web::{Allowed, IfNoneMatch, Path, Problem, etag};

use crate::prompt_view::PromptView;

/// Read a prompt
///
/// With its document, exactly as it was written.
#[utoipa::path(
    get, path = "/api/v1/prompts/{prompt_id}", operation_id = "read_prompt", tag = "prompts",
    params(
        ("prompt_id" = String, Path, description = "Its id.", example = "weather_report"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` answered before."),
    ),
    responses(
        (status = 200, description = "The prompt.", body = PromptView, headers(("ETag" = String, description = "The version's hash."))),
        (status = 304, description = "It has not changed."),
        Missing,
    )
)]
pub(crate) async fn read_prompt(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Path(id): Path<PromptId>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let saved = registry.prompts().saved(&caller, &id).await?;
    let private = [(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    if known.has(&saved.hash) {
        let tag = [(ETAG, etag(&saved.hash))];
        return Ok((StatusCode::NOT_MODIFIED, private, tag).into_response());
    }
    Ok((private, PromptView::try_from(saved)?.tagged()).into_response())
}

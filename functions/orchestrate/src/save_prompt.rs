//! `POST /api/v1/prompts`: saves a new prompt.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use registry::Registry;
use web::openapi::Conflict;
use web::{Allowed, Document, Problem};

use crate::prompt_view::{PromptView, example_prompt};

/// Save a new prompt
///
/// A text with typed variables, for `prompt_id` of `POST /api/v1/orchestrate` and for MCP clients. Every
/// fault is told at once. Its id is stated or made of its name; an id that was retired is taken up again.
#[utoipa::path(
    post, path = "/api/v1/prompts", operation_id = "save_prompt", tag = "prompts",
    request_body(content = Object, description = "A prompt.", example = example_prompt),
    responses(
        (status = 201, description = "The saved prompt.", body = PromptView, headers(("ETag" = String, description = "The version's hash."))),
        Conflict,
    )
)]
pub(crate) async fn save_prompt(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Document(prompt): Document,
) -> Result<Response, Problem> {
    let saved = registry.prompts().save(&caller, &prompt).await?;
    Ok((StatusCode::CREATED, PromptView::try_from(saved)?.tagged()).into_response())
}

//! `POST /api/v1/prompts/{prompt_id}/versions/{n}/restore`: an earlier version becomes the next one.

use axum::extract::State;
use axum::response::Response;
use domain::ids::PromptId;
use registry::Registry;
use web::openapi::{Fixed, Missing};
use web::{Allowed, PathPair, Problem};

use crate::prompt_view::PromptView;

/// Restore a prompt's version
///
/// Its document is saved again as a new version; the history in between stays.
#[utoipa::path(
    post, path = "/api/v1/prompts/{prompt_id}/versions/{n}/restore", operation_id = "restore_prompt", tag = "prompts",
    params(
        ("prompt_id" = String, Path, description = "Its id.", example = "weather_report"),
        ("n" = i32, Path, description = "The version's number.", example = 1),
    ),
    responses(
        (status = 200, description = "The saved prompt.", body = PromptView, headers(("ETag" = String, description = "The version's hash."))),
        Missing, Fixed,
    )
)]
pub(crate) async fn restore_prompt(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    PathPair(id, n): PathPair<PromptId, i32>,
) -> Result<Response, Problem> {
    let saved = registry.prompts().restore(&caller, &id, n).await?;
    Ok(PromptView::try_from(saved)?.tagged())
}

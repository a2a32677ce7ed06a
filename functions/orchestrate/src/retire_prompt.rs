//! `DELETE /api/v1/prompts/{prompt_id}`: takes a prompt out of use; its history stays.

use axum::extract::State;
use domain::ids::PromptId;
use registry::Registry;
use web::openapi::Missing;
use web::{Allowed, NoContent, Path, Problem};

/// Retire a prompt
///
/// It is no longer listed or used. Its versions stay; saving the id again makes the next one.
#[utoipa::path(
    delete, path = "/api/v1/prompts/{prompt_id}", operation_id = "retire_prompt", tag = "prompts",
    params(("prompt_id" = String, Path, description = "Its id.", example = "weather_report")),
    responses((status = 204, description = "It is retired."), Missing)
)]
pub(crate) async fn retire_prompt(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Path(id): Path<PromptId>,
) -> Result<NoContent, Problem> {
    registry.prompts().retire(&caller, &id).await?;
    Ok(NoContent)
}

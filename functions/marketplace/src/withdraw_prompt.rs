//! `DELETE /api/v1/prompts/{prompt_id}/publish`: takes a prompt out of the marketplace.

use axum::extract::State;
use domain::publication::{Kind, PublicId};
use registry::Registry;
use web::openapi::Missing;
use web::{Allowed, NoContent, Path, Problem};

/// Withdraw a prompt
///
/// It is found and installed no longer. Copies that were installed stay as they are.
#[utoipa::path(
    delete, path = "/api/v1/prompts/{prompt_id}/publish", operation_id = "withdraw_prompt", tag = "marketplace",
    params(("prompt_id" = String, Path, description = "Its id.", example = "summary")),
    responses((status = 204, description = "It is private."), Missing)
)]
pub(crate) async fn withdraw_prompt(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Path(id): Path<PublicId>,
) -> Result<NoContent, Problem> {
    registry
        .market()
        .withdraw(&caller, Kind::Prompt, id.as_str())
        .await?;
    Ok(NoContent)
}

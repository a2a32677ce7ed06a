//! `DELETE /api/v1/tools/{tool_id}/publish`: takes a tool out of the marketplace.

use axum::extract::State;
use domain::publication::{Kind, PublicId};
use registry::Registry;
use web::openapi::Missing;
use web::{Allowed, NoContent, Path, Problem};

/// Withdraw a tool
///
/// It is found and installed no longer. Copies that were installed stay as they are.
#[utoipa::path(
    delete, path = "/api/v1/tools/{tool_id}/publish", operation_id = "withdraw_tool", tag = "marketplace",
    params(("tool_id" = String, Path, description = "Its id.", example = "get_quote")),
    responses((status = 204, description = "It is private."), Missing)
)]
pub(crate) async fn withdraw_tool(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Path(id): Path<PublicId>,
) -> Result<NoContent, Problem> {
    registry
        .market()
        .withdraw(&caller, Kind::Tool, id.as_str())
        .await?;
    Ok(NoContent)
}

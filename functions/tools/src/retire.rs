//! `DELETE /api/v1/tools/saved/{tool_id}`: takes a tool out of use; its history stays.

use axum::extract::State;
use domain::ids::ToolId;
use registry::Registry;
use web::openapi::{Fixed, Missing};
use web::{Allowed, NoContent, Path, Problem};

/// Retire a tool
///
/// It is no longer listed or run. Its versions stay; registering the id again makes the next one.
#[utoipa::path(
    delete, path = "/api/v1/tools/saved/{tool_id}", operation_id = "retire_tool", tag = "tools",
    params(("tool_id" = String, Path, description = "Its id.", example = "get_weather")),
    responses((status = 204, description = "It is retired."), Missing, Fixed)
)]
pub(crate) async fn retire(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Path(id): Path<ToolId>,
) -> Result<NoContent, Problem> {
    registry.retire(&caller, &id).await?;
    Ok(NoContent)
}

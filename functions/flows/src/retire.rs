//! `DELETE /api/v1/flows/{flow_id}`: takes a flow out of use; its history and its runs stay.

use axum::extract::State;
use domain::ids::ToolId;
use registry::Registry;
use web::openapi::Missing;
use web::{Allowed, NoContent, Path, Problem};

/// Retire a flow
///
/// It is no longer listed or started; runs that are under way go on. Its versions stay; saving the id again makes the
/// next one.
#[utoipa::path(
    delete, path = "/api/v1/flows/{flow_id}", operation_id = "retire_flow", tag = "flows",
    params(("flow_id" = String, Path, description = "Its id.", example = "ticker_brief")),
    responses((status = 204, description = "It is retired."), Missing)
)]
pub(crate) async fn retire(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Path(id): Path<ToolId>,
) -> Result<NoContent, Problem> {
    registry.flows().retire(&caller, &id).await?;
    Ok(NoContent)
}

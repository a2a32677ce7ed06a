//! `DELETE /api/v1/flows/{flow_id}/publish`: takes a flow out of the marketplace.

use axum::extract::State;
use domain::publication::{Kind, PublicId};
use registry::Registry;
use web::openapi::Missing;
use web::{Allowed, NoContent, Path, Problem};

/// Withdraw a flow
///
/// It is found and installed no longer. Copies that were installed stay as they are.
#[utoipa::path(
    delete, path = "/api/v1/flows/{flow_id}/publish", operation_id = "withdraw_flow", tag = "marketplace",
    params(("flow_id" = String, Path, description = "Its id.", example = "ticker_brief")),
    responses((status = 204, description = "It is private."), Missing)
)]
pub(crate) async fn withdraw_flow(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Path(id): Path<PublicId>,
) -> Result<NoContent, Problem> {
    registry
        .market()
        .withdraw(&caller, Kind::Flow, id.as_str())
        .await?;
    Ok(NoContent)
}

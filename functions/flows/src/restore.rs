//! `POST /api/v1/flows/{flow_id}/versions/{n}/restore`: an earlier version becomes the next one.

use axum::extract::State;
use axum::response::Response;
use domain::ids::ToolId;
use registry::Registry;
use web::openapi::{Fixed, Missing};
use web::{Allowed, PathPair, Problem};

use crate::view::FlowView;

/// Restore a version
///
/// Its document is checked against the tools of today and saved again as a new version; the history in between stays.
#[utoipa::path(
    post, path = "/api/v1/flows/{flow_id}/versions/{n}/restore", operation_id = "restore_flow", tag = "flows",
    params(
        ("flow_id" = String, Path, description = "Its id.", example = "ticker_brief"),
        ("n" = i32, Path, description = "The version's number.", example = 1),
    ),
    responses(
        (status = 200, description = "The saved flow.", body = FlowView, headers(("ETag" = String, description = "The version's hash."))),
        Missing, Fixed,
    )
)]
pub(crate) async fn restore(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    PathPair(id, n): PathPair<ToolId, i32>,
) -> Result<Response, Problem> {
    let restored = registry.flows().restore(&caller, &id, n).await?;
    Ok(FlowView::try_from(restored)?.tagged())
}

//! `POST /api/v1/tools/saved/{tool_id}/versions/{n}/restore`: an earlier version becomes the next one.

use axum::extract::State;
use axum::response::Response;
use domain::ids::ToolId;
use web::openapi::{Fixed, Missing};
use web::{Allowed, PathPair, Problem};

use crate::Tools;
use crate::view::SavedView;

/// Restore a version
///
/// Its document is saved again as a new version; the history in between stays.
#[utoipa::path(
    post, path = "/api/v1/tools/saved/{tool_id}/versions/{n}/restore", operation_id = "restore_tool", tag = "tools",
    params(
        ("tool_id" = String, Path, description = "Its id.", example = "get_weather"),
        ("n" = i32, Path, description = "The version's number.", example = 1),
    ),
    responses(
        (status = 200, description = "The saved tool.", body = SavedView, headers(("ETag" = String, description = "The version's hash."))),
        Missing, Fixed,
    )
)]
pub(crate) async fn restore(
    Allowed(caller): Allowed,
    State(tools): State<Tools>,
    PathPair(id, n): PathPair<ToolId, i32>,
) -> Result<Response, Problem> {
    let restored = tools.registry.restore(&caller, &id, n).await?;
    tools.bind_secrets(&caller, &restored.config).await;
    Ok(SavedView::try_from(restored.saved)?.tagged())
}

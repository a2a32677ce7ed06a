//! `POST /api/v1/workspaces/{workspace_id}/restore`: takes a deletion back.

use axum::extract::State;
use persistence::{Db, workspaces};
use web::openapi::Missing;
use web::{AllowedInDeleted, Code, Json, Problem};

use crate::view::WorkspaceView;

/// Restore a workspace
///
/// Within 30 days after it was deleted, by an owner. One that is not deleted stays as it is.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace_id}/restore", operation_id = "restore_workspace", tag = "workspaces",
    params(("workspace_id" = String, Path, description = "Its id or slug.", example = "research")),
    responses((status = 200, description = "The workspace, as it was.", body = WorkspaceView), Missing)
)]
pub(crate) async fn restore(
    AllowedInDeleted(caller): AllowedInDeleted,
    State(db): State<Db>,
) -> Result<Json<WorkspaceView>, Problem> {
    let workspace = caller.workspace_id;
    let mut tx = db.begin_as(&caller.principal, Some(workspace)).await?;
    // False is also what a repeated request gets: what counts is whether it is there now.
    workspaces::restore(&mut tx, workspace).await?;
    let found = workspaces::by_id(&mut tx, workspace).await?;
    tx.commit().await?;
    let gone = || Problem::new(Code::WorkspaceNotFound, "its time to be restored is over");
    Ok(Json(found.ok_or_else(gone)?.into()))
}

//! `GET /api/v1/workspaces/{workspace_id}`: one workspace, by id or slug.

use axum::extract::State;
use persistence::{Db, workspaces};
use web::openapi::Missing;
use web::{Allowed, Code, Json, Problem};

use crate::view::WorkspaceView;

/// Read a workspace
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace_id}", operation_id = "read_workspace", tag = "workspaces",
    params(("workspace_id" = String, Path, description = "Its id or slug.", example = "research")),
    responses((status = 200, description = "The workspace.", body = WorkspaceView), Missing)
)]
pub(crate) async fn read(
    Allowed(caller): Allowed,
    State(db): State<Db>,
) -> Result<Json<WorkspaceView>, Problem> {
    let mut tx = db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    let found = workspaces::by_id(&mut tx, caller.workspace_id).await?;
    tx.commit().await?;
    let gone = || Problem::new(Code::WorkspaceNotFound, "this workspace is gone");
    let workspace = found.ok_or_else(gone)?;
    // A key may do less than the person who made it.
    Ok(Json(WorkspaceView {
        role: caller.role.as_str(),
        ..workspace.into()
    }))
}

//! `DELETE /api/v1/workspaces/{workspace_id}`: nobody enters it any more; for a while an owner can restore it.

use axum::extract::State;
use persistence::{Db, workspaces};
use web::openapi::Missing;
use web::{Allowed, Code, NoContent, Problem};

/// Delete a workspace
///
/// From this moment on it is as one that does not exist, for everybody and for its API keys. Within 30 days an owner can restore it
/// (`GET /api/v1/workspaces?deleted=true` lists what can be); then it is removed for good, with all that is in it but its audit.
/// Its slug is free again only then.
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{workspace_id}", operation_id = "delete_workspace", tag = "workspaces",
    params(("workspace_id" = String, Path, description = "Its id or slug.", example = "research")),
    responses((status = 204, description = "It is deleted."), Missing)
)]
pub(crate) async fn delete(
    Allowed(caller): Allowed,
    State(db): State<Db>,
) -> Result<NoContent, Problem> {
    let workspace = caller.workspace_id;
    let mut tx = db.begin_as(&caller.principal, Some(workspace)).await?;
    if !workspaces::delete(&mut tx, workspace).await? {
        return Err(Problem::new(
            Code::WorkspaceNotFound,
            "this workspace is gone",
        ));
    }
    tx.commit().await?;
    Ok(NoContent)
}

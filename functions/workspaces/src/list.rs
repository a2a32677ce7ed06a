//! `GET /api/v1/workspaces`: the workspaces that the person is a member of.

use axum::extract::State;
use persistence::{Db, workspaces};
use serde::Serialize;
use utoipa::ToSchema;
use web::{Json, Person, Problem};

use crate::view::WorkspaceView;

/// The person's workspaces, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkspaceList {
    workspaces: Vec<WorkspaceView>,
}

/// List your workspaces
#[utoipa::path(
    get, path = "/api/v1/workspaces", operation_id = "list_workspaces", tag = "workspaces",
    responses((status = 200, description = "All of them, oldest first.", body = WorkspaceList))
)]
pub(crate) async fn list(
    Person(principal): Person,
    State(db): State<Db>,
) -> Result<Json<WorkspaceList>, Problem> {
    let mut tx = db.begin_as(&principal, None).await?;
    let mine = workspaces::mine(&mut tx).await?;
    tx.commit().await?;
    let workspaces = mine.into_iter().map(WorkspaceView::from).collect();
    Ok(Json(WorkspaceList { workspaces }))
}

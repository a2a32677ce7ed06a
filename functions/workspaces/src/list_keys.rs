//! `GET /api/v1/workspaces/{workspace_id}/keys`: the workspace's API keys, without their values.

use axum::extract::State;
use persistence::{Db, keys};
use serde::Serialize;
use utoipa::ToSchema;
use web::openapi::Missing;
use web::{AdminOf, Json, Problem};

use crate::view::KeyView;

/// The workspace's keys that are not revoked, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKeyList {
    keys: Vec<KeyView>,
}

/// List API keys
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace_id}/keys", operation_id = "list_keys", tag = "workspaces",
    params(("workspace_id" = String, Path, description = "Id or slug of the workspace.", example = "research")),
    responses((status = 200, description = "All that are not revoked, oldest first.", body = ApiKeyList), Missing)
)]
pub(crate) async fn list_keys(
    AdminOf(caller): AdminOf,
    State(db): State<Db>,
) -> Result<Json<ApiKeyList>, Problem> {
    let mut tx = db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    let keys = keys::page(&mut tx, caller.workspace_id).await?;
    tx.commit().await?;
    let keys = keys.into_iter().map(KeyView::from).collect();
    Ok(Json(ApiKeyList { keys }))
}

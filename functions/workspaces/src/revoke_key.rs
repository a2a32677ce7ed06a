//! `DELETE /api/v1/workspaces/{workspace_id}/keys/{key_id}`: ends an API key at once.

use axum::extract::State;
use domain::ids::ApiKeyId;
use persistence::{Db, audit, keys};
use serde_json::json;
use web::openapi::Missing;
use web::{Allowed, NoContent, PathPair, Problem};

use crate::noted;

/// Revoke an API key
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{workspace_id}/keys/{key_id}", operation_id = "revoke_key", tag = "workspaces",
    params(
        ("workspace_id" = String, Path, description = "Id or slug of the workspace.", example = "research"),
        ("key_id" = Uuid, Path, description = "The key."),
    ),
    responses((status = 204, description = "It is revoked."), Missing)
)]
pub(crate) async fn revoke_key(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    PathPair(_workspace, id): PathPair<String, ApiKeyId>,
) -> Result<NoContent, Problem> {
    let mut tx = db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    if !keys::revoke(&mut tx, caller.workspace_id, id).await? {
        return Err(Problem::not_found());
    }
    let key = id.to_string();
    let line = noted(&caller, "key.revoke", ("api_key", &key), json!({}));
    audit::append(&mut tx, &line).await?;
    tx.commit().await?;
    Ok(NoContent)
}

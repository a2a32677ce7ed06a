//! `DELETE /api/v1/workspaces/{workspace_id}/invitations/{invitation_id}`: takes an open invitation back.

use axum::extract::State;
use domain::ids::InvitationId;
use persistence::{Db, audit, invitations};
use serde_json::json;
use web::openapi::Missing;
use web::{Allowed, Code, NoContent, PathPair, Problem};

use crate::noted;

/// Revoke an invitation
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{workspace_id}/invitations/{invitation_id}", operation_id = "revoke_invitation",
    tag = "workspaces",
    params(
        ("workspace_id" = String, Path, description = "Id or slug of the workspace.", example = "research"),
        ("invitation_id" = Uuid, Path, description = "The invitation."),
    ),
    responses((status = 204, description = "Nobody can accept it any more."), Missing)
)]
pub(crate) async fn revoke_invitation(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    PathPair(_workspace, id): PathPair<String, InvitationId>,
) -> Result<NoContent, Problem> {
    let mut tx = db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    if !invitations::revoke(&mut tx, caller.workspace_id, id).await? {
        let detail = "no open invitation of this id is in this workspace";
        return Err(Problem::new(Code::InvitationNotFound, detail));
    }
    let subject = id.to_string();
    let line = noted(
        &caller,
        "invitation.revoke",
        ("invitation", &subject),
        json!({}),
    );
    audit::append(&mut tx, &line).await?;
    tx.commit().await?;
    Ok(NoContent)
}

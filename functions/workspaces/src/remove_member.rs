//! `DELETE /api/v1/workspaces/{workspace_id}/members/{user_id}`: ends a membership; anybody may end their own.

use axum::extract::State;
use domain::caller::Role;
use domain::ids::UserId;
use persistence::{Db, members};
use web::openapi::{Conflict, Missing};
use web::{Allowed, NoContent, PathPair, Problem, demand};

/// Remove a member, or leave
///
/// With the membership end the person's API keys, connections and open invitations to others here, at once. What they made stays.
/// The last owner cannot leave.
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{workspace_id}/members/{user_id}", operation_id = "remove_member", tag = "workspaces",
    params(
        ("workspace_id" = String, Path, description = "Id or slug of the workspace.", example = "research"),
        ("user_id" = Uuid, Path, description = "The member; your own id to leave."),
    ),
    responses((status = 204, description = "The person is in the workspace no more."), Missing, Conflict)
)]
pub(crate) async fn remove_member(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    PathPair(_workspace, user): PathPair<String, UserId>,
) -> Result<NoContent, Problem> {
    let workspace = caller.workspace_id;
    let mut tx = db.begin_as(&caller.principal, Some(workspace)).await?;
    let found = members::by_id(&mut tx, workspace, user).await?;
    if found.ok_or_else(Problem::not_found)?.role == Role::Owner {
        demand(&caller, Role::Owner)?;
    }
    if !members::remove(&mut tx, workspace, user).await? {
        return Err(Problem::not_found());
    }
    tx.commit().await?;
    Ok(NoContent)
}

//! `PATCH /api/v1/workspaces/{workspace_id}/members/{user_id}`: gives a member another role.

use axum::extract::State;
use domain::caller::Role;
use domain::ids::UserId;
use persistence::{Db, members};
use utoipa::ToSchema;
use web::openapi::{Conflict, Missing, words};
use web::{Allowed, Fields, FromFields, Json, PathPair, Problem, demand};

use crate::view::MemberView;

/// What a member is to be.
#[derive(Debug, ToSchema)]
pub(crate) struct MemberChange {
    /// `viewer`, `member`, `admin`, or `owner`, which only an owner may give or take.
    #[schema(value_type = words::Role)]
    role: Role,
}

impl FromFields for MemberChange {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        fields.required_as("role").map(|role| Self { role })
    }
}

/// Change a member's role
///
/// It counts from the person's next request on, for their API keys too. Owners are made and changed by owners, and one stays.
#[utoipa::path(
    patch, path = "/api/v1/workspaces/{workspace_id}/members/{user_id}", operation_id = "change_member", tag = "workspaces",
    params(
        ("workspace_id" = String, Path, description = "Id or slug of the workspace.", example = "research"),
        ("user_id" = Uuid, Path, description = "The member."),
    ),
    request_body(content = MemberChange, example = json!({ "role": "admin" })),
    responses((status = 200, description = "The member with the new role.", body = MemberView), Missing, Conflict)
)]
pub(crate) async fn change_member(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    PathPair(_workspace, user): PathPair<String, UserId>,
    Json(change): Json<MemberChange>,
) -> Result<Json<MemberView>, Problem> {
    let workspace = caller.workspace_id;
    let mut tx = db.begin_as(&caller.principal, Some(workspace)).await?;
    let found = members::by_id(&mut tx, workspace, user).await?;
    let mut member = found.ok_or_else(Problem::not_found)?;
    if [member.role, change.role].contains(&Role::Owner) {
        demand(&caller, Role::Owner)?;
    }
    if member.role != change.role {
        if !members::change(&mut tx, workspace, user, change.role).await? {
            return Err(Problem::not_found());
        }
        member.role = change.role;
    }
    tx.commit().await?;
    Ok(Json(member.into()))
}

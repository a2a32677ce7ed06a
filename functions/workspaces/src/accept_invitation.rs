//! `POST /api/v1/invitations/{invitation_id}/accept`: the invited person becomes a member.

use axum::extract::State;
use domain::ids::InvitationId;
use persistence::invitations::{self, Answer};
use persistence::{Db, workspaces};
use web::openapi::{Conflict, Missing};
use web::{Code, Json, Path, Person, Problem};

use crate::view::WorkspaceView;

/// Accept an invitation
///
/// It must be for you: for your user id, or for the verified e-mail address of your token. Accepting again answers the same. Who
/// is a member already keeps their role.
#[utoipa::path(
    post, path = "/api/v1/invitations/{invitation_id}/accept", operation_id = "accept_invitation", tag = "workspaces",
    params(("invitation_id" = Uuid, Path, description = "The invitation.")),
    responses((status = 200, description = "The workspace, with your role.", body = WorkspaceView), Missing, Conflict)
)]
pub(crate) async fn accept_invitation(
    Person(principal): Person,
    State(db): State<Db>,
    Path(id): Path<InvitationId>,
) -> Result<Json<WorkspaceView>, Problem> {
    let mut tx = db.begin_as(&principal, None).await?;
    let answer = invitations::answer(&mut tx, id, true).await?;
    let Answer::Accepted(workspace) = answer else {
        return Err(over(answer));
    };
    let found = workspaces::by_id(&mut tx, workspace).await?;
    tx.commit().await?;
    let gone = || Problem::new(Code::WorkspaceNotFound, "this workspace is gone");
    Ok(Json(found.ok_or_else(gone)?.into()))
}

/// Why an invitation cannot be answered so.
pub(crate) fn over(answer: Answer) -> Problem {
    let why = match answer {
        Answer::NotFound => {
            let detail = "no invitation of this id is for you";
            return Problem::new(Code::InvitationNotFound, detail);
        }
        Answer::Accepted(_) | Answer::Declined | Answer::Answered => "it was answered before",
        Answer::Expired => "it has expired",
        Answer::Revoked => "it was taken back",
    };
    Problem::new(Code::InvitationOver, why)
}

//! `POST /api/v1/invitations/{invitation_id}/decline`: the invited person does not want to come.

use axum::extract::State;
use domain::ids::InvitationId;
use persistence::Db;
use persistence::invitations::{self, Answer};
use web::openapi::{Conflict, Missing};
use web::{NoContent, Path, Person, Problem};

use crate::accept_invitation::over;

/// Decline an invitation
///
/// It must be for you, as for accepting it. Declining again answers the same.
#[utoipa::path(
    post, path = "/api/v1/invitations/{invitation_id}/decline", operation_id = "decline_invitation", tag = "workspaces",
    params(("invitation_id" = Uuid, Path, description = "The invitation.")),
    responses((status = 204, description = "It is declined."), Missing, Conflict)
)]
pub(crate) async fn decline_invitation(
    Person(principal): Person,
    State(db): State<Db>,
    Path(id): Path<InvitationId>,
) -> Result<NoContent, Problem> {
    let mut tx = db.begin_as(&principal, None).await?;
    let answer = invitations::answer(&mut tx, id, false).await?;
    if answer != Answer::Declined {
        return Err(over(answer));
    }
    tx.commit().await?;
    Ok(NoContent)
}

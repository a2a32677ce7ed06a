//! `DELETE /api/v1/marketplace/{tool_id}/reviews`: takes the own review back.

use axum::extract::State;
use domain::publication::PublicId;
use persistence::{Db, reviews};
use web::openapi::Missing;
use web::{Allowed, NoContent, Path, Problem};

/// Take a review back
///
/// The caller's own one, also of what was withdrawn.
#[utoipa::path(
    delete, path = "/api/v1/marketplace/{tool_id}/reviews", operation_id = "take_back_review", tag = "marketplace",
    params(("tool_id" = String, Path, description = "The public id.", example = "research_get_quote")),
    responses((status = 204, description = "It is gone."), Missing)
)]
pub(crate) async fn take_back_review(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    Path(id): Path<PublicId>,
) -> Result<NoContent, Problem> {
    let workspace = Some(caller.workspace_id);
    let mut tx = db.begin_as(&caller.principal, workspace).await?;
    if !reviews::take_back(&mut tx, id.as_str()).await? {
        return Err(Problem::not_found());
    }
    tx.commit().await?;
    Ok(NoContent)
}

//! `DELETE /api/v1/model`: the operator's model server answers again.

use axum::extract::State;
use orchestrator::Agent;
use web::openapi::Missing;
use web::{Allowed, NoContent, Problem};

use crate::failed;

/// Remove the model setting
///
/// From the next prompt on the operator's model server answers, if there is one.
#[utoipa::path(
    delete, path = "/api/v1/model", operation_id = "remove_model", tag = "orchestrate",
    responses((status = 204, description = "It is removed."), Missing)
)]
pub(crate) async fn remove_model(
    Allowed(caller): Allowed,
    State(agent): State<Agent>,
) -> Result<NoContent, Problem> {
    match agent.remove_model(&caller).await.map_err(failed::problem)? {
        true => Ok(NoContent),
        false => Err(Problem::not_found()),
    }
}

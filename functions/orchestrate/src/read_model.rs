//! `GET /api/v1/model`: the workspace's own model server.

use axum::extract::State;
use orchestrator::Agent;
use web::openapi::Missing;
use web::{Allowed, Json, Problem};

use crate::failed;
use crate::model_view::ModelView;

/// Read the model setting
///
/// The workspace's own model server. 404: it has none, so the operator's answers.
#[utoipa::path(
    get, path = "/api/v1/model", operation_id = "read_model", tag = "orchestrate",
    responses((status = 200, description = "The setting.", body = ModelView), Missing)
)]
pub(crate) async fn read_model(
    Allowed(caller): Allowed,
    State(agent): State<Agent>,
) -> Result<Json<ModelView>, Problem> {
    let own = agent.model(&caller).await.map_err(failed::problem)?;
    Ok(Json(own.ok_or_else(Problem::not_found)?.into()))
}

//! `POST /api/v1/flows/{flow_id}/runs/{run_id}/cancel`: stops a run.

use axum::extract::State;
use domain::ids::ToolId;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use web::openapi::Missing;
use web::{Allowed, Json, PathPair, Problem};
use workflow::Flows;

/// How the run stands now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunState {
    /// The run.
    run_id: Uuid,
    /// `cancelling` while steps finish, `compensating` while what they did is undone, then `cancelled`; or the state in which it had
    /// ended before.
    #[schema(example = "cancelling")]
    status: String,
}

impl RunState {
    pub(crate) const fn new(run_id: Uuid, status: String) -> Self {
        Self { run_id, status }
    }
}

/// Cancel a run
///
/// Once this has answered, no step of it (or of the runs below it) starts; what runs finishes, then what was done is undone, where a
/// step has a `compensate`. A run that has ended stays as it is.
#[utoipa::path(
    post, path = "/api/v1/flows/{flow_id}/runs/{run_id}/cancel", operation_id = "cancel_run", tag = "flows",
    params(
        ("flow_id" = String, Path, description = "The flow.", example = "ticker_brief"),
        ("run_id" = Uuid, Path, description = "The run."),
    ),
    responses((status = 200, description = "Its state.", body = RunState), Missing)
)]
pub(crate) async fn cancel(
    Allowed(caller): Allowed,
    State(flows): State<Flows>,
    PathPair(id, run): PathPair<ToolId, Uuid>,
) -> Result<Json<RunState>, Problem> {
    let status = flows.cancel(&caller, &id, run).await?;
    Ok(Json(RunState::new(run, status)))
}

//! `POST /api/v1/flows/{flow_id}/runs/{run_id}/resume`: lets a stopped run go on.

use axum::extract::State;
use domain::ids::ToolId;
use utoipa::ToSchema;
use uuid::Uuid;
use web::openapi::Missing;
use web::{Allowed, Fields, FromFields, Json, PathPair, Problem};
use workflow::Flows;

use crate::cancel::RunState;

/// What may be called again.
#[derive(Debug, ToSchema)]
pub(crate) struct ResumeRequest {
    /// Steps in state `unknown` (their call went out, no answer came) that may be called again.
    #[schema(required = false, example = json!(["mail"]))]
    confirm: Vec<String>,
}

impl FromFields for ResumeRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            confirm: fields.optional("confirm").unwrap_or_default(),
        })
    }
}

/// Resume a run
///
/// A failed or cancelled run goes on from where it stopped, on the versions pinned at its start: failed and cancelled steps run again,
/// succeeded ones do not. Steps whose outcome is unknown must be named in `confirm`: look at the upstream first. A run whose steps
/// were undone cannot be resumed.
#[utoipa::path(
    post, path = "/api/v1/flows/{flow_id}/runs/{run_id}/resume", operation_id = "resume_run", tag = "flows",
    params(
        ("flow_id" = String, Path, description = "The flow.", example = "ticker_brief"),
        ("run_id" = Uuid, Path, description = "The run."),
    ),
    request_body(content = ResumeRequest, example = json!({ "confirm": [] })),
    responses(
        (status = 200, description = "It runs again.", body = RunState),
        (status = 409, description = "`run_not_stopped`, `run_compensated`, `run_has_parent`, or `steps_unconfirmed`."),
        Missing,
    )
)]
pub(crate) async fn resume(
    Allowed(caller): Allowed,
    State(flows): State<Flows>,
    PathPair(id, run): PathPair<ToolId, Uuid>,
    Json(request): Json<ResumeRequest>,
) -> Result<Json<RunState>, Problem> {
    flows.resume(&caller, &id, run, &request.confirm).await?;
    let view = flows.run(&caller, &id, run, None, 0).await?;
    Ok(Json(RunState::new(run, view.run.status)))
}

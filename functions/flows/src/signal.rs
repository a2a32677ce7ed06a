//! `POST /api/v1/flows/{flow_id}/runs/{run_id}/steps/{step_id}/signal`: answers a step that waits.

use axum::extract::State;
use domain::ids::ToolId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use web::openapi::Missing;
use web::{Allowed, Fields, FromFields, Json, PathTriple, Problem};
use workflow::{Answer, Answered, Flows};

/// An answer.
#[derive(Debug, ToSchema)]
pub(crate) struct SignalRequest {
    /// To a signal: what is sent; it becomes the step's output. To an approval: a comment.
    #[schema(required = false, example = json!({ "paid": true }))]
    payload: Option<Value>,
    /// To an approval: yes or no. No fails the step.
    #[schema(required = false, example = true)]
    approved: Option<bool>,
}

impl FromFields for SignalRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            payload: fields.optional("payload"),
            approved: fields.optional("approved"),
        })
    }
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignalTaken {
    /// The run.
    run_id: Uuid,
    /// The step.
    #[schema(example = "approve")]
    step_id: String,
    /// Present (and true) when the step had the same answer already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false, example = false)]
    repeated: bool,
}

/// Answer a waiting step
///
/// Ends a `wait` step: a signal with `payload`, an approval with `approved`. It may come before the step waits. The first answer counts;
/// the same again changes nothing (200), another one is 409 `step_answered`.
#[utoipa::path(
    post, path = "/api/v1/flows/{flow_id}/runs/{run_id}/steps/{step_id}/signal", operation_id = "signal_step", tag = "flows",
    params(
        ("flow_id" = String, Path, description = "The flow.", example = "ticker_brief"),
        ("run_id" = Uuid, Path, description = "The run."),
        ("step_id" = String, Path, description = "The step.", example = "approve"),
    ),
    request_body(content = SignalRequest, example = json!({ "approved": true })),
    responses(
        (status = 200, description = "The step has it.", body = SignalTaken),
        (status = 409, description = "`step_answered`, or `step_not_waiting`."),
        Missing,
    )
)]
pub(crate) async fn signal(
    Allowed(caller): Allowed,
    State(flows): State<Flows>,
    PathTriple(id, run, step): PathTriple<ToolId, Uuid, String>,
    Json(request): Json<SignalRequest>,
) -> Result<Json<SignalTaken>, Problem> {
    let answer = Answer {
        payload: request.payload,
        approved: request.approved,
    };
    let answered = flows.signal(&caller, &id, run, &step, &answer).await?;
    Ok(Json(SignalTaken {
        run_id: run,
        step_id: step,
        repeated: answered == Answered::Repeated,
    }))
}

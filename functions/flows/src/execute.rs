//! `POST /api/v1/flows/{flow_id}/execute`: starts a run.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::caller::Door;
use domain::ids::ToolId;
use domain::run::RunStatus;
use http::StatusCode;
use http::header::{HeaderValue, LOCATION};
use serde_json::Value;
use tokio::time::Instant;
use utoipa::ToSchema;
use web::openapi::{Held, Missing};
use web::{
    Allowed, Fields, FromFields, IdempotencyKey, Json, PREFERENCE_APPLIED, Path, Prefer, Problem,
};
use workflow::{FlowError, Flows, StartOptions, StartedRun};

use crate::run_view::{RunStarted, RunView, STEPS};

/// What a flow is started with.
#[derive(Debug, ToSchema)]
pub(crate) struct StartRequest {
    /// Fits the flow's `input_schema`.
    #[schema(value_type = Object, example = json!({ "symbols": ["IBM", "SAP"] }))]
    pub(crate) input: Value,
}

impl FromFields for StartRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            input: fields.required("input")?,
        })
    }
}

/// Start a flow
///
/// Answers 202 as soon as the run is stored; it goes on by itself, whatever becomes of this connection. `Location` is the run.
/// `Prefer: wait=10` waits up to ten seconds (25 at most) for its end, and answers 200 with the finished run if it came; else 202. With
/// an `Idempotency-Key` the run is started once: the same request with the same key answers the same run, another input with it is 409.
#[utoipa::path(
    post, path = "/api/v1/flows/{flow_id}/execute", operation_id = "execute_flow", tag = "flows",
    params(
        ("flow_id" = String, Path, description = "Its id.", example = "ticker_brief"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters."),
        ("Prefer" = Option<String>, Header, description = "`wait=10`: waits so many seconds for the end."),
    ),
    request_body(content = StartRequest, example = json!({ "input": { "symbols": ["IBM", "SAP"] } })),
    responses(
        (status = 202, description = "It runs.", body = RunStarted, headers(("Location" = String, description = "The run."))),
        (status = 200, description = "It has ended within the time that the caller would wait.", body = RunView),
        Missing, Held,
    )
)]
pub(crate) async fn execute(
    Allowed(caller): Allowed,
    State(flows): State<Flows>,
    Path(id): Path<ToolId>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    prefer: Prefer,
    Json(request): Json<StartRequest>,
) -> Result<Response, Problem> {
    let began = Instant::now();
    let options = StartOptions {
        door: Door::Rest,
        idempotency_key,
    };
    let started = flows
        .start(&caller, &id, request.input, options)
        .await
        .map_err(in_request)?;
    if let Some(wait) = prefer.wait {
        flows.wait(&caller, started.id, began + wait).await?;
        let view = flows.run(&caller, &id, started.id, None, STEPS).await?;
        if view.run.finished_at.is_some() {
            let run = RunView::new(view);
            return Ok(located(&id, &started, Json(run).into_response()));
        }
    }
    let status = match started.existing {
        true => {
            flows
                .run(&caller, &id, started.id, None, 0)
                .await?
                .run
                .status
        }
        false => RunStatus::Running.to_string(),
    };
    let told = RunStarted::new(&started, status);
    Ok(located(&id, &started, web::accepted(told)))
}

/// What a flow is given is the member `input` of the request.
fn in_request(error: FlowError) -> Problem {
    match error {
        FlowError::InvalidInput(mut faults) => {
            for fault in &mut faults {
                fault.pointer.insert_str(0, "/input");
            }
            FlowError::InvalidInput(faults).into()
        }
        other => other.into(),
    }
}

fn located(id: &ToolId, started: &StartedRun, mut response: Response) -> Response {
    let headers = response.headers_mut();
    let place = format!("/api/v1/flows/{id}/runs/{}", started.id);
    if let Ok(place) = HeaderValue::from_str(&place) {
        headers.insert(LOCATION, place);
    }
    if response.status() == StatusCode::OK {
        let waited = HeaderValue::from_static("wait");
        response.headers_mut().insert(PREFERENCE_APPLIED, waited);
    }
    response
}

//! `POST /api/v1/tools/{tool_id}/execute`: runs a tool once.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::caller::Door;
use domain::failure::Failure;
use domain::ids::{ExecutionId, ToolId};
use executor::{Cut, ExecuteOptions, Execution, Origin};
use http::header::{HeaderName, HeaderValue, LOCATION};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use web::openapi::{Held, Limited, Missing};
use web::{
    Allowed, Fields, FromFields, IdempotencyKey, Json, PREFERENCE_APPLIED, Path, Prefer, Problem,
    RESPOND_ASYNC,
};
use workflow::{Accepted, Flows};

/// What a tool is given.
#[derive(Debug, ToSchema)]
pub(crate) struct ExecuteRequest {
    /// Fits the tool's `input_schema`.
    #[schema(value_type = Object, example = json!({ "latitude": 59.91, "longitude": 10.75 }))]
    pub(crate) input: Value,
}

impl FromFields for ExecuteRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            input: fields.required("input")?,
        })
    }
}

/// An execution that succeeded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExecutionSucceeded {
    /// Always true.
    #[schema(example = true)]
    success: bool,
    /// What the tool's mapping made of the answer.
    #[schema(example = json!({ "temperature": 21.4 }))]
    output: Value,
    /// Wall time, in milliseconds.
    #[schema(example = 247)]
    execution_time_ms: u64,
    /// Its entry in the execution log; of a flow, the id of its run.
    #[schema(value_type = Uuid)]
    execution_id: ExecutionId,
    /// Present only when the output was cut to `output.max_tokens`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Truncated, required = false)]
    truncated: Option<Cut>,
    /// Present (and true) when the answer to an earlier call that asked for the same was used: the tool's `cache`.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false, example = false)]
    cached: bool,
    /// What is worth knowing though it did not fail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<String>,
}

/// What was taken out of an output that is larger than the tool's `output.max_tokens`.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "describes executor::Cut")]
pub(crate) struct Truncated {
    /// Run the tool `read_more` with it for the rest; it is kept for a day. Absent when it could not be kept.
    #[schema(
        required = false,
        example = "more_3f2504e04f8941d39a0c0305e82c33010000000000000000"
    )]
    cursor: String,
    /// Where something was taken out.
    at: Vec<TruncatedAt>,
    /// Estimated tokens of the output in this answer.
    #[schema(example = 3_980)]
    kept_tokens: u64,
    /// Estimated tokens of the whole output.
    #[schema(example = 51_234)]
    total_tokens: u64,
}

/// One place at which something was taken out.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "describes executor::CutAt")]
pub(crate) struct TruncatedAt {
    /// JSON pointer into `output`.
    #[schema(example = "/rows")]
    pointer: String,
    /// What is counted: `items`, `characters` or `members`.
    #[schema(example = "items")]
    unit: String,
    /// How many of them stayed.
    #[schema(example = 31)]
    kept: u64,
    /// How many there are altogether.
    #[schema(example = 400)]
    total: u64,
}

/// An execution that was made and failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExecutionFailed {
    /// Always false.
    #[schema(example = false)]
    success: bool,
    #[schema(value_type = ExecutionFailure)]
    error: Failure,
    /// Wall time, in milliseconds.
    #[schema(example = 25_000)]
    execution_time_ms: u64,
    /// Its entry in the execution log; of a flow, the id of its run.
    #[schema(value_type = Uuid)]
    execution_id: ExecutionId,
    /// What is worth knowing besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<String>,
}

/// Why an execution failed.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "describes domain::failure::Failure")]
pub(crate) struct ExecutionFailure {
    /// What kind of failure; the list is closed.
    #[schema(example = "timeout")]
    code: String,
    /// What happened, in one sentence.
    #[schema(example = "The API did not answer within 25 s")]
    message: String,
    /// What to do about it.
    #[schema(example = "Try again, or raise api.timeout")]
    hint: String,
    /// Whether the same call may succeed later without being changed.
    #[schema(example = true)]
    retryable: bool,
    /// Facts for the repair. Never secrets.
    #[schema(value_type = Object)]
    details: Value,
}

/// An execution that will be made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExecutionAccepted {
    /// Its id in the execution log; of a flow, its run's.
    execution_id: Uuid,
    /// Always `running`.
    #[schema(example = "running")]
    status: &'static str,
}

/// The answer to a call that was accepted and not made yet.
fn owed(id: &ToolId, accepted: &Accepted) -> Response {
    let (execution_id, place) = match accepted {
        Accepted::Execution(execution) => (*execution, format!("/api/v1/executions/{execution}")),
        Accepted::Run(run) => (*run, format!("/api/v1/flows/{id}/runs/{run}")),
    };
    let told = ExecutionAccepted {
        execution_id,
        status: "running",
    };
    let mut response = web::accepted(told);
    let headers = response.headers_mut();
    headers.insert(PREFERENCE_APPLIED, RESPOND_ASYNC);
    if let Ok(place) = HeaderValue::from_str(&place) {
        headers.insert(LOCATION, place);
    }
    response
}

fn answer(execution: Execution) -> Response {
    let Execution {
        execution_id,
        execution_time_ms,
        outcome,
        cut,
        warnings,
        origin,
    } = execution;
    let mut response = match outcome {
        Ok(output) => Json(ExecutionSucceeded {
            success: true,
            output,
            execution_time_ms,
            execution_id,
            truncated: cut,
            cached: origin == Origin::Cached,
            warnings,
        })
        .into_response(),
        Err(error) => web::problem::failed_execution(Json(ExecutionFailed {
            success: false,
            error,
            execution_time_ms,
            execution_id,
            warnings,
        })),
    };
    if origin == Origin::Replayed {
        let replayed = HeaderValue::from_static("true");
        response.headers_mut().insert(REPLAYED, replayed);
    }
    response
}

/// Says that no call was made: an earlier one with the same key was.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Run a tool
///
/// One real call to the tool's API. An input that does not fit is 400; a call that fails is 500 with
/// `success: false`.
///
/// With an `Idempotency-Key` the call is made once: the same request with the same key is answered with the first
/// one's answer and execution id, and the header `Idempotency-Replayed: true`. While the first one runs, that takes a
/// few seconds at most; then it is 409. Another input with the same key is 409. The key is sent on to the API with calls
/// that could change something, the same on every attempt.
#[utoipa::path(
    post, path = "/api/v1/tools/{tool_id}/execute", operation_id = "execute_tool", tag = "tools",
    params(
        ("tool_id" = String, Path, description = "Its id.", example = "get_weather"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters."),
        ("Prefer" = Option<String>, Header, description = "`respond-async`: the answer is not waited for."),
    ),
    request_body(content = ExecuteRequest, example = json!({ "input": { "latitude": 59.91, "longitude": 10.75 } })),
    responses(
        (status = 200, description = "It succeeded.", body = ExecutionSucceeded),
        (status = 202, description = "It will be made: `Prefer: respond-async`.", body = ExecutionAccepted,
            headers(("Location" = String, description = "Where its outcome can be read."))),
        (status = 500, description = "It was made and failed.", body = ExecutionFailed),
        Missing, Held, Limited,
    )
)]
pub(crate) async fn execute(
    Allowed(caller): Allowed,
    State(flows): State<Flows>,
    Path(id): Path<ToolId>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    prefer: Prefer,
    Json(request): Json<ExecuteRequest>,
) -> Result<Response, Problem> {
    if prefer.respond_async {
        let accepted = flows
            .call_later(&caller, &id, request.input, idempotency_key)
            .await?;
        return Ok(owed(&id, &accepted));
    }
    let options = ExecuteOptions {
        idempotency_key,
        ..ExecuteOptions::through(Door::Rest)
    };
    let execution = flows.call(&caller, &id, request.input, options).await?;
    Ok(answer(execution))
}

#[cfg(test)]
mod tests {
    use domain::failure::FailureCode;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_has_the_documented_shape() {
        let failed = ExecutionFailed {
            success: false,
            error: Failure::new(FailureCode::Timeout, "too slow", "try again"),
            execution_time_ms: 25_000,
            execution_id: ExecutionId(Uuid::nil()),
            warnings: Vec::new(),
        };
        assert_eq!(
            serde_json::to_value(&failed).unwrap(),
            json!({
                "success": false,
                "error": { "code": "timeout", "message": "too slow", "hint": "try again",
                           "retryable": true, "details": {} },
                "execution_time_ms": 25_000,
                "execution_id": "00000000-0000-0000-0000-000000000000",
            })
        );
    }
}

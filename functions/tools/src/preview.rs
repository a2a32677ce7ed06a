//! `POST /api/v1/tools/{tool_id}/preview`: the exact request that a tool would send; nothing is sent.

use axum::extract::State;
use domain::ids::ToolId;
use executor::{Executor, Preview};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use web::openapi::{Conflict, Missing};
use web::{Allowed, Json, Path, Problem};

use crate::execute::ExecuteRequest;

/// The exact request that a tool would send.
#[derive(Serialize, ToSchema)]
#[schema(as = Preview)]
#[allow(dead_code, reason = "describes executor::Preview")]
pub(crate) struct PreviewView {
    /// The HTTP method.
    #[schema(example = "GET")]
    method: String,
    /// The whole URL; secrets stand as `${NAME}`.
    #[schema(example = "https://api.open-meteo.com/v1/forecast?latitude=59.91&longitude=10.75")]
    url: String,
    /// Header names and values; secrets stand as `${NAME}`.
    #[schema(value_type = Object)]
    headers: Value,
    /// The body, if it has one: JSON as it is; a form, text or XML as it is sent; of a multipart body its parts.
    #[schema(value_type = Option<Value>)]
    body: Option<Value>,
    /// The same call for a shell, whose environment holds the secrets.
    #[schema(
        example = "curl 'https://api.open-meteo.com/v1/forecast?latitude=59.91&longitude=10.75'"
    )]
    curl: String,
}

/// Preview a tool's request
///
/// The request that the same input would send, with secrets shown as `${NAME}`. Nothing is sent. Of a code-based
/// tool it is the first one; a tool that makes none is a 409.
#[utoipa::path(
    post, path = "/api/v1/tools/{tool_id}/preview", operation_id = "preview_tool", tag = "tools",
    params(("tool_id" = String, Path, description = "Its id.", example = "get_weather")),
    request_body(content = ExecuteRequest, example = json!({ "input": { "latitude": 59.91, "longitude": 10.75 } })),
    responses((status = 200, description = "The request.", body = PreviewView), Missing, Conflict)
)]
pub(crate) async fn preview(
    Allowed(caller): Allowed,
    State(executor): State<Executor>,
    Path(id): Path<ToolId>,
    Json(request): Json<ExecuteRequest>,
) -> Result<Json<Preview>, Problem> {
    Ok(Json(executor.preview(&caller, &id, request.input).await?))
}

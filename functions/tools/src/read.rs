//! `GET /api/v1/tools/{tool_id}`: one tool with its config.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::ids::ToolId;
use http::StatusCode;
use http::header::{CACHE_CONTROL, ETAG, HeaderValue};
use registry::{CompiledTool, Registry};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use web::openapi::Missing;
use web::{Allowed, Code, IfNoneMatch, Json, Path, Problem, etag};

use crate::view::raw;

/// One tool with its config.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToolDetail {
    /// Its id.
    #[schema(example = "get_weather")]
    id: String,
    /// What a person calls it.
    #[schema(example = "get_weather")]
    name: String,
    /// What it does.
    #[schema(example = "Current weather at a place")]
    description: String,
    /// The current version, counted from 1.
    #[schema(example = 1)]
    version: i32,
    /// SHA-256 of the canonical document (RFC 8785), in hex; the `ETag`.
    hash: String,
    /// Whether it may be run.
    enabled: bool,
    /// Why its stored config is not accepted any more, if so; it is not run then.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantined: Option<String>,
    /// `saved`: the workspace's own. `flow`: one of its flows. `builtin`: code that is part of the product.
    #[schema(example = "saved")]
    source: &'static str,
    /// The document as its author wrote it, of a flow its definition; code has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    config: Option<Box<RawValue>>,
    /// JSON Schema of the input, where no config says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    input_schema: Option<Value>,
    /// JSON Schema of the output, where no config says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    output_schema: Option<Value>,
}

impl TryFrom<&CompiledTool> for ToolDetail {
    type Error = Problem;

    fn try_from(tool: &CompiledTool) -> Result<Self, Problem> {
        let code = tool.code.as_ref().map(|_| &tool.view);
        let config = match code {
            None => Some(raw(tool.document.clone())?),
            Some(_) => None,
        };
        Ok(Self {
            id: tool.id.to_string(),
            name: tool.config.name.clone(),
            description: tool.config.description.clone(),
            version: tool.version,
            hash: tool.hash.clone(),
            enabled: tool.config.enabled,
            quarantined: tool.quarantined.clone(),
            source: tool.source(),
            config,
            input_schema: code.map(|view| view.input_schema.clone()),
            output_schema: code.map(|view| view.output_schema.clone()),
        })
    }
}

/// Read a tool
///
/// With its config, exactly as it was written; a code-based tool has its schemas instead. A flow with an input schema is
/// a tool too.
#[utoipa::path(
    get, path = "/api/v1/tools/{tool_id}", operation_id = "read_tool", tag = "tools",
    params(
        ("tool_id" = String, Path, description = "Its id.", example = "get_weather"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` answered before."),
    ),
    responses(
        (status = 200, description = "The tool.", body = ToolDetail, headers(("ETag" = String, description = "The version's hash."))),
        (status = 304, description = "It has not changed."),
        Missing,
    )
)]
pub(crate) async fn read(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Path(id): Path<ToolId>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let catalog = registry.catalog(&caller).await?;
    let missing = || {
        let detail = match catalog.entry(&id) {
            Some(_) => "this is a flow without an input_schema, so no tool: GET /api/v1/flows",
            None => "this workspace has no such tool",
        };
        Problem::new(Code::ToolNotFound, detail)
    };
    let tool = catalog.tool(&id).ok_or_else(missing)?;
    let headers = [
        (ETAG, etag(&tool.hash)),
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ];
    if known.has(&tool.hash) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((headers, Json(ToolDetail::try_from(&*tool)?)).into_response())
}

//! `POST /api/v1/tools`: a config becomes a tool, live at once everywhere.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::ETAG;
use serde::Serialize;
use utoipa::ToSchema;
use web::openapi::Conflict;
use web::{Allowed, Created, Document, Problem, etag};

use crate::Tools;
use crate::view::example_config;

/// A tool that was registered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegisteredTool {
    /// Its id.
    #[schema(example = "get_weather")]
    tool_id: String,
    /// Always true.
    #[schema(example = true)]
    registered: bool,
    /// 1, or the next version of an id that had been retired.
    #[schema(example = 1)]
    version: i32,
}

/// Register a tool
///
/// The body is a tool config. What is wrong with it is told all at once.
#[utoipa::path(
    post, path = "/api/v1/tools", operation_id = "register_tool", tag = "tools",
    request_body(content = Object, description = "A tool config.", example = example_config),
    responses((status = 201, description = "It is registered.", body = RegisteredTool), Conflict)
)]
pub(crate) async fn register(
    Allowed(caller): Allowed,
    State(tools): State<Tools>,
    Document(config): Document,
) -> Result<Response, Problem> {
    let registered = tools.registry.register(&caller, config).await?;
    tools.bind_secrets(&caller, &registered.config).await;
    let tag = etag(&registered.saved.hash);
    let answer = Created(RegisteredTool {
        tool_id: registered.tool_id.to_string(),
        registered: true,
        version: registered.saved.version,
    });
    Ok(([(ETAG, tag)], answer).into_response())
}

//! `PUT /api/v1/tools/saved/{tool_id}`: the next version of a tool.

use axum::extract::State;
use axum::response::Response;
use domain::ids::ToolId;
use web::openapi::{Conflict, Missing};
use web::{Allowed, Document, IfMatch, Path, Problem};

use crate::Tools;
use crate::view::{SavedView, example_config};

/// Change a tool
///
/// Makes a new immutable version. With `If-Match`, only if that version is still the current one;
/// without it the last write wins. The same document again makes no version.
#[utoipa::path(
    put, path = "/api/v1/tools/saved/{tool_id}", operation_id = "revise_tool", tag = "tools",
    params(
        ("tool_id" = String, Path, description = "Its id.", example = "get_weather"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read."),
    ),
    request_body(content = Object, description = "A tool config.", example = example_config),
    responses(
        (status = 200, description = "The saved tool.", body = SavedView, headers(("ETag" = String, description = "The version's hash."))),
        Missing, Conflict,
    )
)]
pub(crate) async fn revise(
    Allowed(caller): Allowed,
    State(tools): State<Tools>,
    Path(id): Path<ToolId>,
    IfMatch(read): IfMatch,
    Document(config): Document,
) -> Result<Response, Problem> {
    let revised = tools
        .registry
        .revise(&caller, &id, config, read.as_deref())
        .await?;
    tools.bind_secrets(&caller, &revised.config).await;
    Ok(SavedView::try_from(revised.saved)?.tagged())
}

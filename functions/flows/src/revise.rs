//! `PUT /api/v1/flows/{flow_id}`: the next version of a flow.

use axum::extract::State;
use axum::response::Response;
use domain::ids::ToolId;
use registry::Registry;
use web::openapi::{Conflict, Missing};
use web::{Allowed, Document, IfMatch, Path, Problem};

use crate::view::{FlowView, example_flow};

/// Change a flow
///
/// Makes a new immutable version; runs that are under way stay on theirs. With `If-Match`, only if that version is still
/// the current one; without it the last write wins. The same document again makes no version.
#[utoipa::path(
    put, path = "/api/v1/flows/{flow_id}", operation_id = "revise_flow", tag = "flows",
    params(
        ("flow_id" = String, Path, description = "Its id.", example = "ticker_brief"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read."),
    ),
    request_body(content = Object, description = "A flow.", example = example_flow),
    responses(
        (status = 200, description = "The saved flow.", body = FlowView, headers(("ETag" = String, description = "The version's hash."))),
        Missing, Conflict,
    )
)]
pub(crate) async fn revise(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Path(id): Path<ToolId>,
    IfMatch(read): IfMatch,
    Document(flow): Document,
) -> Result<Response, Problem> {
    let flows = registry.flows();
    let revised = flows.revise(&caller, &id, &flow, read.as_deref()).await?;
    Ok(FlowView::try_from(revised)?.tagged())
}

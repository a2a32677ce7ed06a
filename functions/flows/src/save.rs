//! `POST /api/v1/flows`: saves a new flow.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::LOCATION;
use registry::Registry;
use web::openapi::Conflict;
use web::{Allowed, Document, Problem};

use crate::view::{FlowView, example_flow};

/// Save a new flow
///
/// Steps over the workspace's tools that depend on each other; with an `input_schema` it is a tool itself. Every fault is
/// told at once, a cycle with its path. Its id is stated or made of its name; an id that was retired is taken up again.
#[utoipa::path(
    post, path = "/api/v1/flows", operation_id = "save_flow", tag = "flows",
    request_body(content = Object, description = "A flow.", example = example_flow),
    responses(
        (status = 201, description = "The saved flow.", body = FlowView, headers(
            ("ETag" = String, description = "The version's hash."),
            ("Location" = String, description = "Where it can be read."),
        )),
        Conflict,
    )
)]
pub(crate) async fn save(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Document(flow): Document,
) -> Result<Response, Problem> {
    let saved = FlowView::try_from(registry.flows().save(&caller, &flow).await?)?;
    let location = [(LOCATION, saved.path())];
    Ok((StatusCode::CREATED, location, saved.tagged()).into_response())
}

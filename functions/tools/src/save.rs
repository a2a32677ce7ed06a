//! `POST /api/v1/tools/saved`: registers a tool and answers its persistent view.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use web::openapi::Conflict;
use web::{Allowed, Document, Problem};

use crate::Tools;
use crate::view::{SavedView, example_config};

/// Save a new tool
///
/// The same as registering it; the answer is the saved tool.
#[utoipa::path(
    post, path = "/api/v1/tools/saved", operation_id = "save_tool", tag = "tools",
    request_body(content = Object, description = "A tool config.", example = example_config),
    responses(
        (status = 201, description = "The saved tool.", body = SavedView, headers(("ETag" = String, description = "The version's hash."))),
        Conflict,
    )
)]
pub(crate) async fn save(
    Allowed(caller): Allowed,
    State(tools): State<Tools>,
    Document(config): Document,
) -> Result<Response, Problem> {
    let registered = tools.registry.register(&caller, config).await?;
    tools.bind_secrets(&caller, &registered.config).await;
    let saved = SavedView::try_from(registered.saved)?.tagged();
    Ok((StatusCode::CREATED, saved).into_response())
}

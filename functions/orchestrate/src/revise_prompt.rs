//! `PUT /api/v1/prompts/{prompt_id}`: the next version of a prompt.

use axum::extract::State;
use axum::response::Response;
use domain::ids::PromptId;
use registry::Registry;
use web::openapi::{Conflict, Missing};
use web::{Allowed, Document, IfMatch, Path, Problem};

use crate::prompt_view::{PromptView, example_prompt};

/// Change a prompt
///
/// Makes a new immutable version. With `If-Match`, only if that version is still the current one;
/// without it the last write wins. The same document again makes no version.
#[utoipa::path(
    put, path = "/api/v1/prompts/{prompt_id}", operation_id = "revise_prompt", tag = "prompts",
    params(
        ("prompt_id" = String, Path, description = "Its id.", example = "weather_report"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read."),
    ),
    request_body(content = Object, description = "A prompt.", example = example_prompt),
    responses(
        (status = 200, description = "The saved prompt.", body = PromptView, headers(("ETag" = String, description = "The version's hash."))),
        Missing, Conflict,
    )
)]
pub(crate) async fn revise_prompt(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Path(id): Path<PromptId>,
    IfMatch(read): IfMatch,
    Document(prompt): Document,
) -> Result<Response, Problem> {
    let prompts = registry.prompts();
    let saved = prompts
        .revise(&caller, &id, &prompt, read.as_deref())
        .await?;
    Ok(PromptView::try_from(saved)?.tagged())
}

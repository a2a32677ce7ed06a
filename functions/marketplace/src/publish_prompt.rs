//! `POST /api/v1/prompts/{prompt_id}/publish`: shows a prompt to everybody.

use axum::extract::State;
use domain::publication::{Kind, PublicId};
use web::openapi::{Conflict, Missing};
use web::{Allowed, Json, MaybeJson, Path, Problem};

use crate::Marketplace;
use crate::publish::{PublishRequest, PublishedView};

/// Publish a prompt
///
/// With every tool that it names, each by the rules for tools.
#[utoipa::path(
    post, path = "/api/v1/prompts/{prompt_id}/publish", operation_id = "publish_prompt", tag = "marketplace",
    params(("prompt_id" = String, Path, description = "Its id.", example = "summary")),
    request_body(content = Option<PublishRequest>, example = json!({})),
    responses((status = 200, description = "It is public.", body = PublishedView), Missing, Conflict)
)]
pub(crate) async fn publish_prompt(
    Allowed(caller): Allowed,
    State(marketplace): State<Marketplace>,
    Path(id): Path<PublicId>,
    MaybeJson(request): MaybeJson<PublishRequest>,
) -> Result<Json<PublishedView>, Problem> {
    let published = marketplace.publish(&caller, Kind::Prompt, id.as_str(), &request);
    Ok(Json(published.await?))
}

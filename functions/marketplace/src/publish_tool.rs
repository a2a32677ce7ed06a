//! `POST /api/v1/tools/{tool_id}/publish`: shows a tool to everybody.

use axum::extract::State;
use domain::publication::{Kind, PublicId};
use web::openapi::{Conflict, Missing};
use web::{Allowed, Json, MaybeJson, Path, Problem};

use crate::Marketplace;
use crate::publish::{PublishRequest, PublishedView};

/// Publish a tool
///
/// Everybody sees its current version, without `metadata`, fixtures, examples and the workspace's own values of connection variables. Again: the
/// next version becomes public; installed copies stay as they are. Refused with every reason at once: no description, fixtures that fail, a
/// credential that is written out, texts that give a model orders or hide characters.
#[utoipa::path(
    post, path = "/api/v1/tools/{tool_id}/publish", operation_id = "publish_tool", tag = "marketplace",
    params(("tool_id" = String, Path, description = "Its id.", example = "get_quote")),
    request_body(content = Option<PublishRequest>, example = json!({})),
    responses((status = 200, description = "It is public.", body = PublishedView), Missing, Conflict)
)]
pub(crate) async fn publish_tool(
    Allowed(caller): Allowed,
    State(marketplace): State<Marketplace>,
    Path(id): Path<PublicId>,
    MaybeJson(request): MaybeJson<PublishRequest>,
) -> Result<Json<PublishedView>, Problem> {
    let published = marketplace.publish(&caller, Kind::Tool, id.as_str(), &request);
    Ok(Json(published.await?))
}

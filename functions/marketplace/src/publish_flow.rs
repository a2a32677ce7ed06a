//! `POST /api/v1/flows/{flow_id}/publish`: shows a flow to everybody.

use axum::extract::State;
use domain::publication::{Kind, PublicId};
use web::openapi::{Conflict, Missing};
use web::{Allowed, Json, MaybeJson, Path, Problem};

use crate::Marketplace;
use crate::publish::{PublishRequest, PublishedView};

/// Publish a flow
///
/// With every tool and flow that it calls, each by the rules for tools.
#[utoipa::path(
    post, path = "/api/v1/flows/{flow_id}/publish", operation_id = "publish_flow", tag = "marketplace",
    params(("flow_id" = String, Path, description = "Its id.", example = "ticker_brief")),
    request_body(content = Option<PublishRequest>, example = json!({})),
    responses((status = 200, description = "It is public.", body = PublishedView), Missing, Conflict)
)]
pub(crate) async fn publish_flow(
    Allowed(caller): Allowed,
    State(marketplace): State<Marketplace>,
    Path(id): Path<PublicId>,
    MaybeJson(request): MaybeJson<PublishRequest>,
) -> Result<Json<PublishedView>, Problem> {
    let published = marketplace.publish(&caller, Kind::Flow, id.as_str(), &request);
    Ok(Json(published.await?))
}

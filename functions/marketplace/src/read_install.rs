//! `GET /api/v1/installs/{kind}/{tool_id}`: how something installed stands.

use axum::extract::State;
use domain::publication::{Kind, PublicId};
use registry::Registry;
use web::openapi::{Missing, words};
use web::{Allowed, Json, PathPair, Problem};

use crate::install_view::WholeInstall;

/// Read an install
///
/// What it needs and what of it is bound; where the public content is another, what an update would change.
#[utoipa::path(
    get, path = "/api/v1/installs/{kind}/{tool_id}", operation_id = "read_install", tag = "marketplace",
    params(
        ("kind" = inline(words::Kind), Path, description = "What it is.", example = "tool"),
        ("tool_id" = String, Path, description = "Its id in the workspace.", example = "get_quote"),
    ),
    responses((status = 200, description = "How it stands.", body = WholeInstall), Missing)
)]
pub(crate) async fn read_install(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    PathPair(kind, id): PathPair<Kind, PublicId>,
) -> Result<Json<WholeInstall>, Problem> {
    let standing = registry
        .market()
        .standing(&caller, kind, id.as_str())
        .await?;
    Ok(Json(standing.into()))
}

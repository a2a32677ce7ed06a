//! `GET /api/v1/tools/saved/{tool_id}/versions`: a tool's history, the latest first.

use axum::extract::State;
use domain::ids::ToolId;
use registry::Registry;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use web::openapi::Missing;
use web::{Allowed, FromQuery, Json, Page, PageOf, Params, Path, Problem, Query};

use crate::view::VersionView;

const LIST: &str = "versions";

/// Which page is listed.
#[derive(Debug)]
pub(crate) struct Wanted(PageOf<i32>);

/// As the API's description tells [`Wanted`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query")]
pub(crate) struct WantedParams {
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl FromQuery for Wanted {
    fn from_query(params: &mut Params) -> Result<Self, Problem> {
        params.page(LIST).map(Self)
    }
}

/// A page of a tool's history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToolVersionList {
    versions: Vec<VersionView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List a tool's versions
///
/// The latest first, with hash, author and config.
#[utoipa::path(
    get, path = "/api/v1/tools/saved/{tool_id}/versions", operation_id = "list_tool_versions", tag = "tools",
    params(("tool_id" = String, Path, description = "Its id.", example = "get_weather"), WantedParams),
    responses((status = 200, description = "A page of versions.", body = ToolVersionList), Missing)
)]
pub(crate) async fn versions(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Path(id): Path<ToolId>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<ToolVersionList>, Problem> {
    let Wanted(PageOf { after, limit }) = wanted;
    let rows = registry
        .versions(&caller, &id, after, i64::from(limit) + 1)
        .await?;
    let page = Page::cut(rows, limit, LIST, |version| version.version);
    let versions = page.items.into_iter().map(VersionView::try_from);
    Ok(Json(ToolVersionList {
        versions: versions.collect::<Result<_, _>>()?,
        next_cursor: page.next_cursor,
    }))
}

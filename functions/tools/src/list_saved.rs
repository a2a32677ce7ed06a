//! `GET /api/v1/tools/saved`: the persistent view of the tools.

use axum::extract::State;
use registry::Registry;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use web::{Allowed, FromQuery, Json, Page, PageOf, Params, Problem, Query};

use crate::view::SavedView;

const LIST: &str = "saved";

/// Which page is listed.
#[derive(Debug)]
pub(crate) struct Wanted(PageOf<String>);

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

/// A page of saved tools.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SavedToolList {
    tools: Vec<SavedView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List saved tools
///
/// By id, with version, author, source and config.
#[utoipa::path(
    get, path = "/api/v1/tools/saved", operation_id = "list_saved_tools", tag = "tools",
    params(WantedParams),
    responses((status = 200, description = "A page of saved tools.", body = SavedToolList))
)]
pub(crate) async fn list_saved(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<SavedToolList>, Problem> {
    let Wanted(PageOf { after, limit }) = wanted;
    let rows = registry
        .saved_page(&caller, after.as_deref(), i64::from(limit) + 1)
        .await?;
    let page = Page::cut(rows, limit, LIST, |tool| tool.id.clone());
    let tools = page.items.into_iter().map(SavedView::try_from);
    Ok(Json(SavedToolList {
        tools: tools.collect::<Result<_, _>>()?,
        next_cursor: page.next_cursor,
    }))
}

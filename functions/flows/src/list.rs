//! `GET /api/v1/flows`: the workspace's flows.

use axum::extract::State;
use registry::Registry;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use web::{Allowed, FromQuery, Json, Page, PageOf, Params, Problem, Query};

use crate::view::ListedFlow;

const LIST: &str = "flows";

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

/// A page of flows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FlowList {
    flows: Vec<ListedFlow>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List flows
///
/// By id, with version and author; a flow's definition is read one by one.
#[utoipa::path(
    get, path = "/api/v1/flows", operation_id = "list_flows", tag = "flows",
    params(WantedParams),
    responses((status = 200, description = "A page of flows.", body = FlowList))
)]
pub(crate) async fn list(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<FlowList>, Problem> {
    let Wanted(PageOf { after, limit }) = wanted;
    let flows = registry.flows();
    let rows = flows
        .page(&caller, after.as_deref(), i64::from(limit) + 1)
        .await?;
    let page = Page::cut(rows, limit, LIST, |flow| flow.id.clone());
    Ok(Json(FlowList {
        flows: page.items.into_iter().map(ListedFlow::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

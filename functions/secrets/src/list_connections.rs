//! `GET /api/v1/connections`: whose tokens there are, never the tokens.

use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::{Allowed, FromQuery, Json, Page, PageOf, Params, Problem, Query};

use crate::Secrets;
use crate::connection_view::ConnectionView;

const LIST: &str = "connections";

/// Which page is listed.
#[derive(Debug)]
pub(crate) struct Wanted(PageOf<Uuid>);

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

/// A page of connections.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionList {
    connections: Vec<ConnectionView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List connections
///
/// Your own and the workspace's; an admin's list holds everybody's.
#[utoipa::path(
    get, path = "/api/v1/connections", operation_id = "list_connections", tag = "secrets",
    params(WantedParams),
    responses((status = 200, description = "A page of connections.", body = ConnectionList))
)]
pub(crate) async fn list_connections(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<ConnectionList>, Problem> {
    let Wanted(PageOf { after, limit }) = wanted;
    let rows = secrets
        .vault
        .connections(&caller, after, i64::from(limit) + 1)
        .await?;
    let page = Page::cut(rows, limit, LIST, |connection| connection.id);
    Ok(Json(ConnectionList {
        connections: page.items.into_iter().map(ConnectionView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

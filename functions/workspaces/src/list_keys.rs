//! `GET /api/v1/workspaces/{workspace_id}/keys`: the workspace's API keys, without their values.

use axum::extract::State;
use persistence::{Db, keys};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use web::cursor::Made;
use web::openapi::Missing;
use web::{Allowed, FromQuery, Json, Page, PageOf, Params, Problem, Query};

use crate::view::KeyView;

const LIST: &str = "keys";

/// Which page is listed.
#[derive(Debug)]
pub(crate) struct Wanted(PageOf<Made>);

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

/// A page of the workspace's keys that are not revoked, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKeyList {
    keys: Vec<KeyView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List API keys
///
/// Those that are not revoked, oldest first.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace_id}/keys", operation_id = "list_keys", tag = "workspaces",
    params(("workspace_id" = String, Path, description = "Id or slug of the workspace.", example = "research"), WantedParams),
    responses((status = 200, description = "A page of keys.", body = ApiKeyList), Missing)
)]
pub(crate) async fn list_keys(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    Query(Wanted(wanted)): Query<Wanted>,
) -> Result<Json<ApiKeyList>, Problem> {
    let mut tx = db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    let after = wanted.after.map(|made| (made.at, made.id));
    let limit = i64::from(wanted.limit) + 1;
    let keys = keys::page(&mut tx, caller.workspace_id, after, limit).await?;
    tx.commit().await?;
    let page = Page::cut(keys, wanted.limit, LIST, |key| Made {
        at: key.created_at,
        id: key.id.0,
    });
    Ok(Json(ApiKeyList {
        keys: page.items.into_iter().map(KeyView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

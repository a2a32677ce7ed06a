//! `GET /api/v1/workspaces/{workspace_id}/members`: the people of a workspace.

use axum::extract::State;
use persistence::{Db, members};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use web::cursor::Made;
use web::openapi::Missing;
use web::{Allowed, FromQuery, Json, Page, PageOf, Params, Problem, Query};

use crate::view::MemberView;

const LIST: &str = "members";

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

/// A page of the workspace's people.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberList {
    members: Vec<MemberView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List members
///
/// Everybody in the workspace with their role, whoever came first first.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace_id}/members", operation_id = "list_members", tag = "workspaces",
    params(("workspace_id" = String, Path, description = "Id or slug of the workspace.", example = "research"), WantedParams),
    responses((status = 200, description = "A page of members.", body = MemberList), Missing)
)]
pub(crate) async fn list_members(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    Query(Wanted(wanted)): Query<Wanted>,
) -> Result<Json<MemberList>, Problem> {
    let mut tx = db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    let after = wanted.after.map(|made| (made.at, made.id));
    let most = i64::from(wanted.limit) + 1;
    let members = members::page(&mut tx, caller.workspace_id, after, most).await?;
    tx.commit().await?;
    let page = Page::cut(members, wanted.limit, LIST, |one| Made {
        at: one.created_at,
        id: one.user_id.0,
    });
    Ok(Json(MemberList {
        members: page.items.into_iter().map(MemberView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

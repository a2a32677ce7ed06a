//! `GET /api/v1/workspaces`: the workspaces that the person is a member of.

use axum::extract::State;
use persistence::{Db, workspaces};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use web::cursor::Made;
use web::{FromQuery, Json, Page, PageOf, Params, Person, Problem, Query};

use crate::view::WorkspaceView;

const LIST: &str = "workspaces";

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

/// A page of the person's workspaces, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkspaceList {
    workspaces: Vec<WorkspaceView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List your workspaces
///
/// Oldest first.
#[utoipa::path(
    get, path = "/api/v1/workspaces", operation_id = "list_workspaces", tag = "workspaces",
    params(WantedParams),
    responses((status = 200, description = "A page of workspaces.", body = WorkspaceList))
)]
pub(crate) async fn list(
    Person(principal): Person,
    State(db): State<Db>,
    Query(Wanted(wanted)): Query<Wanted>,
) -> Result<Json<WorkspaceList>, Problem> {
    let mut tx = db.begin_as(&principal, None).await?;
    let after = wanted.after.map(|made| (made.at, made.id));
    let mine = workspaces::mine(&mut tx, after, i64::from(wanted.limit) + 1).await?;
    tx.commit().await?;
    let page = Page::cut(mine, wanted.limit, LIST, |workspace| Made {
        at: workspace.created_at,
        id: workspace.id.0,
    });
    Ok(Json(WorkspaceList {
        workspaces: page.items.into_iter().map(WorkspaceView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

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
pub(crate) struct Wanted {
    page: PageOf<Made>,
    deleted: bool,
}

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
    /// Instead, those that are deleted and that you, an owner, may restore.
    #[param(default = false)]
    deleted: Option<bool>,
}

impl FromQuery for Wanted {
    fn from_query(params: &mut Params) -> Result<Self, Problem> {
        let deleted = params.parsed("deleted").unwrap_or(false);
        let page = params.page(LIST)?;
        Ok(Self { page, deleted })
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
    Query(Wanted { page, deleted }): Query<Wanted>,
) -> Result<Json<WorkspaceList>, Problem> {
    let mut tx = db.begin_as(&principal, None).await?;
    let after = page.after.map(|made| (made.at, made.id));
    let most = i64::from(page.limit) + 1;
    let mine = match deleted {
        true => workspaces::mine_deleted(&mut tx, after, most).await?,
        false => workspaces::mine(&mut tx, after, most).await?,
    };
    tx.commit().await?;
    let page = Page::cut(mine, page.limit, LIST, |workspace| Made {
        at: workspace.created_at,
        id: workspace.id.0,
    });
    Ok(Json(WorkspaceList {
        workspaces: page.items.into_iter().map(WorkspaceView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

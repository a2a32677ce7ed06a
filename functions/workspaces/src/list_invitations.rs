//! `GET /api/v1/workspaces/{workspace_id}/invitations`: the open invitations of a workspace.

use axum::extract::State;
use persistence::{Db, invitations};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use web::cursor::Made;
use web::openapi::Missing;
use web::{Allowed, FromQuery, Json, Page, PageOf, Params, Problem, Query};

use crate::view::InvitationView;

const LIST: &str = "invitations";

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

/// A page of the workspace's open invitations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitationList {
    invitations: Vec<InvitationView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List invitations
///
/// Those that are open, oldest first.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace_id}/invitations", operation_id = "list_invitations", tag = "workspaces",
    params(("workspace_id" = String, Path, description = "Id or slug of the workspace.", example = "research"), WantedParams),
    responses((status = 200, description = "A page of invitations.", body = InvitationList), Missing)
)]
pub(crate) async fn list_invitations(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    Query(Wanted(wanted)): Query<Wanted>,
) -> Result<Json<InvitationList>, Problem> {
    let mut tx = db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    let after = wanted.after.map(|made| (made.at, made.id));
    let most = i64::from(wanted.limit) + 1;
    let invitations = invitations::page(&mut tx, caller.workspace_id, after, most).await?;
    tx.commit().await?;
    let page = Page::cut(invitations, wanted.limit, LIST, |one| Made {
        at: one.created_at,
        id: one.id.0,
    });
    Ok(Json(InvitationList {
        invitations: page.items.into_iter().map(InvitationView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

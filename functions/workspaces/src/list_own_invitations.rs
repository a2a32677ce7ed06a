//! `GET /api/v1/invitations`: to which workspaces the person is invited.

use axum::extract::State;
use persistence::{Db, invitations};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use web::cursor::Made;
use web::{FromQuery, Json, Page, PageOf, Params, Person, Problem, Query};

use crate::view::OwnInvitationView;

const LIST: &str = "own-invitations";

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

/// A page of your open invitations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnInvitationList {
    invitations: Vec<OwnInvitationView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List your invitations
///
/// Those that are open and for you: for your user id, or for the verified e-mail address of your token. Oldest first.
#[utoipa::path(
    get, path = "/api/v1/invitations", operation_id = "list_own_invitations", tag = "workspaces",
    params(WantedParams),
    responses((status = 200, description = "A page of invitations.", body = OwnInvitationList))
)]
pub(crate) async fn list_own_invitations(
    Person(principal): Person,
    State(db): State<Db>,
    Query(Wanted(wanted)): Query<Wanted>,
) -> Result<Json<OwnInvitationList>, Problem> {
    let mut tx = db.begin_as(&principal, None).await?;
    let after = wanted.after.map(|made| (made.at, made.id));
    let most = i64::from(wanted.limit) + 1;
    let invitations = invitations::mine(&mut tx, after, most).await?;
    tx.commit().await?;
    let page = Page::cut(invitations, wanted.limit, LIST, |one| Made {
        at: one.created_at,
        id: one.id.0,
    });
    Ok(Json(OwnInvitationList {
        invitations: page
            .items
            .into_iter()
            .map(OwnInvitationView::from)
            .collect(),
        next_cursor: page.next_cursor,
    }))
}

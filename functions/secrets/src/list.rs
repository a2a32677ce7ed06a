//! `GET /api/v1/secrets`: the names of the workspace's secrets, never their values.

use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use web::{Allowed, FromQuery, Json, Page, PageOf, Params, Problem, Query};

use crate::Secrets;
use crate::view::SecretView;

const LIST: &str = "secrets";

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

/// A page of secrets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretList {
    secrets: Vec<SecretView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List secrets
///
/// By name, without their values.
#[utoipa::path(
    get, path = "/api/v1/secrets", operation_id = "list_secrets", tag = "secrets",
    params(WantedParams),
    responses((status = 200, description = "A page of secrets.", body = SecretList))
)]
pub(crate) async fn list(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<SecretList>, Problem> {
    let Wanted(PageOf { after, limit }) = wanted;
    let rows = secrets
        .vault
        .page(&caller, after.as_deref(), i64::from(limit) + 1)
        .await?;
    let page = Page::cut(rows, limit, LIST, |secret| secret.name.clone());
    Ok(Json(SecretList {
        secrets: page.items.into_iter().map(SecretView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

//! `GET /api/v1/installs`: what the workspace took from the marketplace.

use std::fmt::{self, Display};
use std::str::FromStr;

use axum::extract::State;
use domain::publication::Kind;
use registry::Registry;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use web::{Allowed, FromQuery, Json, Page, PageOf, Params, Problem, Query};

use crate::install_view::InstallView;

const LIST: &str = "installs";

/// Which page is listed.
#[derive(Debug)]
pub(crate) struct Wanted(PageOf<Place>);

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

/// An install by its kind and id.
#[derive(Debug)]
pub(crate) struct Place {
    kind: Kind,
    id: String,
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, id) = text.split_once(':').ok_or(())?;
        Ok(Self {
            kind: kind.parse().map_err(drop)?,
            id: id.to_owned(),
        })
    }
}

/// A page of what is installed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstallList {
    installs: Vec<InstallView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List installs
///
/// By kind and id, and whether there is an update. What came with a flow or a prompt is not listed by itself.
#[utoipa::path(
    get, path = "/api/v1/installs", operation_id = "list_installs", tag = "marketplace",
    params(WantedParams),
    responses((status = 200, description = "A page of installs.", body = InstallList))
)]
pub(crate) async fn list_installs(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Query(Wanted(wanted)): Query<Wanted>,
) -> Result<Json<InstallList>, Problem> {
    let after = wanted.after.as_ref();
    let after = after.map(|place| (place.kind, place.id.as_str()));
    let limit = i64::from(wanted.limit) + 1;
    let rows = registry.market().installed(&caller, after, limit).await?;
    let page = Page::cut(rows, wanted.limit, LIST, |row| {
        format!("{}:{}", row.kind, row.tool_id)
    });
    Ok(Json(InstallList {
        installs: page.items.into_iter().map(InstallView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

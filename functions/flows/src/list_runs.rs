//! `GET /api/v1/flows/{flow_id}/runs`: a flow's runs, newest first.

use axum::extract::State;
use domain::ids::ToolId;
use domain::run::RunStatus;
use persistence::runs::Before;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use web::cursor::Made;
use web::openapi::{Missing, words};
use web::{Allowed, FromQuery, Json, Page, PageOf, Params, Path, Problem, Query};
use workflow::Flows;

use crate::run_view::ListedRun;

const LIST: &str = "runs";

/// Which runs are listed.
#[derive(Debug)]
pub(crate) struct Wanted {
    status: Option<RunStatus>,
    page: PageOf<Made>,
}

/// As the API's description tells [`Wanted`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query")]
pub(crate) struct WantedParams {
    /// In this state only.
    #[param(inline, value_type = Option<words::RunStatus>, example = "failed")]
    status: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl FromQuery for Wanted {
    fn from_query(params: &mut Params) -> Result<Self, Problem> {
        Ok(Self {
            status: params.parsed("status"),
            page: params.page(LIST)?,
        })
    }
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunList {
    runs: Vec<ListedRun>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List runs
///
/// Newest first, without steps. Runs are kept for 90 days after their end.
#[utoipa::path(
    get, path = "/api/v1/flows/{flow_id}/runs", operation_id = "list_runs", tag = "flows",
    params(("flow_id" = String, Path, description = "Its id.", example = "ticker_brief"), WantedParams),
    responses((status = 200, description = "A page of runs.", body = RunList), Missing)
)]
pub(crate) async fn list_runs(
    Allowed(caller): Allowed,
    State(flows): State<Flows>,
    Path(id): Path<ToolId>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<RunList>, Problem> {
    let Wanted { status, page } = wanted;
    let before = page.after.map(|made| Before {
        created_at: made.at,
        id: made.id,
    });
    let status = status.map(RunStatus::as_str);
    let rows = flows
        .runs(&caller, &id, status, before, i64::from(page.limit) + 1)
        .await?;
    let page = Page::cut(rows, page.limit, LIST, |run| Made {
        at: run.created_at,
        id: run.id,
    });
    Ok(Json(RunList {
        runs: page.items.into_iter().map(ListedRun::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

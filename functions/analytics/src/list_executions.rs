//! `GET /api/v1/executions`: the execution log, newest first.

use axum::extract::State;
use domain::ids::ExecutionId;
use persistence::Db;
use persistence::executions::{self, Filter};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::{Allowed, FromQuery, Json, Page, PageOf, Params, Problem, Query};

use crate::view::SummaryView;

const LIST: &str = "executions";

/// Which executions are listed.
#[derive(Debug)]
pub(crate) struct Wanted {
    tool_id: Option<String>,
    run_id: Option<Uuid>,
    success: Option<bool>,
    page: PageOf<ExecutionId>,
}

/// As the API's description tells [`Wanted`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query")]
pub(crate) struct WantedParams {
    /// Of this tool only.
    #[param(example = "get_weather")]
    tool_id: Option<String>,
    /// Of this run only: the `id` of a conversation with a model.
    run_id: Option<Uuid>,
    /// `true`: only those that succeeded; `false`: only those that failed.
    success: Option<bool>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl FromQuery for Wanted {
    fn from_query(params: &mut Params) -> Result<Self, Problem> {
        Ok(Self {
            tool_id: params.text("tool_id"),
            run_id: params.parsed("run_id"),
            success: params.parsed("success"),
            page: params.page(LIST)?,
        })
    }
}

/// A page of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExecutionList {
    executions: Vec<SummaryView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List executions
///
/// Newest first, without inputs and outputs.
#[utoipa::path(
    get, path = "/api/v1/executions", operation_id = "list_executions", tag = "analytics",
    params(WantedParams),
    responses((status = 200, description = "A page of the log.", body = ExecutionList))
)]
pub(crate) async fn list_executions(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<ExecutionList>, Problem> {
    let filter = Filter {
        tool_id: wanted.tool_id.as_deref(),
        run_id: wanted.run_id,
        success: wanted.success,
        before: wanted.page.after,
    };
    let limit = wanted.page.limit;
    let mut tx = db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    let rows = executions::page(&mut tx, caller.workspace_id, filter, i64::from(limit) + 1).await?;
    tx.commit().await?;
    let page = Page::cut(rows, limit, LIST, |row| row.id);
    Ok(Json(ExecutionList {
        executions: page.items.into_iter().map(SummaryView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

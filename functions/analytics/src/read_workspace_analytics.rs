//! `GET /api/v1/analytics/workspace`: what all calls of a workspace came to, its top tools, and its tokens.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use persistence::Db;
use persistence::analytics::{self, ToolCell};
use runtime::config::Keep;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Allowed, Json, Problem, Query};

use crate::report::{CallsView, ReportView, Tally};
use crate::span::{Format, Wanted, WantedParams};
use crate::tokens::{self, AllTokensView};

/// Tools that are named.
const TOP: i64 = 10;

/// One of the tools that were called most.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TopToolView {
    /// Its id.
    #[schema(example = "get_weather")]
    tool_id: String,
    #[serde(flatten)]
    calls: CallsView,
}

/// A workspace's report.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkspaceReportView {
    #[serde(flatten)]
    report: ReportView,
    /// The tools that were called most, at most ten.
    top_tools: Vec<TopToolView>,
    /// What models took and cost.
    tokens: AllTokensView,
}

/// Read a workspace's analytics
///
/// Calls of all tools, ends, times and kinds of callers, in all and by the hour or day; the tools that were called most; tokens and
/// their cost by model. Hours and days that are not kept any more are refused.
#[utoipa::path(
    get, path = "/api/v1/analytics/workspace", operation_id = "read_workspace_analytics", tag = "analytics",
    params(WantedParams),
    responses(
        (status = 200, description = "The report.",
            content((WorkspaceReportView = "application/json"), (String = "text/csv"))),
    )
)]
pub(crate) async fn read_workspace_analytics(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    State(keep): State<Keep>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let (workspace, span) = (caller.workspace_id, wanted.kept(keep)?);
    let mut tx = db.snapshot_as(&caller.principal, Some(workspace)).await?;
    let cells = analytics::of_workspace(&mut tx, workspace, span).await?;
    let tokens = analytics::tokens(&mut tx, workspace, span).await?;
    let tokens = AllTokensView::new(&span, &tokens);
    if wanted.format == Format::Csv {
        tx.commit().await?;
        return Ok(ReportView::new(&span, cells).csv(tokens::COLUMNS, &tokens.csv()));
    }
    let top = analytics::top(&mut tx, workspace, span, TOP).await?;
    tx.commit().await?;
    Ok(Json(WorkspaceReportView {
        report: ReportView::new(&span, cells),
        top_tools: top_tools(top),
        tokens,
    })
    .into_response())
}

fn top_tools(cells: Vec<ToolCell>) -> Vec<TopToolView> {
    let mut tools: BTreeMap<String, Tally> = BTreeMap::new();
    for cell in cells {
        let count = |number: Option<i64>| u64::try_from(number.unwrap_or_default()).unwrap_or(0);
        let tally = tools.entry(cell.tool_id.unwrap_or_default()).or_default();
        let success = cell.success.unwrap_or_default();
        tally.add(
            success,
            cell.bucket,
            count(cell.calls),
            count(cell.duration_us),
        );
    }
    let mut tools: Vec<TopToolView> = tools
        .into_iter()
        .map(|(tool_id, tally)| TopToolView {
            tool_id,
            calls: (&tally).into(),
        })
        .collect();
    tools.sort_by_key(|tool| std::cmp::Reverse(tool.calls.calls));
    tools
}

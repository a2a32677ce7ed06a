//! `GET /api/v1/analytics/tools/{tool_id}`: what the calls of one tool came to.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::ids::ToolId;
use persistence::{Db, analytics};
use runtime::config::Keep;
use web::openapi::Missing;
use web::{Allowed, Json, Path, Problem, Query};

use crate::report::ReportView;
use crate::span::{Format, Wanted, WantedParams};

/// Read a tool's analytics
///
/// Calls, ends, times and kinds of callers, in all and by the hour or day. The numbers outlive the tool; one that the workspace
/// neither saved nor ever called is not found. Hours and days that are not kept any more are refused.
#[utoipa::path(
    get, path = "/api/v1/analytics/tools/{tool_id}", operation_id = "read_tool_analytics", tag = "analytics",
    params(("tool_id" = String, Path, description = "Its id.", example = "get_weather"), WantedParams),
    responses(
        (status = 200, description = "The report.", content((ReportView = "application/json"), (String = "text/csv"))),
        Missing,
    )
)]
pub(crate) async fn read_tool_analytics(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    State(keep): State<Keep>,
    Path(id): Path<ToolId>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let (workspace, span) = (caller.workspace_id, wanted.kept(keep)?);
    let mut tx = db.snapshot_as(&caller.principal, Some(workspace)).await?;
    let cells = analytics::of_tool(&mut tx, workspace, id.as_str(), span).await?;
    let known = !cells.is_empty() || analytics::knows(&mut tx, workspace, id.as_str()).await?;
    tx.commit().await?;
    if !known {
        return Err(Problem::not_found());
    }
    let report = ReportView::new(&span, cells);
    Ok(match wanted.format {
        Format::Json => Json(report).into_response(),
        Format::Csv => report.csv("", &[]),
    })
}

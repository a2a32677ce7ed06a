//! `GET /api/v1/analytics/workspace`: what all calls of a workspace came to, its top tools, and its tokens.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use persistence::Db;
use persistence::analytics::{self, ModelTokens, ToolCell};
use runtime::config::Keep;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Allowed, Json, Problem, Query};

use crate::report::{CallsView, ReportView, Tally};
use crate::span::{Format, Wanted, WantedParams};

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

/// Tokens of runs of the agent loop.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct TokensView {
    /// Runs.
    #[schema(example = 61)]
    runs: i64,
    /// Tokens that were sent.
    #[schema(example = 412_330)]
    input_tokens: i64,
    /// Of these, such as came from the provider's cache.
    #[schema(example = 180_224)]
    cached_input_tokens: i64,
    /// Tokens that were answered.
    #[schema(example = 30_118)]
    output_tokens: i64,
    /// Of these, such as were reasoning.
    #[schema(example = 9_410)]
    reasoning_tokens: i64,
    /// All.
    #[schema(example = 442_448)]
    total_tokens: i64,
}

impl TokensView {
    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.input_tokens += other.input_tokens;
        self.cached_input_tokens += other.cached_input_tokens;
        self.output_tokens += other.output_tokens;
        self.reasoning_tokens += other.reasoning_tokens;
        self.total_tokens += other.total_tokens;
    }
}

/// Tokens of one model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelTokensView {
    /// Which model.
    #[schema(example = "gpt-5.1")]
    model: String,
    #[serde(flatten)]
    tokens: TokensView,
}

impl From<ModelTokens> for ModelTokensView {
    fn from(row: ModelTokens) -> Self {
        Self {
            model: row.model,
            tokens: TokensView {
                runs: row.runs.unwrap_or_default(),
                input_tokens: row.input_tokens.unwrap_or_default(),
                cached_input_tokens: row.cached_input_tokens.unwrap_or_default(),
                output_tokens: row.output_tokens.unwrap_or_default(),
                reasoning_tokens: row.reasoning_tokens.unwrap_or_default(),
                total_tokens: row.total_tokens.unwrap_or_default(),
            },
        }
    }
}

/// Tokens in all, and by model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AllTokensView {
    #[serde(flatten)]
    tokens: TokensView,
    /// By model, the one with the most first.
    models: Vec<ModelTokensView>,
}

/// A workspace's report.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkspaceReportView {
    #[serde(flatten)]
    report: ReportView,
    /// The tools that were called most, at most ten.
    top_tools: Vec<TopToolView>,
    /// What models cost.
    tokens: AllTokensView,
}

/// Read a workspace's analytics
///
/// Calls of all tools, ends, times and kinds of callers, in all and by the hour or day; the tools that were called most; tokens by
/// model.
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
    if wanted.format == Format::Csv {
        tx.commit().await?;
        return Ok(ReportView::new(&span, cells).csv());
    }
    let top = analytics::top(&mut tx, workspace, span, TOP).await?;
    let tokens = analytics::tokens(&mut tx, workspace, span).await?;
    tx.commit().await?;
    Ok(Json(WorkspaceReportView {
        report: ReportView::new(&span, cells),
        top_tools: top_tools(top),
        tokens: all_tokens(tokens),
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

fn all_tokens(rows: Vec<ModelTokens>) -> AllTokensView {
    let models: Vec<ModelTokensView> = rows.into_iter().map(ModelTokensView::from).collect();
    let mut tokens = TokensView::default();
    for model in &models {
        tokens.add(&model.tokens);
    }
    AllTokensView { tokens, models }
}

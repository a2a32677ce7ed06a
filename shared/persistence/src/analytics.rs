//! `orchestration.execution_rollups` and `token_rollups`: calls and tokens by the hour and by the day, with what the log has and the
//! sweep did not count yet.

use chrono::{DateTime, Utc};
use domain::ids::WorkspaceId;
use sqlx::query_as;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Statement, row, statement};

/// How wide a line of a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// An hour.
    Hour,
    /// A day, in UTC.
    Day,
}

impl Grain {
    /// As it stands in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// How wide a line is.
    pub grain: Grain,
    /// Where the first line begins.
    pub from: DateTime<Utc>,
    /// Where the last line ends.
    pub to: DateTime<Utc>,
}

row! {
    /// Calls of one hour or day, through one door, with one end, in one bucket of durations (`domain::latency`).
    #[derive(PartialEq, Eq)]
    pub struct Cell {
        /// When the hour or the day began.
        pub at: Option<DateTime<Utc>>,
        /// Through which door.
        pub door: Option<String>,
        /// Empty, or the failure's code.
        pub outcome: Option<String>,
        /// Of durations.
        pub bucket: Option<i16>,
        /// How many.
        pub calls: Option<i64>,
        /// How long they took together, in microseconds.
        pub duration_us: Option<i64>,
    }
}

row! {
    /// Calls of one tool, with one end, in one bucket of durations.
    #[derive(PartialEq, Eq)]
    pub struct ToolCell {
        /// Which tool.
        pub tool_id: Option<String>,
        /// Whether they succeeded.
        pub success: Option<bool>,
        /// Of durations.
        pub bucket: Option<i16>,
        /// How many.
        pub calls: Option<i64>,
        /// How long they took together, in microseconds.
        pub duration_us: Option<i64>,
    }
}

row! {
    /// Tokens of one model in one hour or day.
    #[derive(PartialEq, Eq)]
    pub struct ModelTokens {
        /// When the hour or the day began.
        pub at: DateTime<Utc>,
        /// Which model.
        pub model: String,
        /// Runs of the agent loop.
        pub runs: Option<i64>,
        /// Tokens that were sent.
        pub input_tokens: Option<i64>,
        /// Of these, such as were answered from the provider's cache.
        pub cached_input_tokens: Option<i64>,
        /// Tokens that were answered.
        pub output_tokens: Option<i64>,
        /// Of these, such as were reasoning.
        pub reasoning_tokens: Option<i64>,
        /// All.
        pub total_tokens: Option<i64>,
        /// What those runs cost that have a price, in billionths of a US dollar.
        pub cost_nano_usd: Option<i64>,
        /// Runs that used tokens and have none.
        pub unpriced_runs: Option<i64>,
    }
}

row! {
    struct KnownRow {
        known: Option<bool>,
    }
}

row! {
    struct CountedRow {
        counted: Option<i64>,
    }
}

/// What is counted, and what the log has since: both as of one moment.
macro_rules! cells {
    ($tools:literal, $of_log:literal) => {
        concat!(
            "
    with since as (
        -- An id is made with its call; clocks of two machines may differ a little.
        select g.at, orchestration.first_id_at(g.at - interval '1 minute') as id
        from (select greatest(orchestration.counted_until(), $3) as at) as g
    ), cells as (
        select r.tool_id, r.at, r.door, r.outcome, r.bucket, r.calls, r.duration_us
        from orchestration.execution_rollups r
        where r.workspace_id = $1
          and r.grain = $2
          and r.at >= $3
          and r.at < $4
          and ",
            $tools,
            "
        union all
        select e.tool_id, date_trunc($2, e.started_at, 'UTC'), e.door, coalesce(e.error_code, ''),
            orchestration.duration_bucket(e.duration_us), 1, e.duration_us
        from orchestration.executions e
        where e.workspace_id = $1
          and e.id >= (select s.id from since s)
          -- The same by what is asked alone: parts of the log from before and after are not even looked at.
          and e.id >= orchestration.first_id_at($3 - interval '1 minute')
          and e.id < orchestration.first_id_at($4 + interval '1 minute')
          and e.started_at >= (select s.at from since s)
          and e.started_at < $4",
            $of_log,
            "
    )"
        )
    };
}

const OF_WORKSPACE: &str = concat!(
    cells!("r.tool_id = ''", ""),
    "
    select c.at, c.door, c.outcome, c.bucket, sum(c.calls)::bigint as calls, sum(c.duration_us)::bigint as duration_us
    from cells c
    group by c.at, c.door, c.outcome, c.bucket
    order by c.at"
);

const OF_TOOL: &str = concat!(
    cells!("r.tool_id = $5", "\n          and e.tool_id = $5"),
    "
    select c.at, c.door, c.outcome, c.bucket, sum(c.calls)::bigint as calls, sum(c.duration_us)::bigint as duration_us
    from cells c
    group by c.at, c.door, c.outcome, c.bucket
    order by c.at"
);

const TOP: &str = concat!(
    cells!("r.tool_id <> ''", ""),
    ", top as (
        select c.tool_id, sum(c.calls) as calls
        from cells c
        group by c.tool_id
        order by calls desc, c.tool_id
        limit $5
    )
    select c.tool_id, c.outcome = '' as success, c.bucket, sum(c.calls)::bigint as calls,
        sum(c.duration_us)::bigint as duration_us
    from cells c
    join top t on t.tool_id = c.tool_id
    group by c.tool_id, success, c.bucket"
);

const TOKENS: &str = "
    select r.at, r.model, r.runs, r.input_tokens, r.cached_input_tokens, r.output_tokens, r.reasoning_tokens, r.total_tokens,
        r.cost_nano_usd, r.unpriced_runs
    from orchestration.token_rollups r
    where r.workspace_id = $1
      and r.grain = $2
      and r.at >= $3
      and r.at < $4
    order by r.at, r.model";

const KNOWN: &str = "
    select exists (select from catalog.tools t where t.workspace_id = $1 and t.id = $2)
        or exists (select from orchestration.flows f where f.workspace_id = $1 and f.id = $2)
        or exists (
            select
            from orchestration.execution_rollups r
            where r.workspace_id = $1
              and r.grain = 'day'
              and r.tool_id = $2
        )
        or exists (select from orchestration.executions e where e.workspace_id = $1 and e.tool_id = $2) as known";

const ROLL_UP: &str = "
    select orchestration.roll_up($1 * interval '1 second', $2) as counted";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("analytics::of_workspace", OF_WORKSPACE, Authenticated, Cell),
    statement!("analytics::of_tool", OF_TOOL, Authenticated, Cell),
    statement!("analytics::top", TOP, Authenticated, ToolCell),
    statement!("analytics::tokens", TOKENS, Authenticated, ModelTokens),
    statement!("analytics::knows", KNOWN, Authenticated, KnownRow),
    statement!("analytics::roll_up", ROLL_UP, ServiceRole, CountedRow),
];

/// Calls of all tools of a workspace, in order of time.
///
/// # Errors
/// The database's.
pub async fn of_workspace(
    tx: &mut Tx,
    workspace: WorkspaceId,
    span: Span,
) -> Result<Vec<Cell>, Error> {
    tx.all(
        query_as(OF_WORKSPACE)
            .bind(workspace.0)
            .bind(span.grain.as_str())
            .bind(span.from)
            .bind(span.to),
    )
    .await
}

/// Calls of one tool, in order of time.
///
/// # Errors
/// The database's.
pub async fn of_tool(
    tx: &mut Tx,
    workspace: WorkspaceId,
    tool: &str,
    span: Span,
) -> Result<Vec<Cell>, Error> {
    tx.all(
        query_as(OF_TOOL)
            .bind(workspace.0)
            .bind(span.grain.as_str())
            .bind(span.from)
            .bind(span.to)
            .bind(tool),
    )
    .await
}

/// Calls of the tools that were called most.
///
/// # Errors
/// The database's.
pub async fn top(
    tx: &mut Tx,
    workspace: WorkspaceId,
    span: Span,
    most: i64,
) -> Result<Vec<ToolCell>, Error> {
    tx.all(
        query_as(TOP)
            .bind(workspace.0)
            .bind(span.grain.as_str())
            .bind(span.from)
            .bind(span.to)
            .bind(most),
    )
    .await
}

/// Tokens by hour or day and model, in order of time.
///
/// # Errors
/// The database's.
pub async fn tokens(
    tx: &mut Tx,
    workspace: WorkspaceId,
    span: Span,
) -> Result<Vec<ModelTokens>, Error> {
    tx.all(
        query_as(TOKENS)
            .bind(workspace.0)
            .bind(span.grain.as_str())
            .bind(span.from)
            .bind(span.to),
    )
    .await
}

/// Whether the workspace has or had a tool or flow of this id, or ever called one.
///
/// # Errors
/// The database's.
pub async fn knows(tx: &mut Tx, workspace: WorkspaceId, tool: &str) -> Result<bool, Error> {
    let row: KnownRow = tx.one(query_as(KNOWN).bind(workspace.0).bind(tool)).await?;
    Ok(row.known.unwrap_or_default())
}

/// Counts what began more than `lag_s` seconds ago and was not counted, about `most` calls; answers how many.
///
/// # Errors
/// The database's.
pub async fn roll_up(tx: &mut Tx, lag_s: i32, most: i64) -> Result<u64, Error> {
    let row: CountedRow = tx.one(query_as(ROLL_UP).bind(lag_s).bind(most)).await?;
    Ok(u64::try_from(row.counted.unwrap_or_default()).unwrap_or_default())
}

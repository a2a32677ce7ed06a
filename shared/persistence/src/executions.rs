//! `orchestration.executions`: the log of every call of a tool.

use chrono::{DateTime, TimeDelta, Utc};
use domain::caller::{Door, Principal};
use domain::ids::{ExecutionId, WorkspaceId};
use serde_json::Value;
use sqlx::query_as;
use uuid::{Timestamp, Uuid};

use crate::db::{Db, Query, Tx};
use crate::error::Error;
use crate::statements::{Nothing, Statement, row, statement};

/// An execution to be recorded. Everything in it has passed the masker.
#[derive(Clone, Debug)]
pub struct NewExecution<'a> {
    /// The id, version 7: sorts by time.
    pub id: ExecutionId,
    /// Where.
    pub workspace_id: WorkspaceId,
    /// Which tool, also when there is none of that id.
    pub tool_id: &'a str,
    /// Which version of it.
    pub tool_version: Option<i32>,
    /// Through which door.
    pub door: Door,
    /// Whether it succeeded.
    pub success: bool,
    /// The failure's code.
    pub error_code: Option<&'a str>,
    /// What it was called with.
    pub input: &'a Value,
    /// What it answered.
    pub output: Option<&'a Value>,
    /// The whole failure.
    pub error: Option<&'a Value>,
    /// What took how long, as JSON text.
    pub timeline: &'a str,
    /// What was odd but no failure.
    pub warnings: Option<&'a Value>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How long it took, in microseconds.
    pub duration_us: i64,
    /// The run that it belongs to: a conversation's, or a flow's.
    pub run_id: Option<Uuid>,
    /// What the asking side calls it; at most [`MAX_CALL_ID`] characters.
    pub call_id: Option<&'a str>,
}

/// Longest name of a call, in characters.
pub const MAX_CALL_ID: usize = 128;

row! {
    /// One line of the log.
    #[derive(PartialEq, Eq)]
    pub struct ExecutionSummary {
        /// The id.
        pub id: Uuid,
        /// Which tool.
        pub tool_id: String,
        /// Which version of it.
        pub tool_version: Option<i32>,
        /// Through which door.
        pub door: String,
        /// Whether it succeeded.
        pub success: bool,
        /// The failure's code.
        pub error_code: Option<String>,
        /// When it began.
        pub started_at: DateTime<Utc>,
        /// How long it took, in microseconds.
        pub duration_us: i64,
        /// Who called it.
        pub user_id: Option<Uuid>,
        /// With which API key.
        pub key_id: Option<Uuid>,
        /// The run that it belongs to.
        pub run_id: Option<Uuid>,
        /// What the asking side calls it.
        pub call_id: Option<String>,
    }
}

row! {
    /// One execution, whole.
    #[derive(PartialEq)]
    pub struct ExecutionRow {
        /// The id.
        pub id: Uuid,
        /// Which tool.
        pub tool_id: String,
        /// Which version of it.
        pub tool_version: Option<i32>,
        /// Through which door.
        pub door: String,
        /// Whether it succeeded.
        pub success: bool,
        /// The failure's code.
        pub error_code: Option<String>,
        /// When it began.
        pub started_at: DateTime<Utc>,
        /// How long it took, in microseconds.
        pub duration_us: i64,
        /// Who called it.
        pub user_id: Option<Uuid>,
        /// With which API key.
        pub key_id: Option<Uuid>,
        /// The run that it belongs to.
        pub run_id: Option<Uuid>,
        /// What the asking side calls it.
        pub call_id: Option<String>,
        /// What it was called with.
        pub input: Value,
        /// What it answered.
        pub output: Option<Value>,
        /// The whole failure.
        pub error: Option<Value>,
        /// What took how long.
        pub timeline: Value,
        /// What was odd but no failure.
        pub warnings: Option<Value>,
    }
}

/// Which executions to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// Of this tool only.
    pub tool_id: Option<&'a str>,
    /// Of this run only.
    pub run_id: Option<Uuid>,
    /// Only those that succeeded, or only those that failed.
    pub success: Option<bool>,
    /// Older than this one.
    pub before: Option<ExecutionId>,
}

const RECORD: &str = "
    select from orchestration.record_execution(
        $1, $2, $3, $4, $5, $6, $7, $8,
        $9::text::json, $10::text::json, $11::text::json, $12::text::json, $13::text::json,
        $14, $15, $16, $17)";

/// One statement per set of conditions, so that each is planned with the index that fits it.
macro_rules! page {
    ($condition:literal) => {
        concat!(
            "
    select e.id, e.tool_id, e.tool_version, e.door, e.success, e.error_code, e.started_at,
           e.duration_us, e.user_id, e.key_id, e.run_id, e.call_id
    from orchestration.executions e
    where e.workspace_id = $1
      and e.id < $2",
            $condition,
            "
    order by e.id desc
    limit $3"
        )
    };
}

const PAGE: &str = page!("");
const PAGE_SUCCEEDED: &str = page!(" and e.success");
const PAGE_FAILED: &str = page!(" and not e.success");
const PAGE_OF_TOOL: &str = page!(" and e.tool_id = $4");
const PAGE_OF_TOOL_SUCCEEDED: &str = page!(" and e.tool_id = $4 and e.success");
const PAGE_OF_TOOL_FAILED: &str = page!(" and e.tool_id = $4 and not e.success");
/// A run has few calls: one index range, filtered.
const PAGE_OF_RUN: &str = page!(
    "
      and e.run_id = $4
      and ($5::text is null or e.tool_id = $5)
      and ($6::boolean is null or e.success = $6)"
);

const BY_ID: &str = "
    select e.id, e.tool_id, e.tool_version, e.door, e.success, e.error_code, e.started_at,
           e.duration_us, e.user_id, e.key_id, e.run_id, e.call_id, e.input,
           e.output, e.error, e.timeline, e.warnings
    from orchestration.executions e
    where e.workspace_id = $1
      and e.id = $2";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("executions::record", RECORD, Authenticator, Nothing),
    statement!("executions::page", PAGE, Authenticated, ExecutionSummary),
    statement!(
        "executions::page (succeeded)",
        PAGE_SUCCEEDED,
        Authenticated,
        ExecutionSummary
    ),
    statement!(
        "executions::page (failed)",
        PAGE_FAILED,
        Authenticated,
        ExecutionSummary
    ),
    statement!(
        "executions::page (of tool)",
        PAGE_OF_TOOL,
        Authenticated,
        ExecutionSummary
    ),
    statement!(
        "executions::page (of tool, succeeded)",
        PAGE_OF_TOOL_SUCCEEDED,
        Authenticated,
        ExecutionSummary
    ),
    statement!(
        "executions::page (of tool, failed)",
        PAGE_OF_TOOL_FAILED,
        Authenticated,
        ExecutionSummary
    ),
    statement!(
        "executions::page (of run)",
        PAGE_OF_RUN,
        Authenticated,
        ExecutionSummary
    ),
    statement!("executions::by_id", BY_ID, Authenticated, ExecutionRow),
];

/// Records an execution in one round trip. The only write that does not wait for the disk: a power
/// cut may lose the last fraction of a second of the log.
///
/// # Errors
/// [`Error::Forbidden`] below member; [`Error::Unavailable`].
pub async fn record(
    db: &Db,
    principal: &Principal,
    execution: &NewExecution<'_>,
) -> Result<(), Error> {
    let claims = principal.claims(Some(execution.workspace_id));
    let texts = execution.texts()?;
    db.once(|| asked(bound(RECORD, &claims, execution, &texts), execution))
        .await
        .map(drop)
}

/// A statement with the execution as its first parameters, in the order of [`RECORD`].
pub(crate) fn bound<'q>(
    sql: &'static str,
    claims: &'q str,
    execution: &'q NewExecution<'q>,
    texts: &'q Texts,
) -> Query<'q, Nothing> {
    query_as::<_, Nothing>(sql)
        .bind(claims)
        .bind(execution.id.0)
        .bind(execution.workspace_id.0)
        .bind(execution.tool_id)
        .bind(execution.tool_version)
        .bind(execution.door.as_str())
        .bind(execution.success)
        .bind(execution.error_code)
        .bind(texts.input.as_str())
        .bind(texts.output.as_deref())
        .bind(texts.error.as_deref())
        .bind(execution.timeline)
        .bind(texts.warnings.as_deref())
        .bind(execution.started_at)
        .bind(execution.duration_us)
}

/// Who asked for it, as the last parameters of a statement.
pub(crate) fn asked<'q>(
    query: Query<'q, Nothing>,
    execution: &'q NewExecution<'q>,
) -> Query<'q, Nothing> {
    query.bind(execution.run_id).bind(execution.call_id)
}

/// The JSON columns of a [`NewExecution`] as text.
pub(crate) struct Texts {
    pub(crate) input: String,
    pub(crate) output: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) warnings: Option<String>,
}

impl NewExecution<'_> {
    pub(crate) fn texts(&self) -> Result<Texts, Error> {
        Ok(Texts {
            input: json(self.input)?,
            output: self.output.map(json).transpose()?,
            error: self.error.map(json).transpose()?,
            warnings: self.warnings.map(json).transpose()?,
        })
    }
}

/// JSON text; `Value`'s own `to_string` takes three times as long.
fn json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Query(Box::new(error)))
}

/// An id that no call has yet, whatever the clocks of other machines say. The greatest of all would have the database look into
/// parts of the log that are still to come.
fn latest() -> Uuid {
    let tomorrow = Utc::now() + TimeDelta::days(1);
    let seconds = u64::try_from(tomorrow.timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix_time(seconds, 0, 0, 0))
}

/// The workspace's executions, newest first.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    filter: Filter<'_>,
    limit: i64,
) -> Result<Vec<ExecutionSummary>, Error> {
    if let Some(run_id) = filter.run_id {
        let query = query_as(PAGE_OF_RUN)
            .bind(workspace.0)
            .bind(filter.before.map_or_else(latest, |id| id.0))
            .bind(limit)
            .bind(run_id)
            .bind(filter.tool_id)
            .bind(filter.success);
        return tx.all(query).await;
    }
    let sql = match (filter.tool_id.is_some(), filter.success) {
        (false, None) => PAGE,
        (false, Some(true)) => PAGE_SUCCEEDED,
        (false, Some(false)) => PAGE_FAILED,
        (true, None) => PAGE_OF_TOOL,
        (true, Some(true)) => PAGE_OF_TOOL_SUCCEEDED,
        (true, Some(false)) => PAGE_OF_TOOL_FAILED,
    };
    let mut query: Query<'_, ExecutionSummary> = query_as(sql)
        .bind(workspace.0)
        .bind(filter.before.map_or_else(latest, |id| id.0))
        .bind(limit);
    if let Some(tool_id) = filter.tool_id {
        query = query.bind(tool_id);
    }
    tx.all(query).await
}

/// One execution.
///
/// # Errors
/// The database's.
pub async fn by_id(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: ExecutionId,
) -> Result<Option<ExecutionRow>, Error> {
    tx.maybe(query_as(BY_ID).bind(workspace.0).bind(id.0)).await
}

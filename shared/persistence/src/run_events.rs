//! `orchestration.run_events`: every transition of a run, in order.

use chrono::{DateTime, Utc};
use domain::ids::WorkspaceId;
use serde_json::Value;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Statement, row, statement};

row! {
    /// One transition.
    #[derive(PartialEq)]
    pub struct EventRow {
        /// Its number in the run, counted from 1 without gaps.
        pub seq: i64,
        /// When.
        pub at: DateTime<Utc>,
        /// `run.started`, `step.succeeded`, …
        pub kind: String,
        /// Of which step.
        pub step_id: Option<String>,
        /// What belongs to it.
        pub payload: Value,
    }
}

row! {
    /// As much of a run as somebody needs who watches it.
    #[derive(PartialEq, Eq)]
    pub struct Watched {
        /// The flow.
        pub flow_id: Option<String>,
        /// The state.
        pub status: String,
        /// The number of its last event.
        pub last_seq: i64,
        /// When it ended.
        pub finished_at: Option<DateTime<Utc>>,
    }
}

const AFTER: &str = "
    select e.seq, e.at, e.kind, e.step_id, e.payload
    from orchestration.run_events e
    where e.workspace_id = $1
      and e.run_id = $2
      and e.seq > $3
    order by e.seq
    limit $4";

const WATCHED: &str = "
    select r.flow_id, r.status, r.last_seq, r.finished_at
    from orchestration.runs r
    where r.workspace_id = $1
      and r.id = $2";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("run_events::after", AFTER, Authenticated, EventRow),
    statement!("run_events::watched", WATCHED, Authenticated, Watched),
];

/// How a run stands.
///
/// # Errors
/// The database's.
pub async fn watched(
    tx: &mut Tx,
    workspace: WorkspaceId,
    run: Uuid,
) -> Result<Option<Watched>, Error> {
    tx.maybe(query_as(WATCHED).bind(workspace.0).bind(run))
        .await
}

/// Events behind that number, in order.
///
/// # Errors
/// The database's.
pub async fn after(
    tx: &mut Tx,
    workspace: WorkspaceId,
    run: Uuid,
    seq: i64,
    limit: i64,
) -> Result<Vec<EventRow>, Error> {
    let query = query_as(AFTER)
        .bind(workspace.0)
        .bind(run)
        .bind(seq)
        .bind(limit);
    tx.all(query).await
}

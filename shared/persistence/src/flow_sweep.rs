//! What the flow sweep asks of the engine's tables: runs that are due, one turn of each, and its sign of life.

use std::time::Duration;

use domain::ids::WorkspaceId;
use serde_json::Value;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::{Db, millis};
use crate::error::Error;
use crate::statements::{Statement, row, statement};

row! {
    /// A run that is due, and its steps that are.
    pub struct Due {
        /// The run.
        pub run_id: Option<Uuid>,
        /// Its steps; none when it is the run's own deadline.
        pub steps: Option<Vec<String>>,
    }
}

row! {
    /// What the sweep's turn of a run came to. `state` is absent when another process has the run in hand.
    pub struct SweptRun {
        /// The run's state.
        pub state: Option<String>,
        /// Steps that workers should be told of.
        pub owed: Option<String>,
        /// The run that waits for this one, which has ended.
        pub parent_run: Option<Uuid>,
        /// Its step.
        pub parent_step: Option<String>,
        /// Other runs of the flow may begin.
        pub admits: Option<bool>,
        /// Steps whose workers died.
        pub recovered: Option<i32>,
        /// Steps whose wait is over.
        pub woken: Option<i32>,
        /// Steps whose message was lost.
        pub resent: Option<i32>,
    }
}

row! {
    struct AdmittedRow {
        owed: Option<String>,
    }
}

row! {
    struct HeldRow {
        workspace_id: Option<Uuid>,
        flow_id: Option<String>,
    }
}

row! {
    struct SoonRow {
        soon: Option<bool>,
    }
}

row! {
    struct GoneRow {
        gone: Option<i32>,
    }
}

const DUE: &str = "
    select d.run_id, d.steps
    from orchestration.sweep_due($1) as d";

const RUN: &str = "
    select s.state, s.owed::text as owed, s.parent_run, s.parent_step, s.admits, s.recovered, s.woken, s.resent
    from orchestration.sweep_run($1, $2, $3) as s";

const ADMIT: &str = "
    select orchestration.admit_runs($1, $2, $3)::text as owed";

const HELD: &str = "
    select h.workspace_id, h.flow_id
    from orchestration.flows_with_held_runs($1) as h";

const DONE: &str = "
    select orchestration.sweep_done($1::text::json) as soon";

const FORGET: &str = "
    select orchestration.forget_runs($1, $2) as gone";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("flow_sweep::due", DUE, Authenticator, Due),
    statement!("flow_sweep::run", RUN, Authenticator, SweptRun),
    statement!("flow_sweep::admit", ADMIT, Authenticator, AdmittedRow),
    statement!("flow_sweep::held", HELD, Authenticator, HeldRow),
    statement!("flow_sweep::done", DONE, Authenticator, SoonRow),
    statement!("flow_sweep::forget", FORGET, Authenticator, GoneRow),
];

/// Runs that are due, the oldest first.
///
/// # Errors
/// The database's.
pub async fn due(db: &Db, most: i32) -> Result<Vec<(Uuid, Vec<String>)>, Error> {
    let rows = db.once(|| query_as::<_, Due>(DUE).bind(most)).await?;
    let due = rows
        .into_iter()
        .filter_map(|row| Some((row.run_id?, row.steps.unwrap_or_default())));
    Ok(due.collect())
}

/// The sweep's turn of one run.
///
/// # Errors
/// The database's.
pub async fn run(
    db: &Db,
    run: Uuid,
    steps: &[String],
    resend: Duration,
) -> Result<SweptRun, Error> {
    db.once_row(|| {
        query_as::<_, SweptRun>(RUN)
            .bind(run)
            .bind(steps)
            .bind(millis(resend))
    })
    .await
}

/// Lets waiting runs of a flow begin, as far as its limit allows; what to send, as a JSON array.
///
/// # Errors
/// The database's.
pub async fn admit(
    db: &Db,
    workspace: WorkspaceId,
    flow: &str,
    resend: Duration,
) -> Result<Option<String>, Error> {
    let row = db
        .once_row(|| {
            query_as::<_, AdmittedRow>(ADMIT)
                .bind(workspace.0)
                .bind(flow)
                .bind(millis(resend))
        })
        .await?;
    Ok(row.owed)
}

/// Flows that have runs which wait for others.
///
/// # Errors
/// The database's.
pub async fn held(db: &Db, most: i32) -> Result<Vec<(WorkspaceId, String)>, Error> {
    let rows = db.once(|| query_as::<_, HeldRow>(HELD).bind(most)).await?;
    let held = rows
        .into_iter()
        .filter_map(|row| Some((WorkspaceId(row.workspace_id?), row.flow_id?)));
    Ok(held.collect())
}

/// Writes the sweep's sign of life; answers whether something is due within the next minute.
///
/// # Errors
/// The database's.
pub async fn done(db: &Db, detail: &Value) -> Result<bool, Error> {
    let detail = detail.to_string();
    let row = db
        .once_row(|| query_as::<_, SoonRow>(DONE).bind(detail.as_str()))
        .await?;
    Ok(row.soon.unwrap_or_default())
}

/// Removes runs that ended so many days ago, at most so many.
///
/// # Errors
/// The database's.
pub async fn forget(db: &Db, days: i32, most: i32) -> Result<i32, Error> {
    let row = db
        .once_row(|| query_as::<_, GoneRow>(FORGET).bind(days).bind(most))
        .await?;
    Ok(row.gone.unwrap_or_default())
}

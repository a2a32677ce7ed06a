//! `orchestration.runs`: flow runs, and the doors of the engine through which they change (`0030_flow_doors.sql`).

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::caller::{Door, Principal};
use domain::ids::WorkspaceId;
use serde_json::Value;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::{Db, Query, Tx, millis};
use crate::error::Error;
use crate::statements::{Statement, row, statement};

/// A run that begins. JSON texts hold no U+0000.
#[derive(Clone, Copy, Debug)]
pub struct NewRun<'a> {
    /// Its id.
    pub id: Uuid,
    /// The flow and its version; none for a tool's execution that is owed to the queue.
    pub flow: Option<(&'a str, i32)>,
    /// `{id: version}` of everything that it calls, as JSON text.
    pub pinned: &'a str,
    /// What it is started with, as JSON text.
    pub input: &'a str,
    /// Through which door.
    pub door: Door,
    /// The same key answers the same run.
    pub idempotency_key: Option<&'a str>,
    /// SHA-256 of what is asked for.
    pub input_hash: [u8; 32],
    /// Its deadline from now.
    pub timeout: Duration,
    /// Runs of this flow that are under way at once.
    pub max_concurrency: Option<u32>,
    /// The run and the step that start it.
    pub parent: Option<(Uuid, &'a str)>,
    /// Runs above it.
    pub depth: u16,
    /// Steps that its output reads.
    pub output_reads: &'a [String],
    /// Its steps, as a JSON array of [`domain::run::PlannedStep`].
    pub steps: &'a str,
}

/// What came of starting a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// It begins.
    New {
        /// It waits for other runs of its flow.
        held: bool,
    },
    /// It was started before, with the same key and the same input.
    Existing(Uuid),
    /// The key belongs to another request.
    Reused,
    /// The run that starts it is being stopped, or has ended.
    Over,
}

/// A turn of a run for a worker.
#[derive(Clone, Debug)]
pub struct Turn<'a> {
    /// The run.
    pub run: Uuid,
    /// Steps that a message named.
    pub looks: &'a [String],
    /// Results of steps, as a JSON array; shapes in `0030_flow_doors.sql`.
    pub results: &'a str,
    /// What the run answers if it ends with these results, as JSON text.
    pub output: Option<&'a str>,
    /// Names this claim.
    pub token: Uuid,
    /// Steps to claim at most.
    pub most: u32,
    /// The worker's time for one step.
    pub left: Duration,
    /// When a message that nobody followed is sent again.
    pub resend: Duration,
    /// Whether to answer what the run is about.
    pub with_context: bool,
}

row! {
    /// What a turn came to. `state` is absent when there is no such run.
    pub struct Turned {
        /// The run's state.
        pub state: Option<String>,
        /// Who it acts as and what it is about, as JSON text.
        pub context: Option<String>,
        /// Steps that this worker has now, as a JSON array.
        pub claimed: Option<String>,
        /// Steps that others should be told of, as a JSON array of `{run_id, step_id, delay_ms}`.
        pub owed: Option<String>,
        /// The run that waits for this one, which has ended.
        pub parent_run: Option<Uuid>,
        /// Its step.
        pub parent_step: Option<String>,
        /// Other runs of the flow may begin.
        pub admits: Option<bool>,
        /// Results of late workers, which were not written.
        pub fenced: Option<i32>,
    }
}

row! {
    /// What came of a person's change.
    pub struct Changed {
        /// How it went.
        pub outcome: Option<String>,
        /// Steps that workers should be told of.
        pub owed: Option<String>,
    }
}

row! {
    /// What came of cancelling.
    pub struct Cancelled {
        /// The run's state, or `not_found`.
        pub outcome: Option<String>,
        /// Steps that workers should be told of.
        pub owed: Option<String>,
        /// Other runs of the flow may begin.
        pub admits: Option<bool>,
    }
}

row! {
    /// What came of resuming.
    pub struct Resumed {
        /// How it went.
        pub outcome: Option<String>,
        /// Steps that workers should be told of.
        pub owed: Option<String>,
        /// Steps that must be confirmed, by these names: `mail`, or `sub/mail` in the run of the step `sub`.
        pub unknown: Option<Vec<String>>,
        /// The run's state when it was asked for.
        pub state: Option<String>,
    }
}

row! {
    struct StartedRow {
        outcome: Option<String>,
        found_run: Option<Uuid>,
        held: Option<bool>,
    }
}

row! {
    /// One run, without its steps.
    #[derive(PartialEq)]
    pub struct RunRow {
        /// The id.
        pub id: Uuid,
        /// The flow; absent for a tool's execution.
        pub flow_id: Option<String>,
        /// Its version.
        pub flow_version: Option<i32>,
        /// The state.
        pub status: String,
        /// Through which door.
        pub door: String,
        /// `{id: version}` of everything that it calls.
        pub pinned: Value,
        /// What it was started with.
        pub input: Value,
        /// What it answers.
        pub output: Option<Value>,
        /// Why it failed.
        pub error: Option<Value>,
        /// It waits for other runs of its flow.
        pub held: bool,
        /// The run that started it.
        pub parent_run_id: Option<Uuid>,
        /// The step that started it.
        pub parent_step_id: Option<String>,
        /// Who started it.
        pub started_by: Option<Uuid>,
        /// With which API key.
        pub key_id: Option<Uuid>,
        /// The number of its last event.
        pub last_seq: i64,
        /// When it must have ended.
        pub deadline_at: DateTime<Utc>,
        /// When it began.
        pub created_at: DateTime<Utc>,
        /// When it ended.
        pub finished_at: Option<DateTime<Utc>>,
    }
}

row! {
    /// One line of a list of runs.
    #[derive(PartialEq)]
    pub struct RunSummary {
        /// The id.
        pub id: Uuid,
        /// The flow's version.
        pub flow_version: Option<i32>,
        /// The state.
        pub status: String,
        /// Through which door.
        pub door: String,
        /// Why it failed.
        pub error: Option<Value>,
        /// It waits for other runs of its flow.
        pub held: bool,
        /// Who started it.
        pub started_by: Option<Uuid>,
        /// When it began.
        pub created_at: DateTime<Utc>,
        /// When it ended.
        pub finished_at: Option<DateTime<Utc>>,
    }
}

row! {
    /// As much of a run as somebody needs who waits for its end.
    #[derive(PartialEq)]
    pub struct RunEnd {
        /// The state.
        pub status: String,
        /// What it answers.
        pub output: Option<Value>,
        /// Why it failed.
        pub error: Option<Value>,
        /// The number of its last event.
        pub last_seq: i64,
    }
}

/// Where a page of runs begins.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// The last line's beginning.
    pub created_at: DateTime<Utc>,
    /// The last line's id.
    pub id: Uuid,
}

const START: &str = "
    select s.outcome, s.found_run, s.held
    from orchestration.start_run(
        $1, $2, $3, $4, $5, $6::text::json, $7::text::json, $8, $9, $10, $11, $12, $13, $14, $15, $16,
        $17::text::json, $18) as s";

const ADVANCE: &str = "
    select a.state, a.context::text as context, a.claimed::text as claimed, a.owed::text as owed, a.parent_run,
           a.parent_step, a.admits, a.fenced
    from orchestration.advance_run($1, $2, $3::text::json, $4::text::json, $5, $6, $7, $8, $9) as a";

const CANCEL: &str = "
    select c.outcome, c.owed::text as owed, c.admits
    from orchestration.cancel_run($1, $2, $3, $4) as c";

const RESUME: &str = "
    select r.outcome, r.owed::text as owed, r.unknown, r.state
    from orchestration.resume_run($1, $2, $3, $4, $5) as r";

const SIGNAL: &str = "
    select s.outcome, s.owed::text as owed
    from orchestration.signal_step($1, $2, $3, $4, $5::text::json, $6, $7) as s";

const BY_ID: &str = "
    select r.id, r.flow_id, r.flow_version, r.status, r.door, r.pinned, r.input, r.output, r.error,
           not r.admitted as held, r.parent_run_id, r.parent_step_id, r.started_by, r.key_id, r.last_seq, r.deadline_at,
           r.created_at, r.finished_at
    from orchestration.runs r
    where r.workspace_id = $1
      and r.id = $2";

const PAGE: &str = "
    select r.id, r.flow_version, r.status, r.door, r.error, not r.admitted as held, r.started_by, r.created_at,
           r.finished_at
    from orchestration.runs r
    where r.workspace_id = $1
      and r.flow_id = $2
      and (r.created_at, r.id) < ($3, $4)
      and ($6::text is null or r.status = $6)
    order by r.created_at desc, r.id desc
    limit $5";

const END: &str = "
    select r.status, r.output, r.error, r.last_seq
    from orchestration.runs r
    where r.workspace_id = $1
      and r.id = $2";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("runs::start", START, Authenticator, StartedRow),
    statement!("runs::advance", ADVANCE, Authenticator, Turned),
    statement!("runs::cancel", CANCEL, Authenticator, Cancelled),
    statement!("runs::resume", RESUME, Authenticator, Resumed),
    statement!("runs::signal", SIGNAL, Authenticator, Changed),
    statement!("runs::by_id", BY_ID, Authenticated, RunRow),
    statement!("runs::page", PAGE, Authenticated, RunSummary),
    statement!("runs::end", END, Authenticated, RunEnd),
];

/// Starts a run: one commit. Starting it again with the same id, or the same key, changes nothing.
///
/// # Errors
/// [`Error::Forbidden`] below member; the database's.
pub async fn start(
    db: &Db,
    principal: &Principal,
    workspace: WorkspaceId,
    new: &NewRun<'_>,
    resend: Duration,
) -> Result<Started, Error> {
    let claims = principal.claims(Some(workspace));
    let row = db
        .once_row(|| {
            query_as::<_, StartedRow>(START)
                .bind(claims.as_str())
                .bind(workspace.0)
                .bind(new.id)
                .bind(new.flow.map(|(id, _)| id))
                .bind(new.flow.map(|(_, version)| version))
                .bind(new.pinned)
                .bind(new.input)
                .bind(new.door.as_str())
                .bind(new.idempotency_key)
                .bind(new.input_hash.as_slice())
                .bind(millis(new.timeout))
                .bind(new.max_concurrency.map(count))
                .bind(new.parent.map(|(run, _)| run))
                .bind(new.parent.map(|(_, step)| step))
                .bind(i16::try_from(new.depth).unwrap_or(i16::MAX))
                .bind(new.output_reads)
                .bind(new.steps)
                .bind(millis(resend))
        })
        .await?;
    match (row.outcome.as_deref(), row.found_run) {
        (Some("started"), _) => Ok(Started::New {
            held: row.held.unwrap_or_default(),
        }),
        (Some("existing"), Some(run)) => Ok(Started::Existing(run)),
        (Some("reused"), _) => Ok(Started::Reused),
        (Some("over"), _) => Ok(Started::Over),
        (other, _) => Err(Error::Corrupt(format!("start_run answered {other:?}"))),
    }
}

/// One turn: results in, claims out, one commit.
///
/// # Errors
/// The database's.
pub async fn advance(db: &Db, turn: &Turn<'_>) -> Result<Turned, Error> {
    db.once_row(|| {
        query_as::<_, Turned>(ADVANCE)
            .bind(turn.run)
            .bind(turn.looks)
            .bind(turn.results)
            .bind(turn.output)
            .bind(turn.token)
            .bind(count(turn.most))
            .bind(millis(turn.left))
            .bind(millis(turn.resend))
            .bind(turn.with_context)
    })
    .await
}

/// Cancels a run and the runs below it. After this, no step of them is claimed and no run begins below them.
///
/// # Errors
/// [`Error::Forbidden`] below member; the database's.
pub async fn cancel(
    db: &Db,
    principal: &Principal,
    workspace: WorkspaceId,
    run: Uuid,
    resend: Duration,
) -> Result<Cancelled, Error> {
    let claims = principal.claims(Some(workspace));
    db.once_row(|| {
        query_as::<_, Cancelled>(CANCEL)
            .bind(claims.as_str())
            .bind(workspace.0)
            .bind(run)
            .bind(millis(resend))
    })
    .await
}

/// Lets a failed or cancelled run go on; `confirmed` names steps whose outcome is unknown and which may be called again.
/// Outcomes: `resumed`, `not_stopped`, `compensated`, `has_parent`, `unconfirmed`, `not_found`.
///
/// # Errors
/// [`Error::Forbidden`] below member; the database's.
pub async fn resume(
    db: &Db,
    principal: &Principal,
    workspace: WorkspaceId,
    run: Uuid,
    confirmed: &[String],
    resend: Duration,
) -> Result<Resumed, Error> {
    let claims = principal.claims(Some(workspace));
    db.once_row(|| {
        query_as::<_, Resumed>(RESUME)
            .bind(claims.as_str())
            .bind(workspace.0)
            .bind(run)
            .bind(confirmed)
            .bind(millis(resend))
    })
    .await
}

/// A signal's content: a payload as JSON text, or a decision.
#[derive(Clone, Copy, Debug)]
pub struct Signal<'a> {
    /// What is sent, as JSON text.
    pub payload: Option<&'a str>,
    /// Yes or no, to an approval.
    pub approved: Option<bool>,
}

/// Sends a signal to a step. Outcomes: `taken`, `repeated`, `answered` (with something else), `over`, `no_step`,
/// `not_found`.
///
/// # Errors
/// [`Error::Forbidden`] below member; the database's.
pub async fn signal(
    db: &Db,
    principal: &Principal,
    workspace: WorkspaceId,
    (run, step): (Uuid, &str),
    signal: Signal<'_>,
    resend: Duration,
) -> Result<Changed, Error> {
    let claims = principal.claims(Some(workspace));
    db.once_row(|| {
        query_as::<_, Changed>(SIGNAL)
            .bind(claims.as_str())
            .bind(workspace.0)
            .bind(run)
            .bind(step)
            .bind(signal.payload)
            .bind(signal.approved)
            .bind(millis(resend))
    })
    .await
}

/// One run.
///
/// # Errors
/// The database's.
pub async fn by_id(tx: &mut Tx, workspace: WorkspaceId, id: Uuid) -> Result<Option<RunRow>, Error> {
    tx.maybe(query_as(BY_ID).bind(workspace.0).bind(id)).await
}

/// A flow's runs, newest first; of one state only, where one is named.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    flow: &str,
    status: Option<&str>,
    before: Option<Before>,
    limit: i64,
) -> Result<Vec<RunSummary>, Error> {
    let (created_at, id) = match before {
        Some(before) => (before.created_at, before.id),
        None => (DateTime::<Utc>::MAX_UTC, Uuid::max()),
    };
    // Postgres ends before chrono does.
    let latest = DateTime::from_timestamp(9_000_000_000_000, 0).unwrap_or(created_at);
    let query: Query<'_, RunSummary> = query_as(PAGE)
        .bind(workspace.0)
        .bind(flow)
        .bind(created_at.min(latest))
        .bind(id)
        .bind(limit)
        .bind(status);
    tx.all(query).await
}

/// How a run stands.
///
/// # Errors
/// The database's.
pub async fn end(tx: &mut Tx, workspace: WorkspaceId, id: Uuid) -> Result<Option<RunEnd>, Error> {
    tx.maybe(query_as(END).bind(workspace.0).bind(id)).await
}

fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

//! `orchestration.idempotency`: the ledger of keyed calls; `admit` before a call, `settle` after it.

use std::time::Duration;

use domain::caller::Principal;
use domain::ids::{ExecutionId, WorkspaceId};
use sqlx::query_as;
use uuid::Uuid;

use crate::db::{Db, Tx, millis};
use crate::error::Error;
use crate::executions::{NewExecution, asked, bound};
use crate::limits::Limit;
use crate::statements::{Affected, Nothing, Statement, row, statement};

/// A key that a call takes before it is made.
#[derive(Clone, Debug)]
pub struct Claim {
    /// What the key is unique in: `tool:get_quote`.
    pub scope: String,
    /// The key, 1 to 255 characters.
    pub key: String,
    /// SHA-256 of what is asked for; the key belongs to this request alone.
    pub request_hash: [u8; 32],
    /// Whether making the call again is as good as making it once.
    pub repeatable: bool,
    /// How long the ledger remembers what came of it.
    pub ttl: Duration,
}

/// Who asks for what, where.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// Where.
    pub workspace_id: WorkspaceId,
    /// The execution.
    pub execution_id: ExecutionId,
}

/// Whether an execution may be made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It may, and is expected to [`settle`].
    Go,
    /// It was made before.
    Kept(Kept),
    /// It was begun before, its process died, and making it again might do it twice.
    Unknown(ExecutionId),
    /// This execution is making it.
    Running(ExecutionId),
    /// The key belongs to another request.
    Reused,
    /// A limit is reached.
    Limited {
        /// Which one.
        by: Limited,
        /// When a try may go better.
        retry_after: Duration,
    },
}

/// The limits that can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// Calls a minute.
    Rate,
    /// Calls at the same time.
    Concurrency,
}

/// What came of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Of which one.
    pub execution_id: ExecutionId,
    /// As [`Settlement::outcome`] had it, JSON text.
    pub outcome: String,
    /// For how long it will be remembered.
    pub left: Duration,
}

/// What became of an execution that was [`Admitted::Running`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// It ended.
    Kept(Kept),
    /// Its outcome is not known and will not be.
    Unknown,
    /// It is still being made.
    Running,
    /// It gave the key back, or its time is over: [`admit`] again.
    Gone,
}

/// How an admitted execution ends.
#[derive(Clone, Debug, Default)]
pub struct Settlement<'a> {
    /// The key that it took.
    pub claim: Option<&'a Claim>,
    /// What came of it, as JSON text, and for how long that is remembered; `None` gives the key back.
    pub outcome: Option<(&'a str, Duration)>,
    /// The limit within which it had a place.
    pub limit: Option<&'a Limit>,
}

row! {
    struct AdmittedRow {
        outcome: Option<String>,
        holder: Option<Uuid>,
        answer: Option<String>,
        left_ms: Option<i64>,
    }
}

const ADMIT: &str = "
    select a.outcome, a.holder, a.answer, a.left_ms
    from orchestration.admit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) as a";

const WATCH: &str = "
    select w.outcome, w.holder, w.answer, w.left_ms
    from orchestration.watch($1, $2, $3, $4, $5) as w";

const LEAVE: &str = "
    select from orchestration.leave($1, $2, $3, $4, $5, $6::text::json, $7, $8)";

const SETTLE: &str = "
    select from orchestration.settle(
        $1, $2, $3, $4, $5, $6, $7, $8,
        $9::text::json, $10::text::json, $11::text::json, $12::text::json, $13::text::json,
        $14, $15, $16, $17, $18::text::json, $19, $20, $21, $22)";

const EXPIRE: &str = "
    delete from orchestration.idempotency i
    using (
        select x.workspace_id, x.scope, x.key
        from orchestration.idempotency x
        where x.expires_at < now()
          and (x.status <> 'running' or x.lease_until < now())
        order by x.expires_at
        limit $1
        for update skip locked
    ) as old
    where i.workspace_id = old.workspace_id
      and i.scope = old.scope
      and i.key = old.key
    returning i.key as id";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("idempotency::admit", ADMIT, Authenticator, AdmittedRow),
    statement!("idempotency::watch", WATCH, Authenticator, AdmittedRow),
    statement!("idempotency::leave", LEAVE, Authenticator, Nothing),
    statement!("idempotency::settle", SETTLE, Authenticator, Nothing),
    statement!("idempotency::expire", EXPIRE, ServiceRole, Affected),
];

/// Takes the key and a place within the limit, in one round trip that is durable before it answers. `lease` is
/// how long the execution can take at most: after it, its process is taken for dead.
///
/// # Errors
/// [`Error::Forbidden`] below member; [`Error::Unavailable`]: it is unknown whether it was admitted, so [`leave`].
pub async fn admit(
    db: &Db,
    asking: Asking<'_>,
    lease: Duration,
    claim: Option<&Claim>,
    limit: Option<&Limit>,
) -> Result<Admitted, Error> {
    let claims = asking.principal.claims(Some(asking.workspace_id));
    let row = db
        .once_row(|| {
            query_as::<_, AdmittedRow>(ADMIT)
                .bind(claims.as_str())
                .bind(asking.workspace_id.0)
                .bind(asking.execution_id.0)
                .bind(millis(lease))
                .bind(claim.map(|claim| claim.scope.as_str()))
                .bind(claim.map(|claim| claim.key.as_str()))
                .bind(claim.map(|claim| claim.request_hash.as_slice()))
                .bind(claim.is_some_and(|claim| claim.repeatable))
                .bind(claim.map_or(0, |claim| millis(claim.ttl)))
                .bind(limit.map(|limit| limit.subject.as_str()))
                .bind(limit.and_then(|limit| limit.rate_per_minute))
                .bind(limit.and_then(|limit| limit.concurrency))
        })
        .await?;
    let retry_after = row.left();
    Ok(match row.outcome.as_deref() {
        Some("go") => Admitted::Go,
        Some("kept") => Admitted::Kept(row.kept()?),
        Some("unknown") => Admitted::Unknown(row.holder()?),
        Some("running") => Admitted::Running(row.holder()?),
        Some("reused") => Admitted::Reused,
        Some("rate") => Admitted::Limited {
            by: Limited::Rate,
            retry_after,
        },
        Some("concurrency") => Admitted::Limited {
            by: Limited::Concurrency,
            retry_after,
        },
        _ => return Err(nothing()),
    })
}

/// What became of `flight`, the execution that has the key.
///
/// # Errors
/// [`Error::Forbidden`] below member; [`Error::Unavailable`].
pub async fn watch(
    db: &Db,
    asking: Asking<'_>,
    flight: ExecutionId,
    claim: &Claim,
) -> Result<Watched, Error> {
    let claims = asking.principal.claims(Some(asking.workspace_id));
    let row = db
        .once_row(|| {
            query_as::<_, AdmittedRow>(WATCH)
                .bind(claims.as_str())
                .bind(asking.workspace_id.0)
                .bind(flight.0)
                .bind(claim.scope.as_str())
                .bind(claim.key.as_str())
        })
        .await?;
    Ok(match row.outcome.as_deref() {
        Some("kept") => Watched::Kept(row.kept()?),
        Some("unknown") => Watched::Unknown,
        Some("running") => Watched::Running,
        Some("gone") => Watched::Gone,
        _ => return Err(nothing()),
    })
}

/// Ends an execution and records it, in one round trip; with a key it is durable.
///
/// # Errors
/// [`Error::Forbidden`] below member; [`Error::Unavailable`].
pub async fn settle(
    db: &Db,
    principal: &Principal,
    execution: &NewExecution<'_>,
    settlement: &Settlement<'_>,
) -> Result<(), Error> {
    let claims = principal.claims(Some(execution.workspace_id));
    let texts = execution.texts()?;
    db.once(|| {
        let query = bound(SETTLE, &claims, execution, &texts)
            .bind(settlement.claim.map(|claim| claim.scope.as_str()))
            .bind(settlement.claim.map(|claim| claim.key.as_str()))
            .bind(settlement.outcome.map(|(outcome, _)| outcome))
            .bind(settlement.outcome.map_or(0, |(_, ttl)| millis(ttl)))
            .bind(settlement.limit.map(|limit| limit.subject.as_str()));
        asked(query, execution)
    })
    .await
    .map(drop)
}

/// Ends an execution without a line in the log.
///
/// # Errors
/// [`Error::Forbidden`] below member; [`Error::Unavailable`].
pub async fn leave(db: &Db, asking: Asking<'_>, settlement: &Settlement<'_>) -> Result<(), Error> {
    let claims = asking.principal.claims(Some(asking.workspace_id));
    db.once(|| {
        query_as::<_, Nothing>(LEAVE)
            .bind(claims.as_str())
            .bind(asking.workspace_id.0)
            .bind(asking.execution_id.0)
            .bind(settlement.claim.map(|claim| claim.scope.as_str()))
            .bind(settlement.claim.map(|claim| claim.key.as_str()))
            .bind(settlement.outcome.map(|(outcome, _)| outcome))
            .bind(settlement.outcome.map_or(0, |(_, ttl)| millis(ttl)))
            .bind(settlement.limit.map(|limit| limit.subject.as_str()))
    })
    .await
    .map(drop)
}

/// Forgets keys whose time is over, `most` at once; as the system. Answers how many: fewer than `most` is all.
///
/// # Errors
/// The database's.
pub async fn expire(tx: &mut Tx, most: i64) -> Result<usize, Error> {
    let gone: Vec<Affected> = tx.all(query_as(EXPIRE).bind(most)).await?;
    Ok(gone.len())
}

impl AdmittedRow {
    fn left(&self) -> Duration {
        let millis = self.left_ms.and_then(|millis| u64::try_from(millis).ok());
        Duration::from_millis(millis.unwrap_or_default())
    }

    fn holder(&self) -> Result<ExecutionId, Error> {
        self.holder.map(ExecutionId).ok_or_else(nothing)
    }

    fn kept(self) -> Result<Kept, Error> {
        Ok(Kept {
            execution_id: self.holder()?,
            left: self.left(),
            outcome: self.answer.ok_or_else(nothing)?,
        })
    }
}

fn nothing() -> Error {
    Error::Corrupt("the ledger answered nothing".to_owned())
}

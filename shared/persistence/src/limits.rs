//! `orchestration.limits` and `orchestration.slots`: how often a workspace's calls may begin, and how many may run at once.

use sqlx::query_as;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Affected, Statement, statement};

/// The limits of one subject; a call takes its place by [`crate::idempotency::admit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Whose they are, within the workspace: `tool:get_quote`.
    pub subject: String,
    /// Calls a minute. The bucket holds a minute's calls and is refilled evenly.
    pub rate_per_minute: Option<i32>,
    /// Calls at the same time.
    pub concurrency: Option<i32>,
}

const EXPIRE: &str = "
    delete from orchestration.slots s
    using (
        select x.workspace_id, x.subject, x.execution_id
        from orchestration.slots x
        where x.until < now()
        order by x.until
        limit $1
        for update skip locked
    ) as old
    where s.workspace_id = old.workspace_id
      and s.subject = old.subject
      and s.execution_id = old.execution_id
    returning s.subject as id";

pub(crate) const STATEMENTS: &[Statement] =
    &[statement!("limits::expire", EXPIRE, ServiceRole, Affected)];

/// Removes places of calls whose time is over, `most` at once; as the system. They count no more in any case.
/// Answers how many: fewer than `most` is all.
///
/// # Errors
/// The database's.
pub async fn expire(tx: &mut Tx, most: i64) -> Result<usize, Error> {
    let gone: Vec<Affected> = tx.all(query_as(EXPIRE).bind(most)).await?;
    Ok(gone.len())
}

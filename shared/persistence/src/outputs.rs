//! `orchestration.outputs`: what was taken out of outputs that were too large, until it is read or a day is over.

use domain::ids::{ExecutionId, WorkspaceId};
use domain::rest::Rest;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Nothing, Statement, row, statement};

/// Most bytes of one execution that are kept.
pub const MAX_BYTES: usize = 5 * 1024 * 1024;

row! {
    struct RestsRow {
        rests: String,
    }
}

row! {
    struct Count {
        count: i64,
    }
}

/// A workspace keeps 100 MB and a thousand outputs; older ones make room.
const KEEP: &str = "
    with newest as (
        select o.id, sum(octet_length(o.rests)) over newer as bytes, row_number() over newer as number
        from orchestration.outputs o
        where o.workspace_id = $1
        window newer as (order by o.created_at desc, o.id)
    ), gone as (
        delete from orchestration.outputs o
        using newest n
        where o.workspace_id = $1
          and o.id = n.id
          and (n.bytes > 100000000 or n.number >= 1000)
    )
    insert into orchestration.outputs (workspace_id, id, execution_id, rests)
    values ($1, $2, $3, $4)";

const BY_ID: &str = "
    select o.rests
    from orchestration.outputs o
    where o.workspace_id = $1
      and o.id = $2
      and o.expires_at > now()";

const EXPIRE: &str = "
    with gone as (
        delete from orchestration.outputs o
        where (o.workspace_id, o.id) in (
            select x.workspace_id, x.id
            from orchestration.outputs x
            where x.expires_at <= now()
            order by x.expires_at
            limit 1000
        )
        returning o.id
    )
    select count(*) as count
    from gone";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("outputs::keep", KEEP, Authenticated, Nothing),
    statement!("outputs::by_id", BY_ID, Authenticated, RestsRow),
    statement!("outputs::expire", EXPIRE, ServiceRole, Count),
];

/// Keeps the rests of an execution's output under a random id. False when they are larger than [`MAX_BYTES`].
///
/// # Errors
/// [`Error::Forbidden`] below member.
pub async fn keep(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: Uuid,
    execution: ExecutionId,
    rests: &[Rest],
) -> Result<bool, Error> {
    let text = serde_json::to_string(rests).map_err(|error| Error::Query(Box::new(error)))?;
    if text.len() > MAX_BYTES {
        return Ok(false);
    }
    let query = query_as::<_, Nothing>(KEEP)
        .bind(workspace.0)
        .bind(id)
        .bind(execution.0)
        .bind(text);
    tx.all(query).await.map(|_| true)
}

/// What is kept under this id in the workspace, unless its day is over.
///
/// # Errors
/// The database's.
pub async fn by_id(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: Uuid,
) -> Result<Option<Vec<Rest>>, Error> {
    let row: Option<RestsRow> = tx.maybe(query_as(BY_ID).bind(workspace.0).bind(id)).await?;
    let read = |row: RestsRow| {
        serde_json::from_str(&row.rests)
            .map_err(|error| Error::Corrupt(format!("kept output {id}: {error}")))
    };
    row.map(read).transpose()
}

/// Removes what is kept for longer than a day, a thousand at most; as the system. Answers how many.
///
/// # Errors
/// The database's.
pub async fn expire(tx: &mut Tx) -> Result<u64, Error> {
    let row: Count = tx.one(query_as(EXPIRE)).await?;
    Ok(u64::try_from(row.count).unwrap_or_default())
}

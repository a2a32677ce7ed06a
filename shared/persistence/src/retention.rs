//! What is kept for a time: the parts of `orchestration.executions`, and the rows of the roll-ups.

use sqlx::query_as;

use crate::analytics::Grain;
use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Statement, row, statement};

row! {
    struct PartsRow {
        parts: Option<i32>,
    }
}

row! {
    struct GoneRow {
        gone: Option<i64>,
    }
}

const ADD_PARTS: &str = "
    select orchestration.add_execution_parts($1 * interval '1 day') as parts";

const DROP_PARTS: &str = "
    select orchestration.drop_execution_parts($1 * interval '1 day') as parts";

/// Two sweeps at once take different rows.
macro_rules! thin {
    ($table:literal) => {
        concat!(
            "
    with gone as (
        delete from orchestration.",
            $table,
            " r
        where r.ctid = any (array(
            select x.ctid
            from orchestration.",
            $table,
            " x
            where x.grain = $1
              and x.at < date_trunc('day', now(), 'UTC') - $2 * interval '1 day'
            limit $3
            for update skip locked
        ))
        returning r.at
    )
    select count(*) as gone
    from gone"
        )
    };
}

const THIN_CALLS: &str = thin!("execution_rollups");
const THIN_TOKENS: &str = thin!("token_rollups");

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("retention::add_parts", ADD_PARTS, ServiceRole, PartsRow),
    statement!("retention::drop_parts", DROP_PARTS, ServiceRole, PartsRow),
    statement!("retention::thin (calls)", THIN_CALLS, ServiceRole, GoneRow),
    statement!(
        "retention::thin (tokens)",
        THIN_TOKENS,
        ServiceRole,
        GoneRow
    ),
];

/// Makes parts of the log for the next `ahead` days. How many were made; none when somebody would have to be waited for, which is
/// no failure: the last part has no end, and the next sweep tries again.
///
/// # Errors
/// The database's.
pub async fn add_parts(tx: &mut Tx, ahead: i32) -> Result<Option<u64>, Error> {
    let row: PartsRow = tx.one(query_as(ADD_PARTS).bind(ahead)).await?;
    Ok(row.parts.and_then(|parts| u64::try_from(parts).ok()))
}

/// Drops parts of the log that ended more than so many days ago and are counted. How many; none as above.
///
/// # Errors
/// The database's.
pub async fn drop_parts(tx: &mut Tx, keep: i32) -> Result<Option<u64>, Error> {
    let row: PartsRow = tx.one(query_as(DROP_PARTS).bind(keep)).await?;
    Ok(row.parts.and_then(|parts| u64::try_from(parts).ok()))
}

/// Removes counts of hours or days that are so many days old, of calls and of tokens at most `most` rows each. How many.
///
/// # Errors
/// The database's.
pub async fn thin(tx: &mut Tx, grain: Grain, keep: i32, most: i64) -> Result<u64, Error> {
    let mut gone = 0;
    for sql in [THIN_CALLS, THIN_TOKENS] {
        let query = query_as(sql).bind(grain.as_str()).bind(keep).bind(most);
        let row: GoneRow = tx.one(query).await?;
        gone += u64::try_from(row.gone.unwrap_or_default()).unwrap_or_default();
    }
    Ok(gone)
}

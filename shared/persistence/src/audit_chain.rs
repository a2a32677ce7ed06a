//! `secrets.audit_heads` and the chain through `secrets.audit`: what links rows and what reads them back.

use domain::ids::WorkspaceId;
use sqlx::query_as;
use uuid::Uuid;

use crate::audit::AuditRow;
use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Affected, Nothing, Statement, row, statement};

row! {
    /// Where a workspace's chain ends.
    #[derive(Default, PartialEq, Eq)]
    pub struct Head {
        /// The place of the last row; 0 when nothing is linked.
        pub seq: i64,
        /// The hash of the last row; none when nothing is linked.
        pub hash: Option<Vec<u8>>,
    }
}

row! {
    /// What is known of a workspace's chain without reading it.
    #[derive(PartialEq, Eq)]
    pub struct Extent {
        /// The place of the last row, as the head says; none when there is no head.
        pub seq: Option<i64>,
        /// The hash of the last row, as the head says.
        pub hash: Option<Vec<u8>>,
        /// The greatest place that a row has.
        pub last: Option<i64>,
        /// Rows that are not linked yet.
        pub pending: i64,
    }
}

/// A row's place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Which row.
    pub id: i64,
    /// Its place.
    pub seq: i64,
    /// The hash of the row before; none for the first.
    pub previous: Option<Vec<u8>>,
    /// Its own hash.
    pub hash: Vec<u8>,
}

row! {
    struct Whose {
        workspace_id: Uuid,
    }
}

const NEXT_UNLINKED: &str = "
    select a.workspace_id
    from secrets.audit a
    where a.seq is null
      and a.workspace_id > $1
    order by a.workspace_id
    limit 1";

const MAKE_HEAD: &str = "
    insert into secrets.audit_heads (workspace_id)
    values ($1)
    on conflict (workspace_id) do nothing";

const LOCK_HEAD: &str = "
    select h.seq, h.hash
    from secrets.audit_heads h
    where h.workspace_id = $1
    for update skip locked";

const WAIT_FOR_HEAD: &str = "
    select h.seq, h.hash
    from secrets.audit_heads h
    where h.workspace_id = $1
    for update";

const UNLINKED: &str = "
    select a.id, a.at, a.actor, a.key_id, a.action, a.subject_kind, a.subject, a.detail, a.seq,
           a.previous, a.hash
    from secrets.audit a
    where a.workspace_id = $1
      and a.seq is null
    order by a.id
    limit $2";

const LINK: &str = "
    update secrets.audit a
    set seq = l.seq,
        previous = l.previous,
        hash = l.hash
    from unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[]) as l (id, seq, previous, hash)
    where a.workspace_id = $1
      and a.id = l.id
      and a.seq is null
    returning a.id::text as id";

const ADVANCE: &str = "
    update secrets.audit_heads h
    set seq = $2,
        hash = $3,
        linked_at = now()
    where h.workspace_id = $1";

const EXTENT: &str = "
    select (select h.seq from secrets.audit_heads h where h.workspace_id = $1) as seq,
           (select h.hash from secrets.audit_heads h where h.workspace_id = $1) as hash,
           (select max(a.seq) from secrets.audit a where a.workspace_id = $1) as last,
           (select count(*) from secrets.audit a where a.workspace_id = $1 and a.seq is null) as pending";

const LINKED: &str = "
    select a.id, a.at, a.actor, a.key_id, a.action, a.subject_kind, a.subject, a.detail, a.seq,
           a.previous, a.hash
    from secrets.audit a
    where a.workspace_id = $1
      and a.seq >= $2
      and a.seq <= $3
    order by a.seq
    limit $4";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!(
        "audit_chain::next_unlinked",
        NEXT_UNLINKED,
        ServiceRole,
        Whose
    ),
    statement!("audit_chain::lock (make)", MAKE_HEAD, ServiceRole, Nothing),
    statement!("audit_chain::lock", LOCK_HEAD, ServiceRole, Head),
    statement!("audit_chain::lock (wait)", WAIT_FOR_HEAD, ServiceRole, Head),
    statement!("audit_chain::unlinked", UNLINKED, ServiceRole, AuditRow),
    statement!("audit_chain::link", LINK, ServiceRole, Affected),
    statement!("audit_chain::link (head)", ADVANCE, ServiceRole, Nothing),
    statement!("audit_chain::extent", EXTENT, Authenticated, Extent),
    statement!("audit_chain::linked", LINKED, Authenticated, AuditRow),
];

/// As the system: the next workspace, in the order of ids, that has rows to link.
///
/// # Errors
/// The database's.
pub async fn next_unlinked(
    tx: &mut Tx,
    after: Option<WorkspaceId>,
) -> Result<Option<WorkspaceId>, Error> {
    let after = after.map_or(Uuid::nil(), |workspace| workspace.0);
    let next = tx.maybe(query_as::<_, Whose>(NEXT_UNLINKED).bind(after));
    Ok(next.await?.map(|row| WorkspaceId(row.workspace_id)))
}

/// As the system: locks the end of the workspace's chain until the transaction ends, so that nobody else
/// links meanwhile. `None` when somebody else does and `wait` is false.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &mut Tx, workspace: WorkspaceId, wait: bool) -> Result<Option<Head>, Error> {
    let make = query_as::<_, Nothing>(MAKE_HEAD).bind(workspace.0);
    tx.all(make).await?;
    let sql = if wait { WAIT_FOR_HEAD } else { LOCK_HEAD };
    tx.maybe(query_as(sql).bind(workspace.0)).await
}

/// As the system: rows that are committed and not linked, in the order of their ids.
///
/// # Errors
/// The database's.
pub async fn unlinked(
    tx: &mut Tx,
    workspace: WorkspaceId,
    limit: i64,
) -> Result<Vec<AuditRow>, Error> {
    tx.all(query_as(UNLINKED).bind(workspace.0).bind(limit))
        .await
}

/// As the system: gives rows their places, of which the last becomes the chain's end. The caller holds
/// the end's [`lock`].
///
/// # Errors
/// [`Error::Conflict`] when a place is taken or a row is linked already: the head was set back.
pub async fn link(tx: &mut Tx, workspace: WorkspaceId, links: &[Link]) -> Result<(), Error> {
    let Some(last) = links.last() else {
        return Ok(());
    };
    let ids: Vec<i64> = links.iter().map(|link| link.id).collect();
    let seqs: Vec<i64> = links.iter().map(|link| link.seq).collect();
    let previous: Vec<Option<&[u8]>> = links.iter().map(|link| link.previous.as_deref()).collect();
    let hashes: Vec<&[u8]> = links.iter().map(|link| link.hash.as_slice()).collect();
    let linked = tx
        .all(
            query_as::<_, Affected>(LINK)
                .bind(workspace.0)
                .bind(ids)
                .bind(seqs)
                .bind(previous)
                .bind(hashes),
        )
        .await?;
    if linked.len() != links.len() {
        return Err(Error::Conflict {
            constraint: "audit_chain".to_owned(),
        });
    }
    let advance = query_as::<_, Nothing>(ADVANCE)
        .bind(workspace.0)
        .bind(last.seq)
        .bind(last.hash.as_slice());
    tx.all(advance).await.map(drop)
}

/// Where the workspace's chain ends and how much is not in it; admins only, others see an empty one.
///
/// # Errors
/// The database's.
pub async fn extent(tx: &mut Tx, workspace: WorkspaceId) -> Result<Extent, Error> {
    tx.one(query_as(EXTENT).bind(workspace.0)).await
}

/// Linked rows from one place to another, both included, in the order of the chain; admins only.
///
/// # Errors
/// The database's.
pub async fn linked(
    tx: &mut Tx,
    workspace: WorkspaceId,
    from: i64,
    to: i64,
    limit: i64,
) -> Result<Vec<AuditRow>, Error> {
    tx.all(
        query_as(LINKED)
            .bind(workspace.0)
            .bind(from)
            .bind(to)
            .bind(limit),
    )
    .await
}

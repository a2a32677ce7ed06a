//! Links the rows of the audit into one hash chain per workspace, and reads a chain back to see whether it holds.
//!
//! A row gets its place (`seq`) when it is linked, not when it is written: ids are given out before rows
//! commit, so a row may appear after one with a greater id, and then simply comes later in the chain.
//! Writers never wait for the chain. What a row's hash is made of: [`domain::audit::Line`].

use domain::audit::{Break, Line, Walk};
use domain::caller::{Caller, Role};
use domain::fault::Fault;
use domain::ids::WorkspaceId;
use persistence::audit::AuditRow;
use persistence::audit_chain::{self, Extent, Link};
use persistence::{Db, Tx};

use crate::error::Error;

/// How many rows are linked or read at a time.
const BATCH: i64 = 500;

/// How many rows are linked before a chain is read back.
const LINKED_ON_READ: usize = 10_000;

/// What to verify of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The first place to check, from 1; what is before it is taken as it stands.
    pub from_seq: i64,
    /// At most so many rows.
    pub limit: i64,
    /// A place and the hash that the caller noted for it.
    pub expected: Option<(i64, Vec<u8>)>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Rows that were recomputed.
    pub checked: i64,
    /// The length of the chain.
    pub linked: i64,
    /// Rows that are not in the chain yet.
    pub pending: i64,
    /// The chain's end, to be noted; none while nothing is linked.
    pub head: Option<(i64, Vec<u8>)>,
    /// The last row that was checked: its place and hash; none when none was.
    pub reached: Option<(i64, Vec<u8>)>,
    /// Where to go on; none at the end.
    pub next_seq: Option<i64>,
    /// The first place where it does not hold.
    pub broken: Option<Broken>,
}

/// A place where a chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The place.
    pub seq: i64,
    /// The row there, if there is one.
    pub id: Option<i64>,
    /// Why.
    pub reason: Break,
}

/// As the system: links up to about `limit` rows that are not linked yet, of any workspace, and answers
/// how many. Any number of processes may do this at once; a process that dies leaves its last batch
/// unlinked. A chain that cannot be continued is logged and left alone.
///
/// # Errors
/// The database's, when it cannot be reached.
pub async fn link(db: &Db, limit: usize) -> Result<usize, Error> {
    let (mut linked, mut after) = (0, None);
    while linked < limit {
        let mut tx = db.begin_system().await?;
        let Some(workspace) = audit_chain::next_unlinked(&mut tx, after).await? else {
            tx.commit().await?;
            break;
        };
        let count = match link_batch(&mut tx, workspace, false).await {
            Ok(count) => count,
            Err(error) if error.is_unavailable() => return Err(error.into()),
            Err(error) => {
                tracing::error!(%workspace, %error, "an audit chain cannot be continued");
                after = Some(workspace);
                continue;
            }
        };
        tx.commit().await?;
        linked += count;
        if i64::try_from(count).unwrap_or(0) < BATCH {
            after = Some(workspace);
        }
    }
    Ok(linked)
}

/// Links what one workspace has; waits for whoever does so already. Answers how many rows.
async fn link_workspace(
    db: &Db,
    workspace: WorkspaceId,
    limit: usize,
) -> Result<usize, persistence::Error> {
    let mut linked = 0;
    while linked < limit {
        let mut tx = db.begin_system().await?;
        let count = link_batch(&mut tx, workspace, true).await?;
        tx.commit().await?;
        linked += count;
        if i64::try_from(count).unwrap_or(0) < BATCH {
            break;
        }
    }
    Ok(linked)
}

/// Links one batch; none when somebody else is linking the same chain.
async fn link_batch(
    tx: &mut Tx,
    workspace: WorkspaceId,
    wait: bool,
) -> Result<usize, persistence::Error> {
    let Some(head) = audit_chain::lock(tx, workspace, wait).await? else {
        return Ok(0);
    };
    // Only what is committed is seen here.
    let rows = audit_chain::unlinked(tx, workspace, BATCH).await?;
    let (mut seq, mut previous) = (head.seq, head.hash);
    let mut links = Vec::with_capacity(rows.len());
    for row in &rows {
        seq += 1;
        let hash = line(workspace, seq, row).hash(previous.as_deref()).to_vec();
        links.push(Link {
            id: row.id,
            seq,
            previous: previous.replace(hash.clone()),
            hash,
        });
    }
    audit_chain::link(tx, workspace, &links).await?;
    Ok(links.len())
}

fn line(workspace: WorkspaceId, seq: i64, row: &AuditRow) -> Line<'_> {
    Line {
        workspace_id: workspace.0,
        seq,
        id: row.id,
        at: row.at,
        actor: row.actor,
        key_id: row.key_id,
        action: &row.action,
        subject_kind: &row.subject_kind,
        subject: &row.subject,
        detail: &row.detail,
    }
}

/// Links what the caller's workspace has pending, then recomputes its chain, in bounded memory.
///
/// # Errors
/// [`Error::Forbidden`] below admin; [`Error::Invalid`] when the chain does not reach to `from_seq`; the
/// database's.
pub async fn verify(db: &Db, caller: &Caller, wanted: &Wanted) -> Result<Verified, Error> {
    if caller.role < Role::Admin {
        return Err(Error::Forbidden);
    }
    let workspace = caller.workspace_id;
    match link_workspace(db, workspace, LINKED_ON_READ).await {
        Ok(_) => {}
        Err(error) if error.is_unavailable() => return Err(error.into()),
        // What is wrong with the chain is found below.
        Err(error) => tracing::error!(%workspace, %error, "an audit chain cannot be continued"),
    }
    let mut reader = Reader {
        db,
        caller,
        checked: 0,
    };
    let extent = reader.extent().await?;
    let linked = extent.seq.unwrap_or_default();
    let last_before = wanted.from_seq - 1;
    if last_before > linked {
        let message = format!("the chain has {linked} rows");
        let fault = Fault::new("from_seq", "invalid_value", message).hint("begin at 1");
        return Err(Error::Invalid(vec![fault]));
    }
    let (walk, broken) = match reader.unexpected(wanted).await? {
        Some(broken) => (Walk::after(last_before, None), Some(broken)),
        None => reader.walk(&extent, wanted).await?,
    };
    let reached = walk.next() - 1;
    Ok(Verified {
        checked: reader.checked,
        linked,
        pending: extent.pending,
        next_seq: (broken.is_none() && reached < linked).then(|| walk.next()),
        reached: walk
            .hash()
            .filter(|_| reader.checked > 0)
            .map(|hash| (reached, hash.to_vec())),
        head: extent.hash.map(|hash| (linked, hash)),
        broken,
    })
}

/// Reads a chain as the admin who asks.
struct Reader<'a> {
    db: &'a Db,
    caller: &'a Caller,
    checked: i64,
}

impl Reader<'_> {
    async fn begin(&self) -> Result<Tx, Error> {
        let workspace = self.caller.workspace_id;
        Ok(self
            .db
            .begin_as(&self.caller.principal, Some(workspace))
            .await?)
    }

    async fn extent(&self) -> Result<Extent, Error> {
        let mut tx = self.begin().await?;
        let extent = audit_chain::extent(&mut tx, self.caller.workspace_id).await?;
        tx.commit().await?;
        Ok(extent)
    }

    /// No transaction is open from page to page: rows that are linked do not change.
    async fn rows(&self, from: i64, to: i64) -> Result<Vec<AuditRow>, Error> {
        let workspace = self.caller.workspace_id;
        let mut tx = self.begin().await?;
        let rows = audit_chain::linked(&mut tx, workspace, from, to, BATCH).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// The caller's note, if the chain contradicts it.
    async fn unexpected(&self, wanted: &Wanted) -> Result<Option<Broken>, Error> {
        let Some((seq, hash)) = &wanted.expected else {
            return Ok(None);
        };
        let row = self.rows(*seq, *seq).await?.pop();
        let id = row.as_ref().map(|row| row.id);
        let holds = row.is_some_and(|row| row.hash.as_ref() == Some(hash));
        Ok((!holds).then_some(Broken {
            seq: *seq,
            id,
            reason: Break::Unexpected,
        }))
    }

    /// Goes along the chain as far as wanted, or to where it breaks.
    async fn walk(
        &mut self,
        extent: &Extent,
        wanted: &Wanted,
    ) -> Result<(Walk, Option<Broken>), Error> {
        let (linked, before) = (extent.seq.unwrap_or_default(), wanted.from_seq - 1);
        let to = linked.min(before.saturating_add(wanted.limit));
        let mut walk = Walk::after(0, None);
        if before > 0 {
            let Some(row) = self.rows(before, before).await?.pop() else {
                return Ok((Walk::after(before, None), Some(missing(before))));
            };
            walk = Walk::after(before, row.hash);
        }
        while walk.next() <= to {
            let rows = self.rows(walk.next(), to).await?;
            if rows.is_empty() {
                let broken = missing(walk.next());
                return Ok((walk, Some(broken)));
            }
            for row in &rows {
                if let Err(broken) = self.step(&mut walk, row) {
                    return Ok((walk, Some(broken)));
                }
            }
        }
        // At the end: it must be the one that is known.
        let at_end = to == linked;
        let broken = (at_end && !ends_here(extent, &walk)).then(|| Broken {
            seq: walk.next(),
            id: None,
            reason: Break::Head,
        });
        Ok((walk, broken))
    }

    fn step(&mut self, walk: &mut Walk, row: &AuditRow) -> Result<(), Broken> {
        let seq = row.seq.unwrap_or_default();
        let line = line(self.caller.workspace_id, seq, row);
        walk.step(&line, row.previous.as_deref(), row.hash.as_deref())
            .map_err(|reason| match reason {
                Break::Missing => missing(walk.next()),
                Break::Changed | Break::Unlinked | Break::Head | Break::Unexpected => Broken {
                    seq,
                    id: Some(row.id),
                    reason,
                },
            })?;
        self.checked += 1;
        Ok(())
    }
}

fn missing(seq: i64) -> Broken {
    Broken {
        seq,
        id: None,
        reason: Break::Missing,
    }
}

/// Whether the chain's end, as its head knows it, is where the walk stands.
fn ends_here(extent: &Extent, walk: &Walk) -> bool {
    let linked = extent.seq.unwrap_or_default();
    extent.last.unwrap_or_default() == linked
        && walk.next() == linked + 1
        && extent.hash.as_deref() == walk.hash()
}

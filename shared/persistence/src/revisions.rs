//! `catalog.revisions`: one number per workspace that grows with every change of its tools and flows.

use domain::ids::WorkspaceId;
use sqlx::query_as;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Statement, row, statement};

/// What changed in a workspace's tools since a revision.
#[derive(Clone, Debug)]
pub struct CatalogDelta {
    /// The revision that these rows lead to.
    pub revision: i64,
    /// The tools that changed, in the order in which they did.
    pub rows: Vec<CatalogRow>,
}

/// A tool that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogRow {
    /// The id.
    pub id: String,
    /// The current version.
    pub version: i32,
    /// Its hash.
    pub hash: String,
    /// Its document; `None` when the tool was retired.
    pub document: Option<String>,
}

row! {
    struct DeltaRow {
        revision: i64,
        id: Option<String>,
        version: Option<i32>,
        hash: Option<String>,
        document: Option<String>,
    }
}

const CHANGED_SINCE: &str = "
    select r.revision, t.id, t.version, t.hash,
           case when t.retired_at is null then v.document::text end as document
    from catalog.revisions r
    left join catalog.tools t
      on t.workspace_id = r.workspace_id
     and t.revision > $2
     and ($2 > 0 or t.retired_at is null)
    left join catalog.tool_versions v
      on v.workspace_id = t.workspace_id and v.tool_id = t.id and v.version = t.version
    where r.workspace_id = $1
    order by t.revision, t.id";

pub(crate) const STATEMENTS: &[Statement] = &[statement!(
    "revisions::changed_since",
    CHANGED_SINCE,
    Authenticated,
    DeltaRow
)];

/// What changed after a revision; after 0, every live tool.
///
/// # Errors
/// The database's.
pub async fn changed_since(
    tx: &mut Tx,
    workspace: WorkspaceId,
    revision: i64,
) -> Result<CatalogDelta, Error> {
    let found: Vec<DeltaRow> = tx
        .all(query_as(CHANGED_SINCE).bind(workspace.0).bind(revision))
        .await?;
    let revision = found.first().map_or(revision, |row| row.revision);
    let rows = found
        .into_iter()
        .filter_map(|row| {
            Some(CatalogRow {
                id: row.id?,
                version: row.version?,
                hash: row.hash?,
                document: row.document,
            })
        })
        .collect();
    Ok(CatalogDelta { revision, rows })
}

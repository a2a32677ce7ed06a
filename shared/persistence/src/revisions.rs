//! `catalog.revisions`: one number per workspace that grows with every change of its tools and flows.

use domain::ids::WorkspaceId;
use sqlx::query_as;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Statement, row, statement};

/// What changed in a workspace's tools and flows since a revision.
#[derive(Clone, Debug)]
pub struct CatalogDelta {
    /// The revision that these rows lead to.
    pub revision: i64,
    /// The tools and flows that changed, in the order in which they did.
    pub rows: Vec<CatalogRow>,
}

/// What the document of an id means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogKind {
    /// A tool's config.
    Tool,
    /// A flow's definition.
    Flow,
}

/// A tool or flow that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogRow {
    /// What it is; an id is one or the other for good.
    pub kind: CatalogKind,
    /// The id.
    pub id: String,
    /// The current version.
    pub version: i32,
    /// Its hash.
    pub hash: String,
    /// Its document; `None` when it was retired.
    pub document: Option<String>,
}

row! {
    struct DeltaRow {
        revision: i64,
        is_flow: Option<bool>,
        id: Option<String>,
        version: Option<i32>,
        hash: Option<String>,
        document: Option<String>,
    }
}

const CHANGED_SINCE: &str = "
    select r.revision, c.is_flow, c.id, c.version, c.hash, c.document
    from catalog.revisions r
    left join (
        select t.revision, false as is_flow, t.id, t.version, t.hash,
               case when t.retired_at is null then v.document::text end as document
        from catalog.tools t
        left join catalog.tool_versions v
          on v.workspace_id = t.workspace_id and v.tool_id = t.id and v.version = t.version
        where t.workspace_id = $1
          and t.revision > $2
          and ($2 > 0 or t.retired_at is null)
        union all
        select f.revision, true as is_flow, f.id, f.version, f.hash,
               case when f.retired_at is null then v.document::text end as document
        from orchestration.flows f
        left join orchestration.flow_versions v
          on v.workspace_id = f.workspace_id and v.flow_id = f.id and v.version = f.version
        where f.workspace_id = $1
          and f.revision > $2
          and ($2 > 0 or f.retired_at is null)
    ) c on true
    where r.workspace_id = $1
    order by c.revision, c.id";

pub(crate) const STATEMENTS: &[Statement] = &[statement!(
    "revisions::changed_since",
    CHANGED_SINCE,
    Authenticated,
    DeltaRow
)];

/// What changed after a revision; after 0, every live tool and flow.
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
                kind: match row.is_flow? {
                    false => CatalogKind::Tool,
                    true => CatalogKind::Flow,
                },
                id: row.id?,
                version: row.version?,
                hash: row.hash?,
                document: row.document,
            })
        })
        .collect();
    Ok(CatalogDelta { revision, rows })
}

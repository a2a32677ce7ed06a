//! `catalog.tools`: the current state of each tool; its documents stand in `catalog.tool_versions`.

use chrono::{DateTime, Utc};
use domain::ids::{ToolId, WorkspaceId};
use sqlx::query_as;
use uuid::Uuid;

use crate::db::{Query, Tx};
use crate::error::Error;
use crate::statements::{Affected, Statement, row, statement};
use crate::versioned::{self, Head};

pub use crate::revisions::{CatalogDelta, CatalogKind, CatalogRow, changed_since};
pub use crate::tool_versions::{ToolVersion, version, versions};

/// A tool to be saved. The columns beside the document repeat what searching needs of it.
#[derive(Clone, Debug)]
pub struct NewTool<'a> {
    /// The owner.
    pub workspace_id: WorkspaceId,
    /// The id, unique among the workspace's tools and flows.
    pub id: &'a ToolId,
    /// The display name.
    pub name: &'a str,
    /// What it does.
    pub description: &'a str,
    /// Words to find it by.
    pub tags: &'a [String],
    /// Whether it may be run.
    pub enabled: bool,
    /// The document as its author wrote it, as JSON text.
    pub document: &'a str,
    /// SHA-256 of the document's canonical form, in hex.
    pub hash: &'a str,
    /// Where it came from: `api`, `sample`, `marketplace`.
    pub source: &'a str,
}

row! {
    /// A saved tool in its current version.
    #[derive(PartialEq, Eq)]
    pub struct SavedTool {
        /// The id.
        pub id: String,
        /// The current version, counted from 1.
        pub version: i32,
        /// SHA-256 of the document's canonical form, in hex.
        pub hash: String,
        /// The document as its author wrote it.
        pub document: String,
        /// The display name.
        pub name: String,
        /// What it does.
        pub description: String,
        /// Words to find it by.
        pub tags: Vec<String>,
        /// Whether it may be run.
        pub enabled: bool,
        /// Where it came from.
        pub source: String,
        /// Whether it stands in the marketplace.
        pub published: bool,
        /// When the id was first saved.
        pub created_at: DateTime<Utc>,
        /// When it last changed.
        pub updated_at: DateTime<Utc>,
        /// Who saved it first.
        pub created_by: Option<Uuid>,
        /// Who changed it last.
        pub updated_by: Option<Uuid>,
    }
}

/// What came of [`insert`].
pub type Insert = versioned::Insert<SavedTool>;

/// What came of [`revise`].
pub type Revise = versioned::Revise<SavedTool>;

/// The columns of [`SavedTool`] from `t` (tools) and a document.
macro_rules! saved {
    ($document:literal) => {
        concat!(
            "t.id, t.version, t.hash, ",
            $document,
            " as document, t.name, t.description, t.tags, t.enabled, t.source,
             exists (
                 select from catalog.publications p
                 where p.workspace_id = t.workspace_id
                   and p.kind = 'tool'
                   and p.tool_id = t.id
                   and p.withdrawn_at is null
             ) as published,
             t.created_at, t.updated_at, t.created_by, t.updated_by"
        )
    };
}

/// A new id. A row that stands in the way is left alone: its lock may be waited for only by those who
/// do not hold the workspace's revision yet, and the insert's trigger has taken that one.
const INSERT: &str = concat!(
    "
    with saved as (
        insert into catalog.tools as t
            (workspace_id, id, name, description, tags, enabled, source, version, hash)
        values ($1, $2, $3, $4, $5, $6, $7, 1, $8)
        on conflict (workspace_id, id) do nothing
        returning t.workspace_id, t.id, t.version, t.hash, t.name, t.description, t.tags,
                  t.enabled, t.source, t.created_at, t.updated_at, t.created_by, t.updated_by
    ), versioned as (
        insert into catalog.tool_versions as v (workspace_id, tool_id, version, hash, document)
        select saved.workspace_id, saved.id, saved.version, saved.hash, $9::text::json
        from saved
        returning v.document
    )
    select ",
    saved!("v.document::text"),
    "
    from saved t
    cross join versioned v"
);

const HEAD: &str = "
    select t.version, t.hash, t.retired_at is not null as retired
    from catalog.tools t
    where t.workspace_id = $1
      and t.id = $2";

/// Every change of an existing tool begins here: first the tool's row, then (by trigger) the workspace's
/// revision. In one order, changes wait for each other and never deadlock.
const LOCK: &str = "
    select t.version, t.hash, t.retired_at is not null as retired
    from catalog.tools t
    where t.workspace_id = $1
      and t.id = $2
    for update";

/// The next version; a retired tool comes back with it.
const REVISE: &str = concat!(
    "
    with saved as (
        update catalog.tools as t
        set name = $3,
            description = $4,
            tags = $5,
            enabled = $6,
            source = $7,
            version = t.version + 1,
            hash = $8,
            retired_at = null
        where t.workspace_id = $1
          and t.id = $2
        returning t.workspace_id, t.id, t.version, t.hash, t.name, t.description, t.tags,
                  t.enabled, t.source, t.created_at, t.updated_at, t.created_by, t.updated_by
    ), versioned as (
        insert into catalog.tool_versions as v (workspace_id, tool_id, version, hash, document)
        select saved.workspace_id, saved.id, saved.version, saved.hash, $9::text::json
        from saved
        returning v.document
    )
    select ",
    saved!("v.document::text"),
    "
    from saved t
    cross join versioned v"
);

const RETIRE: &str = "
    update catalog.tools as t
    set retired_at = now()
    where t.workspace_id = $1
      and t.id = $2
      and t.retired_at is null
    returning t.id";

const BY_ID: &str = concat!(
    "
    select ",
    saved!("v.document::text"),
    "
    from catalog.tools t
    join catalog.tool_versions v
      on v.workspace_id = t.workspace_id and v.tool_id = t.id and v.version = t.version
    where t.workspace_id = $1
      and t.id = $2
      and t.retired_at is null"
);

const PAGE: &str = concat!(
    "
    select ",
    saved!("v.document::text"),
    "
    from catalog.tools t
    join catalog.tool_versions v
      on v.workspace_id = t.workspace_id and v.tool_id = t.id and v.version = t.version
    where t.workspace_id = $1
      and t.id > $2
      and t.retired_at is null
    order by t.id
    limit $3"
);

/// Flows that are tools are found like them.
const SEARCH: &str = "
    select c.id
    from (
        select t.id, t.search
        from catalog.tools t
        where t.workspace_id = $1
          and t.retired_at is null
        union all
        select f.id, f.search
        from orchestration.flows f
        where f.workspace_id = $1
          and f.retired_at is null
          and f.callable
    ) c
    cross join catalog.search_query($2) as q
    where c.search @@ q
    order by ts_rank(c.search, q) desc, c.id
    limit $3";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("tools::insert", INSERT, Authenticated, SavedTool),
    statement!("tools::head", HEAD, Authenticated, Head),
    statement!("tools::lock", LOCK, Authenticated, Head),
    statement!("tools::revise", REVISE, Authenticated, SavedTool),
    statement!("tools::retire", RETIRE, Authenticated, Affected),
    statement!("tools::by_id", BY_ID, Authenticated, SavedTool),
    statement!("tools::page", PAGE, Authenticated, SavedTool),
    statement!("tools::search", SEARCH, Authenticated, Affected),
];

/// Saves a tool under an id that no live tool has.
///
/// # Errors
/// [`Error::Conflict`] on `names_pkey` when a flow has the id; [`Error::Forbidden`] below member.
pub async fn insert(tx: &mut Tx, tool: &NewTool<'_>) -> Result<Insert, Error> {
    versioned::insert(tx, tool).await
}

/// Saves the next version of a tool; `if_match` is the hash that the caller last saw.
///
/// # Errors
/// [`Error::Forbidden`] below member.
pub async fn revise(
    tx: &mut Tx,
    tool: &NewTool<'_>,
    if_match: Option<&str>,
) -> Result<Revise, Error> {
    versioned::revise(tx, tool, if_match).await
}

/// Takes a tool out of use; its history stays. False when there is no such tool.
///
/// # Errors
/// [`Error::Forbidden`] below admin.
pub async fn retire(tx: &mut Tx, workspace: WorkspaceId, id: &ToolId) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(RETIRE)
        .bind(workspace.0)
        .bind(id.as_str());
    Ok(tx.maybe(query).await?.is_some())
}

/// One tool in its current version.
///
/// # Errors
/// The database's.
pub async fn by_id(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: &ToolId,
) -> Result<Option<SavedTool>, Error> {
    tx.maybe(one_of(workspace, id)).await
}

/// The workspace's tools in the order of their ids, after the given one.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<SavedTool>, Error> {
    tx.all(
        query_as(PAGE)
            .bind(workspace.0)
            .bind(after.unwrap_or_default())
            .bind(limit),
    )
    .await
}

/// Ids of the tools that match, best first. Every character of `q` is data: words, `"phrases"`,
/// `or`, `-without`; the last word also matches as a beginning.
///
/// # Errors
/// The database's.
pub async fn search(
    tx: &mut Tx,
    workspace: WorkspaceId,
    q: &str,
    limit: i64,
) -> Result<Vec<String>, Error> {
    let query = query_as::<_, Affected>(SEARCH)
        .bind(workspace.0)
        .bind(q)
        .bind(limit);
    Ok(tx.all(query).await?.into_iter().map(|row| row.id).collect())
}

fn one_of<'q>(workspace: WorkspaceId, id: &'q ToolId) -> Query<'q, SavedTool> {
    query_as(BY_ID).bind(workspace.0).bind(id.as_str())
}

impl versioned::Versioned for NewTool<'_> {
    type Saved = SavedTool;

    const CHANGING: &'static str = "the tool keeps changing";

    fn hash(&self) -> &str {
        self.hash
    }

    fn head(&self, lock: bool) -> Query<'_, Head> {
        query_as(if lock { LOCK } else { HEAD })
            .bind(self.workspace_id.0)
            .bind(self.id.as_str())
    }

    fn current(&self) -> Query<'_, SavedTool> {
        one_of(self.workspace_id, self.id)
    }

    fn first(&self) -> Query<'_, SavedTool> {
        bound(INSERT, self)
    }

    fn next(&self) -> Query<'_, SavedTool> {
        bound(REVISE, self)
    }
}

fn bound<'q>(sql: &'static str, tool: &NewTool<'q>) -> Query<'q, SavedTool> {
    query_as(sql)
        .bind(tool.workspace_id.0)
        .bind(tool.id.as_str())
        .bind(tool.name)
        .bind(tool.description)
        .bind(tool.tags)
        .bind(tool.enabled)
        .bind(tool.source)
        .bind(tool.hash)
        .bind(tool.document)
}

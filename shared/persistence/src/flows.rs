//! `orchestration.flows`: the current state of each flow; its documents stand in `orchestration.flow_versions`.

use chrono::{DateTime, Utc};
use domain::ids::{ToolId, WorkspaceId};
use sqlx::query_as;
use uuid::Uuid;

use crate::db::{Query, Tx};
use crate::error::Error;
use crate::statements::{Affected, Statement, row, statement};
use crate::versioned::{self, Head};

pub use crate::flow_versions::{FlowDocument, FlowVersion, version, versions};

/// A flow to be saved. The columns beside the document repeat what lists and searches need of it.
#[derive(Clone, Debug)]
pub struct NewFlow<'a> {
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
    /// Whether it is a tool as well.
    pub callable: bool,
    /// The document as its author wrote it, as JSON text.
    pub document: &'a str,
    /// SHA-256 of the document's canonical form, in hex.
    pub hash: &'a str,
}

row! {
    /// A saved flow in its current version, without its document.
    #[derive(PartialEq, Eq)]
    pub struct SavedFlow {
        /// The id.
        pub id: String,
        /// The current version, counted from 1.
        pub version: i32,
        /// SHA-256 of the document's canonical form, in hex.
        pub hash: String,
        /// The display name.
        pub name: String,
        /// What it does.
        pub description: String,
        /// Words to find it by.
        pub tags: Vec<String>,
        /// Whether it may be run.
        pub enabled: bool,
        /// Whether it is a tool as well.
        pub callable: bool,
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
pub type Insert = versioned::Insert<SavedFlow>;

/// What came of [`revise`].
pub type Revise = versioned::Revise<SavedFlow>;

/// The columns of [`SavedFlow`], from `f`.
macro_rules! columns {
    () => {
        "f.id, f.version, f.hash, f.name, f.description, f.tags, f.enabled, f.callable,
         f.created_at, f.updated_at, f.created_by, f.updated_by"
    };
}

/// The version's row of the statement that `saved` begins, and the flow.
macro_rules! with_version {
    () => {
        concat!(
            "
    ), versioned as (
        insert into orchestration.flow_versions as v (workspace_id, flow_id, version, hash, document)
        select saved.workspace_id, saved.id, saved.version, saved.hash, $9::text::json
        from saved
        returning v.version
    )
    select ",
            columns!(),
            "
    from saved f
    cross join versioned v"
        )
    };
}

/// A new id. A row that stands in the way is left alone: its lock may be waited for only by those who
/// do not hold the workspace's revision yet, and the insert's trigger has taken that one.
const INSERT: &str = concat!(
    "
    with saved as (
        insert into orchestration.flows as f
            (workspace_id, id, name, description, tags, enabled, callable, version, hash)
        values ($1, $2, $3, $4, $5, $6, $7, 1, $8)
        on conflict (workspace_id, id) do nothing
        returning f.workspace_id, ",
    columns!(),
    with_version!()
);

const HEAD: &str = "
    select f.version, f.hash, f.retired_at is not null as retired
    from orchestration.flows f
    where f.workspace_id = $1
      and f.id = $2";

/// Every change of an existing flow begins here: first the flow's row, then (by trigger) the workspace's
/// revision. In one order, changes wait for each other and never deadlock.
const LOCK: &str = "
    select f.version, f.hash, f.retired_at is not null as retired
    from orchestration.flows f
    where f.workspace_id = $1
      and f.id = $2
    for update";

/// The next version; a retired flow comes back with it.
const REVISE: &str = concat!(
    "
    with saved as (
        update orchestration.flows as f
        set name = $3,
            description = $4,
            tags = $5,
            enabled = $6,
            callable = $7,
            version = f.version + 1,
            hash = $8,
            retired_at = null
        where f.workspace_id = $1
          and f.id = $2
        returning f.workspace_id, ",
    columns!(),
    with_version!()
);

const RETIRE: &str = "
    update orchestration.flows as f
    set retired_at = now()
    where f.workspace_id = $1
      and f.id = $2
      and f.retired_at is null
    returning f.id";

const BY_ID: &str = concat!(
    "
    select ",
    columns!(),
    "
    from orchestration.flows f
    where f.workspace_id = $1
      and f.id = $2
      and f.retired_at is null"
);

const PAGE: &str = concat!(
    "
    select ",
    columns!(),
    "
    from orchestration.flows f
    where f.workspace_id = $1
      and f.id > $2
      and f.retired_at is null
    order by f.id
    limit $3"
);

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("flows::insert", INSERT, Authenticated, SavedFlow),
    statement!("flows::head", HEAD, Authenticated, Head),
    statement!("flows::lock", LOCK, Authenticated, Head),
    statement!("flows::revise", REVISE, Authenticated, SavedFlow),
    statement!("flows::retire", RETIRE, Authenticated, Affected),
    statement!("flows::by_id", BY_ID, Authenticated, SavedFlow),
    statement!("flows::page", PAGE, Authenticated, SavedFlow),
];

/// Saves a flow under an id that no live flow has.
///
/// # Errors
/// [`Error::Conflict`] on `names_pkey` when a tool has the id; [`Error::Forbidden`] below member.
pub async fn insert(tx: &mut Tx, flow: &NewFlow<'_>) -> Result<Insert, Error> {
    versioned::insert(tx, flow).await
}

/// Saves the next version of a flow; `if_match` is the hash that the caller last saw.
///
/// # Errors
/// [`Error::Forbidden`] below member.
pub async fn revise(
    tx: &mut Tx,
    flow: &NewFlow<'_>,
    if_match: Option<&str>,
) -> Result<Revise, Error> {
    versioned::revise(tx, flow, if_match).await
}

/// Takes a flow out of use; its history and its runs stay. False when there is no such flow.
///
/// # Errors
/// [`Error::Forbidden`] below admin.
pub async fn retire(tx: &mut Tx, workspace: WorkspaceId, id: &ToolId) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(RETIRE)
        .bind(workspace.0)
        .bind(id.as_str());
    Ok(tx.maybe(query).await?.is_some())
}

/// One flow in its current version.
///
/// # Errors
/// The database's.
pub async fn by_id(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: &ToolId,
) -> Result<Option<SavedFlow>, Error> {
    tx.maybe(one_of(workspace, id)).await
}

/// The workspace's flows in the order of their ids, after the given one.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<SavedFlow>, Error> {
    let query = query_as(PAGE)
        .bind(workspace.0)
        .bind(after.unwrap_or_default())
        .bind(limit);
    tx.all(query).await
}

fn one_of<'q>(workspace: WorkspaceId, id: &'q ToolId) -> Query<'q, SavedFlow> {
    query_as(BY_ID).bind(workspace.0).bind(id.as_str())
}

impl versioned::Versioned for NewFlow<'_> {
    type Saved = SavedFlow;

    const CHANGING: &'static str = "the flow keeps changing";

    fn hash(&self) -> &str {
        self.hash
    }

    fn head(&self, lock: bool) -> Query<'_, Head> {
        query_as(if lock { LOCK } else { HEAD })
            .bind(self.workspace_id.0)
            .bind(self.id.as_str())
    }

    fn current(&self) -> Query<'_, SavedFlow> {
        one_of(self.workspace_id, self.id)
    }

    fn first(&self) -> Query<'_, SavedFlow> {
        bound(INSERT, self)
    }

    fn next(&self) -> Query<'_, SavedFlow> {
        bound(REVISE, self)
    }
}

fn bound<'q>(sql: &'static str, flow: &NewFlow<'q>) -> Query<'q, SavedFlow> {
    query_as(sql)
        .bind(flow.workspace_id.0)
        .bind(flow.id.as_str())
        .bind(flow.name)
        .bind(flow.description)
        .bind(flow.tags)
        .bind(flow.enabled)
        .bind(flow.callable)
        .bind(flow.hash)
        .bind(flow.document)
}

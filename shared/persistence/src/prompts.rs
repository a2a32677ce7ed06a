//! `catalog.prompts` and `catalog.prompt_versions`: prompt templates and every document that they have had.

use chrono::{DateTime, Utc};
use domain::ids::{PromptId, WorkspaceId};
use sqlx::query_as;
use uuid::Uuid;

use crate::db::{Query, Tx};
use crate::error::Error;
use crate::statements::{Affected, Statement, row, statement};
use crate::versioned::{self, Head};

/// A prompt to be saved. The columns beside the document repeat what lists show of it.
#[derive(Clone, Debug)]
pub struct NewPrompt<'a> {
    /// The owner.
    pub workspace_id: WorkspaceId,
    /// The id, unique among the workspace's prompts.
    pub id: &'a PromptId,
    /// The display name.
    pub name: &'a str,
    /// What it is for.
    pub description: &'a str,
    /// The document as its author wrote it, as JSON text.
    pub document: &'a str,
    /// SHA-256 of the document's canonical form, in hex.
    pub hash: &'a str,
}

row! {
    /// A saved prompt in its current version.
    #[derive(PartialEq, Eq)]
    pub struct SavedPrompt {
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
        /// What it is for.
        pub description: String,
        /// When the id was first saved.
        pub created_at: DateTime<Utc>,
        /// When it last changed.
        pub updated_at: DateTime<Utc>,
        /// Who saved it first.
        pub created_by: Option<Uuid>,
        /// Who saved the current version.
        pub updated_by: Option<Uuid>,
    }
}

row! {
    /// One version of a prompt.
    #[derive(PartialEq, Eq)]
    pub struct PromptVersion {
        /// Counted from 1.
        pub version: i32,
        /// SHA-256 of the document's canonical form, in hex.
        pub hash: String,
        /// The document as its author wrote it.
        pub document: String,
        /// When it was saved.
        pub created_at: DateTime<Utc>,
        /// Who saved it.
        pub created_by: Option<Uuid>,
    }
}

/// What came of [`insert`].
pub type Insert = versioned::Insert<SavedPrompt>;

/// What came of [`revise`].
pub type Revise = versioned::Revise<SavedPrompt>;

/// The columns of [`SavedPrompt`] from `p` (prompts) and `v` (the current version).
macro_rules! saved {
    () => {
        "p.id, p.version, p.hash, v.document::text as document, p.name, p.description,
         p.created_at, p.updated_at, p.created_by, v.created_by as updated_by"
    };
}

/// The version's row of the statement that `saved` begins, and the prompt with both.
macro_rules! with_version {
    () => {
        concat!(
            "
    ), versioned as (
        insert into catalog.prompt_versions as v (workspace_id, prompt_id, version, hash, document)
        select saved.workspace_id, saved.id, saved.version, saved.hash, $6::text::json
        from saved
        returning v.document, v.created_by
    )
    select ",
            saved!(),
            "
    from saved p
    cross join versioned v"
        )
    };
}

const INSERT: &str = concat!(
    "
    with saved as (
        insert into catalog.prompts as p (workspace_id, id, name, description, version, hash)
        values ($1, $2, $3, $4, 1, $5)
        on conflict (workspace_id, id) do nothing
        returning p.workspace_id, p.id, p.version, p.hash, p.name, p.description,
                  p.created_at, p.updated_at, p.created_by",
    with_version!()
);

const HEAD: &str = "
    select p.version, p.hash, p.retired_at is not null as retired
    from catalog.prompts p
    where p.workspace_id = $1
      and p.id = $2";

/// Every change of an existing prompt begins here, so that changes wait for each other.
const LOCK: &str = "
    select p.version, p.hash, p.retired_at is not null as retired
    from catalog.prompts p
    where p.workspace_id = $1
      and p.id = $2
    for update";

/// The next version; a retired prompt comes back with it.
const REVISE: &str = concat!(
    "
    with saved as (
        update catalog.prompts as p
        set name = $3,
            description = $4,
            version = p.version + 1,
            hash = $5,
            retired_at = null
        where p.workspace_id = $1
          and p.id = $2
        returning p.workspace_id, p.id, p.version, p.hash, p.name, p.description,
                  p.created_at, p.updated_at, p.created_by",
    with_version!()
);

const RETIRE: &str = "
    update catalog.prompts as p
    set retired_at = now()
    where p.workspace_id = $1
      and p.id = $2
      and p.retired_at is null
    returning p.id";

const BY_ID: &str = concat!(
    "
    select ",
    saved!(),
    "
    from catalog.prompts p
    join catalog.prompt_versions v
      on v.workspace_id = p.workspace_id and v.prompt_id = p.id and v.version = p.version
    where p.workspace_id = $1
      and p.id = $2
      and p.retired_at is null"
);

const PAGE: &str = concat!(
    "
    select ",
    saved!(),
    "
    from catalog.prompts p
    join catalog.prompt_versions v
      on v.workspace_id = p.workspace_id and v.prompt_id = p.id and v.version = p.version
    where p.workspace_id = $1
      and p.id > $2
      and p.retired_at is null
    order by p.id
    limit $3"
);

const VERSIONS: &str = "
    select v.version, v.hash, v.document::text as document, v.created_at, v.created_by
    from catalog.prompt_versions v
    where v.workspace_id = $1
      and v.prompt_id = $2
      and v.version < $3
    order by v.version desc
    limit $4";

const VERSION: &str = "
    select v.version, v.hash, v.document::text as document, v.created_at, v.created_by
    from catalog.prompt_versions v
    where v.workspace_id = $1
      and v.prompt_id = $2
      and v.version = $3";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("prompts::insert", INSERT, Authenticated, SavedPrompt),
    statement!("prompts::head", HEAD, Authenticated, Head),
    statement!("prompts::lock", LOCK, Authenticated, Head),
    statement!("prompts::revise", REVISE, Authenticated, SavedPrompt),
    statement!("prompts::retire", RETIRE, Authenticated, Affected),
    statement!("prompts::by_id", BY_ID, Authenticated, SavedPrompt),
    statement!("prompts::page", PAGE, Authenticated, SavedPrompt),
    statement!("prompts::versions", VERSIONS, Authenticated, PromptVersion),
    statement!("prompts::version", VERSION, Authenticated, PromptVersion),
];

/// Saves a prompt under an id that no live prompt has.
///
/// # Errors
/// [`Error::Forbidden`] below member.
pub async fn insert(tx: &mut Tx, prompt: &NewPrompt<'_>) -> Result<Insert, Error> {
    versioned::insert(tx, prompt).await
}

/// Saves the next version of a prompt; `if_match` is the hash that the caller last saw.
///
/// # Errors
/// [`Error::Forbidden`] below member.
pub async fn revise(
    tx: &mut Tx,
    prompt: &NewPrompt<'_>,
    if_match: Option<&str>,
) -> Result<Revise, Error> {
    versioned::revise(tx, prompt, if_match).await
}

/// Takes a prompt out of use; its history stays. False when there is no such prompt.
///
/// # Errors
/// [`Error::Forbidden`] below admin.
pub async fn retire(tx: &mut Tx, workspace: WorkspaceId, id: &PromptId) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(RETIRE)
        .bind(workspace.0)
        .bind(id.as_str());
    Ok(tx.maybe(query).await?.is_some())
}

/// One prompt in its current version.
///
/// # Errors
/// The database's.
pub async fn by_id(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: &PromptId,
) -> Result<Option<SavedPrompt>, Error> {
    tx.maybe(one_of(workspace, id)).await
}

/// The workspace's prompts in the order of their ids, after the given one.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<SavedPrompt>, Error> {
    let query = query_as(PAGE)
        .bind(workspace.0)
        .bind(after.unwrap_or_default())
        .bind(limit);
    tx.all(query).await
}

/// A prompt's history, newest first, before the given version. Retired prompts have one too.
///
/// # Errors
/// The database's.
pub async fn versions(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: &PromptId,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<PromptVersion>, Error> {
    let query = query_as(VERSIONS)
        .bind(workspace.0)
        .bind(id.as_str())
        .bind(before.unwrap_or(i32::MAX))
        .bind(limit);
    tx.all(query).await
}

/// One version of a prompt.
///
/// # Errors
/// The database's.
pub async fn version(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: &PromptId,
    number: i32,
) -> Result<Option<PromptVersion>, Error> {
    let query = query_as(VERSION)
        .bind(workspace.0)
        .bind(id.as_str())
        .bind(number);
    tx.maybe(query).await
}

fn one_of<'q>(workspace: WorkspaceId, id: &'q PromptId) -> Query<'q, SavedPrompt> {
    query_as(BY_ID).bind(workspace.0).bind(id.as_str())
}

impl versioned::Versioned for NewPrompt<'_> {
    type Saved = SavedPrompt;

    const CHANGING: &'static str = "the prompt keeps changing";

    fn hash(&self) -> &str {
        self.hash
    }

    fn head(&self, lock: bool) -> Query<'_, Head> {
        query_as(if lock { LOCK } else { HEAD })
            .bind(self.workspace_id.0)
            .bind(self.id.as_str())
    }

    fn current(&self) -> Query<'_, SavedPrompt> {
        one_of(self.workspace_id, self.id)
    }

    fn first(&self) -> Query<'_, SavedPrompt> {
        bound(INSERT, self)
    }

    fn next(&self) -> Query<'_, SavedPrompt> {
        bound(REVISE, self)
    }
}

fn bound<'q>(sql: &'static str, prompt: &NewPrompt<'q>) -> Query<'q, SavedPrompt> {
    query_as(sql)
        .bind(prompt.workspace_id.0)
        .bind(prompt.id.as_str())
        .bind(prompt.name)
        .bind(prompt.description)
        .bind(prompt.hash)
        .bind(prompt.document)
}

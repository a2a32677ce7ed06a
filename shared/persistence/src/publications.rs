//! `catalog.publications`: what workspaces show to everybody, as those who publish write it. The public reads it through
//! [`crate::marketplace`].

use chrono::{DateTime, Utc};
use domain::ids::WorkspaceId;
use domain::publication::Kind;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Affected, Statement, row, statement};

/// The constraint of the public id.
pub const SLUG_TAKEN: &str = "publications_slug_key";

/// The rule that nobody publishes under a name that another workspace had.
pub const PUBLISHER_TAKEN: &str = "publications_publisher";

/// Something to be published.
#[derive(Clone, Debug)]
pub struct NewPublication<'a> {
    /// The publisher.
    pub workspace_id: WorkspaceId,
    /// What it is.
    pub kind: Kind,
    /// Its id in the workspace.
    pub id: &'a str,
    /// The version that is published.
    pub version: i32,
    /// Over the whole manifest.
    pub hash: &'a str,
    /// The manifest, as JSON text.
    pub manifest: &'a str,
    /// What an install has to bind, as JSON text.
    pub needs: &'a str,
    /// The public id; of something published before it stays what it was.
    pub slug: &'a str,
    /// The display name.
    pub name: &'a str,
    /// What it does.
    pub description: &'a str,
    /// Words to find it by.
    pub tags: &'a [String],
    /// Fixtures that passed.
    pub fixtures: i32,
}

row! {
    /// A publication as its publisher sees it.
    #[derive(PartialEq, Eq)]
    pub struct Published {
        /// Its row.
        pub id: Uuid,
        /// The public id.
        pub slug: String,
        /// The version that is public.
        pub version: i32,
        /// Over the whole manifest.
        pub hash: String,
        /// Since when.
        pub published_at: DateTime<Utc>,
        /// When its content last changed.
        pub updated_at: DateTime<Utc>,
    }
}

row! {
    struct SlugRow {
        slug: String,
    }
}

const PUBLISH: &str = "
    insert into catalog.publications as p
        (workspace_id, kind, tool_id, version, hash, manifest, needs, slug, name, description, tags, fixtures)
    select $1, $2, $3, $4, $5, $6::text::json, $7::text::json, $8, $9, $10, $11, $12
    where $1 = any (identity.reach('admin'))
      and case $2
          when 'tool' then exists (
              select
              from catalog.tools t
              where t.workspace_id = $1 and t.id = $3 and t.version = $4 and t.retired_at is null
          )
          when 'flow' then exists (
              select
              from orchestration.flows f
              where f.workspace_id = $1 and f.id = $3 and f.version = $4 and f.retired_at is null
          )
          else exists (
              select
              from catalog.prompts o
              where o.workspace_id = $1 and o.id = $3 and o.version = $4 and o.retired_at is null
          )
      end
    on conflict on constraint publications_tool_key do update
    set version = excluded.version,
        hash = excluded.hash,
        manifest = excluded.manifest,
        needs = excluded.needs,
        name = excluded.name,
        description = excluded.description,
        tags = excluded.tags,
        fixtures = excluded.fixtures,
        withdrawn_at = null
    returning p.id, p.slug, p.version, p.hash, p.published_at, p.updated_at";

const WITHDRAW: &str = "
    update catalog.publications p
    set withdrawn_at = now()
    where p.workspace_id = $1
      and p.workspace_id = any (identity.reach('admin'))
      and p.kind = $2
      and p.tool_id = $3
      and p.withdrawn_at is null
    returning p.slug as id";

const OWNS: &str = "
    select p.slug as id
    from catalog.publications p
    where p.workspace_id = $1
      and p.id = $2";

const PUBLISHER: &str = "
    select w.slug
    from identity.workspaces w
    where w.id = $1";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("publications::publish", PUBLISH, ServiceRole, Published),
    statement!("publications::withdraw", WITHDRAW, ServiceRole, Affected),
    statement!("publications::owns", OWNS, Authenticated, Affected),
    statement!("publications::publisher", PUBLISHER, Authenticated, SlugRow),
];

/// Publishes it, or its next content. `None` below admin, and when that is not its current version any more.
///
/// # Errors
/// [`Error::Conflict`] on [`SLUG_TAKEN`] when the public id is another one's.
pub async fn publish(tx: &mut Tx, new: &NewPublication<'_>) -> Result<Option<Published>, Error> {
    let query = query_as(PUBLISH)
        .bind(new.workspace_id.0)
        .bind(new.kind.as_str())
        .bind(new.id)
        .bind(new.version)
        .bind(new.hash)
        .bind(new.manifest)
        .bind(new.needs)
        .bind(new.slug)
        .bind(new.name)
        .bind(new.description)
        .bind(new.tags)
        .bind(new.fixtures);
    tx.as_system().await?;
    let published = tx.maybe(query).await?;
    tx.as_person().await?;
    Ok(published)
}

/// Takes it out of the marketplace; what was installed stays. The public id, or nothing when it is not there.
///
/// # Errors
/// The database's; below admin nothing happens.
pub async fn withdraw(
    tx: &mut Tx,
    workspace: WorkspaceId,
    kind: Kind,
    id: &str,
) -> Result<Option<String>, Error> {
    let query = query_as::<_, Affected>(WITHDRAW)
        .bind(workspace.0)
        .bind(kind.as_str())
        .bind(id);
    tx.as_system().await?;
    let withdrawn = tx.maybe(query).await?;
    tx.as_person().await?;
    Ok(withdrawn.map(|row| row.id))
}

/// The name that a workspace publishes under: its slug.
///
/// # Errors
/// The database's.
pub async fn publisher(tx: &mut Tx, workspace: WorkspaceId) -> Result<Option<String>, Error> {
    let query = query_as::<_, SlugRow>(PUBLISHER).bind(workspace.0);
    Ok(tx.maybe(query).await?.map(|row| row.slug))
}

/// Whether a publication is this workspace's.
///
/// # Errors
/// The database's.
pub async fn owns(tx: &mut Tx, workspace: WorkspaceId, publication: Uuid) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(OWNS)
        .bind(workspace.0)
        .bind(publication);
    Ok(tx.maybe(query).await?.is_some())
}

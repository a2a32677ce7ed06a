//! `catalog.installs`: what a workspace took from the marketplace, pinned by hash.

use chrono::{DateTime, Utc};
use domain::ids::WorkspaceId;
use domain::publication::Kind;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Affected, Statement, row, statement};

/// The rule that an installed copy is changed by its updates only.
pub const PINNED: &str = "installs_pinned";

/// One installed document.
#[derive(Clone, Debug)]
pub struct NewInstall<'a> {
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// What it is.
    pub kind: Kind,
    /// Its id in the workspace.
    pub id: &'a str,
    /// The publication.
    pub publication_id: Uuid,
    /// Its public id.
    pub slug: &'a str,
    /// The publisher's version.
    pub version: i32,
    /// Over the whole manifest.
    pub hash: &'a str,
    /// Its id in the manifest.
    pub part: &'a str,
    /// What it came with, as `kind:id`; `None` of what was installed itself.
    pub part_of: Option<&'a str>,
    /// What stands for what, as JSON text.
    pub bindings: &'a str,
    /// The whole content as it was published, as JSON text; `None` of what came with something else.
    pub manifest: Option<&'a str>,
    /// The workspace's own version that holds the copy.
    pub local_version: i32,
    /// The hash of that version.
    pub local_hash: &'a str,
}

row! {
    /// Something installed, and what of it is public now.
    #[derive(PartialEq)]
    pub struct Installed {
        /// What it is.
        pub kind: String,
        /// Its id in the workspace.
        pub tool_id: String,
        /// The public id.
        pub slug: String,
        /// The publication, while there is one.
        pub publication_id: Option<Uuid>,
        /// The publisher's version that is installed.
        pub version: i32,
        /// Its hash.
        pub hash: String,
        /// What stands for what, as JSON text.
        pub bindings: String,
        /// The content as it was published, as JSON text; none in a page.
        pub manifest: Option<String>,
        /// The workspace's own version that holds the copy.
        pub local_version: i32,
        /// When it was installed.
        pub installed_at: DateTime<Utc>,
        /// When it was last updated or bound.
        pub updated_at: DateTime<Utc>,
        /// By whom, while that person is known.
        pub installed_by: Option<Uuid>,
        /// The version that is public now; none when it is withdrawn.
        pub latest_version: Option<i32>,
        /// Its hash.
        pub latest_hash: Option<String>,
    }
}

row! {
    /// One document of something installed.
    #[derive(PartialEq, Eq)]
    pub struct InstalledPart {
        /// What it is.
        pub kind: String,
        /// Its id in the workspace.
        pub tool_id: String,
        /// Its id in the manifest.
        pub part: String,
    }
}

const INSERT: &str = "
    insert into catalog.installs as i
        (workspace_id, kind, tool_id, publication_id, slug, version, hash, part, part_of, bindings, manifest,
         local_version, local_hash, since_version)
    select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::json, $11::text::json, $12, $13, $12
    where $1 = any (identity.reach('member'))
    on conflict on constraint installs_pkey do update
    set publication_id = excluded.publication_id,
        slug = excluded.slug,
        version = excluded.version,
        hash = excluded.hash,
        part_of = excluded.part_of,
        bindings = excluded.bindings,
        manifest = excluded.manifest,
        local_version = excluded.local_version,
        local_hash = excluded.local_hash,
        since_version = case i.hash when excluded.hash then i.since_version else excluded.local_version end
    where i.hash = excluded.hash
       or i.workspace_id = any (identity.reach('admin'))
    returning i.tool_id as id";

const FORGET: &str = "
    delete from catalog.installs i
    where i.workspace_id = $1
      and i.workspace_id = any (identity.reach('admin'))
      and i.kind = $2
      and i.tool_id = $3
    returning i.tool_id as id";

macro_rules! installed {
    ($manifest:literal, $condition:literal) => {
        concat!(
            "
    select i.kind, i.tool_id, i.slug, i.publication_id, i.version, i.hash, i.bindings::text as bindings, ",
            $manifest,
            " as manifest, i.local_version, i.installed_at, i.updated_at, i.installed_by, p.version as latest_version, p.hash as latest_hash
    from catalog.installs i
    left join catalog.publications p on p.id = i.publication_id and p.withdrawn_at is null and not p.hidden
    where i.workspace_id = $1
      and i.part_of is null",
            $condition
        )
    };
}

/// Without the contents, each of which may be half a megabyte.
const PAGE: &str = installed!(
    "null::text",
    "
      and ($2::text is null or (i.kind, i.tool_id) > ($2, $3::text))
    order by i.kind, i.tool_id
    limit $4"
);

const ONE: &str = installed!(
    "i.manifest::text",
    "
      and i.kind = $2
      and i.tool_id = $3"
);

/// Held until the transaction ends, so that two updates follow each other.
const LOCK: &str = "
    select i.tool_id as id
    from catalog.installs i
    where i.workspace_id = $1
      and i.workspace_id = any (identity.reach('member'))
      and i.kind = $2
      and i.tool_id = $3
    for update";

const PARTS: &str = "
    select i.kind, i.tool_id, i.part
    from catalog.installs i
    where i.workspace_id = $1
      and (i.kind = $2 and i.tool_id = $3 or i.part_of = $2 || ':' || $3)
    order by i.part_of is not null, i.kind, i.part";

const COPIES: &str = "
    select i.tool_id as id
    from catalog.installs i
    where i.workspace_id = $1
      and i.kind || ':' || i.tool_id = any ($2)
    order by i.tool_id";

const REFRESH_HEALTH: &str = "
    select registry.refresh_health($1 * interval '1 second', $2)::text as id";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("installs::save", INSERT, ServiceRole, Affected),
    statement!("installs::forget", FORGET, ServiceRole, Affected),
    statement!("installs::page", PAGE, Authenticated, Installed),
    statement!("installs::one", ONE, Authenticated, Installed),
    statement!("installs::lock", LOCK, ServiceRole, Affected),
    statement!("installs::parts", PARTS, Authenticated, InstalledPart),
    statement!("installs::copies", COPIES, Authenticated, Affected),
    statement!(
        "installs::refresh_health",
        REFRESH_HEALTH,
        ServiceRole,
        Affected
    ),
];

/// Records one installed document, or its next content.
///
/// # Errors
/// [`Error::Forbidden`] below member, and below admin where the content is another.
pub async fn save(tx: &mut Tx, new: &NewInstall<'_>) -> Result<(), Error> {
    let query = query_as::<_, Affected>(INSERT)
        .bind(new.workspace_id.0)
        .bind(new.kind.as_str())
        .bind(new.id)
        .bind(new.publication_id)
        .bind(new.slug)
        .bind(new.version)
        .bind(new.hash)
        .bind(new.part)
        .bind(new.part_of)
        .bind(new.bindings)
        .bind(new.manifest)
        .bind(new.local_version)
        .bind(new.local_hash);
    tx.as_system().await?;
    let saved = tx.maybe(query).await?;
    tx.as_person().await?;
    match saved {
        Some(_) => Ok(()),
        None => Err(Error::Forbidden),
    }
}

/// Makes one installed document the workspace's own: it is pinned no longer.
///
/// # Errors
/// The database's; below admin nothing happens.
pub async fn forget(
    tx: &mut Tx,
    workspace: WorkspaceId,
    kind: Kind,
    id: &str,
) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(FORGET)
        .bind(workspace.0)
        .bind(kind.as_str())
        .bind(id);
    tx.as_system().await?;
    let forgotten = tx.maybe(query).await?;
    tx.as_person().await?;
    Ok(forgotten.is_some())
}

/// What a workspace has installed, by kind and id, after this one; without what came with something else.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    after: Option<(Kind, &str)>,
    limit: i64,
) -> Result<Vec<Installed>, Error> {
    let query = query_as(PAGE)
        .bind(workspace.0)
        .bind(after.map(|(kind, _)| kind.as_str()))
        .bind(after.map(|(_, id)| id))
        .bind(limit);
    tx.all(query).await
}

/// One thing that is installed.
///
/// # Errors
/// The database's.
pub async fn one(
    tx: &mut Tx,
    workspace: WorkspaceId,
    kind: Kind,
    id: &str,
) -> Result<Option<Installed>, Error> {
    let query = query_as(ONE).bind(workspace.0).bind(kind.as_str()).bind(id);
    tx.maybe(query).await
}

/// The same, held until the transaction ends.
///
/// # Errors
/// The database's.
pub async fn lock(
    tx: &mut Tx,
    workspace: WorkspaceId,
    kind: Kind,
    id: &str,
) -> Result<Option<Installed>, Error> {
    let query = query_as::<_, Affected>(LOCK)
        .bind(workspace.0)
        .bind(kind.as_str())
        .bind(id);
    tx.as_system().await?;
    let locked = tx.maybe(query).await?;
    tx.as_person().await?;
    match locked {
        Some(_) => one(tx, workspace, kind, id).await,
        None => Ok(None),
    }
}

/// Every document of it by its ids here and in the manifest, itself first.
///
/// # Errors
/// The database's.
pub async fn parts(
    tx: &mut Tx,
    workspace: WorkspaceId,
    kind: Kind,
    id: &str,
) -> Result<Vec<InstalledPart>, Error> {
    let query = query_as(PARTS)
        .bind(workspace.0)
        .bind(kind.as_str())
        .bind(id);
    tx.all(query).await
}

/// Those of these things (as `kind:id`) that are installed copies.
///
/// # Errors
/// The database's.
pub async fn copies(
    tx: &mut Tx,
    workspace: WorkspaceId,
    things: &[String],
) -> Result<Vec<String>, Error> {
    let query = query_as::<_, Affected>(COPIES)
        .bind(workspace.0)
        .bind(things);
    Ok(tx.all(query).await?.into_iter().map(|row| row.id).collect())
}

/// Counts anew how well publications do whose numbers are older than `stale_s` seconds; answers of how many.
///
/// # Errors
/// The database's.
pub async fn refresh_health(tx: &mut Tx, stale_s: i32, most: i32) -> Result<u64, Error> {
    let query = query_as::<_, Affected>(REFRESH_HEALTH)
        .bind(stale_s)
        .bind(most);
    let row = tx.one(query).await?;
    row.id
        .parse()
        .map_err(|_| Error::Corrupt("a count that is no number".to_owned()))
}

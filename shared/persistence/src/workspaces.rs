//! `identity.workspaces`: the tenants.

use chrono::{DateTime, Utc};
use domain::caller::{Principal, Role};
use domain::ids::WorkspaceId;
use sqlx::query_as;
use uuid::Uuid;

use crate::Insert;
use crate::db::Tx;
use crate::entry::role;
use crate::error::Error;
use crate::statements::{Statement, row, statement};

/// A workspace as its member sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// The id.
    pub id: WorkspaceId,
    /// The display name.
    pub name: String,
    /// The unique short name, as good as the id in `X-Workspace-Id`.
    pub slug: String,
    /// What the asking principal may do there.
    pub role: Role,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

row! {
    struct WorkspaceRow {
        id: Uuid,
        name: String,
        slug: String,
        role: String,
        created_at: DateTime<Utc>,
    }
}

impl TryFrom<WorkspaceRow> for Workspace {
    type Error = Error;

    fn try_from(row: WorkspaceRow) -> Result<Self, Error> {
        Ok(Self {
            id: WorkspaceId(row.id),
            name: row.name,
            slug: row.slug,
            role: role(&row.role)?,
            created_at: row.created_at,
        })
    }
}

const CREATE: &str = "
    select w.id, w.name, w.slug, w.role, w.created_at
    from identity.create_workspace($1, $2) as w";

const MINE: &str = "
    select w.id, w.name, w.slug, m.role, w.created_at
    from identity.memberships m
    join identity.workspaces w on w.id = m.workspace_id
    where m.user_id = (select auth.uid())
      and ($1::timestamptz is null or (w.created_at, w.id) > ($1, $2::uuid))
    order by w.created_at, w.id
    limit $3";

const BY_ID: &str = "
    select w.id, w.name, w.slug, m.role, w.created_at
    from identity.memberships m
    join identity.workspaces w on w.id = m.workspace_id
    where m.user_id = (select auth.uid())
      and m.workspace_id = $1";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("workspaces::create", CREATE, Authenticated, WorkspaceRow),
    statement!("workspaces::mine", MINE, Authenticated, WorkspaceRow),
    statement!("workspaces::by_id", BY_ID, Authenticated, WorkspaceRow),
];

/// Makes a workspace whose owner is the asking person. [`Insert::Exists`] when the slug is taken (by
/// whomever).
///
/// # Errors
/// [`Error::Forbidden`] for an API key: a key lives in one workspace and makes no other.
pub async fn create(
    tx: &mut Tx,
    principal: &Principal,
    name: &str,
    slug: &str,
) -> Result<Insert<Workspace>, Error> {
    if principal.key.is_some() {
        return Err(Error::Forbidden);
    }
    let row = tx
        .maybe(query_as::<_, WorkspaceRow>(CREATE).bind(name).bind(slug))
        .await?;
    match row {
        Some(row) => Ok(Insert::Created(row.try_into()?)),
        None => Ok(Insert::Exists),
    }
}

/// The asking person's workspaces, oldest first, after the one made then of that id.
///
/// # Errors
/// The database's.
pub async fn mine(
    tx: &mut Tx,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Workspace>, Error> {
    let query = query_as::<_, WorkspaceRow>(MINE)
        .bind(after.map(|(made, _)| made))
        .bind(after.map(|(_, id)| id))
        .bind(limit);
    let rows = tx.all(query).await?;
    rows.into_iter().map(Workspace::try_from).collect()
}

/// One of the asking person's workspaces.
///
/// # Errors
/// The database's.
pub async fn by_id(tx: &mut Tx, id: WorkspaceId) -> Result<Option<Workspace>, Error> {
    tx.maybe(query_as::<_, WorkspaceRow>(BY_ID).bind(id.0))
        .await?
        .map(Workspace::try_from)
        .transpose()
}

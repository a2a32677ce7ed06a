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
use crate::statements::{Affected, Statement, row, statement};

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
    /// Until when its owners may restore it; only of one that is deleted.
    pub restorable_until: Option<DateTime<Utc>>,
}

row! {
    struct WorkspaceRow {
        id: Uuid,
        name: String,
        slug: String,
        role: String,
        created_at: DateTime<Utc>,
        restorable_until: Option<DateTime<Utc>>,
    }
}

row! {
    struct DoneRow {
        done: bool,
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
            restorable_until: row.restorable_until,
        })
    }
}

const CREATE: &str = "
    select w.id, w.name, w.slug, w.role, w.created_at, null::timestamptz as restorable_until
    from identity.create_workspace($1, $2) as w";

const MINE: &str = "
    select w.id, w.name, w.slug, m.role, w.created_at, null::timestamptz as restorable_until
    from identity.memberships m
    join identity.workspaces w on w.id = m.workspace_id
    where m.user_id = (select auth.uid())
      and w.deleted_at is null
      and ($1::timestamptz is null or (w.created_at, w.id) > ($1, $2::uuid))
    order by w.created_at, w.id
    limit $3";

const BY_ID: &str = "
    select w.id, w.name, w.slug, m.role, w.created_at, null::timestamptz as restorable_until
    from identity.memberships m
    join identity.workspaces w on w.id = m.workspace_id
    where m.user_id = (select auth.uid())
      and m.workspace_id = $1
      and w.deleted_at is null";

const MINE_DELETED: &str = "
    select w.id, w.name, w.slug, m.role, w.created_at,
           w.deleted_at + identity.deletion_grace() as restorable_until
    from identity.memberships m
    join identity.workspaces w on w.id = m.workspace_id
    where m.user_id = (select auth.uid())
      and w.deleted_at > now() - identity.deletion_grace()
      and ($1::timestamptz is null or (w.created_at, w.id) > ($1, $2::uuid))
    order by w.created_at, w.id
    limit $3";

const RENAME: &str = "
    update identity.workspaces w
    set name = coalesce($2, w.name),
        slug = coalesce($3, w.slug)
    where w.id = $1
    returning w.id::text as id";

const DELETE: &str = "select identity.delete_workspace($1) as done";

const RESTORE: &str = "select identity.restore_workspace($1) as done";

/// Values that live outside go first, by the sweep's own work on secrets.
const RELEASE_SECRETS: &str = "
    update secrets.secrets s
    set state = 'deleting',
        attempt = gen_random_uuid(),
        settling_until = now()
    where s.id in (
        select x.id
        from identity.workspaces w
        join secrets.secrets x on x.workspace_id = w.id
        where w.deleted_at <= now() - identity.deletion_grace()
          and x.provider = 'aws_secrets_manager'
          and x.state = 'ready'
        limit $1
        for update of x skip locked
    )
    returning s.id::text as id";

const EMPTY: &str = "
    delete from orchestration.executions e
    where (e.workspace_id, e.id) in (
        select x.workspace_id, x.id
        from identity.workspaces w
        join orchestration.executions x on x.workspace_id = w.id
        where w.deleted_at <= now() - identity.deletion_grace()
        limit $1
    )
    returning e.id::text as id";

const PURGE: &str = "
    with due as (
        select w.id
        from identity.workspaces w
        where w.deleted_at <= now() - identity.deletion_grace()
          and not exists (
              select
              from secrets.secrets s
              where s.workspace_id = w.id
                and s.provider = 'aws_secrets_manager'
          )
        order by w.deleted_at
        limit $1
        for update skip locked
    ), gone as (
        delete from identity.workspaces w
        using due
        where w.id = due.id
        returning w.id
    )
    insert into secrets.audit (workspace_id, action, subject_kind, subject, detail)
    select gone.id, 'workspace.purge', 'workspace', gone.id::text, '{}'
    from gone
    returning workspace_id::text as id";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("workspaces::create", CREATE, Authenticated, WorkspaceRow),
    statement!("workspaces::mine", MINE, Authenticated, WorkspaceRow),
    statement!("workspaces::by_id", BY_ID, Authenticated, WorkspaceRow),
    statement!(
        "workspaces::mine (deleted)",
        MINE_DELETED,
        Authenticated,
        WorkspaceRow
    ),
    statement!("workspaces::rename", RENAME, Authenticated, Affected),
    statement!("workspaces::delete", DELETE, Authenticated, DoneRow),
    statement!("workspaces::restore", RESTORE, Authenticated, DoneRow),
    statement!(
        "workspaces::release_secrets",
        RELEASE_SECRETS,
        ServiceRole,
        Affected
    ),
    statement!("workspaces::empty", EMPTY, ServiceRole, Affected),
    statement!("workspaces::purge", PURGE, ServiceRole, Affected),
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
    page(tx, MINE, after, limit).await
}

/// The same of those that are deleted and that the person, an owner, may restore.
///
/// # Errors
/// The database's.
pub async fn mine_deleted(
    tx: &mut Tx,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Workspace>, Error> {
    page(tx, MINE_DELETED, after, limit).await
}

async fn page(
    tx: &mut Tx,
    sql: &'static str,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Workspace>, Error> {
    let query = query_as::<_, WorkspaceRow>(sql)
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

/// Gives a workspace another name or slug; what is `None` stays. False when the asking person is no admin there.
///
/// # Errors
/// [`Error::Conflict`] on `workspaces_slug_key` when the slug is taken (by whomever).
pub async fn rename(
    tx: &mut Tx,
    id: WorkspaceId,
    name: Option<&str>,
    slug: Option<&str>,
) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(RENAME)
        .bind(id.0)
        .bind(name)
        .bind(slug);
    Ok(tx.maybe(query).await?.is_some())
}

/// Deletes a workspace, with a line in the audit: from the commit on nobody enters it, and [`restore`] takes it back for a
/// while. False when the asking person does not own it.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &mut Tx, id: WorkspaceId) -> Result<bool, Error> {
    let row = tx.one(query_as::<_, DoneRow>(DELETE).bind(id.0)).await?;
    Ok(row.done)
}

/// Takes a deletion back, with a line in the audit. False when the workspace is not deleted, its time is over, or the asking
/// person does not own it.
///
/// # Errors
/// The database's.
pub async fn restore(tx: &mut Tx, id: WorkspaceId) -> Result<bool, Error> {
    let row = tx.one(query_as::<_, DoneRow>(RESTORE).bind(id.0)).await?;
    Ok(row.done)
}

/// Of workspaces whose time to be restored is over: lets go of up to so many secrets whose values live outside Postgres, for
/// the sweep of secrets to remove. Answers how many. As the system.
///
/// # Errors
/// The database's.
pub async fn release_secrets(tx: &mut Tx, limit: i64) -> Result<usize, Error> {
    let query = query_as::<_, Affected>(RELEASE_SECRETS).bind(limit);
    Ok(tx.all(query).await?.len())
}

/// Of the same workspaces: removes up to so many executions, the rows that may be too many to go at once. Answers how many.
/// As the system.
///
/// # Errors
/// The database's.
pub async fn empty(tx: &mut Tx, limit: i64) -> Result<usize, Error> {
    let query = query_as::<_, Affected>(EMPTY).bind(limit);
    Ok(tx.all(query).await?.len())
}

/// Removes up to so many of these workspaces with all that is in them but their audit; one with a secret outside waits until
/// that is gone. Answers how many. As the system.
///
/// # Errors
/// The database's.
pub async fn purge(tx: &mut Tx, limit: i64) -> Result<usize, Error> {
    let query = query_as::<_, Affected>(PURGE).bind(limit);
    Ok(tx.all(query).await?.len())
}

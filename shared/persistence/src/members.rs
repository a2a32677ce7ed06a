//! `identity.memberships`: who may do what where.

use chrono::{DateTime, Utc};
use domain::caller::Role;
use domain::ids::{UserId, WorkspaceId};
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::entry::role;
use crate::error::Error;
use crate::statements::{Affected, Nothing, Statement, row, statement};

/// The constraint that refuses a change after which nobody would own the workspace.
pub const LAST_OWNER: &str = "memberships_last_owner";

/// A member as other members see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// The e-mail address of the profile.
    pub email: Option<String>,
    /// With which rights.
    pub role: Role,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

row! {
    struct MemberRow {
        user_id: Uuid,
        email: Option<String>,
        role: String,
        created_at: DateTime<Utc>,
    }
}

impl TryFrom<MemberRow> for Member {
    type Error = Error;

    fn try_from(row: MemberRow) -> Result<Self, Error> {
        Ok(Self {
            user_id: UserId(row.user_id),
            email: row.email,
            role: role(&row.role)?,
            created_at: row.created_at,
        })
    }
}

const PAGE: &str = "
    select m.user_id, p.email, m.role, m.created_at
    from identity.memberships m
    join identity.profiles p on p.id = m.user_id
    where m.workspace_id = $1
      and ($2::timestamptz is null or (m.created_at, m.user_id) > ($2, $3::uuid))
    order by m.created_at, m.user_id
    limit $4";

const BY_ID: &str = "
    select m.user_id, p.email, m.role, m.created_at
    from identity.memberships m
    join identity.profiles p on p.id = m.user_id
    where m.workspace_id = $1
      and m.user_id = $2";

/// Whether one of the workspace's people has this address.
const BY_EMAIL: &str = "
    select m.user_id, p.email, m.role, m.created_at
    from identity.memberships m
    join identity.profiles p on p.id = m.user_id
    where m.workspace_id = $1
      and lower(p.email) = lower($2)
    limit 1";

const ADMINS: &str = "
    select m.user_id::text as id
    from identity.memberships m
    where m.workspace_id = $1
      and m.role in ('admin', 'owner')";

const CHANGE: &str = "
    update identity.memberships m
    set role = $3
    where m.workspace_id = $1
      and m.user_id = $2
    returning m.user_id::text as id";

const REMOVE: &str = "
    delete from identity.memberships m
    where m.workspace_id = $1
      and m.user_id = $2
    returning m.user_id::text as id";

const ADD: &str = "
    with profile as (
        insert into identity.profiles as p (id, email)
        values ($2, $4)
        on conflict (id) do update
        set email = coalesce(excluded.email, p.email)
        returning p.id
    )
    insert into identity.memberships as m (workspace_id, user_id, role)
    select $1, profile.id, $3
    from profile
    on conflict (workspace_id, user_id) do update
    set role = excluded.role";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("members::page", PAGE, Authenticated, MemberRow),
    statement!("members::by_id", BY_ID, Authenticated, MemberRow),
    statement!("members::by_email", BY_EMAIL, Authenticated, MemberRow),
    statement!("members::admins", ADMINS, Authenticated, Affected),
    statement!("members::change", CHANGE, Authenticated, Affected),
    statement!("members::remove", REMOVE, Authenticated, Affected),
    statement!("members::add", ADD, ServiceRole, Nothing),
];

/// The workspace's people, oldest members first, after the one who came then of that id.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Member>, Error> {
    let query = query_as::<_, MemberRow>(PAGE)
        .bind(workspace.0)
        .bind(after.map(|(came, _)| came))
        .bind(after.map(|(_, id)| id))
        .bind(limit);
    let rows = tx.all(query).await?;
    rows.into_iter().map(Member::try_from).collect()
}

/// One of the workspace's people.
///
/// # Errors
/// The database's.
pub async fn by_id(
    tx: &mut Tx,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<Option<Member>, Error> {
    let query = query_as::<_, MemberRow>(BY_ID)
        .bind(workspace.0)
        .bind(user.0);
    tx.maybe(query).await?.map(Member::try_from).transpose()
}

/// The one of the workspace's people who has this e-mail address.
///
/// # Errors
/// The database's.
pub async fn by_email(
    tx: &mut Tx,
    workspace: WorkspaceId,
    email: &str,
) -> Result<Option<Member>, Error> {
    let query = query_as::<_, MemberRow>(BY_EMAIL)
        .bind(workspace.0)
        .bind(email);
    tx.maybe(query).await?.map(Member::try_from).transpose()
}

/// The workspace's admins, its owners among them.
///
/// # Errors
/// The database's.
pub async fn admins(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<UserId>, Error> {
    let rows = tx
        .all(query_as::<_, Affected>(ADMINS).bind(workspace.0))
        .await?;
    rows.into_iter()
        .map(|row| {
            row.id
                .parse()
                .map_err(|_| Error::Corrupt(format!("the person {}", row.id)))
        })
        .collect()
}

/// Gives a member another role; the audit's line is written with it. False when there is no such member, or the asking
/// person may not change it.
///
/// # Errors
/// [`Error::Conflict`] on [`LAST_OWNER`]; [`Error::Forbidden`] when only an owner may give that role.
pub async fn change(
    tx: &mut Tx,
    workspace: WorkspaceId,
    user: UserId,
    role: Role,
) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(CHANGE)
        .bind(workspace.0)
        .bind(user.0)
        .bind(role.as_str());
    Ok(tx.maybe(query).await?.is_some())
}

/// Ends a membership, with its keys, its connections and the audit's line. False when there is none, or the asking person may
/// not end it.
///
/// # Errors
/// [`Error::Conflict`] on [`LAST_OWNER`].
pub async fn remove(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(REMOVE)
        .bind(workspace.0)
        .bind(user.0);
    Ok(tx.maybe(query).await?.is_some())
}

/// Makes somebody a member, or changes the member's role, as the system ([`crate::Db::begin_system`]):
/// users come in by invitation.
///
/// # Errors
/// [`Error::Conflict`] on [`LAST_OWNER`] when nobody would own the workspace any more.
pub async fn add(
    tx: &mut Tx,
    workspace: WorkspaceId,
    user: UserId,
    email: Option<&str>,
    role: Role,
) -> Result<(), Error> {
    tx.all(
        query_as::<_, Nothing>(ADD)
            .bind(workspace.0)
            .bind(user.0)
            .bind(role.as_str())
            .bind(email),
    )
    .await
    .map(drop)
}

//! `identity.api_keys`: what machines show instead of a session token.

use chrono::{DateTime, Utc};
use domain::caller::Role;
use domain::ids::{ApiKeyId, UserId, WorkspaceId};
use domain::rights::Scope;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::entry::{role, scopes};
use crate::error::Error;
use crate::statements::{Affected, Statement, row, statement};

/// A key to be stored. Its text is not here: only who made it ever sees it.
#[derive(Clone, Debug)]
pub struct NewKey<'a> {
    /// The workspace in which it acts.
    pub workspace_id: WorkspaceId,
    /// What it is for.
    pub name: &'a str,
    /// The first characters of its text, to tell keys apart by.
    pub prefix: &'a str,
    /// SHA-256 of its text.
    pub hash: &'a [u8; 32],
    /// The most it may do.
    pub role: Role,
    /// What it is narrowed to; empty: nothing less than the role.
    pub scopes: &'a [Scope],
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key as its workspace's admins see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// The first characters of its text.
    pub prefix: String,
    /// The most it may do.
    pub role: Role,
    /// What it is narrowed to; empty: nothing less than the role.
    pub scopes: Vec<Scope>,
    /// Who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last seen, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

row! {
    struct KeyRow {
        id: Uuid,
        name: String,
        prefix: String,
        role: String,
        scopes: Vec<String>,
        created_by: Uuid,
        created_at: DateTime<Utc>,
        expires_at: Option<DateTime<Utc>>,
        last_used_at: Option<DateTime<Utc>>,
        revoked_at: Option<DateTime<Utc>>,
    }
}

row! {
    struct FirstRow {
        created_by: Uuid,
        created_at: DateTime<Utc>,
    }
}

impl TryFrom<KeyRow> for Key {
    type Error = Error;

    fn try_from(row: KeyRow) -> Result<Self, Error> {
        Ok(Self {
            id: ApiKeyId(row.id),
            name: row.name,
            prefix: row.prefix,
            role: role(&row.role)?,
            scopes: scopes(&row.scopes)?,
            created_by: UserId(row.created_by),
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        })
    }
}

const INSERT: &str = "
    insert into identity.api_keys (workspace_id, name, prefix, hash, role, scopes, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7)
    returning id, name, prefix, role, scopes, created_by, created_at, expires_at, last_used_at, revoked_at";

const PAGE: &str = "
    select id, name, prefix, role, scopes, created_by, created_at, expires_at, last_used_at, revoked_at
    from identity.api_keys
    where workspace_id = $1
      and revoked_at is null
      and ($2::timestamptz is null or (created_at, id) > ($2, $3::uuid))
    order by created_at, id
    limit $4";

/// Those that are revoked as well: what was saved with them stays.
const FIRST_MEMBER_KEYS: &str = "
    select created_by, min(created_at) as created_at
    from identity.api_keys
    where workspace_id = $1
      and role = 'member'
    group by created_by";

const REVOKE: &str = "
    update identity.api_keys
    set revoked_at = now()
    where workspace_id = $1
      and id = $2
      and revoked_at is null
    returning id::text as id";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("keys::insert", INSERT, Authenticated, KeyRow),
    statement!("keys::page", PAGE, Authenticated, KeyRow),
    statement!(
        "keys::first_member_keys",
        FIRST_MEMBER_KEYS,
        Authenticated,
        FirstRow
    ),
    statement!("keys::revoke", REVOKE, Authenticated, Affected),
];

/// Stores a key made by the asking person.
///
/// # Errors
/// [`Error::Forbidden`] when the person is no admin there, or gives more rights than they have.
pub async fn insert(tx: &mut Tx, key: &NewKey<'_>) -> Result<Key, Error> {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    tx.one(
        query_as::<_, KeyRow>(INSERT)
            .bind(key.workspace_id.0)
            .bind(key.name)
            .bind(key.prefix)
            .bind(key.hash.as_slice())
            .bind(key.role.as_str())
            .bind(scopes)
            .bind(key.expires_at),
    )
    .await?
    .try_into()
}

/// The workspace's keys that are not revoked, oldest first, after the one made then of that id.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Key>, Error> {
    let query = query_as::<_, KeyRow>(PAGE)
        .bind(workspace.0)
        .bind(after.map(|(made, _)| made))
        .bind(after.map(|(_, id)| id))
        .bind(limit);
    let rows = tx.all(query).await?;
    rows.into_iter().map(Key::try_from).collect()
}

/// Since when each maker of keys has had one that may save tools without being an admin's.
///
/// # Errors
/// The database's.
pub async fn first_member_keys(
    tx: &mut Tx,
    workspace: WorkspaceId,
) -> Result<Vec<(UserId, DateTime<Utc>)>, Error> {
    let rows = tx
        .all(query_as::<_, FirstRow>(FIRST_MEMBER_KEYS).bind(workspace.0))
        .await?;
    let firsts = rows.into_iter();
    Ok(firsts
        .map(|row| (UserId(row.created_by), row.created_at))
        .collect())
}

/// Ends a key now. False when there is no such key, or it was revoked before.
///
/// # Errors
/// The database's.
pub async fn revoke(tx: &mut Tx, workspace: WorkspaceId, id: ApiKeyId) -> Result<bool, Error> {
    let row = tx
        .maybe(query_as::<_, Affected>(REVOKE).bind(workspace.0).bind(id.0))
        .await?;
    Ok(row.is_some())
}

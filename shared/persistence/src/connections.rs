//! `secrets.connections`: whose tokens there are; what people see, make and end.

use chrono::{DateTime, Utc};
use domain::ids::{ConnectionId, UserId, WorkspaceId};
use serde_json::Value;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::secrets::Sealed;
use crate::statements::{Affected, Statement, row, statement};

row! {
    /// A connection as people see it: no token, no length, no hash.
    #[derive(PartialEq)]
    pub struct ConnectionMeta {
        /// The id.
        pub id: Uuid,
        /// What tools call it.
        pub name: String,
        /// `auth.method` of those tools.
        pub kind: String,
        /// Whose it is; nobody's for the whole workspace.
        pub user_id: Option<Uuid>,
        /// `pending`, `connected`, `expired` or `revoked`.
        pub status: String,
        /// Where the tokens come from; never a secret.
        pub settings: Value,
        /// What the provider granted.
        pub scopes: Vec<String>,
        /// Hosts that a token of a person's consent may be sent to.
        pub allowed_hosts: Vec<String>,
        /// When the access token ends, if the provider said so.
        pub expires_at: Option<DateTime<Utc>>,
        /// Who made it.
        pub created_by: Option<Uuid>,
        /// When it was made.
        pub created_at: DateTime<Utc>,
        /// When it was last changed.
        pub updated_at: DateTime<Utc>,
    }
}

/// Which connection is meant: the same name with other settings is another one.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionKey<'a> {
    /// `auth.method` of the tool.
    pub kind: &'a str,
    /// What tools call it.
    pub name: &'a str,
    /// Of the asking person, not of the workspace.
    pub personal: bool,
    /// SHA-256 of the settings.
    pub fingerprint: &'a [u8; 32],
    /// What is told of the settings; never a secret.
    pub settings: &'a Value,
}

/// A new token to be kept.
#[derive(Clone, Copy, Debug)]
pub struct NewToken<'a> {
    /// The connection.
    pub id: ConnectionId,
    /// Whose work it is.
    pub lease: Uuid,
    /// The version that it follows.
    pub from_version: i32,
    /// The tokens, sealed for the version after that.
    pub sealed: Sealed<'a>,
    /// What the provider granted, if it said so.
    pub scopes: Option<&'a [String]>,
    /// Seconds from now, if the provider said so.
    pub lifetime: Option<f64>,
}

const PAGE: &str = "
    select c.id, c.name, c.kind, c.user_id, c.status, c.settings, c.scopes, c.allowed_hosts,
           c.expires_at, c.created_by, c.created_at, c.updated_at
    from secrets.connections c
    where c.workspace_id = $1
      and c.id > $2
    order by c.id
    limit $3";

const BY_ID: &str = "
    select c.id, c.name, c.kind, c.user_id, c.status, c.settings, c.scopes, c.allowed_hosts,
           c.expires_at, c.created_by, c.created_at, c.updated_at
    from secrets.connections c
    where c.workspace_id = $1
      and c.id = $2";

const START: &str = "
    insert into secrets.connections as c
        (id, workspace_id, name, kind, user_id, settings, fingerprint)
    values ($1, $2, $3, $4, $5, $6::json, $7)
    on conflict on constraint connections_name_key do update
    set settings = excluded.settings
    returning c.id::text as id";

const CONNECT: &str = "
    update secrets.connections c
    set version = $3 + 1,
        status = 'connected',
        nonce = $4,
        ciphertext = $5,
        data_key_id = $6,
        scopes = coalesce($7::text[], c.scopes),
        expires_at = now() + make_interval(secs => $8::double precision),
        usable_until = now() + make_interval(
            secs => $8::double precision - least(60, $8::double precision / 5)
        ),
        allowed_hosts = case
            when $9::text = any (c.allowed_hosts) then c.allowed_hosts
            else array_append(c.allowed_hosts, $9::text)
        end,
        refreshing_until = null,
        refreshing_by = null,
        failure = null,
        failed_at = null
    where c.workspace_id = $1
      and c.id = $2
      and c.version = $3
    returning c.id::text as id";

const DELETE: &str = "
    delete from secrets.connections c
    where c.workspace_id = $1
      and c.id = $2
    returning c.id::text as id";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("connections::page", PAGE, Authenticated, ConnectionMeta),
    statement!("connections::by_id", BY_ID, Authenticated, ConnectionMeta),
    statement!("connections::start", START, Authenticated, Affected),
    statement!("connections::connect", CONNECT, Authenticated, Affected),
    statement!("connections::delete", DELETE, Authenticated, Affected),
];

/// The connections that the principal may see, in the order in which they were made, after the given one.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ConnectionMeta>, Error> {
    let query = query_as(PAGE)
        .bind(workspace.0)
        .bind(after.unwrap_or_default())
        .bind(limit);
    tx.all(query).await
}

/// One connection, if the principal may see it.
///
/// # Errors
/// The database's.
pub async fn by_id(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: ConnectionId,
) -> Result<Option<ConnectionMeta>, Error> {
    tx.maybe(query_as(BY_ID).bind(workspace.0).bind(id.0)).await
}

/// Makes the connection, without tokens yet, or finds the one that is there.
///
/// # Errors
/// [`Error::Forbidden`] for the workspace's below admin.
pub async fn start(
    tx: &mut Tx,
    workspace: WorkspaceId,
    key: ConnectionKey<'_>,
    owner: Option<UserId>,
) -> Result<ConnectionId, Error> {
    let query = query_as::<_, Affected>(START)
        .bind(Uuid::now_v7())
        .bind(workspace.0)
        .bind(key.name)
        .bind(key.kind)
        .bind(owner.map(|owner| owner.0))
        .bind(key.settings.to_string())
        .bind(key.fingerprint.as_slice());
    let row = tx.one(query).await?;
    row.id
        .parse()
        .map_err(|_| Error::Corrupt("a connection's id".to_owned()))
}

/// Gives a connection the tokens of a consent, and lets them go to this host. False when it has other
/// tokens by now, or is gone.
///
/// # Errors
/// The database's.
pub async fn connect(
    tx: &mut Tx,
    workspace: WorkspaceId,
    token: &NewToken<'_>,
    host: &str,
) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(CONNECT)
        .bind(workspace.0)
        .bind(token.id.0)
        .bind(token.from_version)
        .bind(token.sealed.nonce)
        .bind(token.sealed.ciphertext)
        .bind(token.sealed.data_key_id)
        .bind(token.scopes)
        .bind(token.lifetime)
        .bind(host);
    Ok(tx.maybe(query).await?.is_some())
}

/// Deletes a connection. False when there is none that the principal may delete.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &mut Tx, workspace: WorkspaceId, id: ConnectionId) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(DELETE).bind(workspace.0).bind(id.0);
    Ok(tx.maybe(query).await?.is_some())
}

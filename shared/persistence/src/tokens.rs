//! The tokens of `secrets.connections`: sealed, refreshed by one process at a time, readable only together with a row
//! in the audit.

use domain::caller::Principal;
use domain::ids::{ConnectionId, ExecutionId, ToolId, WorkspaceId};
use serde_json::Value;
use sqlx::query_as;
use uuid::Uuid;

use crate::connections::{ConnectionKey, NewToken};
use crate::data_keys::DataKey;
use crate::db::Db;
use crate::error::Error;
use crate::statements::{Statement, row, statement};

/// How a token is asked for.
#[derive(Clone, Copy, Debug)]
pub struct TokenUse<'a> {
    /// The secrets that such a token is made from.
    pub secrets: &'a [&'a str],
    /// The version that the upstream has just refused.
    pub stale: Option<i32>,
    /// Whether the caller has waited for somebody else's refresh.
    pub waited: bool,
    /// Names the caller's lease, should it get one.
    pub lease: Uuid,
    /// How long that lease is, in seconds.
    pub lease_seconds: i32,
    /// The tool that is run.
    pub tool_id: &'a ToolId,
    /// The execution that needs the token.
    pub execution_id: ExecutionId,
    /// The host that the token is meant for.
    pub host: &'a str,
}

/// What stands sealed in a row, and the wrapped key to it.
#[derive(Clone, Debug)]
pub struct SealedRow {
    /// The nonce.
    pub nonce: Vec<u8>,
    /// Ciphertext and tag.
    pub ciphertext: Vec<u8>,
    /// The key that sealed it, wrapped by a master key.
    pub data_key: DataKey,
}

/// What came of asking for a token.
#[derive(Clone, Debug)]
pub enum TakenToken {
    /// Here it is.
    Ready(HeldToken),
    /// The caller has the lease: it is to refresh the token.
    Claimed(HeldToken),
    /// Somebody else is refreshing it.
    Busy,
    /// The refresh that was waited for failed, as its holder told.
    Failed(Value),
    /// There is no such connection.
    Absent,
    /// Nobody has given the consent yet.
    Pending,
    /// The provider takes the tokens no more.
    Expired,
    /// It was ended.
    Revoked,
}

/// A token that was taken.
#[derive(Clone, Debug)]
pub struct HeldToken {
    /// The connection.
    pub id: ConnectionId,
    /// Counted from 1, raised by every new token.
    pub version: i32,
    /// The tokens; none before the first.
    pub sealed: Option<SealedRow>,
    /// One list of hosts for each secret (none: it is missing), or one for the consent.
    pub hosts: Vec<Option<Vec<String>>>,
}

/// A connection that was ended, for telling its provider.
#[derive(Clone, Debug)]
pub struct RevokedConnection {
    /// What tools called it.
    pub name: String,
    /// `auth.method` of those tools.
    pub kind: String,
    /// Where the tokens come from.
    pub settings: Value,
    /// The version of the tokens.
    pub version: i32,
    /// The tokens, if it had any.
    pub sealed: Option<SealedRow>,
}

row! {
    struct TakenRow {
        outcome: String,
        id: Option<Uuid>,
        version: Option<i32>,
        nonce: Option<Vec<u8>>,
        ciphertext: Option<Vec<u8>>,
        data_key_id: Option<Uuid>,
        wrapped: Option<Vec<u8>>,
        master_key_id: Option<String>,
        hosts: Option<String>,
        failure: Option<String>,
    }
}

row! {
    struct RevokedRow {
        name: String,
        kind: String,
        settings: String,
        version: i32,
        nonce: Option<Vec<u8>>,
        ciphertext: Option<Vec<u8>>,
        data_key_id: Option<Uuid>,
        wrapped: Option<Vec<u8>>,
        master_key_id: Option<String>,
    }
}

row! {
    struct Done {
        done: bool,
    }
}

const TAKE: &str = "
    select t.outcome, t.id, t.version, t.nonce, t.ciphertext, t.data_key_id, t.wrapped,
           t.master_key_id, t.hosts, t.failure
    from secrets.take_token(
        $1, $2, $3, $4, $5, $6, $7::json, $8::text[], $9, $10, $11, $12, $13, $14, $15
    ) as t";

const SAVE: &str = "
    select secrets.save_token($1, $2, $3, $4, $5, $6, $7, $8, $9::text[], $10) as done";

const RELEASE: &str = "
    select secrets.release_token($1, $2, $3, $4, $5, $6::json, $7) as done";

const REVOKE: &str = "
    select r.name, r.kind, r.settings, r.version, r.nonce, r.ciphertext, r.data_key_id, r.wrapped,
           r.master_key_id
    from secrets.revoke_connection($1, $2, $3) as r";

const SEALING_KEY: &str = "
    select k.id, k.wrapped, k.master_key_id
    from secrets.sealing_key($1, $2, $3, $4, $5) as k";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("tokens::take", TAKE, Authenticator, TakenRow),
    statement!("tokens::save", SAVE, Authenticator, Done),
    statement!("tokens::release", RELEASE, Authenticator, Done),
    statement!("tokens::revoke", REVOKE, Authenticator, RevokedRow),
    statement!("tokens::sealing_key", SEALING_KEY, Authenticator, DataKey),
];

/// Takes a good token, or the lease to refresh it; either stands in the audit, durably, before anything
/// sealed is answered.
///
/// # Errors
/// [`Error::Forbidden`] below member; [`Error::Unavailable`]: then nothing was taken.
pub async fn take(
    db: &Db,
    principal: &Principal,
    workspace: WorkspaceId,
    key: ConnectionKey<'_>,
    purpose: TokenUse<'_>,
) -> Result<TakenToken, Error> {
    let claims = principal.claims(Some(workspace));
    let settings = key.settings.to_string();
    let row = db
        .once_row(|| {
            query_as::<_, TakenRow>(TAKE)
                .bind(claims.as_str())
                .bind(workspace.0)
                .bind(key.kind)
                .bind(key.name)
                .bind(key.personal)
                .bind(key.fingerprint.as_slice())
                .bind(settings.as_str())
                .bind(purpose.secrets)
                .bind(purpose.stale)
                .bind(purpose.waited)
                .bind(purpose.lease)
                .bind(purpose.lease_seconds)
                .bind(purpose.tool_id.as_str())
                .bind(purpose.execution_id.0)
                .bind(purpose.host)
        })
        .await?;
    match row.outcome.as_str() {
        "ready" => held(row).map(TakenToken::Ready),
        "claimed" => held(row).map(TakenToken::Claimed),
        "busy" => Ok(TakenToken::Busy),
        "failed" => {
            let failure = row.failure.as_deref().unwrap_or("null");
            serde_json::from_str(failure)
                .map(TakenToken::Failed)
                .map_err(|_| Error::Corrupt("a failed refresh".to_owned()))
        }
        "absent" => Ok(TakenToken::Absent),
        "pending" => Ok(TakenToken::Pending),
        "expired" => Ok(TakenToken::Expired),
        "revoked" => Ok(TakenToken::Revoked),
        other => Err(Error::Corrupt(format!("take_token answered {other}"))),
    }
}

/// Keeps what a refresh brought. False when the lease is another's by now, or the connection was ended;
/// true also when it is kept already.
///
/// # Errors
/// [`Error::Forbidden`] below member; [`Error::Unavailable`]: it may be kept all the same, ask again.
pub async fn save(
    db: &Db,
    principal: &Principal,
    workspace: WorkspaceId,
    token: &NewToken<'_>,
) -> Result<bool, Error> {
    let claims = principal.claims(Some(workspace));
    let rows = db
        .once(|| {
            query_as::<_, Done>(SAVE)
                .bind(claims.as_str())
                .bind(workspace.0)
                .bind(token.id.0)
                .bind(token.lease)
                .bind(token.from_version)
                .bind(token.sealed.nonce)
                .bind(token.sealed.ciphertext)
                .bind(token.sealed.data_key_id)
                .bind(token.scopes)
                .bind(token.lifetime)
        })
        .await?;
    Ok(rows.first().is_some_and(|row| row.done))
}

/// Gives a lease back after a refresh that failed. `gone`: the provider takes the tokens no more.
///
/// # Errors
/// As [`save`].
pub async fn release(
    db: &Db,
    principal: &Principal,
    workspace: WorkspaceId,
    (id, lease, version): (ConnectionId, Uuid, i32),
    why: &Value,
    gone: bool,
) -> Result<bool, Error> {
    let claims = principal.claims(Some(workspace));
    let why = why.to_string();
    let rows = db
        .once(|| {
            query_as::<_, Done>(RELEASE)
                .bind(claims.as_str())
                .bind(workspace.0)
                .bind(id.0)
                .bind(lease)
                .bind(version)
                .bind(why.as_str())
                .bind(gone)
        })
        .await?;
    Ok(rows.first().is_some_and(|row| row.done))
}

/// Ends a connection: its tokens are forgotten, and answered this last time. `None` when there is none
/// that the principal may end.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke(
    db: &Db,
    principal: &Principal,
    workspace: WorkspaceId,
    id: ConnectionId,
) -> Result<Option<RevokedConnection>, Error> {
    let claims = principal.claims(Some(workspace));
    let rows = db
        .once(|| {
            query_as::<_, RevokedRow>(REVOKE)
                .bind(claims.as_str())
                .bind(workspace.0)
                .bind(id.0)
        })
        .await?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let settings = serde_json::from_str(&row.settings)
        .map_err(|_| Error::Corrupt("a connection's settings".to_owned()))?;
    Ok(Some(RevokedConnection {
        sealed: sealed(
            (row.nonce, row.ciphertext),
            (row.data_key_id, row.wrapped, row.master_key_id),
        ),
        name: row.name,
        kind: row.kind,
        settings,
        version: row.version,
    }))
}

/// The key that seals the workspace's new tokens. Without a candidate only one that is there.
///
/// # Errors
/// [`Error::Forbidden`] below member; [`Error::Unavailable`].
pub async fn sealing_key(
    db: &Db,
    principal: &Principal,
    workspace: WorkspaceId,
    candidate: Option<&DataKey>,
) -> Result<Option<DataKey>, Error> {
    let claims = principal.claims(Some(workspace));
    let rows = db
        .once(|| {
            query_as::<_, DataKey>(SEALING_KEY)
                .bind(claims.as_str())
                .bind(workspace.0)
                .bind(candidate.map(|key| key.id))
                .bind(candidate.map(|key| key.wrapped.as_slice()))
                .bind(candidate.map(|key| key.master_key_id.as_str()))
        })
        .await?;
    Ok(rows.into_iter().next())
}

fn held(row: TakenRow) -> Result<HeldToken, Error> {
    let (Some(id), Some(version)) = (row.id, row.version) else {
        return Err(Error::Corrupt("a token without its connection".to_owned()));
    };
    let hosts = serde_json::from_str(row.hosts.as_deref().unwrap_or("[]"))
        .map_err(|_| Error::Corrupt("the hosts of a token".to_owned()))?;
    Ok(HeldToken {
        id: ConnectionId(id),
        version,
        sealed: sealed(
            (row.nonce, row.ciphertext),
            (row.data_key_id, row.wrapped, row.master_key_id),
        ),
        hosts,
    })
}

pub(crate) fn sealed(
    value: (Option<Vec<u8>>, Option<Vec<u8>>),
    key: (Option<Uuid>, Option<Vec<u8>>, Option<String>),
) -> Option<SealedRow> {
    let ((Some(nonce), Some(ciphertext)), (Some(id), Some(wrapped), Some(master_key_id))) =
        (value, key)
    else {
        return None;
    };
    Some(SealedRow {
        nonce,
        ciphertext,
        data_key: DataKey {
            id,
            wrapped,
            master_key_id,
        },
    })
}

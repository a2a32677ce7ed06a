//! `secrets.authorizations`: consents under way, from the link to the word that the person was the one who began.

use chrono::{DateTime, Utc};
use domain::caller::Principal;
use domain::ids::{ConnectionId, ToolId, UserId, WorkspaceId};
use sqlx::query_as;
use uuid::Uuid;

use crate::db::{Db, Tx};
use crate::error::Error;
use crate::secrets::Sealed;
use crate::statements::{Affected, Statement, row, statement};
use crate::tokens::{SealedRow, sealed};

/// A consent that begins.
#[derive(Clone, Copy, Debug)]
pub struct NewAuthorization<'a> {
    /// The id.
    pub id: Uuid,
    /// The connection that is to get the tokens.
    pub connection_id: ConnectionId,
    /// The tool that it is begun for.
    pub tool_id: &'a ToolId,
    /// SHA-256 of the state.
    pub state_hash: &'a [u8; 32],
    /// What must be known when somebody comes back.
    pub sealed: Sealed<'a>,
}

/// Somebody came back with a good state.
#[derive(Clone, Debug)]
pub struct TakenAuthorization {
    /// The id.
    pub id: Uuid,
    /// Where.
    pub workspace_id: WorkspaceId,
    /// What people call that workspace.
    pub workspace_name: String,
    /// The connection that is to get the tokens.
    pub connection_id: ConnectionId,
    /// Who began.
    pub started_by: UserId,
    /// That person's e-mail address.
    pub email: Option<String>,
    /// The tool that it was begun for.
    pub tool_id: String,
    /// SHA-256 of the settings that it was begun with.
    pub fingerprint: Vec<u8>,
    /// What was sealed at the beginning.
    pub sealed: Option<SealedRow>,
}

/// What a provider answered, for the one who began.
#[derive(Clone, Debug)]
pub struct TakenAnswer {
    /// The consent.
    pub id: Uuid,
    /// The tool that it was begun for.
    pub tool_id: String,
    /// The connection's present version.
    pub version: i32,
    /// The tokens and the code that proves who saw the page.
    pub sealed: Option<SealedRow>,
}

row! {
    struct Began {
        expires_at: DateTime<Utc>,
    }
}

row! {
    struct TakenRow {
        id: Uuid,
        workspace_id: Uuid,
        workspace_name: String,
        connection_id: Uuid,
        started_by: Uuid,
        email: Option<String>,
        tool_id: String,
        fingerprint: Vec<u8>,
        nonce: Option<Vec<u8>>,
        ciphertext: Option<Vec<u8>>,
        data_key_id: Option<Uuid>,
        wrapped: Option<Vec<u8>>,
        master_key_id: Option<String>,
    }
}

row! {
    struct AnswerRow {
        id: Uuid,
        tool_id: String,
        version: i32,
        nonce: Option<Vec<u8>>,
        ciphertext: Option<Vec<u8>>,
        data_key_id: Option<Uuid>,
        wrapped: Option<Vec<u8>>,
        master_key_id: Option<String>,
    }
}

const FORGET: &str = "
    delete from secrets.authorizations a
    where a.workspace_id = $1
      and a.started_by = $2
      and (a.connection_id = $3 or a.expires_at <= now())
    returning a.id::text as id";

const BEGIN: &str = "
    insert into secrets.authorizations as a
        (id, workspace_id, connection_id, tool_id, state_hash, nonce, ciphertext, data_key_id)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    returning a.expires_at";

const ANSWER: &str = "
    update secrets.authorizations a
    set status = 'answered',
        nonce = $3,
        ciphertext = $4,
        data_key_id = $5,
        expires_at = now() + interval '10 minutes'
    where a.workspace_id = $1
      and a.id = $2
      and a.status = 'taken'
    returning a.id::text as id";

const TAKE: &str = "
    select t.id, t.workspace_id, t.workspace_name, t.connection_id, t.started_by, t.email, t.tool_id,
           t.fingerprint, t.nonce, t.ciphertext, t.data_key_id, t.wrapped, t.master_key_id
    from secrets.take_authorization($1) as t";

const TAKE_ANSWER: &str = "
    select t.id, t.tool_id, t.version, t.nonce, t.ciphertext, t.data_key_id, t.wrapped,
           t.master_key_id
    from secrets.take_answer($1, $2, $3) as t";

const EXPIRE: &str = "
    delete from secrets.authorizations a
    where a.id in (
        select x.id
        from secrets.authorizations x
        where x.expires_at < now()
        limit $1
    )
    returning a.id::text as id";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("authorizations::forget", FORGET, Authenticated, Affected),
    statement!("authorizations::begin", BEGIN, Authenticated, Began),
    statement!("authorizations::answer", ANSWER, Authenticated, Affected),
    statement!("authorizations::take", TAKE, Authenticator, TakenRow),
    statement!("authorizations::expire", EXPIRE, ServiceRole, Affected),
    statement!(
        "authorizations::take_answer",
        TAKE_ANSWER,
        Authenticator,
        AnswerRow
    ),
];

/// Forgets the person's consents for this connection, and those that were never finished.
///
/// # Errors
/// The database's.
pub async fn forget(
    tx: &mut Tx,
    workspace: WorkspaceId,
    person: UserId,
    connection: ConnectionId,
) -> Result<(), Error> {
    let query = query_as::<_, Affected>(FORGET)
        .bind(workspace.0)
        .bind(person.0)
        .bind(connection.0);
    tx.all(query).await.map(drop)
}

/// As the system: forgets up to `limit` consents that were not finished in time. Answers how many.
///
/// # Errors
/// The database's.
pub async fn expire(tx: &mut Tx, limit: i64) -> Result<usize, Error> {
    let query = query_as::<_, Affected>(EXPIRE).bind(limit);
    Ok(tx.all(query).await?.len())
}

/// Begins a consent; answers until when it can be given.
///
/// # Errors
/// [`Error::Forbidden`] for a connection that the principal may not manage.
pub async fn begin(
    tx: &mut Tx,
    workspace: WorkspaceId,
    authorization: &NewAuthorization<'_>,
) -> Result<DateTime<Utc>, Error> {
    let query = query_as::<_, Began>(BEGIN)
        .bind(authorization.id)
        .bind(workspace.0)
        .bind(authorization.connection_id.0)
        .bind(authorization.tool_id.as_str())
        .bind(authorization.state_hash.as_slice())
        .bind(authorization.sealed.nonce)
        .bind(authorization.sealed.ciphertext)
        .bind(authorization.sealed.data_key_id);
    Ok(tx.one(query).await?.expires_at)
}

/// Keeps what the provider answered until the person confirms. False when the consent is no longer waited for.
///
/// # Errors
/// The database's.
pub async fn answer(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: Uuid,
    sealed: Sealed<'_>,
) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(ANSWER)
        .bind(workspace.0)
        .bind(id)
        .bind(sealed.nonce)
        .bind(sealed.ciphertext)
        .bind(sealed.data_key_id);
    Ok(tx.maybe(query).await?.is_some())
}

/// Takes a state, once. `None` for one that is unknown, used or too old.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn take(db: &Db, state_hash: &[u8; 32]) -> Result<Option<TakenAuthorization>, Error> {
    let hash = state_hash.as_slice();
    let rows = db.once(|| query_as::<_, TakenRow>(TAKE).bind(hash)).await?;
    Ok(rows.into_iter().next().map(|row| TakenAuthorization {
        id: row.id,
        workspace_id: WorkspaceId(row.workspace_id),
        workspace_name: row.workspace_name,
        connection_id: ConnectionId(row.connection_id),
        started_by: UserId(row.started_by),
        email: row.email,
        tool_id: row.tool_id,
        fingerprint: row.fingerprint,
        sealed: sealed(
            (row.nonce, row.ciphertext),
            (row.data_key_id, row.wrapped, row.master_key_id),
        ),
    }))
}

/// What the provider answered for this connection; each asking counts as one guess of the code. `None` when
/// nothing waits for the principal's word.
///
/// # Errors
/// [`Error::Forbidden`] below member; [`Error::Unavailable`].
pub async fn take_answer(
    db: &Db,
    principal: &Principal,
    workspace: WorkspaceId,
    connection: ConnectionId,
) -> Result<Option<TakenAnswer>, Error> {
    let claims = principal.claims(Some(workspace));
    let rows = db
        .once(|| {
            query_as::<_, AnswerRow>(TAKE_ANSWER)
                .bind(claims.as_str())
                .bind(workspace.0)
                .bind(connection.0)
        })
        .await?;
    Ok(rows.into_iter().next().map(|row| TakenAnswer {
        id: row.id,
        tool_id: row.tool_id,
        version: row.version,
        sealed: sealed(
            (row.nonce, row.ciphertext),
            (row.data_key_id, row.wrapped, row.master_key_id),
        ),
    }))
}

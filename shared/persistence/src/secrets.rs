//! `secrets.secrets`: sealed values, readable only together with a row in the audit.

use chrono::{DateTime, Utc};
use domain::caller::Principal;
use domain::ids::{ExecutionId, SecretId, SecretName, WorkspaceId};
use sqlx::query_as;
use uuid::Uuid;

use crate::Insert;
use crate::data_keys::DataKey;
use crate::db::{Db, Tx};
use crate::error::Error;
use crate::statements::{Affected, Statement, row, statement};

/// A secret to be stored, already sealed.
#[derive(Clone, Debug)]
pub struct NewSecret<'a> {
    /// The id.
    pub id: SecretId,
    /// The owner.
    pub workspace_id: WorkspaceId,
    /// The name, unique in the workspace.
    pub name: &'a SecretName,
    /// Where the value lives: `builtin`, `aws_secrets_manager` or `environment`.
    pub provider: &'a str,
    /// The workspace's own configuration of that store.
    pub provider_id: Option<Uuid>,
    /// The value as the builtin provider keeps it.
    pub sealed: Option<Sealed<'a>>,
    /// What the other providers call it.
    pub reference: Option<&'a str>,
    /// Hosts that it may be sent to; none yet when empty.
    pub allowed_hosts: &'a [String],
    /// Whose work the secret waits for: it is not ready until [`secret_work::confirm`] with the same.
    ///
    /// [`secret_work::confirm`]: crate::secret_work::confirm
    pub attempt: Option<Uuid>,
}

/// A sealed value.
#[derive(Clone, Copy, Debug)]
pub struct Sealed<'a> {
    /// The nonce, 12 bytes.
    pub nonce: &'a [u8],
    /// Ciphertext and tag.
    pub ciphertext: &'a [u8],
    /// The data key that sealed it.
    pub data_key_id: Uuid,
}

row! {
    /// A secret as its workspace's people see it: no value, no length, no hash.
    #[derive(PartialEq, Eq)]
    pub struct SecretMeta {
        /// The id.
        pub id: Uuid,
        /// The name.
        pub name: String,
        /// Where the value lives: `builtin`, `aws_secrets_manager` or `environment`.
        pub kind: String,
        /// The name of the store's configuration; the kind itself unless the workspace named one.
        pub provider: String,
        /// Hosts that it may be sent to.
        pub allowed_hosts: Vec<String>,
        /// Counted from 1, raised by rotation.
        pub version: i32,
        /// When it was made.
        pub created_at: DateTime<Utc>,
        /// When it was last changed.
        pub updated_at: DateTime<Utc>,
        /// Who made it.
        pub created_by: Option<Uuid>,
        /// When a call last used it, to the minute.
        pub last_used_at: Option<DateTime<Utc>>,
    }
}

/// A secret with its sealed value and the wrapped key to it, for the vault.
#[derive(Clone, Debug)]
pub struct SealedSecret {
    /// The id.
    pub id: SecretId,
    /// The name.
    pub name: String,
    /// Where the value lives.
    pub provider: String,
    /// The version of the value.
    pub version: i32,
    /// The nonce; empty unless the provider is `builtin`.
    pub nonce: Vec<u8>,
    /// Ciphertext and tag; empty unless the provider is `builtin`.
    pub ciphertext: Vec<u8>,
    /// The key that sealed it, wrapped by a master key.
    pub data_key: Option<DataKey>,
    /// Hosts that it may be sent to.
    pub allowed_hosts: Vec<String>,
    /// What another provider calls it.
    pub reference: Option<String>,
}

/// What a secret is fetched for; stands in the audit.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The tool that names it.
    pub tool_id: &'a str,
    /// The execution that needs it.
    pub execution_id: ExecutionId,
    /// The host that it is meant for.
    pub host: &'a str,
}

row! {
    struct FetchedRow {
        id: Uuid,
        name: String,
        provider: String,
        version: i32,
        nonce: Option<Vec<u8>>,
        ciphertext: Option<Vec<u8>>,
        allowed_hosts: Vec<String>,
        reference: Option<String>,
        data_key_id: Option<Uuid>,
        wrapped: Option<Vec<u8>>,
        master_key_id: Option<String>,
    }
}

const INSERT: &str = "
    insert into secrets.secrets as s
        (id, workspace_id, name, provider, provider_id, nonce, ciphertext, data_key_id, reference,
         allowed_hosts, state, attempt, settling_until)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
            case when $11::uuid is null then 'ready' else 'pending' end, $11,
            case when $11::uuid is not null then now() + interval '30 seconds' end)
    on conflict (workspace_id, name) do nothing
    returning s.id, s.name, s.provider as kind,
              coalesce(
                  (select p.name
                   from secrets.secret_providers p
                   where p.workspace_id = s.workspace_id
                     and p.id = s.provider_id),
                  s.provider) as provider,
              s.allowed_hosts, s.version, s.created_at, s.updated_at, s.created_by, s.last_used_at";

const PAGE: &str = "
    select s.id, s.name, s.provider as kind, coalesce(p.name, s.provider) as provider,
           s.allowed_hosts, s.version, s.created_at, s.updated_at, s.created_by, s.last_used_at
    from secrets.secrets s
    left join secrets.secret_providers p on p.workspace_id = s.workspace_id and p.id = s.provider_id
    where s.workspace_id = $1
      and s.state = 'ready'
      and s.name > $2
    order by s.name
    limit $3";

const BY_NAME: &str = "
    select s.id, s.name, s.provider as kind, coalesce(p.name, s.provider) as provider,
           s.allowed_hosts, s.version, s.created_at, s.updated_at, s.created_by, s.last_used_at
    from secrets.secrets s
    left join secrets.secret_providers p on p.workspace_id = s.workspace_id and p.id = s.provider_id
    where s.workspace_id = $1
      and s.state = 'ready'
      and s.name = $2";

const DELETE: &str = "
    delete from secrets.secrets s
    where s.workspace_id = $1
      and s.name = $2
      and s.provider <> 'aws_secrets_manager'
    returning s.name as id";

const BIND_HOSTS: &str = "
    update secrets.secrets s
    set allowed_hosts = $3
    where s.workspace_id = $1
      and s.name = $2
      and s.state = 'ready'
      and s.allowed_hosts = '{}'
    returning s.name as id";

const ROTATE: &str = "
    update secrets.secrets s
    set nonce = $4,
        ciphertext = $5,
        data_key_id = $6,
        version = s.version + 1
    where s.workspace_id = $1
      and s.name = $2
      and s.version = $3
      and s.provider = 'builtin'
    returning s.name as id";

const SET_HOSTS: &str = "
    update secrets.secrets s
    set allowed_hosts = $3
    where s.workspace_id = $1
      and s.name = $2
      and s.state = 'ready'
    returning s.name as id";

const FETCH_FOR_USE: &str = "
    select f.id, f.name, f.provider, f.version, f.nonce, f.ciphertext, f.allowed_hosts,
           f.reference, f.data_key_id, f.wrapped, f.master_key_id
    from secrets.fetch_for_use($1, $2, $3, $4, $5, $6) as f";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("secrets::insert", INSERT, Authenticated, SecretMeta),
    statement!("secrets::page", PAGE, Authenticated, SecretMeta),
    statement!("secrets::by_name", BY_NAME, Authenticated, SecretMeta),
    statement!("secrets::delete", DELETE, Authenticated, Affected),
    statement!("secrets::bind_hosts", BIND_HOSTS, Authenticated, Affected),
    statement!("secrets::rotate", ROTATE, Authenticated, Affected),
    statement!("secrets::set_hosts", SET_HOSTS, Authenticated, Affected),
    statement!(
        "secrets::fetch_for_use",
        FETCH_FOR_USE,
        Authenticator,
        FetchedRow
    ),
];

/// Stores a secret. [`Insert::Exists`] when the name is taken.
///
/// # Errors
/// [`Error::Forbidden`] below admin.
pub async fn insert(tx: &mut Tx, secret: &NewSecret<'_>) -> Result<Insert<SecretMeta>, Error> {
    let query = query_as(INSERT)
        .bind(secret.id.0)
        .bind(secret.workspace_id.0)
        .bind(secret.name.as_str())
        .bind(secret.provider)
        .bind(secret.provider_id)
        .bind(secret.sealed.map(|sealed| sealed.nonce))
        .bind(secret.sealed.map(|sealed| sealed.ciphertext))
        .bind(secret.sealed.map(|sealed| sealed.data_key_id))
        .bind(secret.reference)
        .bind(secret.allowed_hosts)
        .bind(secret.attempt);
    Ok(tx
        .maybe(query)
        .await?
        .map_or(Insert::Exists, Insert::Created))
}

/// The workspace's secrets in the order of their names, after the given one.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<SecretMeta>, Error> {
    tx.all(
        query_as(PAGE)
            .bind(workspace.0)
            .bind(after.unwrap_or_default())
            .bind(limit),
    )
    .await
}

/// One secret's description.
///
/// # Errors
/// The database's.
pub async fn by_name(
    tx: &mut Tx,
    workspace: WorkspaceId,
    name: &SecretName,
) -> Result<Option<SecretMeta>, Error> {
    tx.maybe(query_as(BY_NAME).bind(workspace.0).bind(name.as_str()))
        .await
}

/// Deletes a secret whose value does not live outside; nothing of it stays. False when there is none
/// of that name, or the asking person is no admin.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &mut Tx, workspace: WorkspaceId, name: &SecretName) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(DELETE)
        .bind(workspace.0)
        .bind(name.as_str());
    Ok(tx.maybe(query).await?.is_some())
}

/// Binds a secret to the hosts of the first tool that an admin saves with it. False when it is bound
/// already, there is none of that name, or the asking person is no admin.
///
/// # Errors
/// The database's.
pub async fn bind_hosts(
    tx: &mut Tx,
    workspace: WorkspaceId,
    name: &SecretName,
    hosts: &[String],
) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(BIND_HOSTS)
        .bind(workspace.0)
        .bind(name.as_str())
        .bind(hosts);
    Ok(tx.maybe(query).await?.is_some())
}

/// Replaces a builtin secret's value, which becomes the version after `from_version`. False when the
/// version is another by now, there is none of that name, or the asking person is no admin.
///
/// # Errors
/// The database's.
pub async fn rotate(
    tx: &mut Tx,
    workspace: WorkspaceId,
    name: &SecretName,
    from_version: i32,
    sealed: Sealed<'_>,
) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(ROTATE)
        .bind(workspace.0)
        .bind(name.as_str())
        .bind(from_version)
        .bind(sealed.nonce)
        .bind(sealed.ciphertext)
        .bind(sealed.data_key_id);
    Ok(tx.maybe(query).await?.is_some())
}

/// Replaces the hosts that a secret may be sent to. False when there is none of that name, or the
/// asking person is no admin.
///
/// # Errors
/// The database's.
pub async fn set_hosts(
    tx: &mut Tx,
    workspace: WorkspaceId,
    name: &SecretName,
    hosts: &[String],
) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(SET_HOSTS)
        .bind(workspace.0)
        .bind(name.as_str())
        .bind(hosts);
    Ok(tx.maybe(query).await?.is_some())
}

/// Writes who uses these secrets for what into the audit, and answers their sealed values: one
/// statement, durable when it returns. Names without a secret are left out.
///
/// # Errors
/// [`Error::Forbidden`] below member; [`Error::Unavailable`]: then nothing was fetched.
pub async fn fetch_for_use(
    db: &Db,
    principal: &Principal,
    workspace: WorkspaceId,
    names: &[SecretName],
    purpose: Use<'_>,
) -> Result<Vec<SealedSecret>, Error> {
    let claims = principal.claims(Some(workspace));
    let names: Vec<&str> = names.iter().map(SecretName::as_str).collect();
    let rows = db
        .once(|| {
            query_as::<_, FetchedRow>(FETCH_FOR_USE)
                .bind(claims.as_str())
                .bind(workspace.0)
                .bind(names.as_slice())
                .bind(purpose.tool_id)
                .bind(purpose.execution_id.0)
                .bind(purpose.host)
        })
        .await?;
    Ok(rows.into_iter().map(SealedSecret::from).collect())
}

impl From<FetchedRow> for SealedSecret {
    fn from(row: FetchedRow) -> Self {
        let data_key = match (row.data_key_id, row.wrapped, row.master_key_id) {
            (Some(id), Some(wrapped), Some(master_key_id)) => Some(DataKey {
                id,
                wrapped,
                master_key_id,
            }),
            _ => None,
        };
        Self {
            id: SecretId(row.id),
            name: row.name,
            provider: row.provider,
            version: row.version,
            nonce: row.nonce.unwrap_or_default(),
            ciphertext: row.ciphertext.unwrap_or_default(),
            data_key,
            allowed_hosts: row.allowed_hosts,
            reference: row.reference,
        }
    }
}

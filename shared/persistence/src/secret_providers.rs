//! `secrets.secret_providers`: a workspace's named configurations of where values live.

use chrono::{DateTime, Utc};
use domain::ids::WorkspaceId;
use serde_json::Value;
use sqlx::query_as;
use uuid::Uuid;

use crate::Insert;
use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Affected, Statement, row, statement};

row! {
    /// A named configuration.
    #[derive(PartialEq)]
    pub struct ProviderRow {
        /// The id.
        pub id: Uuid,
        /// The name, unique in the workspace.
        pub name: String,
        /// `builtin`, `aws_secrets_manager` or `environment`.
        pub kind: String,
        /// What the kind needs to know.
        pub config: Value,
        /// When it was made.
        pub created_at: DateTime<Utc>,
        /// Who made it.
        pub created_by: Option<Uuid>,
    }
}

const INSERT: &str = "
    insert into secrets.secret_providers (workspace_id, name, kind, config)
    values ($1, $2, $3, $4::text::json)
    on conflict (workspace_id, name) do nothing
    returning id, name, kind, config, created_at, created_by";

const ALL: &str = "
    select p.id, p.name, p.kind, p.config, p.created_at, p.created_by
    from secrets.secret_providers p
    where p.workspace_id = $1
    order by p.name";

const BY_NAME: &str = "
    select p.id, p.name, p.kind, p.config, p.created_at, p.created_by
    from secrets.secret_providers p
    where p.workspace_id = $1
      and p.name = $2";

const DELETE: &str = "
    delete from secrets.secret_providers p
    where p.workspace_id = $1
      and p.name = $2
    returning p.name as id";

const SECRETS_IN: &str = "
    select s.name as id
    from secrets.secrets s
    where s.workspace_id = $1
      and s.provider_id = $2
    order by s.name
    limit 20";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!(
        "secret_providers::insert",
        INSERT,
        Authenticated,
        ProviderRow
    ),
    statement!("secret_providers::all", ALL, Authenticated, ProviderRow),
    statement!(
        "secret_providers::by_name",
        BY_NAME,
        Authenticated,
        ProviderRow
    ),
    statement!("secret_providers::delete", DELETE, Authenticated, Affected),
    statement!(
        "secret_providers::secrets_in",
        SECRETS_IN,
        Authenticated,
        Affected
    ),
];

/// Stores a configuration. [`Insert::Exists`] when the name is taken.
///
/// # Errors
/// [`Error::Forbidden`] below admin.
pub async fn insert(
    tx: &mut Tx,
    workspace: WorkspaceId,
    name: &str,
    kind: &str,
    config: &Value,
) -> Result<Insert<ProviderRow>, Error> {
    let query = query_as(INSERT)
        .bind(workspace.0)
        .bind(name)
        .bind(kind)
        .bind(config.to_string());
    Ok(tx
        .maybe(query)
        .await?
        .map_or(Insert::Exists, Insert::Created))
}

/// All of the workspace's, by name.
///
/// # Errors
/// The database's.
pub async fn all(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<ProviderRow>, Error> {
    tx.all(query_as(ALL).bind(workspace.0)).await
}

/// The one of this name.
///
/// # Errors
/// The database's.
pub async fn by_name(
    tx: &mut Tx,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Option<ProviderRow>, Error> {
    tx.maybe(query_as(BY_NAME).bind(workspace.0).bind(name))
        .await
}

/// Deletes the one of this name. False when there is none, or the asking person is no admin.
///
/// # Errors
/// [`Error::Conflict`] while secrets live in it.
pub async fn delete(tx: &mut Tx, workspace: WorkspaceId, name: &str) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(DELETE).bind(workspace.0).bind(name);
    Ok(tx.maybe(query).await?.is_some())
}

/// The names of the first 20 secrets that live in it.
///
/// # Errors
/// The database's.
pub async fn secrets_in(
    tx: &mut Tx,
    workspace: WorkspaceId,
    provider: Uuid,
) -> Result<Vec<String>, Error> {
    let query = query_as::<_, Affected>(SECRETS_IN)
        .bind(workspace.0)
        .bind(provider);
    Ok(tx.all(query).await?.into_iter().map(|row| row.id).collect())
}

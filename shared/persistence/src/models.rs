//! `orchestration.models`: a workspace's own model server.

use chrono::{DateTime, Utc};
use domain::ids::{SecretName, WorkspaceId};
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Affected, Statement, row, statement};

row! {
    /// The setting. It names the key's secret and never holds the key.
    #[derive(PartialEq, Eq)]
    pub struct ModelRow {
        /// The address before `/responses`, without a slash at the end.
        pub base_url: String,
        /// The model of requests that name none.
        pub model: Option<String>,
        /// The name of the secret that holds the key.
        pub api_key: String,
        /// When it was first set.
        pub created_at: DateTime<Utc>,
        /// When it last changed.
        pub updated_at: DateTime<Utc>,
        /// Who changed it last.
        pub updated_by: Option<Uuid>,
    }
}

const OF_WORKSPACE: &str = "
    select m.base_url, m.model, m.api_key, m.created_at, m.updated_at, m.updated_by
    from orchestration.models m
    where m.workspace_id = $1";

const SET: &str = "
    insert into orchestration.models as m (workspace_id, base_url, model, api_key)
    values ($1, $2, $3, $4)
    on conflict (workspace_id) do update
    set base_url = excluded.base_url,
        model = excluded.model,
        api_key = excluded.api_key,
        updated_at = now(),
        updated_by = auth.uid()
    returning m.base_url, m.model, m.api_key, m.created_at, m.updated_at, m.updated_by";

const REMOVE: &str = "
    delete from orchestration.models m
    where m.workspace_id = $1
    returning m.base_url as id";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!(
        "models::of_workspace",
        OF_WORKSPACE,
        Authenticated,
        ModelRow
    ),
    statement!("models::set", SET, Authenticated, ModelRow),
    statement!("models::remove", REMOVE, Authenticated, Affected),
];

/// The workspace's own server, if it has one. None below member.
///
/// # Errors
/// The database's.
pub async fn of_workspace(tx: &mut Tx, workspace: WorkspaceId) -> Result<Option<ModelRow>, Error> {
    tx.maybe(query_as(OF_WORKSPACE).bind(workspace.0)).await
}

/// Sets it, in place of one that is there.
///
/// # Errors
/// [`Error::Forbidden`] below admin.
pub async fn set(
    tx: &mut Tx,
    workspace: WorkspaceId,
    base_url: &str,
    model: Option<&str>,
    api_key: &SecretName,
) -> Result<ModelRow, Error> {
    let query = query_as(SET)
        .bind(workspace.0)
        .bind(base_url)
        .bind(model)
        .bind(api_key.as_str());
    tx.one(query).await
}

/// Removes it and answers its base URL. None when there is none, or the asking person is no admin.
///
/// # Errors
/// The database's.
pub async fn remove(tx: &mut Tx, workspace: WorkspaceId) -> Result<Option<String>, Error> {
    let query = query_as::<_, Affected>(REMOVE).bind(workspace.0);
    Ok(tx.maybe(query).await?.map(|row| row.id))
}

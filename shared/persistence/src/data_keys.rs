//! `secrets.data_keys`: one key per workspace that seals its secrets, itself wrapped by a master key.

use domain::ids::WorkspaceId;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Affected, Nothing, Statement, row, statement};

row! {
    /// A wrapped data key.
    #[derive(PartialEq, Eq)]
    pub struct DataKey {
        /// The id.
        pub id: Uuid,
        /// The key, sealed by the master key.
        pub wrapped: Vec<u8>,
        /// Which master key.
        pub master_key_id: String,
    }
}

row! {
    /// A wrapped data key and whose it is, for wrapping anew.
    #[derive(PartialEq, Eq)]
    pub struct OwnedDataKey {
        /// The id.
        pub id: Uuid,
        /// Whose.
        pub workspace_id: Uuid,
        /// The key, sealed by the master key.
        pub wrapped: Vec<u8>,
        /// Which master key.
        pub master_key_id: String,
    }
}

const CURRENT: &str = "
    select k.id, k.wrapped, k.master_key_id
    from secrets.data_keys k
    where k.workspace_id = $1
      and k.retired_at is null";

const INSERT: &str = "
    insert into secrets.data_keys (id, workspace_id, wrapped, master_key_id)
    values ($1, $2, $3, $4)
    on conflict (workspace_id) where retired_at is null do nothing";

const FOR_REWRAP: &str = "
    select k.id, k.workspace_id, k.wrapped, k.master_key_id
    from secrets.data_keys k
    where k.master_key_id <> $1
    order by k.id
    limit $2
    for update skip locked";

const REWRAP: &str = "
    update secrets.data_keys k
    set wrapped = $2,
        master_key_id = $3
    where k.id = $1
    returning k.id::text as id";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("data_keys::current", CURRENT, Authenticated, DataKey),
    statement!(
        "data_keys::insert_if_absent",
        INSERT,
        Authenticated,
        Nothing
    ),
    statement!(
        "data_keys::for_rewrap",
        FOR_REWRAP,
        ServiceRole,
        OwnedDataKey
    ),
    statement!("data_keys::rewrap", REWRAP, ServiceRole, Affected),
];

/// The key that seals new secrets of the workspace; admins only.
///
/// # Errors
/// The database's.
pub async fn current(tx: &mut Tx, workspace: WorkspaceId) -> Result<Option<DataKey>, Error> {
    tx.maybe(query_as(CURRENT).bind(workspace.0)).await
}

/// Stores the workspace's first key, unless somebody else just did: the answer is the one that counts.
///
/// # Errors
/// [`Error::Forbidden`] below admin.
pub async fn insert_if_absent(
    tx: &mut Tx,
    workspace: WorkspaceId,
    key: &DataKey,
) -> Result<DataKey, Error> {
    tx.all(
        query_as::<_, Nothing>(INSERT)
            .bind(key.id)
            .bind(workspace.0)
            .bind(key.wrapped.as_slice())
            .bind(key.master_key_id.as_str()),
    )
    .await?;
    tx.one(query_as(CURRENT).bind(workspace.0)).await
}

/// As the system: keys that are wrapped by another master key than this one, locked.
///
/// # Errors
/// The database's.
pub async fn for_rewrap(
    tx: &mut Tx,
    master_key_id: &str,
    limit: i64,
) -> Result<Vec<OwnedDataKey>, Error> {
    tx.all(query_as(FOR_REWRAP).bind(master_key_id).bind(limit))
        .await
}

/// As the system: stores a key under its new wrapping. False when it is gone.
///
/// # Errors
/// The database's.
pub async fn rewrap(tx: &mut Tx, key: &DataKey) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(REWRAP)
        .bind(key.id)
        .bind(key.wrapped.as_slice())
        .bind(key.master_key_id.as_str());
    Ok(tx.maybe(query).await?.is_some())
}

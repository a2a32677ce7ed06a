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

row! {
    /// A key that seals nothing new any more.
    #[derive(PartialEq, Eq)]
    pub struct RetiredKey {
        /// The id.
        pub id: Uuid,
        /// Whose.
        pub workspace_id: Uuid,
    }
}

row! {
    struct Count {
        keys: i64,
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
    where k.master_key_id = any ($1)
    order by k.id
    limit $2
    for update skip locked";

const REWRAP: &str = "
    update secrets.data_keys k
    set wrapped = $2,
        master_key_id = $3
    where k.id = $1
    returning k.id::text as id";

const OF_OTHERS: &str = "
    select count(*) as keys
    from secrets.data_keys k
    where k.master_key_id <> $1";

const RETIRE: &str = "
    update secrets.data_keys k
    set retired_at = now()
    where k.id in (
        select d.id
        from secrets.data_keys d
        where d.retired_at is null
          and d.created_at < now() - make_interval(days => $1)
        order by d.created_at
        limit $2
        for update skip locked
    )
    returning k.id, k.workspace_id";

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
    statement!("data_keys::of_other_masters", OF_OTHERS, ServiceRole, Count),
    statement!("data_keys::retire", RETIRE, ServiceRole, RetiredKey),
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

/// As the system: keys that one of these master keys wraps, locked.
///
/// # Errors
/// The database's.
pub async fn for_rewrap(
    tx: &mut Tx,
    master_key_ids: &[&str],
    limit: i64,
) -> Result<Vec<OwnedDataKey>, Error> {
    tx.all(query_as(FOR_REWRAP).bind(master_key_ids).bind(limit))
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

/// As the system: keys older than so many days seal nothing new from now on; the next value makes its
/// workspace a new one. What they sealed still opens.
///
/// # Errors
/// The database's.
pub async fn retire(tx: &mut Tx, days: i32, limit: i64) -> Result<Vec<RetiredKey>, Error> {
    tx.all(query_as(RETIRE).bind(days).bind(limit)).await
}

/// As the system: how many keys another master key than this one wraps.
///
/// # Errors
/// The database's.
pub async fn of_other_masters(tx: &mut Tx, master_key_id: &str) -> Result<i64, Error> {
    let count: Count = tx.one(query_as(OF_OTHERS).bind(master_key_id)).await?;
    Ok(count.keys)
}

//! The life of data keys after they were made: wrapped anew by another master key, and retired with age.

use domain::ids::WorkspaceId;
use persistence::audit::{self, NewAudit};
use persistence::data_keys::{self, DataKey, OwnedDataKey};
use persistence::{Db, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::Error;
use crate::master_keys::MasterKeys;

/// Wraps up to `limit` data keys of older master keys with the current one. Answers how many.
///
/// # Errors
/// [`Error::Sealed`] when one cannot be opened, after the others are done; the database's.
pub(crate) async fn rewrap(db: &Db, masters: &MasterKeys, limit: i64) -> Result<usize, Error> {
    let older = masters.older_ids();
    if older.is_empty() {
        return Ok(0);
    }
    let mut tx = db.begin_system().await?;
    let keys = data_keys::for_rewrap(&mut tx, &older, limit).await?;
    let (mut done, mut stuck) = (0, None);
    for key in &keys {
        match anew(masters, key) {
            Ok(row) => {
                data_keys::rewrap(&mut tx, &row).await?;
                let detail = json!({ "from": key.master_key_id, "to": row.master_key_id });
                note(&mut tx, key.workspace_id, "data_key.rewrap", key.id, detail).await?;
                done += 1;
            }
            Err(error) => stuck = Some(error),
        }
    }
    tx.commit().await?;
    stuck.map_or(Ok(done), Err)
}

/// How many data keys another master key than the current one wraps, configured or not.
///
/// # Errors
/// The database's.
pub(crate) async fn left(db: &Db, masters: &MasterKeys) -> Result<i64, Error> {
    let mut tx = db.begin_system().await?;
    let left = data_keys::of_other_masters(&mut tx, masters.current_id()).await?;
    tx.commit().await?;
    Ok(left)
}

fn anew(masters: &MasterKeys, key: &OwnedDataKey) -> Result<DataKey, Error> {
    let sealed = |why: String| Error::Sealed(format!("data key {}: {why}", key.id));
    let opened = masters
        .unwrap(key.workspace_id, &key.master_key_id, &key.wrapped)
        .map_err(|error| sealed(error.to_string()))?;
    let wrapped = masters
        .wrap(key.workspace_id, &opened)
        .map_err(|error| sealed(error.to_string()))?;
    Ok(DataKey {
        id: key.id,
        wrapped: wrapped.bytes,
        master_key_id: wrapped.master_key_id,
    })
}

/// Lets up to `limit` data keys that are older than so many days seal nothing new any more. Answers how
/// many.
///
/// # Errors
/// The database's.
pub(crate) async fn retire(db: &Db, days: i32, limit: i64) -> Result<usize, Error> {
    let mut tx = db.begin_system().await?;
    let keys = data_keys::retire(&mut tx, days, limit).await?;
    for key in &keys {
        note(
            &mut tx,
            key.workspace_id,
            "data_key.retire",
            key.id,
            json!({}),
        )
        .await?;
    }
    tx.commit().await?;
    Ok(keys.len())
}

async fn note(
    tx: &mut Tx,
    workspace: Uuid,
    action: &str,
    key: Uuid,
    detail: Value,
) -> Result<(), Error> {
    let entry = NewAudit {
        workspace_id: WorkspaceId(workspace),
        actor: None,
        action,
        subject_kind: "data_key",
        subject: &key.to_string(),
        detail,
    };
    Ok(audit::append(tx, &entry).await?)
}

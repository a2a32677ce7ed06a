//! The builtin store: values sealed in their rows, each workspace's under a data key of its own.

use std::time::Instant;

use domain::ids::WorkspaceId;
use persistence::Tx;
use persistence::data_keys::{self, DataKey};
use persistence::secrets::SealedSecret;
use secrecy::SecretString;
use uuid::Uuid;

use super::{Store, StoreError};
use crate::error::Error;
use crate::master_keys::MasterKeys;
use crate::open_keys::OpenKeys;
use crate::seal::{self, KeyBytes, value_context};

/// The operator's master keys, and the data keys that were opened with them.
pub(crate) struct Builtin {
    pub(crate) masters: MasterKeys,
    open_keys: OpenKeys,
}

impl Builtin {
    pub(crate) fn new(masters: MasterKeys) -> Self {
        Self {
            masters,
            open_keys: OpenKeys::default(),
        }
    }

    /// The data key that seals new values of the workspace; made when it has none yet.
    pub(crate) async fn sealing_key(
        &self,
        tx: &mut Tx,
        workspace: WorkspaceId,
    ) -> Result<(Uuid, KeyBytes), Error> {
        let stored = match data_keys::current(tx, workspace).await? {
            Some(stored) => stored,
            None => {
                let made = self.wrapped_key(workspace)?;
                // Of two made at once, the one that was stored counts.
                data_keys::insert_if_absent(tx, workspace, &made).await?
            }
        };
        // Not kept for later: the transaction may yet fail, and sealing is rare.
        let key = self.unwrapped(workspace, &stored)?;
        Ok((stored.id, key))
    }

    /// A new random data key for the workspace, wrapped.
    pub(crate) fn wrapped_key(&self, workspace: WorkspaceId) -> Result<DataKey, Error> {
        let sealed = |error: seal::SealError| Error::Sealed(error.to_string());
        let key = seal::random_key().map_err(sealed)?;
        let wrapped = self.masters.wrap(workspace.0, &key).map_err(sealed)?;
        Ok(DataKey {
            id: Uuid::now_v7(),
            wrapped: wrapped.bytes,
            master_key_id: wrapped.master_key_id,
        })
    }

    /// The data key that opens what was sealed with it; kept for a minute.
    pub(crate) fn opening_key(
        &self,
        workspace: WorkspaceId,
        data_key: &DataKey,
    ) -> Result<KeyBytes, Error> {
        let id = (workspace, data_key.id);
        if let Some(key) = self.open_keys.get(&id, Instant::now()) {
            return Ok(key);
        }
        let key = self.unwrapped(workspace, data_key)?;
        self.open_keys.keep(id, key.clone(), Instant::now());
        Ok(key)
    }

    fn unwrapped(&self, workspace: WorkspaceId, stored: &DataKey) -> Result<KeyBytes, Error> {
        self.masters
            .unwrap(workspace.0, &stored.master_key_id, &stored.wrapped)
            .map_err(|error| Error::Sealed(error.to_string()))
    }
}

impl Store for Builtin {
    async fn read(
        &self,
        workspace: WorkspaceId,
        row: &SealedSecret,
    ) -> Result<SecretString, StoreError> {
        let unusable = |why: String| StoreError::Unusable(why);
        let Some(data_key) = &row.data_key else {
            return Err(unusable(format!("{} has no data key", row.name)));
        };
        let key = self
            .opening_key(workspace, data_key)
            .map_err(|error| unusable(error.to_string()))?;
        let context = value_context(workspace.0, &row.name, row.version);
        let mut bytes = seal::open(&key, &context, &row.nonce, &row.ciphertext)
            .map_err(|_| unusable(format!("the stored value of {} was changed", row.name)))?;
        String::from_utf8(std::mem::take(&mut *bytes))
            .map(SecretString::from)
            .map_err(|_| unusable(format!("the stored value of {} is no text", row.name)))
    }
}

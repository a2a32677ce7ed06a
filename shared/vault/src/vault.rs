//! The vault itself: what it is made of, and what every operation of it begins with.

use std::sync::Arc;

use domain::caller::{Caller, Role};
use domain::ids::{SecretName, WorkspaceId};
use persistence::audit::{self, NewAudit};
use persistence::data_keys::DataKey;
use persistence::secrets::{self, SecretMeta};
use persistence::{Db, Tx};
use serde_json::Value;

use crate::error::Error;
use crate::master_keys::MasterKeys;
use crate::rewrap;
use crate::seal::KeyBytes;
use crate::stores::{Stores, StoresConfig};

/// The workspaces' secrets. Cheap to clone; all clones share the opened data keys and the kept values.
#[derive(Clone)]
pub struct Vault(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) stores: Stores,
}

impl Vault {
    /// A vault that keeps all values in this database, sealed under the operator's master keys.
    pub fn new(db: Db, masters: MasterKeys) -> Self {
        Self::with_stores(db, masters, StoresConfig::default())
    }

    /// A vault with other stores beside the builtin one. Nothing is connected yet.
    pub fn with_stores(db: Db, masters: MasterKeys, config: StoresConfig) -> Self {
        let stores = Stores::new(masters, config);
        Self(Arc::new(Inner { db, stores }))
    }

    /// The workspace's secrets by name, after the given one: what they are called, never what they are.
    /// No store is asked, so that the list can be read while one is down.
    ///
    /// # Errors
    /// [`Error::Forbidden`] below member, or the database's.
    pub async fn page(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<SecretMeta>, Error> {
        if caller.role < Role::Member {
            return Err(Error::Forbidden);
        }
        let mut tx = self.begin(caller).await?;
        let page = secrets::page(&mut tx, caller.workspace_id, after, limit).await?;
        tx.commit().await?;
        Ok(page)
    }

    /// Wraps up to `limit` data keys that an older master key wraps with the current one. Answers how
    /// many. As the system: for the sweep.
    ///
    /// # Errors
    /// [`Error::Sealed`] when one cannot be opened, after the others are done; the database's.
    pub async fn rewrap(&self, limit: i64) -> Result<usize, Error> {
        rewrap::rewrap(&self.0.db, &self.0.stores.builtin.masters, limit).await
    }

    /// How many data keys another master key than the current one still wraps, configured or not: at 0 the
    /// older ones can be taken away. As the system: for the operator.
    ///
    /// # Errors
    /// The database's.
    pub async fn left_to_rewrap(&self) -> Result<i64, Error> {
        rewrap::left(&self.0.db, &self.0.stores.builtin.masters).await
    }

    /// Lets up to `limit` data keys that are older than so many days seal nothing new any more; what they
    /// sealed still opens. Answers how many. As the system: for the sweep.
    ///
    /// # Errors
    /// The database's.
    pub async fn retire_data_keys(&self, days: i32, limit: i64) -> Result<usize, Error> {
        rewrap::retire(&self.0.db, days, limit).await
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    /// The data key that opens what was sealed with it; kept for a minute.
    pub(crate) fn opening_key(
        &self,
        workspace: WorkspaceId,
        data_key: &DataKey,
    ) -> Result<KeyBytes, Error> {
        self.0.stores.builtin.opening_key(workspace, data_key)
    }

    /// A new random data key for the workspace, wrapped.
    pub(crate) fn wrapped_key(&self, workspace: WorkspaceId) -> Result<DataKey, Error> {
        self.0.stores.builtin.wrapped_key(workspace)
    }

    pub(crate) async fn begin(&self, caller: &Caller) -> Result<Tx, Error> {
        let (db, workspace) = (&self.0.db, caller.workspace_id);
        Ok(db.begin_as(&caller.principal, Some(workspace)).await?)
    }
}

pub(crate) fn at_least_admin(caller: &Caller) -> Result<(), Error> {
    if caller.role >= Role::Admin {
        Ok(())
    } else {
        Err(Error::Forbidden)
    }
}

/// Writes into the audit what is done to a secret, in the transaction that does it.
pub(crate) async fn note(
    tx: &mut Tx,
    caller: &Caller,
    action: &str,
    name: &SecretName,
    detail: Value,
) -> Result<(), Error> {
    let entry = NewAudit {
        workspace_id: caller.workspace_id,
        actor: Some(caller.principal.user_id),
        action,
        subject_kind: "secret",
        subject: name.as_str(),
        detail,
    };
    Ok(audit::append(tx, &entry).await?)
}

//! Opens secrets for one use that is already in the audit.

use domain::caller::Caller;
use domain::ids::SecretName;
use futures_util::future::join_all;
use persistence::secrets::{self, SealedSecret, Use};
use secrecy::SecretString;

use crate::error::Error;
use crate::hosts;
use crate::stores::{Freshness, StoreError};
use crate::vault::Vault;

impl Vault {
    /// The values for one call, in the order of their names here. The use stands in the audit, durably,
    /// before any value is fetched. Without names nothing is asked.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::StoreUnavailable`]: then nothing may be sent;
    /// [`Error::Missing`] with every name that has no secret; [`Error::HostNotAllowed`];
    /// [`Error::Forbidden`] below member; [`Error::Sealed`].
    pub async fn open_for_use(
        &self,
        caller: &Caller,
        names: &[SecretName],
        purpose: Use<'_>,
    ) -> Result<Vec<(SecretName, SecretString)>, Error> {
        self.open(caller, names, purpose, Freshness::Kept).await
    }

    /// The same past whatever is kept in memory: for one more try after the upstream refused the value. A
    /// value that was read anew two seconds ago, or a store that is down, leaves the kept one.
    ///
    /// # Errors
    /// As [`open_for_use`](Self::open_for_use).
    pub async fn open_fresh(
        &self,
        caller: &Caller,
        names: &[SecretName],
        purpose: Use<'_>,
    ) -> Result<Vec<(SecretName, SecretString)>, Error> {
        self.open(caller, names, purpose, Freshness::Anew).await
    }

    async fn open(
        &self,
        caller: &Caller,
        names: &[SecretName],
        purpose: Use<'_>,
        freshness: Freshness,
    ) -> Result<Vec<(SecretName, SecretString)>, Error> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let (db, workspace) = (&self.0.db, caller.workspace_id);
        let rows = secrets::fetch_for_use(db, &caller.principal, workspace, names, purpose).await?;
        let found = pick(names, &rows)?;
        for (name, row) in &found {
            if !hosts::allows(&row.allowed_hosts, purpose.host) {
                return Err(Error::HostNotAllowed {
                    name: (*name).clone(),
                    host: purpose.host.to_owned(),
                });
            }
        }
        let stores = &self.0.stores;
        let reads = found
            .iter()
            .map(|(_, row)| stores.read(workspace, row, freshness));
        let values = join_all(reads).await;
        gathered(found.into_iter().map(|(name, _)| name).zip(values))
    }
}

/// All values, or why there are not all: every name whose value is gone at once, else the first reason.
fn gathered<'a>(
    read: impl Iterator<Item = (&'a SecretName, Result<SecretString, StoreError>)>,
) -> Result<Vec<(SecretName, SecretString)>, Error> {
    let (mut values, mut gone, mut reason) = (Vec::new(), Vec::new(), None);
    for (name, value) in read {
        match value {
            Ok(value) => values.push((name.clone(), value)),
            Err(StoreError::Gone) => gone.push(name.clone()),
            Err(StoreError::Unusable(why)) => {
                reason.get_or_insert(Error::Sealed(why));
            }
            Err(down @ StoreError::Unavailable(_)) => {
                reason.get_or_insert(Error::StoreUnavailable(down));
            }
        }
    }
    if !gone.is_empty() {
        return Err(Error::Missing { names: gone });
    }
    reason.map_or(Ok(values), Err)
}

/// The row of each name; or every name that has none.
fn pick<'a>(
    names: &'a [SecretName],
    rows: &'a [SealedSecret],
) -> Result<Vec<(&'a SecretName, &'a SealedSecret)>, Error> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match rows.iter().find(|row| row.name == name.as_str()) {
            Some(row) => found.push((name, row)),
            None => missing.push(name.clone()),
        }
    }
    if missing.is_empty() {
        Ok(found)
    } else {
        Err(Error::Missing { names: missing })
    }
}

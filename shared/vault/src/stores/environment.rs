//! The operator's environment as a store: only variables on the allow-list, for local development.

use std::collections::BTreeMap;

use domain::ids::WorkspaceId;
use persistence::secrets::SealedSecret;
use secrecy::SecretString;

use super::{Store, StoreError};
use crate::value;

/// The allowed variables that were set at start, with their values. The environment itself is read
/// elsewhere, once.
pub(crate) struct Environment(pub(crate) BTreeMap<String, SecretString>);

impl Environment {
    /// Whether a secret may stand for this variable.
    pub(crate) fn offers(&self, variable: &str) -> bool {
        self.0.contains_key(variable)
    }
}

impl Store for Environment {
    async fn read(&self, _: WorkspaceId, row: &SealedSecret) -> Result<SecretString, StoreError> {
        let variable = row.reference.as_deref().unwrap_or_default();
        let value = self.0.get(variable).ok_or(StoreError::Gone)?;
        match value::fault(value) {
            None => Ok(value.clone()),
            Some(fault) => Err(StoreError::Unusable(fault.message)),
        }
    }
}

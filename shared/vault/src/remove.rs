//! Deletes secrets. One whose value lives outside Postgres is first hidden, then removed outside, then gone:
//! killed anywhere, nobody can use it any more, and whoever comes next finishes the removal.

use domain::caller::Caller;
use domain::ids::{SecretId, SecretName, WorkspaceId};
use persistence::{secret_work, secrets};
use serde_json::json;
use uuid::Uuid;

use crate::error::Error;
use crate::stores::StoreKind;
use crate::vault::{Vault, at_least_admin, note};

impl Vault {
    /// Deletes a secret; no tool can use it from then on. False when there is none of that name.
    ///
    /// # Errors
    /// [`Error::Forbidden`] below admin; [`Error::Busy`]; [`Error::StoreUnavailable`]: then it is deleted for
    /// everybody here, and its value outside goes with the same request made again, or with the sweep.
    pub async fn delete(&self, caller: &Caller, name: &SecretName) -> Result<bool, Error> {
        at_least_admin(caller)?;
        let workspace = caller.workspace_id;
        let mut tx = self.begin(caller).await?;
        let Some(progress) = secret_work::progress(&mut tx, workspace, name).await? else {
            return Ok(false);
        };
        if progress.kind == StoreKind::AwsSecretsManager.as_str() {
            tx.commit().await?;
            return self.remove_outside(caller, name).await;
        }
        let deleted = secrets::delete(&mut tx, workspace, name).await?;
        if deleted {
            note(&mut tx, caller, "secret.delete", name, json!({})).await?;
        }
        tx.commit().await?;
        Ok(deleted)
    }

    /// Finishes up to `limit` creations and deletions that were killed between the two stores: their values
    /// outside are removed, and so are their rows. Answers how many. As the system: for the sweep.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`] when the store outside does not answer: what is left stays for the next
    /// time. The database's.
    pub async fn settle_unfinished(&self, limit: i64) -> Result<usize, Error> {
        if !self.0.stores.has(StoreKind::AwsSecretsManager) {
            return Ok(0);
        }
        let aws = self.0.stores.aws().map_err(Error::StoreUnavailable)?;
        let attempt = Uuid::new_v4();
        let mut tx = self.0.db.begin_system().await?;
        let places = secret_work::claim_unfinished(&mut tx, limit, attempt).await?;
        tx.commit().await?;
        let (mut settled, mut failed) = (0, None);
        for place in places {
            let (workspace, id) = (WorkspaceId(place.workspace_id), SecretId(place.id));
            let reference = place.reference.unwrap_or_default();
            let removed = aws.remove(workspace, &reference).await;
            let mut tx = self.0.db.begin_system().await?;
            match removed {
                Ok(()) => {
                    secret_work::finish_removal(&mut tx, workspace, id, attempt).await?;
                    settled += 1;
                }
                Err(down) => {
                    secret_work::let_go(&mut tx, workspace, id, attempt).await?;
                    failed = Some(down);
                }
            }
            tx.commit().await?;
        }
        failed.map_or(Ok(settled), |down| Err(Error::StoreUnavailable(down)))
    }

    /// Clears away what a killed request left under a name that is to be used anew.
    ///
    /// # Errors
    /// [`Error::Exists`] when it is a secret in use; [`Error::Busy`]; [`Error::StoreUnavailable`].
    pub(crate) async fn clear_leftover(
        &self,
        caller: &Caller,
        name: &SecretName,
    ) -> Result<(), Error> {
        let mut tx = self.begin(caller).await?;
        let progress = secret_work::progress(&mut tx, caller.workspace_id, name).await?;
        tx.commit().await?;
        match progress {
            None => Ok(()),
            Some(progress) if progress.state == "ready" => Err(Error::Exists),
            Some(_) => self.remove_outside(caller, name).await.map(drop),
        }
    }

    async fn remove_outside(&self, caller: &Caller, name: &SecretName) -> Result<bool, Error> {
        let aws = self.0.stores.aws().map_err(Error::StoreUnavailable)?;
        let (workspace, attempt) = (caller.workspace_id, Uuid::new_v4());
        let mut tx = self.begin(caller).await?;
        let before = secret_work::progress(&mut tx, workspace, name).await?;
        let begun = secret_work::begin_removal(&mut tx, workspace, name, attempt).await?;
        let (Some(place), Some(before)) = (begun, before) else {
            return Err(Error::Busy);
        };
        if before.state != "deleting" {
            note(&mut tx, caller, "secret.delete", name, json!({})).await?;
        }
        tx.commit().await?;
        let id = SecretId(place.id);
        let reference = place.reference.unwrap_or_default();
        if let Err(down) = aws.remove(workspace, &reference).await {
            self.give_up(caller, name, id, attempt, "secret.delete_failed")
                .await;
            return Err(Error::StoreUnavailable(down));
        }
        let mut tx = self.begin(caller).await?;
        secret_work::finish_removal(&mut tx, workspace, id, attempt).await?;
        tx.commit().await?;
        Ok(true)
    }
}

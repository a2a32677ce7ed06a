//! Changes a secret: another value, other hosts, or the hosts of the first tool that an admin saves with it.

use domain::binding::Named;
use domain::caller::{Caller, Role};
use domain::fault::Fault;
use domain::ids::{SecretId, SecretName, WorkspaceId};
use persistence::secrets::{self, SecretMeta};
use persistence::{Db, Tx, secret_work};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use uuid::Uuid;

use crate::error::Error;
use crate::seal::{self, KeyBytes, Sealed, value_context};
use crate::stores::StoreKind;
use crate::value;
use crate::vault::{Vault, at_least_admin, note};

/// How often a rotation that another one overtook is tried.
const ROTATE_ATTEMPTS: usize = 5;

/// What is to become of a secret; what is absent stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change<'a> {
    /// The next value.
    pub value: Option<&'a SecretString>,
    /// All hosts that it may be sent to from now on. None at all: the next tool that an admin saves with it
    /// binds it again.
    pub allowed_hosts: Option<&'a [String]>,
}

impl Vault {
    /// Changes a secret. A value outside Postgres is replaced first: when that fails, nothing was changed.
    ///
    /// # Errors
    /// [`Error::Forbidden`] below admin; [`Error::Invalid`]; [`Error::NotFound`]; [`Error::Busy`];
    /// [`Error::StoreUnavailable`].
    pub async fn change(
        &self,
        caller: &Caller,
        name: &SecretName,
        change: Change<'_>,
    ) -> Result<SecretMeta, Error> {
        at_least_admin(caller)?;
        let allowed_hosts = checked(change)?;
        let workspace = caller.workspace_id;
        let mut tx = self.begin(caller).await?;
        let before = secrets::by_name(&mut tx, workspace, name).await?;
        let before = before.ok_or(Error::NotFound)?;
        let mut outside = false;
        match (change.value, before.kind.parse()) {
            (None, _) => {}
            (Some(value), Ok(StoreKind::Builtin)) => {
                self.reseal(&mut tx, caller, name, value).await?;
            }
            (Some(_), Ok(StoreKind::AwsSecretsManager)) => outside = true,
            (Some(_), Ok(StoreKind::Environment) | Err(_)) => return Err(set_elsewhere()),
        }
        if let (Some(value), true) = (change.value, outside) {
            tx.commit().await?;
            self.replace_outside(caller, name, value).await?;
            tx = self.begin(caller).await?;
        }
        if let Some(hosts) = &allowed_hosts {
            if !secrets::set_hosts(&mut tx, workspace, name, hosts).await? {
                return Err(Error::NotFound);
            }
            let detail = json!({ "allowed_hosts": hosts, "before": before.allowed_hosts });
            note(&mut tx, caller, "secret.hosts", name, detail).await?;
        }
        let after = secrets::by_name(&mut tx, workspace, name).await?;
        tx.commit().await?;
        after.ok_or(Error::NotFound)
    }

    /// Replaces a secret's value; its hosts stay. Answers the new version.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub async fn rotate(
        &self,
        caller: &Caller,
        name: &SecretName,
        value: &SecretString,
    ) -> Result<i32, Error> {
        let change = Change {
            value: Some(value),
            allowed_hosts: None,
        };
        Ok(self.change(caller, name, change).await?.version)
    }

    async fn reseal(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        name: &SecretName,
        value: &SecretString,
    ) -> Result<(), Error> {
        let workspace = caller.workspace_id;
        let builtin = &self.0.stores.builtin;
        let (data_key_id, key) = builtin.sealing_key(tx, workspace).await?;
        for _ in 0..ROTATE_ATTEMPTS {
            let current = secrets::by_name(tx, workspace, name).await?;
            let from = current.ok_or(Error::NotFound)?.version;
            // The version is part of what the value is bound to, so it must be known before sealing.
            let sealed = sealed_value(&key, workspace, name, from + 1, value)?;
            let row = as_row(&sealed, data_key_id);
            if secrets::rotate(tx, workspace, name, from, row).await? {
                let detail = json!({ "version": from + 1 });
                return note(tx, caller, "secret.rotate", name, detail).await;
            }
        }
        Err(Error::Busy)
    }

    /// The audit says so first, then the value outside, then the version: killed in between, the new value
    /// counts as soon as nothing older is kept, and the same request can simply be made again.
    async fn replace_outside(
        &self,
        caller: &Caller,
        name: &SecretName,
        value: &SecretString,
    ) -> Result<(), Error> {
        let aws = self.0.stores.aws().map_err(Error::StoreUnavailable)?;
        let (workspace, attempt) = (caller.workspace_id, Uuid::new_v4());
        let mut tx = self.begin(caller).await?;
        let held = secret_work::hold(&mut tx, workspace, name, attempt).await?;
        let Some(place) = held else {
            let there = secrets::by_name(&mut tx, workspace, name).await?;
            return Err(there.map_or(Error::NotFound, |_| Error::Busy));
        };
        note(
            &mut tx,
            caller,
            "secret.rotate",
            name,
            json!({ "store": place.kind }),
        )
        .await?;
        tx.commit().await?;
        let id = SecretId(place.id);
        let reference = place.reference.unwrap_or_default();
        if let Err(down) = aws.replace(workspace, &reference, value, attempt).await {
            self.give_up(caller, name, id, attempt, "secret.rotate_failed")
                .await;
            return Err(Error::StoreUnavailable(down));
        }
        let mut tx = self.begin(caller).await?;
        let version = secret_work::rotated(&mut tx, workspace, id, attempt).await?;
        tx.commit().await?;
        version.map(drop).ok_or(Error::Busy)
    }

    /// [`bind_on_save`] over this vault's database.
    ///
    /// # Errors
    /// As there.
    pub async fn bind_on_save(
        &self,
        caller: &Caller,
        named: &[Named],
    ) -> Result<Vec<SecretName>, Error> {
        bind_on_save(self.db(), caller, named).await
    }
}

/// Binds those of these secrets that have no host yet to the hosts to which the tool sends them that the caller just saved. Only an
/// admin's saving binds; a member's changes nothing. Answers the names that were bound now. It opens no secret, so that it needs no
/// master key.
///
/// # Errors
/// [`Error::Invalid`] for what is no host, or the database's.
pub async fn bind_on_save(
    db: &Db,
    caller: &Caller,
    named: &[Named],
) -> Result<Vec<SecretName>, Error> {
    if caller.role < Role::Admin || named.is_empty() {
        return Ok(Vec::new());
    }
    let workspace = Some(caller.workspace_id);
    let mut tx = db.begin_as(&caller.principal, workspace).await?;
    let mut bound = Vec::new();
    for Named { name, hosts } in named {
        let Some(hosts) = hosts.as_deref().filter(|hosts| !hosts.is_empty()) else {
            continue;
        };
        let hosts = value::allowed_hosts(hosts).map_err(Error::Invalid)?;
        if secrets::bind_hosts(&mut tx, caller.workspace_id, name, &hosts).await? {
            let detail = json!({ "hosts": hosts });
            note(&mut tx, caller, "secret.bind", name, detail).await?;
            bound.push(name.clone());
        }
    }
    tx.commit().await?;
    Ok(bound)
}

/// Checks all of a change at once and answers the hosts as they are stored.
fn checked(change: Change<'_>) -> Result<Option<Vec<String>>, Error> {
    let mut faults: Vec<Fault> = change.value.and_then(value::fault).into_iter().collect();
    let hosts = change.allowed_hosts.map(|hosts| {
        value::allowed_hosts(hosts).unwrap_or_else(|more| {
            faults.extend(more);
            Vec::new()
        })
    });
    if change.value.is_none() && change.allowed_hosts.is_none() {
        let fault = Fault::new("", "required", "nothing is to be changed");
        faults.push(fault.hint("send value, allowed_hosts or both"));
    }
    if faults.is_empty() {
        Ok(hosts)
    } else {
        Err(Error::Invalid(faults))
    }
}

fn set_elsewhere() -> Error {
    let message = "the value of this secret is set in the operator's environment";
    Error::Invalid(vec![
        Fault::new("/value", "invalid_value", message).hint("leave it out"),
    ])
}

pub(crate) fn sealed_value(
    key: &KeyBytes,
    workspace: WorkspaceId,
    name: &SecretName,
    version: i32,
    value: &SecretString,
) -> Result<Sealed, Error> {
    let context = value_context(workspace.0, name.as_str(), version);
    seal::seal(key, &context, value.expose_secret().as_bytes())
        .map_err(|error| Error::Sealed(error.to_string()))
}

pub(crate) fn as_row(sealed: &Sealed, data_key_id: Uuid) -> secrets::Sealed<'_> {
    secrets::Sealed {
        nonce: &sealed.nonce,
        ciphertext: &sealed.ciphertext,
        data_key_id,
    }
}

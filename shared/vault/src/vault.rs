//! Stores secrets sealed, binds them to hosts, and opens them for one use that is already in the audit.

use std::sync::Arc;
use std::time::Instant;

use domain::caller::{Caller, Role};
use domain::fault::Fault;
use domain::ids::{SecretId, SecretName, WorkspaceId};
use persistence::audit::{self, NewAudit};
use persistence::data_keys::{self, DataKey};
use persistence::secrets::{self, NewSecret, SealedSecret, SecretMeta, Use};
use persistence::{Db, Insert, Tx};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::Error;
use crate::hosts::{self, MAX_HOSTS};
use crate::master_keys::MasterKeys;
use crate::open_keys::OpenKeys;
use crate::seal::{self, KeyBytes, Sealed, value_context};
use crate::value::{self, NamingTool};

/// The provider whose values stand sealed in Postgres.
const BUILTIN: &str = "builtin";

/// How often a rotation that another one overtook is tried.
const ROTATE_ATTEMPTS: usize = 5;

/// The workspaces' secrets. Cheap to clone; all clones share the opened data keys.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    db: Db,
    masters: MasterKeys,
    open_keys: OpenKeys,
}

impl Vault {
    /// A vault on this database under the operator's master keys.
    pub fn new(db: Db, masters: MasterKeys) -> Self {
        Self(Arc::new(Inner {
            db,
            masters,
            open_keys: OpenKeys::default(),
        }))
    }

    /// Stores a secret. Without allowed hosts it is bound to the host of the tools that name it
    /// already; when there are none, to that of the first tool that an admin saves with it.
    ///
    /// # Errors
    /// [`Error::Forbidden`] below admin; [`Error::Invalid`] with every fault; [`Error::Exists`].
    pub async fn create(
        &self,
        caller: &Caller,
        name: &SecretName,
        value: &SecretString,
        allowed_hosts: &[String],
        named_by: &[NamingTool],
    ) -> Result<SecretMeta, Error> {
        at_least_admin(caller)?;
        let allowed_hosts = checked(value, allowed_hosts, named_by)?;
        let mut tx = self.begin(caller).await?;
        let (data_key_id, key) = self.sealing_key(&mut tx, caller.workspace_id).await?;
        let sealed = sealed_value(&key, caller.workspace_id, name, 1, value)?;
        let secret = NewSecret {
            id: SecretId(Uuid::now_v7()),
            workspace_id: caller.workspace_id,
            name,
            provider: BUILTIN,
            sealed: Some(as_row(&sealed, data_key_id)),
            reference: None,
            allowed_hosts: &allowed_hosts,
        };
        let Insert::Created(meta) = secrets::insert(&mut tx, &secret).await? else {
            return Err(Error::Exists);
        };
        let detail = json!({ "provider": BUILTIN, "allowed_hosts": allowed_hosts });
        note(&mut tx, caller, "secret.create", name, detail).await?;
        tx.commit().await?;
        Ok(meta)
    }

    /// The workspace's secrets by name, after the given one: what they are called, never what they are.
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

    /// Deletes a secret; nothing of its value stays. False when there is none of that name.
    ///
    /// # Errors
    /// [`Error::Forbidden`] below admin, or the database's.
    pub async fn delete(&self, caller: &Caller, name: &SecretName) -> Result<bool, Error> {
        at_least_admin(caller)?;
        let mut tx = self.begin(caller).await?;
        let deleted = secrets::delete(&mut tx, caller.workspace_id, name).await?;
        if deleted {
            note(&mut tx, caller, "secret.delete", name, json!({})).await?;
        }
        tx.commit().await?;
        Ok(deleted)
    }

    /// Replaces a secret's value; its hosts stay. Answers the new version.
    ///
    /// # Errors
    /// [`Error::Forbidden`] below admin; [`Error::Invalid`]; [`Error::NotFound`].
    pub async fn rotate(
        &self,
        caller: &Caller,
        name: &SecretName,
        value: &SecretString,
    ) -> Result<i32, Error> {
        at_least_admin(caller)?;
        if let Some(fault) = value::fault(value) {
            return Err(Error::Invalid(vec![fault]));
        }
        let workspace = caller.workspace_id;
        let mut tx = self.begin(caller).await?;
        let (data_key_id, key) = self.sealing_key(&mut tx, workspace).await?;
        for _ in 0..ROTATE_ATTEMPTS {
            let current = secrets::by_name(&mut tx, workspace, name).await?;
            let from = current.ok_or(Error::NotFound)?.version;
            // The version is part of what the value is bound to, so it must be known before sealing.
            let sealed = sealed_value(&key, workspace, name, from + 1, value)?;
            let row = as_row(&sealed, data_key_id);
            if secrets::rotate(&mut tx, workspace, name, from, row).await? {
                let detail = json!({ "version": from + 1 });
                note(&mut tx, caller, "secret.rotate", name, detail).await?;
                tx.commit().await?;
                return Ok(from + 1);
            }
        }
        Err(Error::Database(persistence::Error::Conflict {
            constraint: "secret_version".to_owned(),
        }))
    }

    /// Adds a host that the secret may be sent to. Answers all of them.
    ///
    /// # Errors
    /// [`Error::Forbidden`] below admin; [`Error::Invalid`]; [`Error::NotFound`].
    pub async fn allow_host(
        &self,
        caller: &Caller,
        name: &SecretName,
        host: &str,
    ) -> Result<Vec<String>, Error> {
        at_least_admin(caller)?;
        let host = one_host(host)?;
        let workspace = caller.workspace_id;
        let mut tx = self.begin(caller).await?;
        let current = secrets::by_name(&mut tx, workspace, name).await?;
        let mut allowed = current.ok_or(Error::NotFound)?.allowed_hosts;
        if allowed.contains(&host) {
            return Ok(allowed);
        }
        if allowed.len() >= MAX_HOSTS {
            let message = "a secret has at most 20 allowed hosts";
            return Err(Error::Invalid(vec![Fault::new(
                "/host", "too_many", message,
            )]));
        }
        if secrets::allow_host(&mut tx, workspace, name, &host).await? {
            note(
                &mut tx,
                caller,
                "secret.allow_host",
                name,
                json!({ "host": host }),
            )
            .await?;
            tx.commit().await?;
        }
        allowed.push(host);
        Ok(allowed)
    }

    /// Binds those of these secrets that have no host yet to the host of the tool which the caller
    /// just saved with them. Only an admin's saving binds; a member's changes nothing. `host` is with
    /// its port unless that is 443. Answers the names that were bound now.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no host, or the database's.
    pub async fn bind_on_save(
        &self,
        caller: &Caller,
        names: &[SecretName],
        host: &str,
    ) -> Result<Vec<SecretName>, Error> {
        if caller.role < Role::Admin || names.is_empty() {
            return Ok(Vec::new());
        }
        let host = one_host(host)?;
        let mut tx = self.begin(caller).await?;
        let mut bound = Vec::new();
        for name in names {
            if secrets::bind_host(&mut tx, caller.workspace_id, name, &host).await? {
                note(
                    &mut tx,
                    caller,
                    "secret.bind",
                    name,
                    json!({ "host": host }),
                )
                .await?;
                bound.push(name.clone());
            }
        }
        tx.commit().await?;
        Ok(bound)
    }

    /// The values for one call, in the order of their names here. The use stands in the audit, durably,
    /// before any value is fetched. Without names nothing is asked.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: then nothing may be sent; [`Error::Missing`] with every name that has no
    /// secret; [`Error::HostNotAllowed`]; [`Error::Forbidden`] below member; [`Error::Sealed`].
    pub async fn open_for_use(
        &self,
        caller: &Caller,
        names: &[SecretName],
        purpose: Use<'_>,
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
        found
            .into_iter()
            .map(|(name, row)| Ok((name.clone(), self.open(workspace, row)?)))
            .collect()
    }

    /// Wraps up to `limit` data keys that an older master key wraps with the current one. Answers how
    /// many; at 0 the older master keys can be taken away. As the system: for the operator.
    ///
    /// # Errors
    /// [`Error::Sealed`] when a key's master key is not configured, or the database's.
    pub async fn rewrap(&self, limit: i64) -> Result<usize, Error> {
        let masters = &self.0.masters;
        let mut tx = self.0.db.begin_system().await?;
        let keys = data_keys::for_rewrap(&mut tx, masters.current_id(), limit).await?;
        for key in &keys {
            let opened = masters
                .unwrap(key.workspace_id, &key.master_key_id, &key.wrapped)
                .map_err(|error| Error::Sealed(error.to_string()))?;
            let wrapped = masters
                .wrap(key.workspace_id, &opened)
                .map_err(|error| Error::Sealed(error.to_string()))?;
            let row = DataKey {
                id: key.id,
                wrapped: wrapped.bytes,
                master_key_id: wrapped.master_key_id,
            };
            data_keys::rewrap(&mut tx, &row).await?;
        }
        tx.commit().await?;
        Ok(keys.len())
    }

    async fn begin(&self, caller: &Caller) -> Result<Tx, Error> {
        let (db, workspace) = (&self.0.db, caller.workspace_id);
        Ok(db.begin_as(&caller.principal, Some(workspace)).await?)
    }

    /// The data key that seals new values of the workspace; made when it has none yet.
    async fn sealing_key(
        &self,
        tx: &mut Tx,
        workspace: WorkspaceId,
    ) -> Result<(Uuid, KeyBytes), Error> {
        let stored = match data_keys::current(tx, workspace).await? {
            Some(stored) => stored,
            None => {
                let key = seal::random_key().map_err(|error| Error::Sealed(error.to_string()))?;
                let wrapped = self
                    .0
                    .masters
                    .wrap(workspace.0, &key)
                    .map_err(|error| Error::Sealed(error.to_string()))?;
                let made = DataKey {
                    id: Uuid::now_v7(),
                    wrapped: wrapped.bytes,
                    master_key_id: wrapped.master_key_id,
                };
                // Of two made at once, the one that was stored counts.
                data_keys::insert_if_absent(tx, workspace, &made).await?
            }
        };
        // Not kept for later: the transaction may yet fail, and sealing is rare.
        let key = self.unwrapped(workspace, &stored)?;
        Ok((stored.id, key))
    }

    fn unwrapped(&self, workspace: WorkspaceId, stored: &DataKey) -> Result<KeyBytes, Error> {
        self.0
            .masters
            .unwrap(workspace.0, &stored.master_key_id, &stored.wrapped)
            .map_err(|error| Error::Sealed(error.to_string()))
    }

    fn open(&self, workspace: WorkspaceId, row: &SealedSecret) -> Result<SecretString, Error> {
        let Some(data_key) = row.data_key.as_ref().filter(|_| row.provider == BUILTIN) else {
            let text = format!(
                "the provider {} of {} is not available",
                row.provider, row.name
            );
            return Err(Error::Sealed(text));
        };
        let id = (workspace, data_key.id);
        let key = match self.0.open_keys.get(&id, Instant::now()) {
            Some(key) => key,
            None => {
                let key = self.unwrapped(workspace, data_key)?;
                self.0.open_keys.keep(id, key.clone(), Instant::now());
                key
            }
        };
        let context = value_context(workspace.0, &row.name, row.version);
        let changed = |_| Error::Sealed(format!("the stored value of {} was changed", row.name));
        let mut bytes = seal::open(&key, &context, &row.nonce, &row.ciphertext).map_err(changed)?;
        String::from_utf8(std::mem::take(&mut *bytes))
            .map(SecretString::from)
            .map_err(|_| Error::Sealed(format!("the stored value of {} is no text", row.name)))
    }
}

fn at_least_admin(caller: &Caller) -> Result<(), Error> {
    if caller.role >= Role::Admin {
        Ok(())
    } else {
        Err(Error::Forbidden)
    }
}

/// Checks all of a new secret at once and answers the hosts that it starts with.
fn checked(
    value: &SecretString,
    hosts: &[String],
    named_by: &[NamingTool],
) -> Result<Vec<String>, Error> {
    let mut faults: Vec<Fault> = value::fault(value).into_iter().collect();
    let mut allowed = value::allowed_hosts(hosts).unwrap_or_else(|more| {
        faults.extend(more);
        Vec::new()
    });
    if hosts.is_empty() {
        match value::first_host(named_by) {
            Ok(first) => allowed.extend(first),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() {
        Ok(allowed)
    } else {
        Err(Error::Invalid(faults))
    }
}

fn one_host(host: &str) -> Result<String, Error> {
    hosts::normal(host)
        .map_err(|message| Error::Invalid(vec![Fault::new("/host", "invalid_host", message)]))
}

fn sealed_value(
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

fn as_row(sealed: &Sealed, data_key_id: Uuid) -> secrets::Sealed<'_> {
    secrets::Sealed {
        nonce: &sealed.nonce,
        ciphertext: &sealed.ciphertext,
        data_key_id,
    }
}

/// Each name with its row; or every name that has none.
fn pick<'a>(
    names: &'a [SecretName],
    rows: &'a [SealedSecret],
) -> Result<Vec<(&'a SecretName, &'a SealedSecret)>, Error> {
    let (mut found, mut missing) = (Vec::with_capacity(names.len()), Vec::new());
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

async fn note(
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

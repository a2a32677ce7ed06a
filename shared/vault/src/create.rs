//! Stores a new secret. One whose value lives outside Postgres is first a row that nobody sees, then a value
//! outside, then ready: killed anywhere, there is at most a hidden row, which whoever comes next clears away.

use domain::caller::Caller;
use domain::fault::Fault;
use domain::ids::{SecretId, SecretName};
use persistence::secrets::{self, SecretMeta};
use persistence::{Insert, Tx, secret_work};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::change::{as_row, sealed_value};
use crate::error::Error;
use crate::providers::Chosen;
use crate::stores::StoreKind;
use crate::value::{self, NamingTool};
use crate::vault::{Vault, at_least_admin, note};

/// A secret to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewSecret<'a> {
    /// Its name.
    pub name: &'a SecretName,
    /// Its value; none where the store has it already.
    pub value: Option<&'a SecretString>,
    /// Where it is to live: a kind of store or the name of a provider. `None`: where the operator says.
    pub provider: Option<&'a str>,
    /// What a store that has the value already calls it; the secret's own name unless it is given.
    pub reference: Option<&'a str>,
    /// Hosts that it may be sent to.
    pub allowed_hosts: &'a [String],
    /// The tools that name it already.
    pub named_by: &'a [NamingTool],
}

/// What was found about a new secret before anything was stored.
struct Plan {
    chosen: Chosen,
    allowed_hosts: Vec<String>,
    /// What the store outside calls it.
    reference: Option<String>,
}

impl Vault {
    /// Stores a secret where the operator's default says. Without allowed hosts it is bound to the hosts of
    /// the tools that name it already; when there are none, to those of the first tool that an admin saves
    /// with it.
    ///
    /// # Errors
    /// As [`create_in`](Self::create_in).
    pub async fn create(
        &self,
        caller: &Caller,
        name: &SecretName,
        value: &SecretString,
        allowed_hosts: &[String],
        named_by: &[NamingTool],
    ) -> Result<SecretMeta, Error> {
        let new = NewSecret {
            name,
            value: Some(value),
            provider: None,
            reference: None,
            allowed_hosts,
            named_by,
        };
        self.create_in(caller, &new).await
    }

    /// Stores a secret where it is to live.
    ///
    /// # Errors
    /// [`Error::Forbidden`] below admin; [`Error::Invalid`] with every fault; [`Error::Exists`];
    /// [`Error::Busy`]; [`Error::StoreUnavailable`]: then there is no such secret.
    pub async fn create_in(
        &self,
        caller: &Caller,
        new: &NewSecret<'_>,
    ) -> Result<SecretMeta, Error> {
        at_least_admin(caller)?;
        let plan = self.planned(caller, new).await?;
        match plan.chosen.kind {
            StoreKind::Builtin | StoreKind::Environment => {
                self.inserted(caller, new, &plan, None).await
            }
            StoreKind::AwsSecretsManager => self.create_outside(caller, new, &plan).await,
        }
    }

    /// Checks all of a new secret at once.
    async fn planned(&self, caller: &Caller, new: &NewSecret<'_>) -> Result<Plan, Error> {
        let mut tx = self.begin(caller).await?;
        let chosen = self.chosen(&mut tx, caller, new.provider).await?;
        tx.commit().await?;
        let mut faults = Vec::new();
        let mut allowed_hosts = value::allowed_hosts(new.allowed_hosts).unwrap_or_else(|more| {
            faults.extend(more);
            Vec::new()
        });
        if new.allowed_hosts.is_empty() {
            match value::first_hosts(new.named_by) {
                Ok(first) => allowed_hosts.extend(first),
                Err(fault) => faults.push(fault),
            }
        }
        let kind = chosen.as_ref().ok().map(|chosen| chosen.kind);
        let (mut found, reference) = match kind {
            None => (new.value.and_then(value::fault).into_iter().collect(), None),
            Some(StoreKind::Builtin) => (held_here(new), None),
            Some(StoreKind::AwsSecretsManager) => {
                let folder = chosen
                    .as_ref()
                    .ok()
                    .and_then(|chosen| chosen.folder.as_deref());
                let aws = self.0.stores.aws().map_err(Error::StoreUnavailable)?;
                let reference = aws.reference(caller.workspace_id, folder, new.name);
                (held_here(new), Some(reference))
            }
            Some(StoreKind::Environment) => self.variable(new),
        };
        found.extend(faults);
        match chosen {
            Ok(chosen) if found.is_empty() => Ok(Plan {
                chosen,
                allowed_hosts,
                reference,
            }),
            Ok(_) => Err(Error::Invalid(found)),
            Err(fault) => {
                found.push(fault);
                Err(Error::Invalid(found))
            }
        }
    }

    /// What is wrong with a secret that stands for a variable, and which one that is.
    fn variable(&self, new: &NewSecret<'_>) -> (Vec<Fault>, Option<String>) {
        let mut faults = Vec::new();
        let variable = new.reference.unwrap_or(new.name.as_str());
        if new.value.is_some() {
            let message = "the value of such a secret is set in the operator's environment";
            faults.push(Fault::new("/value", "invalid_value", message).hint("leave it out"));
        }
        if !self.0.stores.environment().offers(variable) {
            let message = "no such variable is on the operator's allow-list, or it is not set";
            faults.push(
                Fault::new("/reference", "invalid_value", message)
                    .hint("the operator lists the variable in SECRET_ENV_ALLOW and sets it"),
            );
        }
        (faults, Some(variable.to_owned()))
    }

    /// Stores the row, with everything where nothing lives outside. What a killed request left under the
    /// name is cleared away first.
    async fn inserted(
        &self,
        caller: &Caller,
        new: &NewSecret<'_>,
        plan: &Plan,
        attempt: Option<(SecretId, Uuid)>,
    ) -> Result<SecretMeta, Error> {
        let workspace = caller.workspace_id;
        for _ in 0..2 {
            let mut tx = self.begin(caller).await?;
            let sealed = self.sealed(&mut tx, caller, new, plan).await?;
            let row = secrets::NewSecret {
                id: attempt.map_or_else(|| SecretId(Uuid::now_v7()), |(id, _)| id),
                workspace_id: workspace,
                name: new.name,
                provider: plan.chosen.kind.as_str(),
                provider_id: plan.chosen.id,
                sealed: sealed.as_ref().map(|(key, sealed)| as_row(sealed, *key)),
                reference: plan.reference.as_deref(),
                allowed_hosts: &plan.allowed_hosts,
                attempt: attempt.map(|(_, attempt)| attempt),
            };
            if let Insert::Created(meta) = secrets::insert(&mut tx, &row).await? {
                let detail = facts(&meta);
                note(&mut tx, caller, "secret.create", new.name, detail).await?;
                tx.commit().await?;
                return Ok(meta);
            }
            tx.commit().await?;
            self.clear_leftover(caller, new.name).await?;
        }
        Err(Error::Busy)
    }

    async fn sealed(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        new: &NewSecret<'_>,
        plan: &Plan,
    ) -> Result<Option<(Uuid, crate::seal::Sealed)>, Error> {
        let (StoreKind::Builtin, Some(value)) = (plan.chosen.kind, new.value) else {
            return Ok(None);
        };
        let workspace = caller.workspace_id;
        let (id, key) = self.0.stores.builtin.sealing_key(tx, workspace).await?;
        let sealed = sealed_value(&key, workspace, new.name, 1, value)?;
        Ok(Some((id, sealed)))
    }

    async fn create_outside(
        &self,
        caller: &Caller,
        new: &NewSecret<'_>,
        plan: &Plan,
    ) -> Result<SecretMeta, Error> {
        let aws = self.0.stores.aws().map_err(Error::StoreUnavailable)?;
        let (Some(value), Some(reference)) = (new.value, plan.reference.as_deref()) else {
            return Err(Error::NotFound);
        };
        let (id, attempt) = (SecretId(Uuid::now_v7()), Uuid::new_v4());
        let meta = self
            .inserted(caller, new, plan, Some((id, attempt)))
            .await?;
        if let Err(down) = aws
            .add(caller.workspace_id, reference, value, attempt)
            .await
        {
            self.give_up(caller, new.name, id, attempt, "secret.create_failed")
                .await;
            return Err(Error::StoreUnavailable(down));
        }
        let mut tx = self.begin(caller).await?;
        let confirmed = secret_work::confirm(&mut tx, caller.workspace_id, id, attempt).await?;
        tx.commit().await?;
        if confirmed {
            Ok(meta)
        } else {
            Err(Error::Busy)
        }
    }

    /// Lets go of a row after the store outside failed. Best effort: half a minute later anybody may take it.
    pub(crate) async fn give_up(
        &self,
        caller: &Caller,
        name: &SecretName,
        id: SecretId,
        attempt: Uuid,
        action: &str,
    ) {
        let done = async {
            let mut tx = self.begin(caller).await?;
            secret_work::let_go(&mut tx, caller.workspace_id, id, attempt).await?;
            note(&mut tx, caller, action, name, json!({})).await?;
            Ok::<(), Error>(tx.commit().await?)
        };
        if let Err(error) = done.await {
            tracing::warn!(%error, %name, "an unfinished secret was not let go");
        }
    }
}

/// What is wrong with a secret whose value comes with it.
fn held_here(new: &NewSecret<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    match new.value {
        Some(value) => faults.extend(value::fault(value)),
        None => faults.push(Fault::new("/value", "required", "\"value\" is required")),
    }
    if new.reference.is_some() {
        let message = "only a secret of the provider kind environment has a reference";
        faults.push(Fault::new("/reference", "invalid_value", message).hint("leave it out"));
    }
    faults
}

fn facts(meta: &SecretMeta) -> Value {
    json!({ "provider": meta.provider, "allowed_hosts": meta.allowed_hosts })
}

//! The places that a workspace may keep secrets in: the installation's stores, and its own configurations of them.

use chrono::{DateTime, Utc};
use domain::caller::Caller;
use domain::fault::Fault;
use persistence::audit::{self, NewAudit};
use persistence::secret_providers::{self, ProviderRow};
use persistence::{Insert, Tx};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::error::Error;
use crate::stores::StoreKind;
use crate::vault::{Vault, at_least_admin};

/// The most configurations of one workspace.
const MAX_PROVIDERS: usize = 50;

/// The longest name of one, and of a folder.
const MAX_NAME: usize = 64;

/// A place for secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// The name that secrets are created with.
    pub name: String,
    /// The kind of store.
    pub kind: StoreKind,
    /// What the kind was told.
    pub config: Value,
    /// Whether the installation has it without anybody's doing.
    pub built_in: bool,
    /// Whether secrets go there whose creator names no provider.
    pub default: bool,
    /// When it was made; never, when it is built in.
    pub created_at: Option<DateTime<Utc>>,
    /// Who made it.
    pub created_by: Option<Uuid>,
}

/// Where a new secret is to live.
pub(crate) struct Chosen {
    pub(crate) kind: StoreKind,
    pub(crate) id: Option<Uuid>,
    pub(crate) folder: Option<String>,
}

impl Vault {
    /// Every place for secrets of the workspace: the stores of this installation, then its own by name.
    ///
    /// # Errors
    /// [`Error::Forbidden`] below admin, or the database's.
    pub async fn providers(&self, caller: &Caller) -> Result<Vec<Provider>, Error> {
        at_least_admin(caller)?;
        let mut tx = self.begin(caller).await?;
        let named = secret_providers::all(&mut tx, caller.workspace_id).await?;
        tx.commit().await?;
        let stores = &self.0.stores;
        let built_in = StoreKind::ALL.into_iter().filter(|kind| stores.has(*kind));
        let built_in = built_in.map(|kind| Provider {
            name: kind.as_str().to_owned(),
            kind,
            config: json!({}),
            built_in: true,
            default: kind == stores.default,
            created_at: None,
            created_by: None,
        });
        let named: Result<Vec<Provider>, Error> = named.into_iter().map(as_provider).collect();
        Ok(built_in.chain(named?).collect())
    }

    /// Stores a configuration of one of the installation's stores under a name.
    ///
    /// # Errors
    /// [`Error::Forbidden`] below admin; [`Error::Invalid`] with every fault; [`Error::Exists`].
    pub async fn create_provider(
        &self,
        caller: &Caller,
        name: &str,
        kind: StoreKind,
        config: &Map<String, Value>,
    ) -> Result<Provider, Error> {
        at_least_admin(caller)?;
        let mut faults = faults(kind, config);
        if !is_name(name) || StoreKind::ALL.iter().any(|kind| kind.as_str() == name) {
            let message = "a name is 1 to 64 of a-z, 0-9, _ and -, and no kind of store";
            faults.insert(0, Fault::new("/name", "invalid_value", message));
        }
        if !self.0.stores.has(kind) {
            let message = format!("this installation has no store {kind}");
            faults.push(
                Fault::new("/kind", "invalid_value", message)
                    .hint("GET /api/v1/secret-providers lists those it has"),
            );
        }
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }
        let workspace = caller.workspace_id;
        let mut tx = self.begin(caller).await?;
        if secret_providers::all(&mut tx, workspace).await?.len() >= MAX_PROVIDERS {
            let message = "a workspace has at most 50 providers of its own";
            return Err(Error::Invalid(vec![Fault::new("", "too_many", message)]));
        }
        let config = Value::Object(config.clone());
        let made =
            secret_providers::insert(&mut tx, workspace, name, kind.as_str(), &config).await?;
        let Insert::Created(row) = made else {
            return Err(Error::Exists);
        };
        let detail = json!({ "kind": kind.as_str(), "config": config });
        note(&mut tx, caller, "secret_provider.create", name, detail).await?;
        tx.commit().await?;
        as_provider(row)
    }

    /// Deletes one of the workspace's own. False when there is none of that name.
    ///
    /// # Errors
    /// [`Error::Forbidden`] below admin; [`Error::ProviderInUse`] while secrets live in it, and for one that is
    /// built in.
    pub async fn delete_provider(&self, caller: &Caller, name: &str) -> Result<bool, Error> {
        at_least_admin(caller)?;
        if name.parse::<StoreKind>().is_ok() {
            return Err(Error::ProviderInUse {
                secrets: Vec::new(),
            });
        }
        let workspace = caller.workspace_id;
        let mut tx = self.begin(caller).await?;
        let Some(row) = secret_providers::by_name(&mut tx, workspace, name).await? else {
            return Ok(false);
        };
        let secrets = secret_providers::secrets_in(&mut tx, workspace, row.id).await?;
        if !secrets.is_empty() {
            return Err(Error::ProviderInUse { secrets });
        }
        let deleted = match secret_providers::delete(&mut tx, workspace, name).await {
            // One came in between.
            Err(persistence::Error::Conflict { .. }) => return Err(Error::Busy),
            deleted => deleted?,
        };
        if deleted {
            note(&mut tx, caller, "secret_provider.delete", name, json!({})).await?;
        }
        tx.commit().await?;
        Ok(deleted)
    }

    /// What a secret's `provider` means; the inner error is its fault.
    pub(crate) async fn chosen(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        provider: Option<&str>,
    ) -> Result<Result<Chosen, Fault>, Error> {
        let stores = &self.0.stores;
        let row = match provider {
            Some(name) if name.parse::<StoreKind>().is_err() => {
                secret_providers::by_name(tx, caller.workspace_id, name).await?
            }
            Some(_) | None => None,
        };
        let kind = match (&row, provider) {
            (Some(row), _) => row.kind.parse().ok(),
            (None, Some(name)) => name.parse().ok(),
            (None, None) => Some(stores.default),
        };
        Ok(match kind.filter(|kind| stores.has(*kind)) {
            Some(kind) => Ok(Chosen {
                kind,
                id: row.as_ref().map(|row| row.id),
                folder: row.as_ref().and_then(|row| folder(&row.config)),
            }),
            None => Err(
                Fault::new("/provider", "invalid_value", "there is no such provider")
                    .hint("leave it out, or use one that GET /api/v1/secret-providers lists"),
            ),
        })
    }
}

fn folder(config: &Value) -> Option<String> {
    config["folder"].as_str().map(str::to_owned)
}

/// What is wrong with a configuration: AWS takes a `folder` below the workspace's names, the others nothing.
fn faults(kind: StoreKind, config: &Map<String, Value>) -> Vec<Fault> {
    let known: &[&str] = match kind {
        StoreKind::AwsSecretsManager => &["folder"],
        StoreKind::Builtin | StoreKind::Environment => &[],
    };
    let mut faults = Vec::new();
    for (name, value) in config {
        let pointer = format!("/config/{}", name.replace('~', "~0").replace('/', "~1"));
        if !known.contains(&name.as_str()) {
            let fault = Fault::new(
                pointer,
                "unknown_field",
                format!("{name:?} is no field here"),
            );
            faults.push(match domain::text::did_you_mean(name, known) {
                Some(hint) => fault.hint(hint),
                None => fault,
            });
        } else if !value.as_str().is_some_and(is_name) {
            let message = "a folder is 1 to 64 of a-z, 0-9, _ and -";
            faults.push(Fault::new(pointer, "invalid_value", message));
        }
    }
    faults
}

fn is_name(text: &str) -> bool {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(allowed)
}

fn as_provider(row: ProviderRow) -> Result<Provider, Error> {
    let kind = row.kind.parse().map_err(|_| {
        Error::Database(persistence::Error::Corrupt(format!(
            "{} is no kind of store",
            row.kind
        )))
    })?;
    Ok(Provider {
        name: row.name,
        kind,
        config: row.config,
        built_in: false,
        default: false,
        created_at: Some(row.created_at),
        created_by: row.created_by,
    })
}

async fn note(
    tx: &mut Tx,
    caller: &Caller,
    action: &str,
    name: &str,
    detail: Value,
) -> Result<(), Error> {
    let entry = NewAudit {
        workspace_id: caller.workspace_id,
        actor: Some(caller.principal.user_id),
        action,
        subject_kind: "secret_provider",
        subject: name,
        detail,
    };
    Ok(audit::append(tx, &entry).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_say_what_their_kind_understands() {
        let codes = |kind, config: Value| {
            let config = config.as_object().unwrap().clone();
            let faults = faults(kind, &config);
            faults
                .into_iter()
                .map(|fault| format!("{} {}", fault.pointer, fault.code))
                .collect::<Vec<_>>()
        };
        let aws = StoreKind::AwsSecretsManager;
        assert!(codes(aws, json!({})).is_empty());
        assert!(codes(aws, json!({ "folder": "billing-1" })).is_empty());
        for outside in ["..", "../other", "a/b", "", "*", "A"] {
            assert_eq!(
                codes(aws, json!({ "folder": outside })),
                ["/config/folder invalid_value"],
                "{outside}"
            );
        }
        assert_eq!(
            codes(aws, json!({ "folder": 1 })),
            ["/config/folder invalid_value"]
        );
        assert_eq!(
            codes(aws, json!({ "prefix": "x" })),
            ["/config/prefix unknown_field"]
        );
        let builtin = codes(StoreKind::Builtin, json!({ "folder": "x" }));
        assert_eq!(builtin, ["/config/folder unknown_field"]);
    }
}

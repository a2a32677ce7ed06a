//! The marketplace: offering what a workspace has to everybody, and taking copies of what others offer.
//!
//! Deciding is pure and stands in `domain::publication`; here it is put beside the catalog and the database.

mod copy;
mod error;
mod install;
mod offer;
mod update;

use std::collections::BTreeMap;

use domain::caller::Caller;
use domain::ids::SecretName;
use domain::publication::{Bindings, Change, Kind, Manifest, Needs};
use persistence::audit::{self, NewAudit};
use persistence::installs::Installed;
use persistence::marketplace::{self, Listed};
use persistence::{Tx, secrets};
use serde_json::Value;

use crate::live::Registry;

pub use error::MarketError;
pub use install::{Asked, Install};
pub use offer::Offer;
pub use update::Update;

/// The marketplace as a workspace uses it.
#[derive(Clone, Copy, Debug)]
pub struct Market<'r> {
    registry: &'r Registry,
}

impl Registry {
    /// The marketplace.
    pub const fn market(&self) -> Market<'_> {
        Market { registry: self }
    }
}

/// What is public under one public id.
#[derive(Clone, Debug)]
pub struct Public {
    /// Its row.
    pub listed: Listed,
    /// What it is.
    pub kind: Kind,
    /// Its whole content.
    pub manifest: Manifest,
    /// What an install has to bind.
    pub needs: Needs,
}

/// Something installed in a workspace, and how it stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its row.
    pub installed: Installed,
    /// What it is.
    pub kind: Kind,
    /// What stands for what.
    pub bindings: Bindings,
    /// What it needs, with the bindings in it: names are the workspace's own.
    pub needs: Needs,
    /// The ids under which what came with it stands in the workspace.
    pub parts: Vec<(Kind, String)>,
    /// Those of its secrets that the workspace has; `None` when the caller may not know.
    pub stored: Option<Vec<String>>,
    /// What an update to the public content would change; `None` when that is installed, or nothing is public any more.
    pub changes: Option<Vec<Change>>,
}

impl Market<'_> {
    async fn begin(&self, caller: &Caller) -> Result<Tx, persistence::Error> {
        let workspace = Some(caller.workspace_id);
        self.registry
            .db
            .begin_as(&caller.principal, workspace)
            .await
    }

    /// What is public under a public id.
    ///
    /// # Errors
    /// [`MarketError::NotPublic`], [`MarketError::Database`].
    pub async fn public(&self, slug: &str) -> Result<Public, MarketError> {
        let mut tx = self.registry.db.begin_anonymous().await?;
        let listed = marketplace::by_slug(&mut tx, slug).await?;
        let listed = listed.ok_or(MarketError::NotPublic)?;
        let manifest = marketplace::manifest(&mut tx, listed.id).await?;
        tx.commit().await?;
        let manifest = manifest.ok_or(MarketError::NotPublic)?;
        let manifest = read_manifest(&manifest)?;
        if manifest.hash() != listed.hash {
            return Err(corrupt("a publication's hash is not that of its content"));
        }
        let kind = kind(&listed.kind)?;
        if kind != manifest.root.kind {
            return Err(corrupt("a publication's kind is not that of its content"));
        }
        Ok(Public {
            kind,
            needs: json(&listed.needs)?,
            manifest,
            listed,
        })
    }
}

fn corrupt(what: &str) -> MarketError {
    persistence::Error::Corrupt(what.to_owned()).into()
}

fn kind(text: &str) -> Result<Kind, MarketError> {
    text.parse()
        .map_err(|_| corrupt("a kind that there is not"))
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, MarketError> {
    serde_json::from_str(text).map_err(|error| corrupt(&error.to_string()))
}

fn read_manifest(text: &str) -> Result<Manifest, MarketError> {
    let value: Value = json(text)?;
    Manifest::read(&value).ok_or_else(|| corrupt("a manifest that cannot be read"))
}

/// Which of these secrets the workspace has.
async fn stored(
    tx: &mut Tx,
    caller: &Caller,
    needs: &Needs,
) -> Result<Vec<String>, persistence::Error> {
    let mut stored = Vec::new();
    for secret in &needs.secrets {
        let Ok(name) = secret.name.parse::<SecretName>() else {
            continue;
        };
        if secrets::by_name(tx, caller.workspace_id, &name)
            .await?
            .is_some()
        {
            stored.push(secret.name.clone());
        }
    }
    Ok(stored)
}

/// The audit's line about what was done to something of this kind.
async fn note(
    tx: &mut Tx,
    caller: &Caller,
    action: &str,
    (kind, id): (Kind, &str),
    detail: Value,
) -> Result<(), persistence::Error> {
    let line = NewAudit {
        workspace_id: caller.workspace_id,
        actor: Some(caller.principal.user_id),
        action,
        subject_kind: kind.as_str(),
        subject: id,
        detail,
    };
    audit::append(tx, &line).await
}

/// Local ids, by kind and id in the manifest.
type Ids = BTreeMap<(Kind, String), String>;

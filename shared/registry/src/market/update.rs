//! Changing what is installed: other bindings, or the content that is public now.

use domain::caller::Caller;
use domain::ids::{PromptId, ToolId};
use domain::publication::{Bindings, Change, Kind, Needs};
use persistence::{Tx, flows, installs, prompts, tools};
use serde_json::json;

use super::copy::{Copy, needs};
use super::install::{Names, check, existing, parts, pinned};
use super::offer::catalog_error;
use super::{Install, Market, MarketError, Standing, note, stored};

/// How an update is asked for.
#[derive(Clone, Debug)]
pub struct Update {
    /// The content that was read before; another is not installed.
    pub hash: String,
    /// Whether its changes are accepted.
    pub accept: bool,
    /// Further bindings.
    pub bindings: Bindings,
}

impl Market<'_> {
    /// Puts the public content in the place of the installed one, under the same ids and with what is bound.
    ///
    /// # Errors
    /// [`MarketError::NotInstalled`]; [`MarketError::Withdrawn`]; [`MarketError::Stale`]; [`MarketError::Unaccepted`] with what has to be
    /// accepted; [`MarketError::Invalid`]; [`MarketError::IdTaken`]; [`MarketError::Database`].
    pub async fn update(
        &self,
        caller: &Caller,
        kind: Kind,
        id: &str,
        update: &Update,
    ) -> Result<Install, MarketError> {
        let catalog = self.registry.catalog(caller).await.map_err(catalog_error)?;
        // Before the transaction: a function has one connection.
        let slug = self.installed_as(caller, kind, id).await?;
        let public = match self.public(&slug).await {
            Err(MarketError::NotPublic) => return Err(MarketError::Withdrawn),
            other => other?,
        };
        let mut tx = self.begin(caller).await?;
        let installed = installs::lock(&mut tx, caller.workspace_id, kind, id).await?;
        let installed = installed.filter(|installed| installed.slug == slug);
        let installed = installed.ok_or(MarketError::NotInstalled(kind))?;
        // Another publication under the same public id is another one's.
        if installed.publication_id != Some(public.listed.id) {
            return Err(MarketError::Withdrawn);
        }
        let old = existing(&mut tx, caller, kind, &installed).await?;
        pinned(&public, Some(&update.hash))?;
        check(&update.bindings, &public.needs)?;
        let mut new = self.next(&old, &public, &update.bindings);
        let names = Names {
            catalog: &catalog,
            caller,
            publisher: &public.listed.publisher,
        };
        for part in &new.manifest.parts {
            let key = (part.kind, part.id.clone());
            if !new.ids.contains_key(&key) {
                let id = names.free(&mut tx, part.kind, &part.id, &new.ids).await?;
                new.ids.insert(key, id);
            }
        }
        let changed = self.changes(&catalog, &old, &new);
        let to_accept: Vec<Change> = changed
            .into_iter()
            .filter(|change| change.kind.must_be_accepted())
            .collect();
        if !to_accept.is_empty() && !update.accept {
            return Err(MarketError::Unaccepted(to_accept));
        }
        let accepted: Vec<_> = to_accept
            .iter()
            .map(|change| json!([change.kind.as_str(), change.subject]))
            .collect();
        let detail = json!({
            "public_id": new.slug, "version": new.version, "hash": public.listed.hash,
            "before": installed.hash, "accepted": accepted,
        });
        self.replace(
            tx,
            caller,
            &catalog,
            (&old, &new, &update.bindings),
            "publication.update",
            detail,
        )
        .await
    }

    /// Binds other secrets and values in what is installed.
    ///
    /// # Errors
    /// [`MarketError::NotInstalled`], [`MarketError::Invalid`], [`MarketError::Database`].
    pub async fn bind(
        &self,
        caller: &Caller,
        kind: Kind,
        id: &str,
        bindings: &Bindings,
    ) -> Result<Install, MarketError> {
        let catalog = self.registry.catalog(caller).await.map_err(catalog_error)?;
        let mut tx = self.begin(caller).await?;
        let installed = installs::lock(&mut tx, caller.workspace_id, kind, id).await?;
        let installed = installed.ok_or(MarketError::NotInstalled(kind))?;
        let old = existing(&mut tx, caller, kind, &installed).await?;
        let unbound: Needs = needs(self.registry, &catalog, &old.manifest);
        check(bindings, &unbound)?;
        let new = Copy {
            bindings: old.bindings.clone().with(bindings),
            ..old.clone()
        };
        let detail = json!({ "public_id": new.slug, "bindings": new.bindings });
        self.replace(
            tx,
            caller,
            &catalog,
            (&old, &new, bindings),
            "publication.bind",
            detail,
        )
        .await
    }

    /// The public id of something installed.
    async fn installed_as(
        &self,
        caller: &Caller,
        kind: Kind,
        id: &str,
    ) -> Result<String, MarketError> {
        let mut tx = self.begin(caller).await?;
        let installed = installs::one(&mut tx, caller.workspace_id, kind, id).await?;
        tx.commit().await?;
        let installed = installed.ok_or(MarketError::NotInstalled(kind))?;
        Ok(installed.slug)
    }

    async fn replace(
        &self,
        mut tx: Tx,
        caller: &Caller,
        catalog: &crate::catalog::Catalog,
        (old, new, consented): (&Copy, &Copy, &Bindings),
        action: &str,
        detail: serde_json::Value,
    ) -> Result<Install, MarketError> {
        let documents = new
            .checked(self.registry, catalog)
            .map_err(MarketError::Invalid)?;
        let bound = new.bound();
        // What the workspace's installs say is there, and nothing that merely has the same id.
        let there: Vec<(Kind, String)> = old
            .ids
            .iter()
            .map(|((kind, _), id)| (*kind, id.clone()))
            .collect();
        new.write(&mut tx, caller, &documents, &there).await?;
        let kept: Vec<(Kind, &str)> = bound
            .documents()
            .map(|document| (document.kind, document.id.as_str()))
            .collect();
        let gone = there
            .iter()
            .filter(|(kind, id)| !kept.contains(&(*kind, id.as_str())));
        for (kind, id) in gone {
            installs::forget(&mut tx, caller.workspace_id, *kind, id).await?;
            retire(&mut tx, caller, *kind, id).await?;
        }
        let (kind, id) = (bound.root.kind, bound.root.id.as_str());
        note(&mut tx, caller, action, (kind, id), detail).await?;
        let installed = installs::one(&mut tx, caller.workspace_id, kind, id).await?;
        let installed = installed.ok_or(MarketError::NotInstalled(kind))?;
        let needs = needs(self.registry, catalog, &bound);
        let standing = Standing {
            stored: Some(stored(&mut tx, caller, &needs).await?),
            parts: parts(&bound),
            bindings: new.bindings.clone(),
            changes: None,
            installed,
            kind,
            needs,
        };
        tx.commit().await?;
        Ok(Install {
            named: self.named(&bound, consented),
            standing,
        })
    }
}

/// Takes what no longer comes with it out of use.
async fn retire(
    tx: &mut Tx,
    caller: &Caller,
    kind: Kind,
    id: &str,
) -> Result<(), persistence::Error> {
    let workspace = caller.workspace_id;
    match kind {
        Kind::Tool => {
            if let Ok(id) = id.parse::<ToolId>() {
                tools::retire(tx, workspace, &id).await?;
            }
        }
        Kind::Flow => {
            if let Ok(id) = id.parse::<ToolId>() {
                flows::retire(tx, workspace, &id).await?;
            }
        }
        Kind::Prompt => {
            if let Ok(id) = id.parse::<PromptId>() {
                prompts::retire(tx, workspace, &id).await?;
            }
        }
    }
    Ok(())
}

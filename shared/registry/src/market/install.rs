//! Installing: a pinned copy of what is public, under ids that are free here.

use std::collections::BTreeSet;

use domain::binding::{self, Named};
use domain::caller::{Caller, Role};
use domain::fault::Fault;
use domain::ids::{PromptId, ToolId};
use domain::publication::{Bindings, Kind, Manifest, Needs, changes};
use domain::{config, text};
use persistence::installs::{self, Installed};
use persistence::{Tx, prompts, publications};
use serde_json::json;

use super::copy::{Copy, ids, needs};
use super::offer::catalog_error;
use super::{Ids, Market, MarketError, Public, Standing, kind, note, read_manifest, stored};
use crate::catalog::Catalog;

/// Longest id.
const MAX_ID: usize = 64;

/// Ids that are tried for one document.
const MOST_NUMBERS: usize = 20;

/// How an install is asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The id that it gets here; its own, or one with its publisher's name before it, unless stated.
    pub id: Option<String>,
    /// The content that was read before; another is not installed.
    pub hash: Option<String>,
    /// What stands for what.
    pub bindings: Bindings,
}

/// What was installed.
#[derive(Debug)]
pub struct Install {
    /// How it stands.
    pub standing: Standing,
    /// Those secrets of the workspace that the request itself names for a content that it names too, and where they are sent: an admin's
    /// request binds those that have no host yet. What a publisher calls a secret is no consent.
    pub named: Vec<Named>,
}

impl Market<'_> {
    /// Takes a copy of what is public into the workspace, in the caller's name.
    ///
    /// # Errors
    /// [`MarketError::NotPublic`], [`MarketError::OwnPublication`], [`MarketError::Stale`], [`MarketError::Invalid`],
    /// [`MarketError::IdTaken`], [`MarketError::Database`].
    pub async fn install(
        &self,
        caller: &Caller,
        slug: &str,
        asked: Asked,
    ) -> Result<Install, MarketError> {
        let public = self.public(slug).await?;
        pinned(&public, asked.hash.as_deref())?;
        check(&asked.bindings, &public.needs)?;
        let consented = match asked.hash {
            Some(_) => asked.bindings.clone(),
            None => Bindings::default(),
        };
        let catalog = self.registry.catalog(caller).await.map_err(catalog_error)?;
        let mut tx = self.begin(caller).await?;
        if publications::owns(&mut tx, caller.workspace_id, public.listed.id).await? {
            return Err(MarketError::OwnPublication);
        }
        let names = Names {
            catalog: &catalog,
            caller,
            publisher: &public.listed.publisher,
        };
        let copy = Copy {
            publication_id: public.listed.id,
            slug: public.listed.slug.clone(),
            version: public.listed.version,
            ids: names
                .choose(&mut tx, &public.manifest, asked.id.as_deref())
                .await?,
            manifest: public.manifest,
            bindings: asked.bindings,
        };
        let documents = copy
            .checked(self.registry, &catalog)
            .map_err(MarketError::Invalid)?;
        copy.write(&mut tx, caller, &documents, &[]).await?;
        let bound = copy.bound();
        let (kind, id) = (bound.root.kind, bound.root.id.as_str());
        let detail = json!({
            "public_id": copy.slug, "version": copy.version, "hash": copy.manifest.hash(),
            "bindings": copy.bindings,
        });
        note(&mut tx, caller, "publication.install", (kind, id), detail).await?;
        let installed = installs::one(&mut tx, caller.workspace_id, kind, id).await?;
        let installed = installed.ok_or(MarketError::NotInstalled(kind))?;
        let needs = needs(self.registry, &catalog, &bound);
        let standing = Standing {
            stored: Some(stored(&mut tx, caller, &needs).await?),
            parts: parts(&bound),
            bindings: copy.bindings,
            changes: None,
            installed,
            kind,
            needs,
        };
        tx.commit().await?;
        Ok(Install {
            named: self.named(&bound, &consented),
            standing,
        })
    }

    /// How something installed stands, and what its update would change.
    ///
    /// # Errors
    /// [`MarketError::NotInstalled`], [`MarketError::Database`].
    pub async fn standing(
        &self,
        caller: &Caller,
        kind: Kind,
        id: &str,
    ) -> Result<Standing, MarketError> {
        let catalog = self.registry.catalog(caller).await.map_err(catalog_error)?;
        let mut tx = self.begin(caller).await?;
        let installed = installs::one(&mut tx, caller.workspace_id, kind, id).await?;
        let installed = installed.ok_or(MarketError::NotInstalled(kind))?;
        let copy = existing(&mut tx, caller, kind, &installed).await?;
        let bound = copy.bound();
        let needs = needs(self.registry, &catalog, &bound);
        let stored = match caller.role >= Role::Member {
            true => Some(stored(&mut tx, caller, &needs).await?),
            false => None,
        };
        tx.commit().await?;
        let newer = installed
            .latest_hash
            .as_ref()
            .is_some_and(|hash| *hash != installed.hash);
        let changes = match newer {
            false => None,
            true => match self.public(&installed.slug).await {
                Ok(public) => {
                    let next = self.next(&copy, &public, &Bindings::default());
                    Some(self.changes(&catalog, &copy, &next))
                }
                Err(MarketError::NotPublic) => None,
                Err(error) => return Err(error),
            },
        };
        Ok(Standing {
            parts: parts(&bound),
            bindings: copy.bindings,
            installed,
            kind,
            needs,
            stored,
            changes,
        })
    }

    /// A page of what is installed, by kind and id, after this one.
    ///
    /// # Errors
    /// [`MarketError::Database`].
    pub async fn installed(
        &self,
        caller: &Caller,
        after: Option<(Kind, &str)>,
        limit: i64,
    ) -> Result<Vec<Installed>, MarketError> {
        let mut tx = self.begin(caller).await?;
        let page = installs::page(&mut tx, caller.workspace_id, after, limit).await?;
        tx.commit().await?;
        Ok(page)
    }

    /// The copy with the public content in it, and what is bound there as far as it is needed still.
    pub(super) fn next(&self, copy: &Copy, public: &Public, bindings: &Bindings) -> Copy {
        let (secrets, variables) = names(&public.needs);
        Copy {
            publication_id: public.listed.id,
            slug: public.listed.slug.clone(),
            version: public.listed.version,
            manifest: public.manifest.clone(),
            bindings: copy
                .bindings
                .clone()
                .with(bindings)
                .kept(&secrets, &variables),
            ids: copy.ids.clone(),
        }
    }

    pub(super) fn changes(
        &self,
        catalog: &Catalog,
        old: &Copy,
        new: &Copy,
    ) -> Vec<domain::publication::Change> {
        let (before, now) = (old.bound(), new.bound());
        let needs = |bound: &Manifest| needs(self.registry, catalog, bound);
        changes((&before, &needs(&before)), (&now, &needs(&now)))
    }

    /// Those secrets of the copy's tools that these bindings name, and where they are sent.
    pub(super) fn named(&self, bound: &Manifest, consented: &Bindings) -> Vec<Named> {
        let tools = bound
            .documents()
            .filter(|document| document.kind == Kind::Tool);
        let configs =
            tools.filter_map(|document| config::read(&document.value, &self.registry.policy).ok());
        let named = configs.flat_map(|config| binding::named(&config));
        let consented = |named: &Named| {
            let mut own = consented.secrets.values();
            own.any(|own| own == named.name.as_str())
        };
        named.filter(consented).collect()
    }
}

/// The copy that is there.
pub(super) async fn existing(
    tx: &mut Tx,
    caller: &Caller,
    of: Kind,
    installed: &Installed,
) -> Result<Copy, MarketError> {
    let rows = installs::parts(tx, caller.workspace_id, of, &installed.tool_id).await?;
    let mut parts = Vec::with_capacity(rows.len());
    for row in rows {
        parts.push((kind(&row.kind)?, row.part, row.tool_id));
    }
    let manifest = installed.manifest.as_deref();
    Ok(Copy {
        publication_id: installed.publication_id.unwrap_or_default(),
        slug: installed.slug.clone(),
        version: installed.version,
        manifest: read_manifest(manifest.unwrap_or("null"))?,
        bindings: super::json(&installed.bindings)?,
        ids: ids(parts),
    })
}

/// What came with it, by its ids here.
pub(super) fn parts(bound: &Manifest) -> Vec<(Kind, String)> {
    let parts = bound.parts.iter();
    parts.map(|part| (part.kind, part.id.clone())).collect()
}

/// Refuses another content than the one that was read before.
pub(super) fn pinned(public: &Public, hash: Option<&str>) -> Result<(), MarketError> {
    if hash.is_some_and(|hash| hash != public.listed.hash) {
        return Err(MarketError::Stale {
            version: public.listed.version,
            hash: public.listed.hash.clone(),
        });
    }
    Ok(())
}

/// The names of what can be bound.
pub(super) fn names(needs: &Needs) -> (Vec<&str>, Vec<&str>) {
    let secrets = needs.secrets.iter().map(|it| it.name.as_str()).collect();
    let variables = needs.variables.iter().map(|it| it.name.as_str()).collect();
    (secrets, variables)
}

pub(super) fn check(bindings: &Bindings, needs: &Needs) -> Result<(), MarketError> {
    let (secrets, variables) = names(needs);
    bindings
        .check(&secrets, &variables)
        .map_err(MarketError::Invalid)
}

/// Where free ids are looked for.
pub(super) struct Names<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) caller: &'a Caller,
    pub(super) publisher: &'a str,
}

impl Names<'_> {
    /// An id for each document of a manifest. The root gets the one that was asked for, or none at all.
    ///
    /// # Errors
    /// [`MarketError::IdTaken`], [`MarketError::Invalid`], [`MarketError::Database`].
    pub(super) async fn choose(
        &self,
        tx: &mut Tx,
        manifest: &Manifest,
        asked: Option<&str>,
    ) -> Result<Ids, MarketError> {
        let mut ids = Ids::new();
        let root = &manifest.root;
        let id = match asked {
            Some(id) => {
                self.well_formed(root.kind, id)?;
                if let Some(there) = self.in_the_way(tx, root.kind, id, &ids).await? {
                    let id = id.to_owned();
                    return Err(MarketError::IdTaken { id, there });
                }
                id.to_owned()
            }
            None => self.free(tx, root.kind, &root.id, &ids).await?,
        };
        ids.insert((root.kind, root.id.clone()), id);
        for part in &manifest.parts {
            let id = self.free(tx, part.kind, &part.id, &ids).await?;
            ids.insert((part.kind, part.id.clone()), id);
        }
        Ok(ids)
    }

    /// Its own id, or the same behind its publisher's name, with a number where that is taken as well.
    ///
    /// # Errors
    /// [`MarketError::IdTaken`], [`MarketError::Database`].
    pub(super) async fn free(
        &self,
        tx: &mut Tx,
        kind: Kind,
        id: &str,
        chosen: &Ids,
    ) -> Result<String, MarketError> {
        if self.in_the_way(tx, kind, id, chosen).await?.is_none() {
            return Ok(id.to_owned());
        }
        let mut named = String::new();
        for number in 1..=MOST_NUMBERS {
            let behind = match number {
                1 => String::new(),
                number => format!("_{number}"),
            };
            named = format!("{}_{id}", self.publisher);
            named.truncate(MAX_ID - behind.len());
            named.push_str(&behind);
            if self.in_the_way(tx, kind, &named, chosen).await?.is_none() {
                return Ok(named);
            }
        }
        let there = named.clone();
        Err(MarketError::IdTaken { id: named, there })
    }

    fn well_formed(&self, kind: Kind, id: &str) -> Result<(), MarketError> {
        let wrong = match kind {
            Kind::Tool | Kind::Flow => id.parse::<ToolId>().err().map(|error| error.to_string()),
            Kind::Prompt => id.parse::<PromptId>().err().map(|error| error.to_string()),
        };
        match wrong {
            None => Ok(()),
            Some(message) => Err(MarketError::Invalid(vec![Fault::new(
                "/id",
                "invalid_value",
                message,
            )])),
        }
    }

    /// What has this id already, or one that a person or a model would take for it.
    async fn in_the_way(
        &self,
        tx: &mut Tx,
        kind: Kind,
        id: &str,
        chosen: &Ids,
    ) -> Result<Option<String>, MarketError> {
        let looks = look(id);
        let shares = |other: Kind| (other == Kind::Prompt) == (kind == Kind::Prompt);
        let chosen = chosen.iter().filter(|((other, _), _)| shares(*other));
        let mut known: BTreeSet<String> = chosen.map(|(_, id)| id.clone()).collect();
        match kind {
            Kind::Tool | Kind::Flow => {
                known.extend(self.catalog.entries().map(|entry| entry.id.to_string()));
            }
            Kind::Prompt => {
                let workspace = self.caller.workspace_id;
                if let Ok(id) = id.parse()
                    && let Some(there) = prompts::by_id(tx, workspace, &id).await?
                {
                    known.insert(there.id);
                }
            }
        }
        Ok(known.into_iter().find(|other| look(other) == looks))
    }
}

/// What an id looks like at a glance.
fn look(id: &str) -> String {
    text::look(id).replace(['-', '_'], "")
}

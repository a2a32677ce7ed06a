//! A copy of a manifest in a workspace: its documents with bindings and local ids, checked and written.

use std::collections::BTreeMap;

use domain::caller::Caller;
use domain::canonical;
use domain::config::ToolConfig;
use domain::fault::Fault;
use domain::flow::{self, Flow};
use domain::ids::{PromptId, ToolId};
use domain::prompt::{self, Prompt};
use domain::publication::{Bindings, Document, Kind, Manifest, Needs};
use persistence::installs::{self, NewInstall};
use persistence::tools::{CatalogDelta, CatalogKind, CatalogRow};
use persistence::versioned::{Insert, Revise};
use persistence::{Tx, flows, prompts, tools};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Ids, MarketError};
use crate::catalog::Catalog;
use crate::live::Registry;
use crate::saved;

/// Where an installed tool comes from.
const SOURCE: &str = "marketplace";

/// Which content stands under which ids, with what in it.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    /// The publication.
    pub(super) publication_id: Uuid,
    /// Its public id.
    pub(super) slug: String,
    /// The publisher's version.
    pub(super) version: i32,
    /// The content as it was published.
    pub(super) manifest: Manifest,
    /// What stands for what.
    pub(super) bindings: Bindings,
    /// The local ids.
    pub(super) ids: Ids,
}

/// A document that was found good.
pub(super) struct Checked {
    document: Document,
    /// Its id in the manifest.
    part: String,
    meaning: Meaning,
    text: String,
    hash: String,
}

enum Meaning {
    Tool(Box<ToolConfig>),
    Flow(Box<Flow>),
    Prompt(Box<Prompt>),
}

/// A document as it was written.
struct Written {
    version: i32,
    hash: String,
}

impl Copy {
    /// The documents as they stand in the workspace.
    pub(super) fn bound(&self) -> Manifest {
        self.bindings.apply(&self.manifest, |kind, id| {
            let local = self.ids.get(&(kind, id.to_owned()));
            local.map_or(id, String::as_str).to_owned()
        })
    }

    /// Reads every document beside the workspace's catalog: the root may call its parts before they are there.
    ///
    /// # Errors
    /// Every fault.
    pub(super) fn checked(
        &self,
        registry: &Registry,
        catalog: &Catalog,
    ) -> Result<Vec<Checked>, Vec<Fault>> {
        let bound = self.bound();
        let beside = beside(registry, catalog, &bound);
        let strangers = strangers(catalog, &bound);
        if !strangers.is_empty() {
            return Err(strangers);
        }
        let originals = self.manifest.documents();
        let mut checked = Vec::new();
        let mut faults = Vec::new();
        for (document, original) in bound.documents().zip(originals) {
            let value = &document.value;
            let read = match document.kind {
                Kind::Tool => saved::checked(value, &registry.policy)
                    .map(|config| Meaning::Tool(Box::new(config))),
                Kind::Flow => read_flow(value, &beside).map(|flow| Meaning::Flow(Box::new(flow))),
                Kind::Prompt => prompt::read(value).map(|prompt| Meaning::Prompt(Box::new(prompt))),
            };
            match read {
                Ok(meaning) => checked.push(Checked {
                    part: original.id.clone(),
                    text: value.to_string(),
                    hash: canonical::hash(value),
                    document: document.clone(),
                    meaning,
                }),
                Err(found) => faults.extend(found.into_iter().map(of_binding)),
            }
        }
        match faults.is_empty() {
            true => Ok(checked),
            false => Err(faults),
        }
    }

    /// Writes every document and records the copy: what is there under its id is revised, what is not is saved.
    ///
    /// # Errors
    /// [`MarketError::IdTaken`], [`MarketError::Database`].
    pub(super) async fn write(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        documents: &[Checked],
        there: &[(Kind, String)],
    ) -> Result<(), MarketError> {
        let hash = self.manifest.hash();
        let bindings = json!(self.bindings).to_string();
        let manifest = self.manifest.to_value().to_string();
        let root = documents.first().map(|root| &root.document);
        let came_with = root.map(|root| format!("{}:{}", root.kind, root.id));
        // What is called is there before what calls it.
        for (index, checked) in documents.iter().enumerate().rev() {
            let document = &checked.document;
            let known = there.contains(&(document.kind, document.id.clone()));
            let written = checked.write(tx, caller, known).await?;
            let is_root = index == 0;
            installs::save(
                tx,
                &NewInstall {
                    workspace_id: caller.workspace_id,
                    kind: document.kind,
                    id: &document.id,
                    publication_id: self.publication_id,
                    slug: &self.slug,
                    version: self.version,
                    hash: &hash,
                    part: &checked.part,
                    part_of: came_with.as_deref().filter(|_| !is_root),
                    bindings: &bindings,
                    manifest: is_root.then_some(manifest.as_str()),
                    local_version: written.version,
                    local_hash: &written.hash,
                },
            )
            .await?;
        }
        Ok(())
    }
}

/// What the documents need, as they stand in the workspace.
pub(super) fn needs(registry: &Registry, catalog: &Catalog, bound: &Manifest) -> Needs {
    let tools = bound
        .documents()
        .filter(|document| document.kind == Kind::Tool);
    let configs: Vec<ToolConfig> = tools
        .filter_map(|document| saved::checked(&document.value, &registry.policy).ok())
        .collect();
    let mut needs = Needs::of(&configs);
    let called = bound
        .documents()
        .flat_map(|document| domain::publication::references(document.kind, &document.value));
    for reference in called {
        let built_in = reference.id.parse().ok();
        let built_in = built_in.and_then(|id: ToolId| catalog.entry(&id));
        if let Some(tool) = built_in.filter(|tool| tool.code.is_some()) {
            needs.add_built_in(tool.id.as_str(), tool.config.effects);
        }
    }
    needs
}

impl Checked {
    async fn write(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        known: bool,
    ) -> Result<Written, MarketError> {
        let written = match &self.meaning {
            Meaning::Tool(config) => self.write_tool(tx, caller, config, known).await,
            Meaning::Flow(flow) => self.write_flow(tx, caller, flow, known).await,
            Meaning::Prompt(prompt) => self.write_prompt(tx, caller, prompt, known).await,
        };
        match written {
            Ok(Some(written)) => Ok(written),
            Ok(None) => Err(self.taken()),
            Err(error) if error.is_conflict_on("names_pkey") => Err(self.taken()),
            Err(error) => Err(error.into()),
        }
    }

    fn taken(&self) -> MarketError {
        let id = self.document.id.clone();
        MarketError::IdTaken {
            there: id.clone(),
            id,
        }
    }

    async fn write_tool(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        config: &ToolConfig,
        known: bool,
    ) -> Result<Option<Written>, persistence::Error> {
        let row = tools::NewTool {
            workspace_id: caller.workspace_id,
            id: &config.id,
            name: &config.name,
            description: &config.description,
            tags: &config.tags,
            enabled: config.enabled,
            document: &self.text,
            hash: &self.hash,
            source: SOURCE,
        };
        let saved = match known {
            true => revised(tools::revise(tx, &row, None).await?),
            false => None,
        };
        let saved = match saved {
            None => inserted(tools::insert(tx, &row).await?),
            saved => saved,
        };
        Ok(saved.map(|saved| Written {
            version: saved.version,
            hash: saved.hash,
        }))
    }

    async fn write_flow(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        flow: &Flow,
        known: bool,
    ) -> Result<Option<Written>, persistence::Error> {
        let Some(id) = &flow.id else { return Ok(None) };
        let row = flows::NewFlow {
            workspace_id: caller.workspace_id,
            id,
            name: &flow.name,
            description: &flow.description,
            tags: &flow.tags,
            enabled: flow.enabled,
            callable: flow.input_schema.is_some(),
            document: &self.text,
            hash: &self.hash,
        };
        let saved = match known {
            true => revised(flows::revise(tx, &row, None).await?),
            false => None,
        };
        let saved = match saved {
            None => inserted(flows::insert(tx, &row).await?),
            saved => saved,
        };
        Ok(saved.map(|saved| Written {
            version: saved.version,
            hash: saved.hash,
        }))
    }

    async fn write_prompt(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        prompt: &Prompt,
        known: bool,
    ) -> Result<Option<Written>, persistence::Error> {
        let id: &PromptId = &prompt.id;
        let row = prompts::NewPrompt {
            workspace_id: caller.workspace_id,
            id,
            name: &prompt.name,
            description: &prompt.description,
            document: &self.text,
            hash: &self.hash,
        };
        let saved = match known {
            true => revised(prompts::revise(tx, &row, None).await?),
            false => None,
        };
        let saved = match saved {
            None => inserted(prompts::insert(tx, &row).await?),
            saved => saved,
        };
        Ok(saved.map(|saved| Written {
            version: saved.version,
            hash: saved.hash,
        }))
    }
}

/// What a document calls is a part of it or built in: a built-in tool in whose place the workspace has put one of its own is another
/// tool.
fn strangers(catalog: &Catalog, bound: &Manifest) -> Vec<Fault> {
    let called = bound
        .documents()
        .flat_map(|document| domain::publication::references(document.kind, &document.value));
    let strange = called.filter(|reference| {
        let part = bound.parts.iter().any(|part| part.id == reference.id);
        let entry = reference.id.parse().ok();
        let entry = entry.and_then(|id: ToolId| catalog.entry(&id));
        !part && entry.is_none_or(|entry| entry.code.is_none())
    });
    let told = strange.map(|reference| {
        let message = format!(
            "it calls the built-in tool {}, which is not there or has one of this workspace's own in its place",
            reference.id
        );
        Fault::new("", "not_usable", message).hint("retire the own tool of that id, or do not install this")
    });
    told.collect()
}

fn inserted<T>(inserted: Insert<T>) -> Option<T> {
    match inserted {
        Insert::Created(saved) => Some(saved),
        Insert::Exists { .. } => None,
    }
}

/// `None` when it was retired meanwhile.
fn revised<T>(revised: Revise<T>) -> Option<T> {
    match revised {
        Revise::Done(saved) => Some(saved),
        Revise::Conflict { .. } | Revise::NotFound => None,
    }
}

fn read_flow(value: &Value, beside: &Catalog) -> Result<Flow, Vec<Fault>> {
    let flow = flow::read(value)?;
    let faults = flow::check(&flow, beside);
    match faults.is_empty() {
        true => Ok(flow),
        false => Err(faults),
    }
}

/// The catalog as it will be once the parts are there.
fn beside(registry: &Registry, catalog: &Catalog, bound: &Manifest) -> Catalog {
    let row = |document: &Document| {
        let kind = match document.kind {
            Kind::Tool => CatalogKind::Tool,
            Kind::Flow => CatalogKind::Flow,
            Kind::Prompt => return None,
        };
        Some(CatalogRow {
            kind,
            id: document.id.clone(),
            version: i32::MAX,
            hash: String::new(),
            document: Some(document.value.to_string()),
        })
    };
    let delta = CatalogDelta {
        revision: catalog.revision(),
        rows: bound.parts.iter().filter_map(row).collect(),
    };
    catalog.after(delta, &registry.policy)
}

/// A fault of a document that was found good when it was published is a fault of what was bound: a variable's value is told where it
/// was given.
fn of_binding(fault: Fault) -> Fault {
    let variable = fault
        .pointer
        .strip_prefix("/api/connection_vars/")
        .and_then(|rest| rest.strip_suffix("/default"))
        .map(|name| format!("/variables/{name}"));
    match variable {
        Some(pointer) => Fault { pointer, ..fault },
        None => fault,
    }
}

/// The local ids of a copy that is there.
pub(super) fn ids(parts: impl IntoIterator<Item = (Kind, String, String)>) -> Ids {
    let ids: BTreeMap<_, _> = parts
        .into_iter()
        .map(|(kind, part, id)| ((kind, part), id))
        .collect();
    ids
}

//! Publishing: what of a tool, a flow or a prompt everybody will see, and why it may not be seen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use domain::caller::Caller;
use domain::config::ToolConfig;
use domain::fault::Fault;
use domain::ids::{PromptId, ToolId};
use domain::path::escape_token;
use domain::publication::{
    Document, Kind, MAX_DOCUMENTS, MAX_MANIFEST_BYTES, Manifest, Needs, Reference, faults_of_text,
    literal_credentials, references, scrub,
};
use domain::{canonical, prompt};
use persistence::publications::{self, NewPublication, Published};
use persistence::{installs, prompts};
use serde_json::{Value, json};

use super::{Market, MarketError, note};
use crate::catalog::Catalog;
use crate::saved;
use crate::tool::CompiledTool;

/// Fewer characters describe nothing.
const MIN_DESCRIPTION: usize = 10;

/// Something to be published, and what is in the way.
#[derive(Debug)]
pub struct Offer {
    /// What it is.
    pub kind: Kind,
    /// Its id in the workspace.
    pub id: String,
    /// The version that would be published.
    pub version: i32,
    /// Its whole content, without the workspace's own values.
    pub manifest: Manifest,
    /// What an install will have to bind.
    pub needs: Needs,
    /// Everything that is in the way of it; who tries its fixtures adds theirs.
    pub faults: Vec<Fault>,
    /// Every saved tool in it as it stands in the workspace, with its recorded fixtures; the pointer says where its faults are told.
    pub tools: Vec<(String, Arc<CompiledTool>)>,
    name: String,
    description: String,
    tags: Vec<String>,
}

/// What is found on the way from the root to everything that it calls.
#[derive(Default)]
struct Found {
    parts: BTreeMap<ToolId, Arc<CompiledTool>>,
    built_in: Vec<Arc<CompiledTool>>,
    faults: Vec<Fault>,
}

impl Market<'_> {
    /// Gathers what publishing would show, and everything that is in the way of it.
    ///
    /// # Errors
    /// [`MarketError::NothingThere`]; [`MarketError::Refused`] of what is not even a tool of one's own; [`MarketError::Database`].
    pub async fn offer(&self, caller: &Caller, kind: Kind, id: &str) -> Result<Offer, MarketError> {
        let catalog = self.registry.catalog(caller).await.map_err(catalog_error)?;
        let (document, version) = match kind {
            Kind::Tool | Kind::Flow => own_entry(&catalog, kind, id)?,
            Kind::Prompt => self.own_prompt(caller, id).await?,
        };
        let mut found = Found::default();
        found.gather(&catalog, references(kind, &document));
        let mut faults = std::mem::take(&mut found.faults);
        faults.extend(self.copies(caller, kind, id, &found).await?);
        let root = Document {
            kind,
            id: id.to_owned(),
            value: scrub(kind, id, &document),
        };
        let manifest = Manifest {
            root,
            parts: found
                .parts
                .values()
                .filter_map(|part| scrubbed(part))
                .collect(),
        };
        let mut configs = Vec::new();
        for document in manifest.documents() {
            let at = match document.id == id && document.kind == kind {
                true => String::new(),
                false => format!("/with/{}", escape_token(&document.id)),
            };
            faults.extend(
                self.faults(document, &mut configs)
                    .into_iter()
                    .map(|fault| Fault {
                        pointer: format!("{at}{}", fault.pointer),
                        ..fault
                    }),
            );
        }
        if canonical::to_string(&manifest.to_value()).len() > MAX_MANIFEST_BYTES {
            let message = format!("what is published has at most {MAX_MANIFEST_BYTES} bytes");
            faults.push(Fault::new("", "too_large", message));
        }
        let mut needs = Needs::of(&configs);
        for tool in &found.built_in {
            needs.add_built_in(tool.id.as_str(), tool.config.effects);
        }
        let tools = self.tools(&catalog, kind, id, &found);
        faults.extend(mocked(&tools));
        Ok(Offer {
            faults,
            kind,
            id: id.to_owned(),
            version,
            name: text(&document, "name"),
            description: text(&document, "description"),
            tags: tags(&document),
            manifest,
            needs,
            tools,
        })
    }

    /// Makes it public, or its next content, if nothing is in the way. `public_id` is what its public id ends with, its own id unless stated; it never
    /// changes.
    ///
    /// # Errors
    /// [`MarketError::Refused`] with every fault; [`MarketError::SlugTaken`], [`MarketError::PublisherTaken`],
    /// [`MarketError::Invalid`], [`MarketError::Database`].
    pub async fn publish(
        &self,
        caller: &Caller,
        offer: &Offer,
        public_id: Option<&ToolId>,
        fixtures: usize,
    ) -> Result<Published, MarketError> {
        if !offer.faults.is_empty() {
            return Err(MarketError::Refused(offer.faults.clone()));
        }
        let mut tx = self.begin(caller).await?;
        let publisher = publications::publisher(&mut tx, caller.workspace_id).await?;
        let publisher = publisher.ok_or(MarketError::NothingThere(offer.kind))?;
        let ends = public_id.map_or(offer.id.as_str(), ToolId::as_str);
        let slug = format!("{publisher}_{ends}");
        let manifest = offer.manifest.to_value();
        let hash = canonical::hash(&manifest);
        let new = NewPublication {
            workspace_id: caller.workspace_id,
            kind: offer.kind,
            id: &offer.id,
            version: offer.version,
            hash: &hash,
            manifest: &manifest.to_string(),
            needs: &json!(offer.needs).to_string(),
            slug: &slug,
            name: &offer.name,
            description: &offer.description,
            tags: &offer.tags,
            fixtures: i32::try_from(fixtures).unwrap_or(i32::MAX),
        };
        let published = match publications::publish(&mut tx, &new).await {
            Err(error) if error.is_conflict_on(publications::SLUG_TAKEN) => {
                return Err(MarketError::SlugTaken(slug));
            }
            Err(error) if error.is_conflict_on(publications::PUBLISHER_TAKEN) => {
                return Err(MarketError::PublisherTaken(publisher));
            }
            other => other?.ok_or(MarketError::Changing)?,
        };
        if public_id.is_some() && published.slug != slug {
            let message = format!("it is public as {}, which never changes", published.slug);
            return Err(MarketError::Invalid(vec![
                Fault::new("/id", "id_changed", message).hint("leave it out"),
            ]));
        }
        let detail = json!({ "public_id": published.slug, "version": offer.version, "hash": hash });
        let subject = (offer.kind, offer.id.as_str());
        note(&mut tx, caller, "publication.publish", subject, detail).await?;
        tx.commit().await?;
        Ok(published)
    }

    /// Takes it out of the marketplace; what was installed stays.
    ///
    /// # Errors
    /// [`MarketError::NotPublic`], [`MarketError::Database`].
    pub async fn withdraw(&self, caller: &Caller, kind: Kind, id: &str) -> Result<(), MarketError> {
        let mut tx = self.begin(caller).await?;
        let slug = publications::withdraw(&mut tx, caller.workspace_id, kind, id).await?;
        let slug = slug.ok_or(MarketError::NotPublic)?;
        let detail = json!({ "public_id": slug });
        note(&mut tx, caller, "publication.withdraw", (kind, id), detail).await?;
        Ok(tx.commit().await?)
    }

    async fn own_prompt(&self, caller: &Caller, id: &str) -> Result<(Value, i32), MarketError> {
        let missing = || MarketError::NothingThere(Kind::Prompt);
        let id: PromptId = id.parse().map_err(|_| missing())?;
        let mut tx = self.begin(caller).await?;
        let saved = prompts::by_id(&mut tx, caller.workspace_id, &id).await?;
        tx.commit().await?;
        let saved = saved.ok_or_else(missing)?;
        Ok((super::json(&saved.document)?, saved.version))
    }

    /// What was installed from the marketplace is its publisher's to publish.
    async fn copies(
        &self,
        caller: &Caller,
        kind: Kind,
        id: &str,
        found: &Found,
    ) -> Result<Vec<Fault>, MarketError> {
        let parts = found
            .parts
            .values()
            .map(|part| (kind_of(part), part.id.as_str()));
        let things = [(kind, id)].into_iter().chain(parts);
        let things: Vec<String> = things.map(|(kind, id)| format!("{kind}:{id}")).collect();
        let mut tx = self.begin(caller).await?;
        let copies = installs::copies(&mut tx, caller.workspace_id, &things).await?;
        tx.commit().await?;
        let told = copies.iter().map(|copy| {
            let message =
                format!("{copy} was installed from the marketplace; its publisher publishes it");
            let hint = "leave it to its publisher, or call something of your own";
            Fault::new("", "installed_copy", message).hint(hint)
        });
        Ok(told.collect())
    }

    /// Everything that is wrong with showing one document to everybody; of a tool, what it means.
    fn faults(&self, document: &Document, configs: &mut Vec<ToolConfig>) -> Vec<Fault> {
        let value = &document.value;
        let mut faults = faults_of_text(document.kind, value);
        faults.extend(literal_credentials(value));
        let described = text(value, "description");
        if described.trim().chars().count() < MIN_DESCRIPTION {
            let message = format!(
                "what is published says in {MIN_DESCRIPTION} characters or more what it does"
            );
            faults.push(Fault::new("/description", "required", message));
        }
        let read = match document.kind {
            Kind::Tool => {
                saved::checked(value, &self.registry.policy).map(|config| configs.push(config))
            }
            Kind::Flow => domain::flow::read(value).map(drop),
            Kind::Prompt => prompt::read(value).map(drop),
        };
        faults.extend(read.err().into_iter().flatten());
        faults
    }

    /// The tools whose fixtures have to pass.
    fn tools(
        &self,
        catalog: &Catalog,
        kind: Kind,
        id: &str,
        found: &Found,
    ) -> Vec<(String, Arc<CompiledTool>)> {
        let root = (kind == Kind::Tool)
            .then(|| id.parse::<ToolId>().ok())
            .flatten();
        let root = root.and_then(|id| catalog.entry(&id).cloned());
        let root = root.map(|tool| (String::new(), tool));
        let parts = found.parts.values().filter(|part| !part.is_flow());
        let parts = parts.map(|part| (format!("/with/{}", part.id), Arc::clone(part)));
        root.into_iter().chain(parts).collect()
    }
}

impl Found {
    /// Follows references to everything that is called, each once.
    fn gather(&mut self, catalog: &Catalog, roots: Vec<Reference>) {
        let mut open: VecDeque<(String, Reference)> =
            roots.into_iter().map(|it| (String::new(), it)).collect();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        while let Some((at, reference)) = open.pop_front() {
            if !seen.insert(reference.id.clone()) {
                continue;
            }
            let entry = reference.id.parse().ok();
            let entry = entry.and_then(|id: ToolId| catalog.entry(&id));
            let problem = match entry {
                None => Some("which this workspace does not have"),
                Some(entry) if entry.quarantined.is_some() => {
                    Some("whose document is no longer valid")
                }
                Some(entry) if !entry.config.enabled => Some("which is switched off"),
                Some(_) => None,
            };
            if let Some(problem) = problem {
                let message = format!("it calls {}, {problem}", reference.id);
                let pointer = format!("{at}{}", reference.pointer);
                self.faults.push(Fault::new(pointer, "not_usable", message));
                continue;
            }
            let Some(entry) = entry else { continue };
            if entry.code.is_some() {
                self.built_in.push(Arc::clone(entry));
                continue;
            }
            if self.parts.len() + 2 > MAX_DOCUMENTS {
                let message =
                    format!("with what it calls it has at most {MAX_DOCUMENTS} documents");
                self.faults.push(Fault::new("", "too_large", message));
                return;
            }
            self.parts.insert(entry.id.clone(), Arc::clone(entry));
            let Ok(document) = serde_json::from_str::<Value>(&entry.document) else {
                continue;
            };
            let at = format!("/with/{}", entry.id);
            let more = references(kind_of(entry), &document);
            open.extend(more.into_iter().map(|it| (at.clone(), it)));
        }
    }
}

pub(super) fn kind_of(entry: &CompiledTool) -> Kind {
    match entry.is_flow() {
        true => Kind::Flow,
        false => Kind::Tool,
    }
}

fn own_entry(catalog: &Catalog, kind: Kind, id: &str) -> Result<(Value, i32), MarketError> {
    let missing = || MarketError::NothingThere(kind);
    let id: ToolId = id.parse().map_err(|_| missing())?;
    let entry = catalog.entry(&id).filter(|entry| kind_of(entry) == kind);
    let entry = entry.ok_or_else(missing)?;
    let refused = |code, message: String, hint: &str| {
        MarketError::Refused(vec![Fault::new("", code, message).hint(hint)])
    };
    if entry.code.is_some() {
        let message = "a built-in tool is everywhere already".to_owned();
        return Err(refused(
            "built_in_tool",
            message,
            "publish a tool of your own",
        ));
    }
    if let Some(why) = &entry.quarantined {
        let message = format!("the stored document is no longer valid: {why}");
        return Err(refused("not_usable", message, "mend it first"));
    }
    if !entry.config.enabled {
        let message = "it is switched off".to_owned();
        return Err(refused("not_usable", message, "save it with enabled: true"));
    }
    Ok((super::json(&entry.document)?, entry.version))
}

fn scrubbed(part: &CompiledTool) -> Option<Document> {
    let document: Value = serde_json::from_str(&part.document).ok()?;
    let kind = kind_of(part);
    Some(Document {
        kind,
        id: part.id.to_string(),
        value: scrub(kind, part.id.as_str(), &document),
    })
}

/// A tool that answers a fixed value calls nothing: what it would do nobody has seen.
fn mocked(tools: &[(String, Arc<CompiledTool>)]) -> Vec<Fault> {
    let mocked = tools.iter().filter(|(_, tool)| tool.config.mock.is_some());
    let told = mocked.map(|(at, _)| {
        let message = "a tool that answers a fixed value is not published";
        Fault::new(format!("{at}/mock/enabled"), "not_usable", message).hint("set it to false")
    });
    told.collect()
}

fn text(document: &Value, name: &str) -> String {
    let text = document.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn tags(document: &Value) -> Vec<String> {
    let tags = document.get("tags").and_then(Value::as_array);
    let tags = tags.into_iter().flatten().filter_map(Value::as_str);
    tags.map(str::to_owned).collect()
}

/// Of the catalog only the database can fail here.
pub(super) fn catalog_error(error: crate::error::Error) -> MarketError {
    match error {
        crate::error::Error::Database(error) => error.into(),
        other => super::corrupt(&other.to_string()),
    }
}

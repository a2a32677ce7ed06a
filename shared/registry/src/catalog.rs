//! All tools and flows of one workspace at one revision.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use domain::code::CodeTool;
use domain::egress::Policy;
use domain::formats::Format;
use domain::ids::ToolId;
use domain::ranking::Index;
use persistence::tools::CatalogDelta;

use crate::effects;
use crate::tool::{CompiledTool, slot};

/// Tools and flows by their ids.
pub(crate) type ById = BTreeMap<ToolId, Arc<CompiledTool>>;

/// The code-based tools that every workspace has.
#[derive(Clone, Debug, Default)]
pub(crate) struct BuiltIn(Arc<ById>);

impl BuiltIn {
    pub(crate) fn new<'c>(tools: impl IntoIterator<Item = &'c CodeTool>) -> Self {
        let mut by_id = ById::new();
        for tool in tools.into_iter().filter_map(CompiledTool::of_code) {
            if by_id.contains_key(&tool.id) {
                tracing::error!(tool_id = %tool.id, "two code-based tools have one id; the first one stays");
                continue;
            }
            by_id.insert(tool.id.clone(), Arc::new(tool));
        }
        Self(Arc::new(by_id))
    }

    pub(crate) fn has(&self, id: &ToolId) -> bool {
        self.0.contains_key(id)
    }

    pub(crate) fn get(&self, id: &ToolId) -> Option<Arc<CompiledTool>> {
        self.0.get(id).cloned()
    }

    pub(crate) fn tools(&self) -> impl Iterator<Item = &CompiledTool> {
        self.0.values().map(AsRef::as_ref)
    }
}

/// An unchanging set of tools; the next revision is another catalog that shares what stayed.
#[derive(Debug, Default)]
pub struct Catalog {
    revision: i64,
    /// What may be called as a tool: also the flows with an input schema.
    tools: ById,
    /// Flows that are no tools.
    unlisted: ById,
    built_in: BuiltIn,
    listings: [OnceLock<Bytes>; 5],
    ranking: OnceLock<Index>,
}

impl Catalog {
    /// A catalog of these tools.
    pub fn new(revision: i64, tools: impl IntoIterator<Item = CompiledTool>) -> Self {
        let tools = tools
            .into_iter()
            .map(|tool| (tool.id.clone(), Arc::new(tool)));
        Self {
            revision,
            tools: tools.collect(),
            unlisted: ById::new(),
            built_in: BuiltIn::default(),
            listings: Default::default(),
            ranking: OnceLock::new(),
        }
    }

    /// The catalog of a workspace that saved nothing yet.
    pub(crate) fn of_built_in(built_in: &BuiltIn) -> Self {
        Self {
            revision: 0,
            tools: ById::clone(&built_in.0),
            unlisted: ById::new(),
            built_in: built_in.clone(),
            listings: Default::default(),
            ranking: OnceLock::new(),
        }
    }

    /// The catalog after a change. A saved tool stands in the place of a code-based one of its id, until it is
    /// retired. Versions that it knows already are not compiled again.
    pub fn after(&self, delta: CatalogDelta, policy: &Policy) -> Self {
        let mut tools = self.tools.clone();
        let mut unlisted = self.unlisted.clone();
        for row in delta.rows {
            let Ok(id) = row.id.parse::<ToolId>() else {
                continue;
            };
            let known = tools.get(&id).or_else(|| unlisted.get(&id));
            let known = known.is_some_and(|it| it.version == row.version && it.hash == row.hash);
            if known && row.document.is_some() {
                continue;
            }
            tools.remove(&id);
            unlisted.remove(&id);
            let saved = CompiledTool::of_row(row, policy).map(Arc::new);
            if let Some(entry) = saved.or_else(|| self.built_in.get(&id)) {
                let entries = match entry.is_tool() {
                    true => &mut tools,
                    false => &mut unlisted,
                };
                entries.insert(id, entry);
            }
        }
        effects::settle(&mut tools, &mut unlisted);
        Self {
            revision: delta.revision,
            tools,
            unlisted,
            built_in: self.built_in.clone(),
            listings: Default::default(),
            ranking: OnceLock::new(),
        }
    }

    /// The revision that this is.
    pub const fn revision(&self) -> i64 {
        self.revision
    }

    /// The tool or flow of that id, also a flow that is no tool because it has no input schema.
    pub fn entry(&self, id: &ToolId) -> Option<&Arc<CompiledTool>> {
        self.tools.get(id).or_else(|| self.unlisted.get(id))
    }

    /// Every tool and flow, those that are no tools last.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<CompiledTool>> {
        self.tools.values().chain(self.unlisted.values())
    }

    /// The tool of that id; also a flow that is one.
    pub fn tool(&self, id: &ToolId) -> Option<Arc<CompiledTool>> {
        self.tools.get(id).cloned()
    }

    /// Every tool, by id.
    pub fn tools(&self) -> impl ExactSizeIterator<Item = &Arc<CompiledTool>> {
        self.tools.values()
    }

    /// The tools that a text is about, best first: every tool that shares a word with it, whether it is offered or not. The index is
    /// made once per revision.
    pub fn ranked(&self, text: &str) -> Vec<&Arc<CompiledTool>> {
        let index = self
            .ranking
            .get_or_init(|| Index::new(self.tools.values().map(|tool| tool.words())));
        let tools: Vec<_> = self.tools.values().collect();
        let hits = index.search(text);
        hits.iter()
            .filter_map(|hit| tools.get(hit.position).copied())
            .collect()
    }

    /// `{"tools":[…]}` as JSON text, by id. Our own shape (`None`) holds every tool; a provider's
    /// shape only those that are enabled and not quarantined. Written once per revision.
    pub fn listing(&self, format: Option<Format>) -> Bytes {
        let listing = &self.listings[slot(format)];
        listing
            .get_or_init(|| written(self.tools.values(), format))
            .clone()
    }

    /// The same listing of these tools only, in this order; ids that are not there are passed over.
    pub fn listing_of<'i>(
        &self,
        ids: impl IntoIterator<Item = &'i str>,
        format: Option<Format>,
    ) -> Bytes {
        let ids = ids.into_iter().filter_map(|id| id.parse::<ToolId>().ok());
        let tools: Vec<_> = ids.filter_map(|id| self.tools.get(&id)).collect();
        written(tools.into_iter(), format)
    }

    /// A part of a provider's listing as JSON text, elements of an array without its brackets: the offered tools after
    /// that id, at most `limit` of them and at most `bytes` bytes, but at least one. The second value is the id after
    /// which the next part starts, if there is one.
    pub fn part(
        &self,
        format: Format,
        after: Option<&ToolId>,
        limit: usize,
        bytes: usize,
    ) -> (String, Option<ToolId>) {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = self.tools.range::<ToolId, _>((from, Bound::Unbounded));
        let offered = rest.filter(|(_, tool)| tool.is_offered());
        let mut text = String::new();
        let mut last: Option<&ToolId> = None;
        for (index, (id, tool)) in offered.enumerate() {
            let fragment = tool.fragment(Some(format));
            if index > 0 {
                if index == limit || text.len() + fragment.len() + 1 > bytes {
                    return (text, last.cloned());
                }
                text.push(',');
            }
            text.push_str(fragment);
            last = Some(id);
        }
        (text, None)
    }
}

fn written<'t>(
    tools: impl Iterator<Item = &'t Arc<CompiledTool>>,
    format: Option<Format>,
) -> Bytes {
    let fragments: Vec<&str> = tools
        .filter(|tool| format.is_none() || tool.is_offered())
        .map(|tool| tool.fragment(format))
        .collect();
    let length: usize = fragments.iter().map(|fragment| fragment.len() + 1).sum();
    let mut json = String::with_capacity(length + 12);
    json.push_str("{\"tools\":[");
    for (index, fragment) in fragments.into_iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        json.push_str(fragment);
    }
    json.push_str("]}");
    json.into()
}

#[cfg(test)]
mod tests;

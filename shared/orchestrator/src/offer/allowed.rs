//! Which tools a run may use at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::fault::Fault;
use domain::ids::ToolId;
use domain::text;
use registry::{Catalog, CompiledTool};

use super::Withheld;

/// For so many unknown names the nearest one is looked for; each costs a look at every tool.
const MOST_NEAREST: usize = 10;

const LIST: &str = "GET /api/v1/tools lists the ids";

/// The tools of a run, and those that it does without.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowed {
    /// By id.
    pub(super) tools: Vec<Arc<CompiledTool>>,
    pub(super) withheld: Vec<Withheld>,
}

impl Allowed {
    /// All tools of the catalog but those that destroy something; or the wanted ones.
    pub(super) fn new(catalog: &Catalog, wanted: Option<&[ToolId]>) -> Result<Self, Vec<Fault>> {
        let mut allowed = Self::default();
        match wanted {
            Some(ids) => {
                for tool in named(catalog, ids)? {
                    allowed.add(tool, true);
                }
            }
            None => {
                for tool in catalog.tools() {
                    allowed.add(Arc::clone(tool), false);
                }
            }
        }
        Ok(allowed)
    }

    /// The place of the tool of this id among `tools`.
    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.tools
            .binary_search_by(|tool| tool.id.as_str().cmp(id))
            .ok()
    }

    fn add(&mut self, tool: Arc<CompiledTool>, named: bool) {
        let Some(reason) = reason(&tool, named) else {
            self.tools.push(tool);
            return;
        };
        // Who switched a tool off and did not ask for it knows why it is not there.
        if named || tool.config.enabled || tool.quarantined.is_some() {
            let tool = tool.id.to_string();
            self.withheld.push(Withheld { tool, reason });
        }
    }
}

/// Why a tool is not offered.
fn reason(tool: &CompiledTool, named: bool) -> Option<String> {
    if let Some(why) = &tool.quarantined {
        return Some(format!(
            "Its stored config is not valid any more: {why}. Save it anew."
        ));
    }
    if !tool.config.enabled {
        return Some("It is switched off. Save it with enabled: true.".to_owned());
    }
    if tool.config.effects.destructive && !named {
        let reason =
            "It can destroy something (annotations.destructive). Name it in tools to allow it.";
        return Some(reason.to_owned());
    }
    match tool.function() {
        Ok(_) => None,
        Err(unusable) => Some(format!("No model can be given it: {}", unusable.reason)),
    }
}

/// The tools of these ids, by id.
fn named(catalog: &Catalog, ids: &[ToolId]) -> Result<Vec<Arc<CompiledTool>>, Vec<Fault>> {
    let mut tools = Vec::with_capacity(ids.len());
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (place, id) in ids.iter().enumerate() {
        let pointer = format!("/tools/{place}");
        if !seen.insert(id) {
            let message = format!("\"{id}\" stands in the list already");
            faults.push(Fault::new(pointer, "duplicate", message).hint("name each tool once"));
            continue;
        }
        match catalog.tool(id) {
            Some(tool) => tools.push(tool),
            None => {
                let fault = Fault::new(
                    pointer,
                    "unknown_tool",
                    format!("the workspace has no tool \"{id}\""),
                );
                let hint = match faults.len() {
                    0..MOST_NEAREST => nearest(catalog, id),
                    _ => LIST.to_owned(),
                };
                faults.push(fault.hint(hint));
            }
        }
    }
    if faults.is_empty() {
        tools.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(tools)
    } else {
        Err(faults)
    }
}

fn nearest(catalog: &Catalog, id: &ToolId) -> String {
    let ids = catalog.tools().map(|tool| tool.id.as_str());
    match text::nearest(id.as_str(), ids) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => LIST.to_owned(),
    }
}

//! A flow as the catalog holds it: found and shown like a tool, run by others.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::config::{Effects, OutputRules, ToolConfig, Validation};
use domain::flow::{self, Action, Flow};
use domain::ids::ToolId;
use domain::schema;
use serde_json::{Value, json};

use crate::effects::WORST;
use crate::quarantine;
use crate::tool::{CompiledTool, reason};

/// One version of a flow, which never changes: what a run is pinned to.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowVersion {
    /// The flow's id.
    pub id: ToolId,
    /// Counted from 1.
    pub version: i32,
    /// SHA-256 of the canonical document, in hex.
    pub hash: String,
    /// What the document means.
    pub flow: Arc<Flow>,
}

/// What a [`CompiledTool`] that is a flow knows besides.
#[derive(Debug)]
pub(crate) struct FlowFacts {
    /// `None` of a quarantined flow.
    pub(crate) pinned: Option<Arc<FlowVersion>>,
    /// Each tool and flow that it calls, once.
    callees: Vec<ToolId>,
    /// It has an input schema: it is a tool as well.
    pub(crate) callable: bool,
}

impl CompiledTool {
    /// Compiles a definition that was found good, in the form of all others. What its callees do is not known here.
    pub(crate) fn of_flow(
        id: ToolId,
        version: i32,
        hash: String,
        text: String,
        mut flow: Flow,
    ) -> Self {
        // A document without an id keeps the one it was first saved under.
        flow.id = Some(id.clone());
        let pinned = FlowVersion {
            id,
            version,
            hash,
            flow: Arc::new(flow),
        };
        Self::of_pinned(Arc::new(pinned), text, WORST)
    }

    /// The same of a stored document; one that is no flow any more is quarantined.
    pub(crate) fn of_flow_document(
        id: ToolId,
        version: i32,
        hash: String,
        text: String,
        document: Result<Value, String>,
    ) -> Self {
        let (document, why) = match document {
            Err(why) => (Value::Null, why),
            Ok(document) => match flow::read(&document) {
                Ok(flow) => return Self::of_flow(id, version, hash, text, flow),
                Err(faults) => (document, reason(&faults)),
            },
        };
        tracing::warn!(flow_id = %id, why, "a stored flow is quarantined");
        let config = quarantine::stand_in(id, &document);
        let mut entry = Self::new(config, version, hash, text);
        entry.quarantined = Some(why);
        entry.facts = Some(FlowFacts {
            pinned: None,
            callees: Vec::new(),
            callable: document["input_schema"].is_object(),
        });
        entry
    }

    fn of_pinned(pinned: Arc<FlowVersion>, text: String, effects: Effects) -> Self {
        let flow = &pinned.flow;
        let any = json!({ "type": "object" });
        let config = ToolConfig {
            name: flow.name.clone(),
            title: flow.title.clone(),
            description: flow.description.clone(),
            tags: flow.tags.clone(),
            enabled: flow.enabled,
            effects,
            input_schema: flow.input_schema.as_ref().map_or(any, schema::with_type),
            output_schema: json!({}),
            output: OutputRules {
                validation: Validation::Off,
                redact: Vec::new(),
                max_tokens: None,
            },
            ..quarantine::stand_in(pinned.id.clone(), &Value::Null)
        };
        let mut entry = Self::new(config, pinned.version, pinned.hash.clone(), text);
        entry.flow = Some(Arc::clone(flow));
        entry.facts = Some(FlowFacts {
            callees: callees(flow),
            callable: flow.input_schema.is_some(),
            pinned: Some(pinned),
        });
        entry
    }

    /// The same flow where its callees do something else. `None` of what is no flow.
    pub(crate) fn with_effects(&self, effects: Effects) -> Option<Self> {
        let pinned = self.flow_version()?;
        let document = self.document.clone();
        Some(Self::of_pinned(Arc::clone(pinned), document, effects))
    }

    /// Whether it is a flow. A quarantined one is too, though it has no [`flow`](Self::flow) that could be run.
    pub const fn is_flow(&self) -> bool {
        self.facts.is_some()
    }

    /// Whether it is a tool: everything but a flow without an input schema.
    pub fn is_tool(&self) -> bool {
        self.facts.as_ref().is_none_or(|facts| facts.callable)
    }

    /// The flow as runs are pinned to it; none of a tool and of a quarantined flow.
    pub fn flow_version(&self) -> Option<&Arc<FlowVersion>> {
        self.facts.as_ref()?.pinned.as_ref()
    }

    /// Each tool and flow that it calls, if it is a flow.
    pub(crate) fn callees(&self) -> &[ToolId] {
        let facts = self.facts.as_ref();
        facts.map_or(&[], |facts| &facts.callees)
    }
}

fn callees(flow: &Flow) -> Vec<ToolId> {
    let called = flow.steps.iter().flat_map(|step| {
        let called = match &step.action {
            Action::Tool { tool, .. } => Some(tool),
            Action::Flow { flow, .. } => Some(flow),
            Action::Transform(_) | Action::Wait(_) => None,
        };
        let undoes = step.compensate.as_ref().map(|undo| &undo.tool);
        called.into_iter().chain(undoes)
    });
    let each: BTreeSet<&ToolId> = called.collect();
    each.into_iter().cloned().collect()
}

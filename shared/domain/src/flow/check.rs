//! What is wrong with a flow beside the tools and flows that there are.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::Value;

use super::fit::Fit;
use super::{Action, Flow, MAX_SUB_FLOWS, Step, Template};
use crate::fault::Fault;
use crate::ids::ToolId;
use crate::text;
use crate::walk::{At, Faults};

/// The tools and flows that a flow may call.
pub trait Known {
    /// The tool or flow of this id.
    fn find(&self, id: &ToolId) -> Option<Callee<'_>>;

    /// Every id, to find the one that was probably meant.
    fn ids(&self) -> Vec<&str>;
}

/// A tool or a flow that a step calls.
#[derive(Clone, Copy, Debug)]
pub struct Callee<'a> {
    /// JSON Schema of its input; a flow without one takes any object.
    pub input_schema: Option<&'a Value>,
    /// Its definition, when it is a flow.
    pub flow: Option<&'a Flow>,
    /// Or why it cannot be called, such as `is disabled`.
    pub usable: Result<(), &'a str>,
}

/// What is wrong with a flow beside what there is: unknown and unusable tools and flows, inputs that can never
/// fit, flows that run themselves. Pointers lead into the definition. Empty when nothing is.
pub fn check(flow: &Flow, known: &dyn Known) -> Vec<Fault> {
    let mut checking = Checking {
        known,
        fit: Fit::default(),
        faults: Faults::default(),
    };
    let steps = At::ROOT.name("steps");
    for (index, step) in flow.steps.iter().enumerate() {
        if checking.faults.full() {
            break;
        }
        let at = steps.index(index);
        match &step.action {
            Action::Tool { tool, input } => checking.call(tool, input, "tool", &at),
            Action::Flow { flow, input } => checking.call(flow, input, "flow", &at),
            Action::Transform(_) | Action::Wait(_) => {}
        }
        if let Some(compensation) = &step.compensate {
            let at = at.name("compensate");
            checking.call(&compensation.tool, &compensation.input, "tool", &at);
        }
    }
    if !checking.circle(flow, &steps) {
        checking.depth(flow, &steps);
    }
    checking.faults.into_vec()
}

struct Checking<'k> {
    known: &'k dyn Known,
    fit: Fit,
    faults: Faults,
}

impl Checking<'_> {
    /// Checks one call: `at` is the place that has a member of the name `kind`.
    fn call(&mut self, id: &ToolId, input: &Template, kind: &str, at: &At<'_>) {
        let place = at.name(kind);
        let Some(callee) = self.known.find(id) else {
            let message = format!("there is no {kind} \"{id}\"");
            let hint = text::did_you_mean(id.as_str(), &self.known.ids())
                .unwrap_or_else(|| format!("save the {kind} first, then the flow that calls it"));
            self.faults.advise(&place, "unknown_tool", message, hint);
            return;
        };
        let unusable = callee.usable.err();
        if let Some(why) = unusable {
            let message = format!("\"{id}\" cannot be called: it {why}");
            let hint = "mend or enable it first, or call another one";
            self.faults.advise(&place, "unusable_tool", message, hint);
        }
        if (kind == "flow") != callee.flow.is_some() {
            // A flow whose document cannot be read any more looks like a tool.
            if unusable.is_some() {
                return;
            }
            let (is, hint) = if kind == "flow" {
                ("a tool", "write \"tool\" instead of \"flow\"")
            } else if at_compensation(&place) {
                ("a flow", "only a tool can undo a step")
            } else {
                ("a flow", "write \"flow\" instead of \"tool\"")
            };
            let message = format!("\"{id}\" is {is}");
            self.faults.advise(&place, "conflict", message, hint);
            return;
        }
        self.fit
            .check(id, callee, input, &at.name("input"), &mut self.faults);
    }

    /// Notes that a flow comes to run itself, the shortest way that it does.
    fn circle(&mut self, flow: &Flow, steps: &At<'_>) -> bool {
        let own = flow.id.clone().or_else(|| ToolId::from_name(&flow.name));
        let Some(way) = own.and_then(|own| self.way(flow, &own)) else {
            return false;
        };
        let message = format!("the flow runs itself: {}", told(&way));
        let at = steps.index(caller(flow, way.get(1)));
        let hint = "let one of them end the circle: repeat with for_each, not by calling again";
        self.faults.advise(&at.name("flow"), "cycle", message, hint);
        true
    }

    /// Notes that sub-flows run sub-flows deeper than a run goes.
    fn depth(&mut self, flow: &Flow, steps: &At<'_>) {
        let Some(way) = self.too_deep(flow) else {
            return;
        };
        let message = format!(
            "flows run one another more than {MAX_SUB_FLOWS} deep: {}",
            told(&way)
        );
        let hint = "put the steps of one of these flows into the one that runs it";
        let at = steps.index(caller(flow, way.first()));
        let at = at.name("flow");
        self.faults.advise(&at, "too_deep", message, hint);
    }

    /// A way over sub-flows that is longer than a run goes. Each level is a set, so that a flow is looked at once per level however
    /// many run it.
    fn too_deep(&self, flow: &Flow) -> Option<Vec<ToolId>> {
        let mut levels: Vec<BTreeMap<ToolId, Option<ToolId>>> = Vec::new();
        levels.push(sub_flows(flow).map(|id| (id.clone(), None)).collect());
        while levels.len() <= MAX_SUB_FLOWS {
            let above = levels.last()?;
            let mut below = BTreeMap::new();
            for id in above.keys() {
                let flow = self.known.find(id).and_then(|callee| callee.flow);
                for called in flow.into_iter().flat_map(sub_flows) {
                    below.insert(called.clone(), Some(id.clone()));
                }
            }
            levels.push(below);
        }
        // Any of those below the last level that a run reaches; always the same one.
        let mut at = levels.last()?.keys().next()?.clone();
        let mut way = vec![at.clone()];
        for level in levels.iter().rev() {
            let Some(from) = level.get(&at)? else {
                break;
            };
            at = from.clone();
            way.push(at.clone());
        }
        way.reverse();
        Some(way)
    }

    /// The shortest way over sub-flows from a flow to itself.
    fn way(&self, flow: &Flow, own: &ToolId) -> Option<Vec<ToolId>> {
        let mut came: HashMap<ToolId, ToolId> = HashMap::new();
        let mut open = VecDeque::new();
        let mut add = |flow: &Flow, from: &ToolId, open: &mut VecDeque<ToolId>| {
            for called in sub_flows(flow) {
                if let Entry::Vacant(vacant) = came.entry(called.clone()) {
                    vacant.insert(from.clone());
                    open.push_back(called.clone());
                }
            }
        };
        add(flow, own, &mut open);
        while let Some(id) = open.pop_front() {
            if id == *own {
                break;
            }
            if let Some(flow) = self.known.find(&id).and_then(|callee| callee.flow) {
                add(flow, &id, &mut open);
            }
        }
        let mut way = vec![own.clone()];
        let mut at = came.get(own)?;
        while at != own {
            way.push(at.clone());
            at = came.get(at)?;
        }
        way.push(own.clone());
        way.reverse();
        Some(way)
    }
}

/// The flows that a flow runs, some more than once.
fn sub_flows(flow: &Flow) -> impl Iterator<Item = &ToolId> {
    flow.steps.iter().filter_map(|step| match &step.action {
        Action::Flow { flow, .. } => Some(flow),
        Action::Tool { .. } | Action::Transform(_) | Action::Wait(_) => None,
    })
}

/// The place of the step that runs a flow.
fn caller(flow: &Flow, called: Option<&ToolId>) -> usize {
    let calls =
        |step: &Step| matches!(&step.action, Action::Flow { flow, .. } if Some(flow) == called);
    flow.steps.iter().position(calls).unwrap_or_default()
}

/// `a → b → c`.
fn told(way: &[ToolId]) -> String {
    let names: Vec<&str> = way.iter().map(ToolId::as_str).collect();
    names.join(" → ")
}

fn at_compensation(place: &At<'_>) -> bool {
    place.pointer().ends_with("/compensate/tool")
}

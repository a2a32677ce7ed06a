//! What a run of a flow consists of: a row for each step, made once at the start from the definition and from what the
//! tools and flows that it calls are at that moment.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::key::call_key;
use crate::flow::{Action, Compensation, Flow, OnError, Step, StepId, Wait};
use crate::ids::ToolId;

/// The step that computes what the whole run answers; made by the engine when all others have ended.
pub const OUTPUT_STEP: &str = "~output";

/// Time for an attempt that says nothing else, in milliseconds: the longest synchronous call.
const DEFAULT_TIMEOUT_MS: u64 = 25_000;
/// Time for a step that computes, or that only hands its work on, in milliseconds.
const EVALUATION_TIMEOUT_MS: u64 = 30_000;
/// Attempts of a call that undoes something: to leave it done is the worst of all.
const UNDO_ATTEMPTS: u32 = 5;

/// What it means that a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It changes nothing: it is made again.
    Read,
    /// The upstream honours an idempotency key, or twice is as good as once: it is made again with the same key.
    Keyed,
    /// It may have had its effect: nobody makes it again unasked.
    Unsafe,
}

/// What a step is to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A call of a tool.
    Tool,
    /// A value to compute.
    Transform,
    /// A run of another flow.
    Flow,
    /// Time, a signal or an approval.
    Wait,
    /// A `for_each`: becomes one step for each item.
    Map,
    /// The call that undoes a step.
    Compensation,
    /// What the whole run answers.
    Output,
}

/// What is called, as it is when the run starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callee {
    /// Its pinned version.
    pub version: i32,
    /// What a lost answer means.
    pub effect: Effect,
    /// Its own limit of time, in milliseconds; none for a flow.
    pub timeout_ms: Option<u64>,
}

/// The call that undoes a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undo {
    /// The tool.
    pub tool_id: ToolId,
    /// What a lost answer means.
    pub effect: Effect,
    /// Steps that its input reads, besides the one that it undoes.
    pub reads: Vec<StepId>,
    /// Time for one attempt, in milliseconds.
    pub timeout_ms: u64,
    /// Attempts at most.
    pub max_attempts: u32,
}

impl Undo {
    /// The call that a definition says, with what its tool is now.
    pub fn of(compensation: &Compensation, effect: Effect, timeout_ms: Option<u64>) -> Self {
        Self {
            tool_id: compensation.tool.clone(),
            effect,
            reads: compensation.reads.clone(),
            timeout_ms: timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS),
            max_attempts: UNDO_ATTEMPTS,
        }
    }
}

/// One step's row at the start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedStep {
    /// Its name.
    pub step_id: StepId,
    /// What it is.
    pub kind: Kind,
    /// Its place in the definition.
    pub position: usize,
    /// What a lost worker means. A `for_each` itself only computes; its items are the calls.
    pub effect: Effect,
    /// The tool or flow that it calls.
    pub tool_id: Option<ToolId>,
    /// Its call's idempotency key.
    pub call_key: Uuid,
    /// Time for one attempt, in milliseconds.
    pub timeout_ms: u64,
    /// Steps that wait for it.
    pub dependants: Vec<StepId>,
    /// Steps whose results it reads.
    pub reads: Vec<StepId>,
    /// Steps that it waits for.
    pub needs: usize,
    /// Whether it runs though a step that it needs was skipped.
    pub always: bool,
    /// Whether its failure lets the run go on.
    pub handles: bool,
    /// What others read in the place of its output then.
    pub fallback: Option<Value>,
    /// What undoes it; of a `for_each`, none: its items have it.
    pub undo: Option<Undo>,
    /// Attempts at most.
    pub max_attempts: u32,
    /// What it is called with, where that is known already.
    pub input: Option<Value>,
}

/// A whole run at its start.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Its steps.
    pub steps: Vec<PlannedStep>,
    /// The versions of everything that it calls.
    pub pinned: Vec<(ToolId, i32)>,
    /// Steps that the run's output reads.
    pub output_reads: Vec<StepId>,
}

/// Why a flow cannot be started as things are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Something that it calls is not there any more.
    #[error("the step {step} calls {callee}, which the workspace does not have (any more)")]
    Missing {
        /// Which step.
        step: StepId,
        /// What it calls.
        callee: ToolId,
    },
}

/// The id of an item's step.
pub fn child_step_id(step: &str, index: u64) -> String {
    format!("{step}[{index}]")
}

/// Makes the rows of a run. `find` answers what a tool or flow is now.
///
/// # Errors
/// [`PlanError::Missing`] for the first step that calls something that is not there.
pub fn plan(
    run: Uuid,
    flow: &Flow,
    find: &dyn Fn(&ToolId) -> Option<Callee>,
) -> Result<Plan, PlanError> {
    let mut dependants: HashMap<&StepId, Vec<StepId>> = HashMap::new();
    for step in &flow.steps {
        for need in &step.needs {
            dependants.entry(need).or_default().push(step.id.clone());
        }
    }
    let mut pinned: Vec<(ToolId, i32)> = Vec::new();
    let mut steps = Vec::with_capacity(flow.steps.len());
    for (position, step) in flow.steps.iter().enumerate() {
        let mut look = |callee: &ToolId| {
            let found = find(callee).ok_or_else(|| PlanError::Missing {
                step: step.id.clone(),
                callee: callee.clone(),
            })?;
            if !pinned.iter().any(|(id, _)| id == callee) {
                pinned.push((callee.clone(), found.version));
            }
            Ok(found)
        };
        let dependants = dependants.remove(&step.id).unwrap_or_default();
        steps.push(row(run, step, position, dependants, &mut look)?);
    }
    Ok(Plan {
        steps,
        pinned,
        output_reads: flow.output_reads.clone(),
    })
}

fn row(
    run: Uuid,
    step: &Step,
    position: usize,
    dependants: Vec<StepId>,
    look: &mut dyn FnMut(&ToolId) -> Result<Callee, PlanError>,
) -> Result<PlannedStep, PlanError> {
    let (tool_id, called) = match &step.action {
        Action::Tool { tool, .. } => (Some(tool.clone()), Some(look(tool)?)),
        Action::Flow { flow, .. } => (Some(flow.clone()), Some(look(flow)?)),
        Action::Transform(_) | Action::Wait(_) => (None, None),
    };
    let undo = match &step.compensate {
        None => None,
        Some(compensation) => {
            let called = look(&compensation.tool)?;
            Some(Undo::of(compensation, called.effect, called.timeout_ms))
        }
    };
    let kind = kind(step);
    let effect = match kind {
        Kind::Tool => called.map_or(Effect::Read, |called| called.effect),
        Kind::Transform
        | Kind::Flow
        | Kind::Wait
        | Kind::Map
        | Kind::Compensation
        | Kind::Output => Effect::Read,
    };
    let (handles, fallback) = match &step.on_error {
        OnError::Fail => (false, None),
        OnError::Continue => (true, None),
        OnError::Output(output) => (true, Some(output.clone())),
    };
    Ok(PlannedStep {
        step_id: step.id.clone(),
        kind,
        position,
        effect,
        tool_id,
        call_key: call_key(run, step.id.as_str(), None),
        timeout_ms: timeout_ms(step, called),
        dependants,
        reads: step.reads.clone(),
        needs: step.needs.len(),
        always: step.always,
        handles,
        fallback,
        undo: undo.filter(|_| kind != Kind::Map),
        max_attempts: step.retry.max_attempts,
        input: None,
    })
}

/// What a step is to the engine. A `for_each` that only computes is computed at once.
fn kind(step: &Step) -> Kind {
    match &step.action {
        Action::Transform(_) => Kind::Transform,
        Action::Tool { .. } | Action::Flow { .. } if step.for_each.is_some() => Kind::Map,
        Action::Tool { .. } => Kind::Tool,
        Action::Flow { .. } => Kind::Flow,
        Action::Wait(_) => Kind::Wait,
    }
}

/// Time for one attempt. How long a wait is awaited is another matter: its worker only writes that down.
fn timeout_ms(step: &Step, called: Option<Callee>) -> u64 {
    match &step.action {
        Action::Tool { .. } => {
            let own = called.and_then(|called| called.timeout_ms);
            match (step.timeout_ms, own) {
                (Some(step), Some(own)) => step.min(own),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => DEFAULT_TIMEOUT_MS,
            }
        }
        Action::Transform(_)
        | Action::Flow { .. }
        | Action::Wait(Wait::Duration(_) | Wait::Signal { .. } | Wait::Approval { .. }) => {
            EVALUATION_TIMEOUT_MS
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn flow() -> Flow {
        crate::flow::read(&json!({
            "id": "brief",
            "name": "Brief",
            "steps": [
                { "id": "quotes", "tool": "quote", "for_each": "{{ input.symbols }}", "input": { "s": "{{ item }}" },
                  "compensate": { "tool": "undo", "input": { "x": "{{ steps.quotes.output }}" } } },
                { "id": "best", "transform": "{{ steps.quotes.output }}" },
                { "id": "mail", "tool": "mail", "input": { "text": "{{ steps.best.output }}" }, "timeout_ms": 500,
                  "depends_on": ["quotes"], "on_error": { "output": 7 }, "retry": { "max_attempts": 3 },
                  "compensate": { "tool": "undo", "input": {} } }
            ]
        }))
        .unwrap()
    }

    fn callee(id: &ToolId) -> Option<Callee> {
        let effect = match id.as_str() {
            "quote" => Effect::Read,
            "mail" => Effect::Unsafe,
            "undo" => Effect::Keyed,
            _ => return None,
        };
        Some(Callee {
            version: 4,
            effect,
            timeout_ms: Some(9_000),
        })
    }

    #[test]
    fn every_step_becomes_a_row() {
        let plan = plan(Uuid::from_u128(1), &flow(), &callee).unwrap();
        let [quotes, best, mail] = &plan.steps[..] else {
            panic!("{plan:?}");
        };
        assert_eq!((quotes.kind, quotes.effect), (Kind::Map, Effect::Read));
        assert_eq!(quotes.undo, None, "its items have it");
        let waiting: Vec<&str> = quotes.dependants.iter().map(StepId::as_str).collect();
        assert_eq!(waiting, ["best", "mail"]);
        assert_eq!((best.kind, best.needs), (Kind::Transform, 1));
        assert_eq!(
            (mail.kind, mail.effect, mail.needs),
            (Kind::Tool, Effect::Unsafe, 2)
        );
        assert_eq!((mail.timeout_ms, mail.max_attempts), (500, 3));
        assert_eq!((mail.handles, &mail.fallback), (true, &Some(json!(7))));
        assert_eq!(
            mail.undo.as_ref().map(|undo| undo.effect),
            Some(Effect::Keyed)
        );
        let pinned: Vec<_> = plan
            .pinned
            .iter()
            .map(|(id, version)| (id.as_str(), *version))
            .collect();
        assert_eq!(pinned, [("quote", 4), ("undo", 4), ("mail", 4)]);
        let read: Vec<&str> = plan.output_reads.iter().map(StepId::as_str).collect();
        assert_eq!(read, ["mail"]);
    }

    #[test]
    fn a_tool_that_is_gone_is_named() {
        let none = |_: &ToolId| None;
        let error = plan(Uuid::nil(), &flow(), &none).unwrap_err();
        assert!(error.to_string().contains("quotes calls quote"), "{error}");
    }
}

//! What was told of runs and steps, replayed by the tables of their states.

use std::collections::BTreeMap;

use domain::run::{RunEvent, RunStatus, StepEvent, StepStatus};

use super::Violations;
use crate::flows::session::Session;

/// Changes that come to nothing the tables know: the step stays as it is.
const REMARKS: [&str; 5] = [
    "step.sleeping",
    "step.awaiting",
    "step.delegated",
    "step.expanded",
    "step.signalled",
];

fn of_run(kind: &str) -> Option<RunEvent> {
    Some(match kind {
        "run.failing" => RunEvent::StepFailed,
        "run.cancelling" => RunEvent::Cancel,
        "run.compensating" => RunEvent::Undo,
        "run.succeeded" => RunEvent::Complete,
        "run.failed" => RunEvent::EndFailed,
        "run.cancelled" => RunEvent::EndCancelled,
        "run.resumed" => RunEvent::Resume,
        _ => return None,
    })
}

fn of_step(kind: &str) -> Option<StepEvent> {
    Some(match kind {
        "step.running" => StepEvent::Claim,
        "step.succeeded" => StepEvent::Succeed,
        "step.failed" => StepEvent::Fail,
        "step.retrying" | "step.recovered" => StepEvent::Retry,
        "step.skipped" => StepEvent::Skip,
        "step.cancelled" => StepEvent::Cancel,
        "step.unknown" => StepEvent::Lose,
        "step.compensated" => StepEvent::Undo,
        _ => return None,
    })
}

/// A step's state after an event. That it became ready is told by nobody: its claim says so.
fn stepped(from: StepStatus, event: StepEvent) -> Option<StepStatus> {
    match (from, event) {
        (StepStatus::Waiting, StepEvent::Claim) => from.after(StepEvent::Release)?.after(event),
        (from, event) => from.after(event),
    }
}

pub(super) fn violations(session: &mut Session) -> Violations {
    let mut wrong = Vec::new();
    let mut runs: BTreeMap<String, RunStatus> = BTreeMap::new();
    let mut steps: BTreeMap<String, StepStatus> = BTreeMap::new();
    let events = session
        .run("select run_id, kind, step_id from orchestration.run_events order by run_id, seq")
        .unwrap();
    for event in events {
        let text = |index: usize| event[index].clone().unwrap_or_default();
        let (run, kind, step) = (text(0), text(1), text(2));
        if step.is_empty() {
            let from = runs.entry(run.clone()).or_insert(RunStatus::Running);
            match (of_run(&kind).map(|event| from.after(event)), kind.as_str()) {
                (Some(Some(to)), _) => *from = to,
                (None, "run.started" | "run.held") => {}
                (Some(None) | None, _) => wrong.push(format!("{run}: {kind} while {from}")),
            }
            continue;
        }
        let name = format!("{run}/{step}");
        let from = steps.entry(name.clone()).or_insert(StepStatus::Waiting);
        match of_step(&kind).map(|event| stepped(*from, event)) {
            Some(Some(to)) => *from = to,
            None if REMARKS.contains(&kind.as_str()) => {}
            Some(None) | None => wrong.push(format!("{name}: {kind} while {from}")),
        }
    }
    let states = "select id::text, status from orchestration.runs
        union all
        select run_id || '/' || step_id, status from orchestration.run_steps";
    for row in session.run(states).unwrap() {
        let (name, status) = (row[0].clone().unwrap(), row[1].clone().unwrap());
        let replayed = match runs.get(&name) {
            Some(run) => run.as_str(),
            None => steps.get(&name).map_or("waiting", |step| step.as_str()),
        };
        if replayed != status {
            wrong.push(format!("{name} is {status}, by its events {replayed}"));
        }
    }
    Violations::from([("every change is allowed", wrong)])
}

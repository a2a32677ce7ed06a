//! Reads one step of a definition.

use serde_json::Value;

use super::graph::each_once;
use super::templates::{Place, Reference, Templates};
use super::{
    Action, ForEach, MAX_ITEMS, MAX_WAIT_MS, OnError, Retry, Step, StepId, Template, Wait, action,
};
use crate::config::fields::{Names, Object};
use crate::walk::{At, Faults};

const NAMES: Names = Names {
    known: &[
        "id",
        "name",
        "tool",
        "transform",
        "flow",
        "wait",
        "input",
        "depends_on",
        "when",
        "run_if",
        "for_each",
        "max_concurrency",
        "retry",
        "timeout_ms",
        "on_error",
        "compensate",
    ],
    elsewhere: &[
        ("tool_id", "here as \"tool\""),
        ("flow_id", "here as \"flow\""),
        ("needs", "here as \"depends_on\""),
        ("after", "here as \"depends_on\""),
        ("if", "here as \"when\""),
        ("condition", "here as \"when\""),
        ("map", "here as \"for_each\""),
        ("foreach", "here as \"for_each\""),
        ("items", "here as \"for_each\""),
        ("arguments", "here as \"input\""),
        ("args", "here as \"input\""),
        ("params", "here as \"input\""),
        ("retries", "into \"retry\" as \"max_attempts\""),
        ("max_attempts", "into \"retry\""),
        ("backoff_ms", "into \"retry\""),
        ("timeout", "here as \"timeout_ms\""),
        ("signal", "into \"wait\""),
        ("approval", "into \"wait\""),
        ("duration_ms", "into \"wait\""),
        ("output", "into \"on_error\", or into the flow"),
    ],
};

/// Items of one list that are under way at once, when the step does not say.
const CONCURRENCY: u32 = 50;

/// A step, as far as it could be read, and what it reads.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) step: Option<Step>,
    /// What its expressions read, and the steps that it names.
    pub(super) needs: Vec<StepId>,
    /// What its compensation reads, beside the step itself.
    pub(super) undoing: Vec<Reference>,
}

/// Reads a step.
pub(super) fn read(
    object: Object<'_, '_>,
    id: Option<&StepId>,
    templates: &mut Templates<'_>,
) -> Reading {
    templates.faults.only(object, NAMES);
    let name = templates.faults.text(object, "name");
    if let Some(name) = name {
        templates.faults.length(name, 128, &object.at.name("name"));
    }
    let plain = Place {
        own: id,
        done: false,
        item: false,
    };
    let each = object.members.contains_key("for_each");
    let inside = Place {
        item: each,
        ..plain
    };
    let undone = Place {
        done: true,
        ..inside
    };
    let mut reads = Vec::new();
    let for_each = for_each(object, plain, &mut reads, templates);
    let when = when(object, plain, &mut reads, templates);
    let action = action::read(object, inside, &mut reads, templates);
    let mut undoing = Vec::new();
    let compensate = action::compensation(object, undone, &mut undoing, templates);
    let faults = &mut templates.faults;
    let always = run_if(object, faults);
    let retry = retry(object, faults);
    let timeout_ms = timeout(object, action.as_ref(), faults);
    let on_error = on_error(object, faults);
    fits(object, faults);
    let reads = each_once(&reads);
    let mut needs = reads.clone();
    depends_on(object, id, &mut needs, templates);
    let step = action.zip(id).map(|(action, id)| Step {
        id: id.clone(),
        name: name.map(str::to_owned),
        action,
        needs: needs.clone(),
        reads,
        when,
        always,
        for_each,
        retry,
        timeout_ms,
        on_error,
        compensate,
    });
    Reading {
        step,
        needs,
        undoing,
    }
}

/// Refuses members that steps of this kind do not have.
fn fits(step: Object<'_, '_>, faults: &mut Faults) {
    const KINDS: [(&str, &str, &[&str], &str); 3] = [
        (
            "flow",
            "a sub-flow",
            &["retry", "compensate"],
            "state it in the steps of that flow",
        ),
        (
            "transform",
            "a transform",
            &["retry", "compensate", "input"],
            "leave it out: a transform calls nothing, and reads what it needs by itself",
        ),
        (
            "wait",
            "a wait",
            &[
                "retry",
                "compensate",
                "input",
                "for_each",
                "max_concurrency",
            ],
            "leave it out, or state it in a step that calls a tool",
        ),
    ];
    let there = |name: &str| step.members.get(name).is_some_and(|value| !value.is_null());
    // With two actions nobody knows which of them the others belong to.
    let does = |name: &str| step.members.contains_key(name);
    let actions = action::ACTIONS.iter().filter(|name| does(name)).count();
    for (name, what, wrong, hint) in KINDS {
        if actions != 1 || !does(name) {
            continue;
        }
        for name in wrong.iter().filter(|name| there(name)) {
            let message = format!("{what} has no \"{name}\"");
            faults.advise(&step.at.name(name), "conflict", message, hint);
        }
    }
}

fn when(
    step: Object<'_, '_>,
    place: Place<'_>,
    reads: &mut Vec<Reference>,
    templates: &mut Templates<'_>,
) -> Option<Template> {
    let at = step.at.name("when");
    match step.members.get("when")? {
        Value::String(text) => templates.whole(text, &at, place, reads),
        Value::Bool(flag) => Some(Template::literal(Value::Bool(*flag))),
        other => {
            let expected = "true, false or one whole expression";
            templates.faults.wrong_type(&at, expected, other);
            None
        }
    }
}

fn for_each(
    step: Object<'_, '_>,
    place: Place<'_>,
    reads: &mut Vec<Reference>,
    templates: &mut Templates<'_>,
) -> Option<ForEach> {
    let most = templates
        .faults
        .whole(step, "max_concurrency", 1, 1_000)
        .and_then(|most| u32::try_from(most).ok());
    let at = step.at.name("for_each");
    let Some(value) = step.members.get("for_each") else {
        if step.members.contains_key("max_concurrency") {
            let message = "only a step with \"for_each\" does several things at once";
            let at = step.at.name("max_concurrency");
            let hint = "leave it out, or give the step a \"for_each\"";
            templates.faults.advise(&at, "conflict", message, hint);
        }
        return None;
    };
    let items = match value {
        Value::String(text) => templates.whole(text, &at, place, reads),
        Value::Array(_) => {
            templates.faults.list(value, &at, MAX_ITEMS);
            Some(templates.read(value, &at, place, reads))
        }
        other => {
            let expected = "an array or one whole expression";
            templates.faults.wrong_type(&at, expected, other);
            None
        }
    };
    Some(ForEach {
        items: items?,
        max_concurrency: most.unwrap_or(CONCURRENCY),
    })
}

fn run_if(step: Object<'_, '_>, faults: &mut Faults) -> bool {
    let choices = [("always", true), ("success", false)];
    faults.choice(step, "run_if", &choices).unwrap_or(false)
}

fn retry(step: Object<'_, '_>, faults: &mut Faults) -> Retry {
    const NAMES: Names = Names {
        known: &["max_attempts", "backoff_ms"],
        elsewhere: &[("max", "here as \"max_attempts\"")],
    };
    let mut retry = Retry {
        max_attempts: 1,
        backoff_ms: 1_000,
    };
    let at = step.at.name("retry");
    let stated = step.members.get("retry");
    let Some(stated) = stated.and_then(|value| faults.object(value, &at)) else {
        return retry;
    };
    faults.only(stated, NAMES);
    if !stated.members.contains_key("max_attempts") {
        faults.missing(&at, "max_attempts");
    }
    if let Some(attempts) = faults.whole(stated, "max_attempts", 1, 10) {
        retry.max_attempts = u32::try_from(attempts).unwrap_or(1);
    }
    if let Some(backoff) = faults.whole(stated, "backoff_ms", 1, 300_000) {
        retry.backoff_ms = backoff;
    }
    retry
}

fn timeout(step: Object<'_, '_>, action: Option<&Action>, faults: &mut Faults) -> Option<u64> {
    const TOOL_MS: u64 = 25_000;
    let stated = step.members.contains_key("timeout_ms");
    match action? {
        Action::Tool { .. } if stated => faults.whole(step, "timeout_ms", 100, 900_000),
        Action::Tool { .. } => Some(TOOL_MS),
        Action::Wait(Wait::Signal { .. } | Wait::Approval { .. }) if stated => {
            faults.whole(step, "timeout_ms", 100, MAX_WAIT_MS)
        }
        Action::Transform(_) | Action::Flow { .. } | Action::Wait(_) => {
            if stated {
                let message = "only a tool, a signal and an approval can be late";
                let hint = "the whole run has a \"timeout_ms\"";
                faults.advise(&step.at.name("timeout_ms"), "conflict", message, hint);
            }
            None
        }
    }
}

fn on_error(step: Object<'_, '_>, faults: &mut Faults) -> OnError {
    const NAMES: Names = Names {
        known: &["output"],
        elsewhere: &[],
    };
    let at = step.at.name("on_error");
    match step.members.get("on_error") {
        None => OnError::Fail,
        Some(Value::Object(members)) => {
            let object = Object { members, at: &at };
            faults.only(object, NAMES);
            let Some(output) = members.get("output") else {
                faults.missing(&at, "output");
                return OnError::Fail;
            };
            plain(output, &at.name("output"), faults, 0);
            OnError::Output(output.clone())
        }
        Some(Value::String(_)) => {
            let choices = [("fail", false), ("continue", true)];
            match faults.choice(step, "on_error", &choices) {
                Some(true) => OnError::Continue,
                Some(false) | None => OnError::Fail,
            }
        }
        Some(other) => {
            let expected = "\"fail\", \"continue\" or {\"output\": …}";
            faults.wrong_type(&at, expected, other);
            OnError::Fail
        }
    }
}

/// Refuses expressions where nothing is evaluated.
fn plain(value: &Value, at: &At<'_>, faults: &mut Faults, level: usize) {
    match value {
        Value::String(text) if text.contains("{{") => {
            let hint = "write the value itself, without {{ … }}";
            let message = "nothing is filled in here";
            faults.advise(at, "invalid_expression", message, hint);
        }
        Value::Array(_) | Value::Object(_) if level >= 64 => {
            let hint = "state a flatter value";
            faults.advise(at, "too_deep", "nested deeper than 64 levels", hint);
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                plain(item, &at.index(index), faults, level + 1);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                plain(member, &at.name(name), faults, level + 1);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Adds the steps that a step names.
fn depends_on(
    step: Object<'_, '_>,
    own: Option<&StepId>,
    needs: &mut Vec<StepId>,
    templates: &mut Templates<'_>,
) {
    let at = step.at.name("depends_on");
    let Some(value) = step.members.get("depends_on") else {
        return;
    };
    let mut seen: std::collections::HashSet<StepId> = needs.iter().cloned().collect();
    let named = templates.faults.list(value, &at, super::MAX_STEPS);
    for (index, value) in named.iter().enumerate() {
        if templates.faults.full() {
            return;
        }
        let at = at.index(index);
        let Value::String(text) = value else {
            templates.faults.wrong_type(&at, "a step's id", value);
            continue;
        };
        let id: Option<StepId> = text.parse().ok();
        let id = id.filter(|id| templates.ids.contains_key(id.as_str()));
        let Some(id) = id else {
            let message = format!("there is no step {:?}", crate::schema::cut(text));
            let hint = templates.steps_like(text);
            templates.faults.advise(&at, "unknown_step", message, hint);
            continue;
        };
        if Some(&id) == own {
            let message = format!("{id} → {id}: the step comes before itself");
            let hint = "take the step's own id out of its depends_on";
            templates.faults.advise(&at, "cycle", message, hint);
        } else if seen.insert(id.clone()) {
            needs.push(id);
        }
    }
}

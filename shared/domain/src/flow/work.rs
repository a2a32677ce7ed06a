//! What a step comes to, once the steps that it needs are done.

use std::time::Duration;

use serde_json::{Map, Value};

use super::render::Reader;
use super::scope::{Scope, Unrendered};
use super::template::Template;
use super::values::Room;
use super::{Action, Flow, MAX_ITEMS, MAX_RENDERED_BYTES, MAX_WAIT_MS, Step, Wait};
use crate::ids::ToolId;
use crate::walk::type_name;

/// The inputs of all items of one list together, in bytes of JSON.
const MOST_EXPANDED: usize = 32 * 1024 * 1024;

/// What there is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Nothing: `when` is false.
    Skip,
    /// Nothing any more: this is the output.
    Done(Value),
    /// Call a tool.
    Call {
        /// Which.
        tool: ToolId,
        /// An object.
        input: Value,
    },
    /// Run a flow.
    Run {
        /// Which.
        flow: ToolId,
        /// An object.
        input: Value,
    },
    /// Wait so long.
    Sleep(Duration),
    /// Wait for somebody's word.
    Await,
    /// Do it for each of these.
    Expand(Vec<Item>),
}

/// One item of a `for_each`.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// As it stands in the list.
    pub item: Value,
    /// What the tool or flow is given for it: an object.
    pub input: Value,
}

/// What a step that was claimed comes to; not for a child of a `for_each`.
///
/// A `for_each` of a transform is done at once; one without items is an empty [`Work::Expand`].
///
/// # Errors
/// An expression that comes to nothing, or to something that cannot stand where it does.
pub fn work(step: &Step, scope: &Scope<'_>) -> Result<Work, Unrendered> {
    let mut reader = Reader::new(scope);
    if let Some(when) = &step.when
        && !condition(when, &mut reader)?
    {
        return Ok(Work::Skip);
    }
    if let Some(for_each) = &step.for_each {
        let items = items(&for_each.items, &mut reader)?;
        return each(&step.action, &items, scope);
    }
    match &step.action {
        Action::Tool { tool, input } => Ok(Work::Call {
            tool: tool.clone(),
            input: object(input, "input", &mut reader)?,
        }),
        Action::Flow { flow, input } => Ok(Work::Run {
            flow: flow.clone(),
            input: object(input, "input", &mut reader)?,
        }),
        Action::Transform(template) => template.rendered(&mut reader).map(Work::Done),
        Action::Wait(Wait::Duration(duration)) => sleep(duration, &mut reader),
        Action::Wait(Wait::Signal { .. } | Wait::Approval { .. }) => Ok(Work::Await),
    }
}

/// What a run comes to when all of its steps are done.
///
/// # Errors
/// An expression that comes to nothing.
pub fn output(flow: &Flow, scope: &Scope<'_>) -> Result<Value, Unrendered> {
    if let Some(output) = &flow.output {
        return output.render(scope);
    }
    let mut room = Room::new(MAX_RENDERED_BYTES);
    let mut outputs = Map::new();
    for id in &flow.output_reads {
        let output = scope.steps.get(id.as_str()).map(|view| &view.output);
        let output = output.unwrap_or(&Value::Null);
        room.json(output, 1)
            .map_err(|why| Unrendered::new("", format!("the run's output: {why}")))?;
        outputs.insert(id.to_string(), output.clone());
    }
    Ok(Value::Object(outputs))
}

/// The input of the call that undoes a step; the scope holds the step's own view as well.
///
/// # Errors
/// An expression that comes to nothing, or the step has nothing that undoes it.
pub fn undo(step: &Step, scope: &Scope<'_>) -> Result<Value, Unrendered> {
    let Some(compensation) = &step.compensate else {
        let message = format!("nothing undoes the step \"{}\"", step.id);
        return Err(Unrendered::new("", message));
    };
    object(
        &compensation.input,
        "compensate.input",
        &mut Reader::new(scope),
    )
}

fn each(action: &Action, items: &[Value], scope: &Scope<'_>) -> Result<Work, Unrendered> {
    let mut reader = Reader::new(scope);
    let input = match action {
        Action::Tool { input, .. } | Action::Flow { input, .. } => input,
        Action::Transform(template) => return transformed(template, items, &mut reader),
        // A wait has no items: that was refused when the definition was read.
        Action::Wait(_) => return Ok(Work::Await),
    };
    let mut room = Room::new(MOST_EXPANDED);
    let mut expanded = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        reader.item(item, index);
        let input = object(input, "input", &mut reader)?;
        room.json(&input, 0)
            .map_err(|why| Unrendered::new("", format!("the inputs of all items: {why}")))?;
        expanded.push(Item {
            item: item.clone(),
            input,
        });
    }
    Ok(Work::Expand(expanded))
}

fn transformed<'a>(
    template: &Template,
    items: &'a [Value],
    reader: &mut Reader<'a>,
) -> Result<Work, Unrendered> {
    let mut room = Room::new(MAX_RENDERED_BYTES);
    let mut outputs = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        reader.item(item, index);
        outputs.push(template.0.render(reader, &mut room, 1)?);
    }
    Ok(Work::Done(Value::Array(outputs)))
}

fn condition(when: &Template, reader: &mut Reader<'_>) -> Result<bool, Unrendered> {
    match when.rendered(reader)? {
        Value::Bool(flag) => Ok(flag),
        Value::Null => Ok(false),
        other => Err(unfit(when, "when", "true or false", &other)),
    }
}

fn items(template: &Template, reader: &mut Reader<'_>) -> Result<Vec<Value>, Unrendered> {
    match template.rendered(reader)? {
        Value::Array(items) if items.len() > MAX_ITEMS => {
            let message = format!(
                "\"for_each\" came to {} items, at most {MAX_ITEMS} are allowed",
                items.len()
            );
            Err(Unrendered::new(template.expression(), message))
        }
        Value::Array(items) => Ok(items),
        other => Err(unfit(template, "for_each", "an array", &other)),
    }
}

fn object(template: &Template, name: &str, reader: &mut Reader<'_>) -> Result<Value, Unrendered> {
    match template.rendered(reader)? {
        object @ Value::Object(_) => Ok(object),
        other => Err(unfit(template, name, "an object", &other)),
    }
}

fn sleep(template: &Template, reader: &mut Reader<'_>) -> Result<Work, Unrendered> {
    let value = template.rendered(reader)?;
    let whole = value.as_u64().or_else(|| whole_float(&value));
    match whole.filter(|duration| *duration <= MAX_WAIT_MS) {
        Some(duration) => Ok(Work::Sleep(Duration::from_millis(duration))),
        None => {
            let expected = format!("a whole number from 0 to {MAX_WAIT_MS}");
            Err(unfit(template, "duration_ms", &expected, &value))
        }
    }
}

/// Divisions come to floats: `6000 / 2` is `3000.0`.
fn whole_float(value: &Value) -> Option<u64> {
    let float = value.as_f64()?;
    #[allow(clippy::cast_precision_loss, reason = "30 days are well within 2^53")]
    let most = MAX_WAIT_MS as f64;
    if float.fract() != 0.0 || !(0.0..=most).contains(&float) {
        return None;
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and within bounds"
    )]
    Some(float as u64)
}

fn unfit(template: &Template, name: &str, expected: &str, found: &Value) -> Unrendered {
    let found = match found {
        Value::Number(number) => number.to_string(),
        other => type_name(other).to_owned(),
    };
    let message = format!("\"{name}\" must come to {expected}, but came to {found}");
    Unrendered::new(template.expression(), message)
}

//! Reads a flow's document: every part is read even when another is wrong, so that all faults are told.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::Value;

use super::templates::{Place, Reference, Templates};
use super::{Flow, MAX_STEPS, MAX_WAIT_MS, Step, StepId, Template, graph, step};
use crate::config;
use crate::config::fields::{Names, Object};
use crate::fault::Fault;
use crate::ids::ToolId;
use crate::schema;
use crate::walk::{At, Faults};

const NAMES: Names = Names {
    known: &[
        "id",
        "name",
        "title",
        "description",
        "enabled",
        "tags",
        "metadata",
        "input_schema",
        "steps",
        "output",
        "timeout_ms",
        "max_concurrency",
    ],
    elsewhere: &[
        ("inputs", "here as \"input_schema\""),
        ("outputs", "here as \"output\""),
        ("timeout", "here as \"timeout_ms\""),
        ("nodes", "here as \"steps\""),
        ("edges", "into the steps, as \"depends_on\""),
        ("tool", "into a step"),
        ("transform", "into a step"),
        ("wait", "into a step"),
        ("retry", "into a step"),
        ("on_error", "into a step"),
    ],
};

/// The run's deadline, in milliseconds, when the document does not say.
const TIMEOUT_MS: u64 = 3_600_000;

/// Reads a flow's document and checks everything that can be known without the catalog.
///
/// # Errors
/// Every fault of the document (at most a hundred), with JSON pointers into it.
pub fn read(document: &Value) -> Result<Flow, Vec<Fault>> {
    let mut faults = Faults::default();
    let Some(root) = faults.object(document, &At::ROOT) else {
        return Err(faults.into_vec());
    };
    faults.only(root, NAMES);
    let about = About::read(root, &mut faults);
    let at = root.at.name("steps");
    let listed = listed(root, &at, &mut faults);
    let ids = ids(listed, &at, &mut faults);
    let mut templates = Templates::new(ids, faults);
    let steps = steps(listed, &at, &mut templates);
    let (output, output_reads) = output(root, &mut templates);
    let faults = templates.faults;
    let (Some(about), Some(steps), 0) = (about, steps, faults.count()) else {
        return Err(faults.into_vec());
    };
    Ok(about.flow(steps, output, output_reads))
}

/// All but the steps and the output.
struct About {
    id: Option<ToolId>,
    name: String,
    title: Option<String>,
    description: String,
    enabled: bool,
    tags: Vec<String>,
    input_schema: Option<Value>,
    timeout_ms: u64,
    max_concurrency: Option<u32>,
}

impl About {
    fn read(root: Object<'_, '_>, faults: &mut Faults) -> Option<Self> {
        let name = config::name(root, faults);
        // The id that the name stands for is made by whoever stores the flow.
        let id = config::id(root, name, faults).filter(|_| root.members.contains_key("id"));
        let title = faults.text(root, "title");
        if let Some(title) = title {
            faults.length(title, 128, &root.at.name("title"));
        }
        let description = faults.text(root, "description").unwrap_or_default();
        if !description.is_empty() {
            let at = root.at.name("description");
            faults.length(description, 1024, &at);
            faults.without_secret(description, &at);
        }
        if let Some(metadata) = root.members.get("metadata") {
            faults.object(metadata, &root.at.name("metadata"));
        }
        let timeout = faults.whole(root, "timeout_ms", 1_000, MAX_WAIT_MS);
        let most = faults.whole(root, "max_concurrency", 1, 1_000);
        Some(Self {
            id,
            title: title.map(str::to_owned),
            description: description.to_owned(),
            enabled: faults.flag(root, "enabled").unwrap_or(true),
            tags: config::tags(root, faults),
            input_schema: input_schema(root, faults),
            timeout_ms: timeout.unwrap_or(TIMEOUT_MS),
            max_concurrency: most.and_then(|most| u32::try_from(most).ok()),
            name: name?.to_owned(),
        })
    }

    fn flow(self, steps: Vec<Step>, output: Option<Template>, reads: Vec<StepId>) -> Flow {
        let index = steps
            .iter()
            .enumerate()
            .map(|(index, step)| (step.id.clone(), index));
        Flow {
            id: self.id,
            name: self.name,
            title: self.title,
            description: self.description,
            enabled: self.enabled,
            tags: self.tags,
            input_schema: self.input_schema,
            output_reads: match output {
                Some(_) => reads,
                None => graph::last(&steps),
            },
            output,
            timeout_ms: self.timeout_ms,
            max_concurrency: self.max_concurrency,
            index: index.collect(),
            steps,
        }
    }
}

fn input_schema(root: Object<'_, '_>, faults: &mut Faults) -> Option<Value> {
    let schema = root.members.get("input_schema")?;
    let at = root.at.name("input_schema");
    schema::check_at(schema, &at, faults);
    let schema = schema::with_type(schema);
    let of_objects = schema.get("type").is_none_or(|kind| kind == "object");
    if schema.is_object() && !of_objects {
        let message = "the input of a flow is an object";
        faults.add(&at.name("type"), "invalid_value", message);
    }
    Some(schema)
}

fn listed<'v>(root: Object<'v, '_>, at: &At<'_>, faults: &mut Faults) -> &'v [Value] {
    let Some(value) = root.members.get("steps") else {
        faults.missing(root.at, "steps");
        return &[];
    };
    if value.as_array().is_some_and(Vec::is_empty) {
        let hint = "the smallest is {\"id\": \"a\", \"transform\": 1}";
        faults.advise(at, "invalid_length", "a flow has at least one step", hint);
    }
    faults.list(value, at, MAX_STEPS)
}

/// Every step's id, before any of them is read: an expression may name a step further down.
fn ids<'v>(listed: &'v [Value], at: &At<'_>, faults: &mut Faults) -> HashMap<&'v str, usize> {
    let mut ids = HashMap::with_capacity(listed.len());
    for (index, value) in listed.iter().enumerate() {
        let place = at.index(index);
        let Some(object) = faults.object(value, &place) else {
            continue;
        };
        if !object.members.contains_key("id") {
            faults.missing(&place, "id");
        }
        let Some(id) = faults.text(object, "id") else {
            continue;
        };
        let at = place.name("id");
        if let Err(error) = id.parse::<StepId>() {
            faults.add(&at, "invalid_value", error.to_string());
            continue;
        }
        match ids.entry(id) {
            Entry::Vacant(vacant) => {
                vacant.insert(index);
            }
            Entry::Occupied(first) => {
                let message = format!("step {} is called \"{id}\" already", first.get() + 1);
                let hint = "give each step an id of its own";
                faults.advise(&at, "conflict", message, hint);
            }
        }
    }
    ids
}

/// Reads the steps, and how they hang together; `None` when anything is wrong with them.
fn steps(listed: &[Value], at: &At<'_>, templates: &mut Templates<'_>) -> Option<Vec<Step>> {
    let mut steps = Vec::with_capacity(listed.len());
    let mut needs: Vec<Vec<StepId>> = Vec::with_capacity(listed.len());
    let mut undoing: Vec<(usize, Vec<Reference>)> = Vec::new();
    for (index, value) in listed.iter().enumerate() {
        let place = at.index(index);
        let id = value.get("id").and_then(Value::as_str);
        let id = id.and_then(|id| id.parse::<StepId>().ok());
        let Value::Object(members) = value else {
            needs.push(Vec::new());
            continue;
        };
        let object = Object {
            members,
            at: &place,
        };
        let reading = step::read(object, id.as_ref(), templates);
        needs.push(reading.needs);
        steps.extend(reading.step);
        if !reading.undoing.is_empty() {
            undoing.push((index, reading.undoing));
        }
    }
    graph::check(&needs, &undoing, at, templates);
    (steps.len() == listed.len()).then_some(steps)
}

/// What a run comes to, and the steps that it reads.
fn output(root: Object<'_, '_>, templates: &mut Templates<'_>) -> (Option<Template>, Vec<StepId>) {
    let Some(value) = root.members.get("output") else {
        return (None, Vec::new());
    };
    let at = root.at.name("output");
    let mut reads = Vec::new();
    let output = templates.read(value, &at, Place::FLOW, &mut reads);
    (Some(output), graph::each_once(&reads))
}

//! Follows the references of a schema: they must lead to its own parts, come to an end, and not
//! multiply the work of validating.

use std::collections::{HashMap, HashSet};

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::cost;
use super::keywords::{Shape, shape};
use crate::text;
use crate::walk::{At, Faults};

const MAX_TARGETS: usize = 256;

/// How often one place of an instance may be visited.
const MAX_VISITS: u64 = 1_000;

/// Where a keyword's subschemas apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To the same value.
    Here,
    /// To parts of the value, each part by one subschema.
    Apart,
    /// To parts of the value, a part perhaps by several.
    Together,
    /// Nowhere, unless referred to.
    Nowhere,
}

pub(super) fn place(keyword: &str) -> Place {
    match keyword {
        "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" | "dependentSchemas"
        | "dependencies" => Place::Here,
        "properties" | "additionalProperties" | "items" | "prefixItems" | "additionalItems" => {
            Place::Apart
        }
        "$defs" | "definitions" | "contentSchema" => Place::Nowhere,
        _ => Place::Together,
    }
}

/// Calls back with every direct subschema of a schema.
pub(super) fn subschemas<'v>(schema: &'v Value, mut each: impl FnMut(&'v str, At<'_>, &'v Value)) {
    let Some(members) = schema.as_object() else {
        return;
    };
    for (keyword, value) in members {
        let at = At::ROOT.name(keyword);
        match (shape(keyword), value) {
            (Some(Shape::Schema), _) => each(keyword, at, value),
            (Some(Shape::Items | Shape::SchemaList), Value::Array(list)) => {
                for (index, schema) in list.iter().enumerate() {
                    each(keyword, at.index(index), schema);
                }
            }
            (Some(Shape::Items), _) => each(keyword, at, value),
            (
                Some(Shape::Schemas | Shape::PatternSchemas | Shape::Dependencies),
                Value::Object(named),
            ) => {
                for (name, schema) in named.iter().filter(|(_, schema)| !schema.is_array()) {
                    each(keyword, at.name(name), schema);
                }
            }
            _ => {}
        }
    }
}

pub(super) fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()
}

fn decoded(target: &str) -> String {
    let fragment = target.strip_prefix('#').unwrap_or(target);
    percent_decode_str(fragment)
        .decode_utf8_lossy()
        .into_owned()
}

/// Every schema that is referred to, and the root; what each of them refers to.
pub(super) struct Graph<'v> {
    pub(super) names: Vec<String>,
    pub(super) schemas: Vec<&'v Value>,
    index: HashMap<String, usize>,
    /// For each schema, which others one can get to from it.
    pub(super) reach: Vec<Vec<bool>>,
}

impl<'v> Graph<'v> {
    pub(super) fn new(root: &'v Value) -> Self {
        let mut graph = Self {
            names: vec![String::new()],
            schemas: vec![root],
            index: HashMap::from([(String::new(), 0)]),
            reach: Vec::new(),
        };
        let mut next = 0;
        while let Some(schema) = graph.schemas.get(next).copied() {
            let mut targets = Vec::new();
            targets_of(schema, true, true, &mut targets);
            for (target, _) in targets {
                let name = decoded(target);
                if let (false, Some(found)) = (graph.index.contains_key(&name), root.pointer(&name))
                {
                    graph.index.insert(name.clone(), graph.names.len());
                    graph.names.push(name);
                    graph.schemas.push(found);
                }
            }
            next += 1;
        }
        graph.reach = reachable(&graph.edges(false));
        graph
    }

    pub(super) fn node(&self, target: &str) -> Option<usize> {
        self.index.get(&decoded(target)).copied()
    }

    /// The schemas that each schema refers to; `here`: only those that apply to the same value.
    pub(super) fn edges(&self, here: bool) -> Vec<Vec<usize>> {
        self.schemas
            .iter()
            .map(|schema| {
                let mut targets = Vec::new();
                targets_of(schema, true, false, &mut targets);
                targets
                    .into_iter()
                    .filter(|(_, same)| *same || !here)
                    .filter_map(|(target, _)| self.node(target))
                    .collect()
            })
            .collect()
    }

    pub(super) fn same_circle(&self, a: usize, b: usize) -> bool {
        self.reach[a][b] && self.reach[b][a]
    }
}

/// Collects the references in a schema and its subschemas, each with whether it applies to the
/// same value; with `dormant` also those in `$defs`.
fn targets_of<'v>(
    schema: &'v Value,
    here: bool,
    dormant: bool,
    targets: &mut Vec<(&'v str, bool)>,
) {
    if let Some(target) = reference(schema) {
        targets.push((target, here));
    }
    subschemas(schema, |keyword, _, sub| match place(keyword) {
        Place::Here => targets_of(sub, here, dormant, targets),
        Place::Apart | Place::Together => targets_of(sub, false, dormant, targets),
        Place::Nowhere if dormant => targets_of(sub, false, dormant, targets),
        Place::Nowhere => {}
    });
}

/// For each node the nodes that one can get to along the edges, itself only by a circle.
pub(super) fn reachable(edges: &[Vec<usize>]) -> Vec<Vec<bool>> {
    (0..edges.len())
        .map(|start| {
            let mut seen = vec![false; edges.len()];
            let mut open = edges[start].clone();
            while let Some(node) = open.pop() {
                if !std::mem::replace(&mut seen[node], true) {
                    open.extend(&edges[node]);
                }
            }
            seen
        })
        .collect()
}

/// Checks all references of a schema whose keywords are well formed.
pub(super) fn check(root: &Value, at: &At<'_>, faults: &mut Faults) {
    let before = faults.count();
    let mut known = HashSet::new();
    remember(root, &mut known);
    resolve(root, root, at, &known, faults);
    if faults.count() > before {
        return;
    }
    let graph = Graph::new(root);
    if graph.names.len() > MAX_TARGETS {
        let message = format!("a schema refers to at most {MAX_TARGETS} of its parts");
        return faults.add(at, "too_large", message);
    }
    let here = graph.edges(true);
    let circles = reachable(&here);
    if let Some(start) = (0..circles.len()).find(|node| circles[*node][*node]) {
        let names: Vec<String> = circle(&here, &circles, start)
            .into_iter()
            .map(|node| format!("#{}", graph.names[node]))
            .collect();
        let message = format!(
            "these references run in a circle without an end: {}",
            names.join(" → ")
        );
        let hint = "a schema may refer to itself only for a property or an element";
        return faults.advise(at, "recursive_ref", message, hint);
    }
    if cost::each(&graph).visits > MAX_VISITS {
        let message = "the references of this schema multiply each other";
        let hint = "use fewer references to one part under anyOf, oneOf and allOf";
        faults.advise(at, "too_large", message, hint);
    }
}

/// Remembers where every subschema stands: a reference may lead only there.
fn remember(schema: &Value, known: &mut HashSet<*const Value>) {
    known.insert(std::ptr::from_ref(schema));
    subschemas(schema, |_, _, sub| remember(sub, known));
}

fn resolve(
    root: &Value,
    schema: &Value,
    at: &At<'_>,
    known: &HashSet<*const Value>,
    faults: &mut Faults,
) {
    if let Some(target) = reference(schema) {
        let found = root.pointer(&decoded(target));
        if !found.is_some_and(|found| known.contains(&std::ptr::from_ref(found))) {
            let place = at.name("$ref");
            let message = "this reference leads to no schema";
            match near_definition(root, target) {
                Some(hint) => faults.advise(&place, "invalid_ref", message, hint),
                None => faults.add(&place, "invalid_ref", message),
            }
        }
    }
    let Some(members) = schema.as_object() else {
        return;
    };
    for (keyword, value) in members {
        let here = at.name(keyword);
        match (shape(keyword), value) {
            (Some(Shape::Schema | Shape::Items), Value::Object(_)) => {
                resolve(root, value, &here, known, faults);
            }
            (Some(Shape::SchemaList | Shape::Items), Value::Array(list)) => {
                for (index, sub) in list.iter().enumerate() {
                    resolve(root, sub, &here.index(index), known, faults);
                }
            }
            (
                Some(Shape::Schemas | Shape::PatternSchemas | Shape::Dependencies),
                Value::Object(named),
            ) => {
                for (name, sub) in named {
                    resolve(root, sub, &here.name(name), known, faults);
                }
            }
            _ => {}
        }
    }
}

fn near_definition(root: &Value, target: &str) -> Option<String> {
    ["$defs", "definitions"].iter().find_map(|place| {
        let names = root.get(place)?.as_object()?;
        let wanted = target.rsplit('/').next().unwrap_or_default();
        text::nearest(wanted, names.keys().map(String::as_str))
            .map(|near| format!("did you mean \"#/{place}/{near}\"?"))
    })
}

/// The way from a node back to itself.
fn circle(edges: &[Vec<usize>], reach: &[Vec<bool>], start: usize) -> Vec<usize> {
    let mut way = vec![start];
    let mut node = start;
    while way.len() <= edges.len() {
        let next = edges[node].iter().copied();
        let Some(next) = next
            .filter(|next| *next == start || (reach[*next][start] && !way.contains(next)))
            .min_by_key(|next| *next != start)
        else {
            break;
        };
        way.push(next);
        if next == start {
            break;
        }
        node = next;
    }
    way
}

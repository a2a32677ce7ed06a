//! Reads `body.template`: JSON in which `{"$input": "name"}` stands for a node.

use serde_json::{Map, Value};

use super::Node;
use crate::config::fields::{Names, Object};
use crate::config::inputs::Inputs;
use crate::schema::cut;
use crate::text;
use crate::walk::{At, Faults};

const INPUT: &str = "$input";
const LITERAL: &str = "$literal";

/// Reads a template; what holds no input is one literal.
pub(super) fn read(value: &Value, at: &At<'_>, inputs: &Inputs<'_>, faults: &mut Faults) -> Node {
    match value {
        Value::Object(members) if members.contains_key(INPUT) => {
            input(Object { members, at }, inputs, faults)
        }
        Value::Object(members) if members.contains_key(LITERAL) => {
            const NAMES: Names = Names {
                known: &[LITERAL],
                elsewhere: &[],
            };
            faults.only(Object { members, at }, NAMES);
            Node::Literal(members.get(LITERAL).cloned().unwrap_or_default())
        }
        Value::Object(members) => object(members, at, inputs, faults),
        Value::Array(items) => {
            let nodes = items.iter().enumerate();
            let nodes = nodes.map(|(index, item)| read(item, &at.index(index), inputs, faults));
            array(nodes.collect())
        }
        Value::String(text) => {
            faults.without_secret(text, at);
            Node::Literal(value.clone())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Node::Literal(value.clone()),
    }
}

fn input(node: Object<'_, '_>, inputs: &Inputs<'_>, faults: &mut Faults) -> Node {
    const NAMES: Names = Names {
        known: &[INPUT, "default", "omit_empty"],
        elsewhere: &[],
    };
    faults.only(node, NAMES);
    let name = faults.text(node, INPUT);
    if let Some(name) = name {
        inputs.known(name, &node.at.name(INPUT), faults);
    }
    let default = node.members.get("default").cloned();
    if let Some(Value::String(text)) = &default {
        faults.without_secret(text, &node.at.name("default"));
    }
    Node::Input {
        name: name.unwrap_or_default().to_owned(),
        default,
        omit_empty: faults.flag(node, "omit_empty").unwrap_or(false),
    }
}

fn object(
    members: &Map<String, Value>,
    at: &At<'_>,
    inputs: &Inputs<'_>,
    faults: &mut Faults,
) -> Node {
    misspelt(members, at, inputs, faults);
    let mut nodes = Vec::with_capacity(members.len());
    for (name, value) in members {
        let place = at.name(name);
        faults.without_secret(name, &place);
        nodes.push((name.clone(), read(value, &place, inputs, faults)));
    }
    if nodes.iter().any(|(_, node)| !is_literal(node)) {
        return Node::Object(nodes);
    }
    let literals = nodes.into_iter();
    let literals = literals.filter_map(|(name, node)| Some((name, into_literal(node)?)));
    Node::Literal(Value::Object(literals.collect()))
}

fn array(nodes: Vec<Node>) -> Node {
    if nodes.iter().all(is_literal) {
        Node::Literal(nodes.into_iter().filter_map(into_literal).collect())
    } else {
        Node::Array(nodes)
    }
}

/// `{"$inputs": "name"}` is data; but where it names an input, it was hardly meant as such.
fn misspelt(members: &Map<String, Value>, at: &At<'_>, inputs: &Inputs<'_>, faults: &mut Faults) {
    let mut members = members.iter();
    let (Some((word, Value::String(name))), None) = (members.next(), members.next()) else {
        return;
    };
    if word.starts_with('$')
        && inputs.declares(name)
        && let Some(hint) = text::did_you_mean(word, &[INPUT])
    {
        let message = format!("\"{}\" stands for nothing in a template", cut(word));
        faults.advise(&at.name(word), "unknown_field", message, hint);
    }
}

fn is_literal(node: &Node) -> bool {
    matches!(node, Node::Literal(_))
}

fn into_literal(node: Node) -> Option<Value> {
    match node {
        Node::Literal(value) => Some(value),
        Node::Input { .. } | Node::Object(_) | Node::Array(_) => None,
    }
}

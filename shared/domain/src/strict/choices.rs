//! Choices between schemas: what alternatives become, and what stands beside them.

use serde_json::Value;

use super::Refused;
use super::gather::Gathered;
use super::node::{Kind, Node, Types};

/// One alternative is no choice.
pub(super) fn alternatives<'s>(
    here: &'s Value,
    mut nodes: Vec<Node>,
    note: Option<String>,
    exclusive: bool,
) -> Result<Node, Refused<'s>> {
    match nodes.len() {
        0 => Err(Refused::Never(here)),
        1 => {
            let mut node = nodes.remove(0);
            node.note = both(note, node.note.take());
            Ok(node)
        }
        _ => {
            let remark = exclusive.then(|| "exactly one of the alternatives fits".to_owned());
            let note = match (note, remark) {
                (Some(note), Some(remark)) => Some(format!("{note} ({remark})")),
                (note, remark) => note.or(remark),
            };
            let kind = Kind::Union(nodes);
            Ok(Node { note, kind })
        }
    }
}

/// Two notes on one part, each said once.
pub(super) fn both(outer: Option<String>, inner: Option<String>) -> Option<String> {
    match (outer, inner) {
        (Some(outer), Some(inner)) if outer.contains(&inner) => Some(outer),
        (Some(outer), Some(inner)) => Some(format!("{outer}\n{inner}")),
        (outer, inner) => outer.or(inner),
    }
}

/// Whether alternatives have to be joined with what stands beside them.
pub(super) fn joins(all: &Gathered<'_>) -> bool {
    all.types != Types::ALL
        || all.values.is_some()
        || !all.properties.is_empty()
        || !all.required.is_empty()
        || all.is_closed()
        || all.open.is_some()
        || !all.items.is_empty()
        || !all.prefix.is_empty()
        || !all.unions.is_empty()
        || !all.conditions.is_empty()
        || all.never
}

/// What alternatives ask for that only say which members are given; `None` when one says more.
pub(super) fn only_required(branches: &[Value]) -> Option<Vec<String>> {
    let mut named = Vec::with_capacity(branches.len());
    for branch in branches {
        let members = branch.as_object()?;
        let known = ["required", "type", "title", "description"];
        if !members.keys().all(|name| known.contains(&name.as_str()))
            || members.get("type").is_some_and(|kind| *kind != "object")
        {
            return None;
        }
        let names: Option<Vec<&str>> = members
            .get("required")?
            .as_array()?
            .iter()
            .map(Value::as_str)
            .collect();
        named.push(names?.join(" and "));
    }
    Some(named)
}

/// The members that a condition speaks of.
pub(super) fn names(condition: &Value) -> impl Iterator<Item = &str> {
    let declared = condition.get("properties").and_then(Value::as_object);
    let declared = declared.into_iter().flat_map(serde_json::Map::keys);
    let required = condition.get("required").and_then(Value::as_array);
    let required = required.into_iter().flatten().filter_map(Value::as_str);
    declared.map(String::as_str).chain(required)
}

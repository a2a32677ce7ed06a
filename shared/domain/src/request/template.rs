//! Fills a template: inputs take the place of nodes, with their types.

use serde_json::{Map, Value};

use super::plan::Given;
use super::room::Room;
use super::styles;
use crate::config::Node;

/// The filled node; `None` when it is an input that is absent.
pub(super) fn fill(
    node: &Node,
    given: &Given<'_>,
    room: &mut Room,
) -> Result<Option<Value>, String> {
    match node {
        Node::Literal(value) => copied(value, room).map(Some),
        Node::Input {
            name,
            default,
            omit_empty,
        } => {
            let value = given.value(name).or(default.as_ref());
            let value = value.filter(|value| !(*omit_empty && styles::is_empty(value)));
            value.map(|value| copied(value, room)).transpose()
        }
        Node::Object(members) => {
            let mut filled = Map::with_capacity(members.len());
            for (name, node) in members {
                if let Some(value) = fill(node, given, room)? {
                    room.take(name.len())?;
                    filled.insert(name.clone(), value);
                }
            }
            Ok(Some(Value::Object(filled)))
        }
        Node::Array(items) => {
            let mut filled = Vec::with_capacity(items.len());
            for node in items {
                filled.extend(fill(node, given, room)?);
            }
            Ok(Some(Value::Array(filled)))
        }
    }
}

fn copied(value: &Value, room: &mut Room) -> Result<Value, String> {
    room.take_json(value)?;
    Ok(value.clone())
}

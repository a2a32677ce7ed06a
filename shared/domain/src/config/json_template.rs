//! JSON whose texts may hold `${NAME}`: filled node by node, never as one string.

use serde_json::{Map, Value};

use super::fields::Object;
use super::{Template, headers};
use crate::walk::{At, Faults};

const MOST_LEVELS: usize = 8;
const MOST: usize = 64;

/// A JSON value whose texts may hold secrets.
#[derive(Clone, Debug, PartialEq)]
pub enum JsonTemplate {
    /// A number, a boolean or null.
    Constant(Value),
    /// A text.
    Text(Template),
    /// An array.
    List(Vec<JsonTemplate>),
    /// An object.
    Object(Vec<(String, JsonTemplate)>),
}

impl JsonTemplate {
    /// Every text in it.
    pub fn texts(&self) -> Vec<&Template> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Text(text) => vec![text],
            Self::List(items) => items.iter().flat_map(Self::texts).collect(),
            Self::Object(members) => members
                .iter()
                .flat_map(|(_, value)| value.texts())
                .collect(),
        }
    }

    /// The JSON with every text filled.
    ///
    /// # Errors
    /// The first that `fill` gives.
    pub fn filled<E>(&self, fill: &impl Fn(&Template) -> Result<String, E>) -> Result<Value, E> {
        Ok(match self {
            Self::Constant(value) => value.clone(),
            Self::Text(text) => Value::String(fill(text)?),
            Self::List(items) => {
                let items = items.iter().map(|item| item.filled(fill));
                Value::Array(items.collect::<Result<_, E>>()?)
            }
            Self::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), value.filled(fill)?)));
                Value::Object(members.collect::<Result<Map<_, _>, E>>()?)
            }
        })
    }
}

/// Reads a member as JSON whose texts may hold secrets.
pub(super) fn read(
    object: Object<'_, '_>,
    name: &str,
    faults: &mut Faults,
) -> Option<JsonTemplate> {
    let value = object.members.get(name)?;
    node(value, &object.at.name(name), 0, faults)
}

fn node(value: &Value, at: &At<'_>, level: usize, faults: &mut Faults) -> Option<JsonTemplate> {
    let many = match value {
        Value::Array(items) => items.len() > MOST,
        Value::Object(members) => members.len() > MOST,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if level > MOST_LEVELS || many {
        let message = format!("at most {MOST} members a level and {MOST_LEVELS} levels");
        faults.add(at, "too_large", message);
        return None;
    }
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            Some(JsonTemplate::Constant(value.clone()))
        }
        Value::String(text) => headers::template(text, at, faults).map(JsonTemplate::Text),
        Value::Array(items) => {
            let items = items
                .iter()
                .enumerate()
                .filter_map(|(index, item)| node(item, &at.index(index), level + 1, faults));
            Some(JsonTemplate::List(items.collect()))
        }
        Value::Object(members) => {
            let members = members.iter().filter_map(|(name, value)| {
                let place = at.name(name);
                faults.visible(name, &place);
                Some((name.clone(), node(value, &place, level + 1, faults)?))
            });
            Some(JsonTemplate::Object(members.collect()))
        }
    }
}

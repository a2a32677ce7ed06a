//! Input schemas as a model's strict mode accepts them, and the model's arguments on their way back.
//!
//! In strict mode the provider makes the model write nothing but what the schema allows, but it knows a
//! subset of JSON Schema only: the root is an object, every object is closed, every property is required.
//!
//! - A property that may be left out becomes one that may be null, and **null means that it is left out**.
//!   Where null was a value of its own, `{"null": true}` says it: to clear a field is not to leave it alone.
//! - `$ref` stays where a part is used more than once or is recursive; other parts are put in place.
//! - `oneOf` becomes `anyOf`, `allOf` is joined, `const` is an `enum` of one.
//! - All other keywords are said in words in the description; the original schema still judges the arguments.
//! - Schemas that take any value somewhere, or members of any name, cannot be strict: [`NotStrict`] says where.
//!
//! `docs/decisions/0012-strict-schemas.md` has the reasons.

use serde_json::Value;

use crate::walk::At;

mod choices;
mod definition;
mod gather;
mod loose;
mod node;
mod overlap;
mod print;
mod read;
mod restore;
mod spread;
mod words;

pub use definition::{Definition, MAX_DESCRIPTION, Unusable, definition};

use node::{Kind, Member, Node};
use overlap::Compare;
use print::Printer;
use read::Reader;
use restore::Restorer;

// Limits of the provider's guide "Structured Outputs", section "Supported schemas" (read in 2026).

/// Properties of all objects of a schema together.
pub const MAX_PROPERTIES: usize = 5_000;

/// Objects and arrays in one another, the arguments themselves included.
pub const MAX_LEVELS: usize = 10;

/// Characters of all property names, definition names and listed values together.
pub const MAX_CHARACTERS: usize = 120_000;

/// Listed values (`enum`) of a whole schema.
pub const MAX_ENUM_VALUES: usize = 1_000;

/// A list of more strings than this has at most [`MAX_ENUM_CHARACTERS`].
pub const ENUM_CHARACTERS: usize = 250;

/// Characters of the strings of one long list.
pub const MAX_ENUM_CHARACTERS: usize = 15_000;

/// The keywords that are written; every provider of strict mode knows all of them.
pub const KEYWORDS: [&str; 10] = [
    "$defs",
    "$ref",
    "additionalProperties",
    "anyOf",
    "description",
    "enum",
    "items",
    "properties",
    "required",
    "type",
];

/// Deepest document that is looked at; the rules for configs allow half of it.
const MAX_DEPTH: usize = 128;

/// The property that holds the arguments when they are a choice between objects.
const WRAPPER: &str = "input";

/// A schema for strict mode, and the way back from it.
#[derive(Clone, Debug)]
pub struct Strict {
    schema: Value,
    root: Node,
    parts: Vec<Node>,
    wrapped: bool,
}

/// Why a schema cannot be made strict. The tool is offered with its own schema then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (at \"{pointer}\")")]
pub struct NotStrict {
    /// What stands in the way, in a few words.
    pub reason: String,
    /// JSON pointer to it in the schema.
    pub pointer: String,
}

/// Makes a schema of arguments strict. It should have passed [`crate::schema::check`]; whatever has not
/// gets an answer as well, if not always the best one.
///
/// # Errors
/// What cannot be said in strict mode, and where it stands.
pub fn strict(schema: &Value) -> Result<Strict, NotStrict> {
    if !schema.is_object() {
        return Err(NotStrict::at_root("it is no object"));
    }
    if !shallow(schema, MAX_DEPTH) {
        return Err(NotStrict::at_root("it nests too deep"));
    }
    let mut reader = Reader::new(schema);
    let mut root = reader
        .arguments()
        .map_err(|refused| refused.in_schema(schema))?;
    let mut parts = std::mem::take(&mut reader.parts);
    if node::has_bottomless(&parts) {
        return Err(NotStrict::at_root("a reference leads back to itself"));
    }
    let mut nullable = node::nullable(&parts);
    let wrapped = matches!(root.kind, Kind::Union(_));
    if wrapped {
        root = wrap(root);
    }
    root.settle(&nullable);
    for part in &mut parts {
        part.settle(&nullable);
    }
    nullable = node::nullable(&parts);
    let mut compare = Compare::new(&parts, &nullable);
    if !(compare.is_clear(&root) && parts.iter().all(|part| compare.is_clear(part))) {
        let why = "its alternatives cannot be told apart once left-out members are null";
        return Err(NotStrict::at_root(why));
    }
    let names = reader.places.iter().map(|(_, name)| *name);
    let schema = Printer::print(&root, &parts, names).map_err(NotStrict::at_root)?;
    Ok(Strict {
        schema,
        root,
        parts,
        wrapped,
    })
}

impl Strict {
    /// The schema to send.
    pub const fn schema(&self) -> &Value {
        &self.schema
    }

    /// The arguments as the original schema means them. What does not fit the strict schema (a server
    /// that does not enforce it) is restored as far as it can be.
    pub fn restore(&self, mut arguments: Value) -> Value {
        Restorer::new(&self.parts).restore(&self.root, &mut arguments);
        if self.wrapped {
            return unwrap(arguments);
        }
        arguments
    }
}

/// One property around a choice: the arguments themselves have to be one object.
fn wrap(node: Node) -> Node {
    let member = Member {
        name: WRAPPER.to_owned(),
        node,
        optional: false,
    };
    Kind::Object(vec![member]).plainly()
}

/// Takes the wrapping property off; arguments without it are left alone. What is wrapped is an object:
/// any other value is an input of that name, from a server that does not enforce the schema.
fn unwrap(mut arguments: Value) -> Value {
    match arguments.as_object_mut() {
        Some(members)
            if members.len() == 1 && members.get(WRAPPER).is_some_and(Value::is_object) =>
        {
            members.remove(WRAPPER).unwrap_or(arguments)
        }
        _ => arguments,
    }
}

impl NotStrict {
    fn at_root(reason: &'static str) -> Self {
        Self {
            reason: reason.to_owned(),
            pointer: String::new(),
        }
    }
}

/// Why reading a schema came to an end, and where.
#[derive(Debug)]
enum Refused<'s> {
    /// No value fits here.
    Never(&'s Value),
    /// This cannot be said in strict mode.
    Because(&'s Value, String),
}

impl<'s> Refused<'s> {
    fn because(place: &'s Value, reason: impl Into<String>) -> Self {
        Self::Because(place, reason.into())
    }

    fn in_schema(self, schema: &Value) -> NotStrict {
        let (place, reason) = match self {
            Self::Never(place) => (place, "no value fits it".to_owned()),
            Self::Because(place, reason) => (place, reason),
        };
        NotStrict {
            reason,
            pointer: pointer_to(place, schema, &At::ROOT).unwrap_or_default(),
        }
    }
}

/// Where a part of a document stands in it.
fn pointer_to(part: &Value, document: &Value, at: &At<'_>) -> Option<String> {
    if std::ptr::eq(part, document) {
        return Some(at.pointer());
    }
    match document {
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| pointer_to(part, item, &at.index(index)))
        }
        Value::Object(members) => {
            let mut members = members.iter();
            members.find_map(|(name, value)| pointer_to(part, value, &at.name(name)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Whether a document nests at most so deep.
fn shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| shallow(item, levels - 1)),
        Value::Object(members) => {
            levels > 0 && members.values().all(|value| shallow(value, levels - 1))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests;

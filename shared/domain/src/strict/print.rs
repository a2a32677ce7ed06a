//! Writes the tree as a schema of strict mode, within the provider's limits.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::choices::both;
use super::node::{Kind, Node, Types, set_null};
use super::spread::spread;
use super::{
    ENUM_CHARACTERS, MAX_CHARACTERS, MAX_ENUM_CHARACTERS, MAX_ENUM_VALUES, MAX_LEVELS,
    MAX_PROPERTIES,
};

/// What the definition of an explicit null says.
const SET_NULL: &str = "Sets null. A plain null means: not given.";

/// How often the parts are used, and by whom.
struct Uses {
    counts: Vec<usize>,
    circular: Vec<bool>,
    nulls: usize,
}

/// Writes one tree.
pub(super) struct Printer<'n> {
    parts: &'n [Node],
    names: Vec<String>,
    null_name: String,
    uses: Uses,
    /// Printed parts and their heights; `None` while they are being printed.
    printed: Vec<Option<(Value, usize)>>,
    begun: Vec<bool>,
    properties: usize,
    values: usize,
    characters: usize,
    fault: Option<&'static str>,
}

impl<'n> Printer<'n> {
    /// The schema, or the limit that it breaks. `named` are the names of the parts.
    pub(super) fn print(
        root: &Node,
        parts: &'n [Node],
        named: impl Iterator<Item = &'n str>,
    ) -> Result<Value, &'static str> {
        let mut names: Vec<String> = Vec::with_capacity(parts.len());
        for name in named {
            names.push(unique(name, &names));
        }
        let mut printer = Self {
            parts,
            null_name: unique("null", &names),
            names,
            uses: Uses::of(root, parts),
            printed: vec![None; parts.len()],
            begun: vec![false; parts.len()],
            properties: 0,
            values: 0,
            characters: 0,
            fault: None,
        };
        let (mut schema, height) = printer.node(root);
        printer.definitions(&mut schema);
        printer.limits(height)?;
        spread(&mut schema)?;
        Ok(schema)
    }

    fn definitions(&mut self, schema: &mut Value) {
        let mut definitions = Map::new();
        for (name, printed) in self.names.iter().zip(&mut self.printed) {
            if let Some((value, _)) = printed.take() {
                self.characters += name.chars().count();
                definitions.insert(name.clone(), value);
            }
        }
        if self.uses.nulls > 1 {
            let (value, _) = self.object_of_null();
            definitions.insert(self.null_name.clone(), value);
        }
        if !definitions.is_empty() {
            schema["$defs"] = Value::Object(definitions);
        }
    }

    fn limits(&self, height: usize) -> Result<(), &'static str> {
        if height > MAX_LEVELS {
            Err("it nests deeper than strict mode allows")
        } else if self.properties > MAX_PROPERTIES {
            Err("it has more properties than strict mode allows")
        } else if self.values > MAX_ENUM_VALUES {
            Err("it lists more values than strict mode allows")
        } else if self.characters > MAX_CHARACTERS {
            Err("its names and values are longer than strict mode allows")
        } else {
            self.fault.map_or(Ok(()), Err)
        }
    }

    /// The schema of a node, and how many objects and arrays stand in one another.
    fn node(&mut self, node: &Node) -> (Value, usize) {
        let note = node.note.as_deref();
        match &node.kind {
            Kind::Plain(types) => (with_note(note, [("type", types.json())]), 0),
            Kind::Values(values) => (self.list_of_values(note, values), 0),
            Kind::Object(members) => {
                let mut properties = Map::with_capacity(members.len());
                let mut height = 0;
                for member in members {
                    let (value, below) = self.node(&member.node);
                    height = height.max(below);
                    self.characters += member.name.chars().count();
                    properties.insert(member.name.clone(), value);
                }
                self.properties += members.len();
                let names = members
                    .iter()
                    .map(|member| Value::from(member.name.as_str()));
                let names = names.collect();
                (object(note, properties, names), height + 1)
            }
            Kind::List(element) => {
                let (items, below) = self.node(element);
                let array = [("type", "array".into()), ("items", items)];
                (with_note(note, array), below + 1)
            }
            Kind::Union(nodes) => self.union(note, nodes),
            Kind::Part(number) => self.part(note, *number),
            Kind::SetNull if self.uses.nulls > 1 => {
                (json!({ "$ref": format!("#/$defs/{}", self.null_name) }), 1)
            }
            Kind::SetNull => self.object_of_null(),
        }
    }

    fn object_of_null(&mut self) -> (Value, usize) {
        self.properties += 1;
        self.values += 1;
        self.characters += 4;
        let properties = set_null();
        let member = json!({ "type": "boolean", "enum": [true] });
        let names = properties.as_object().into_iter().flat_map(Map::keys);
        let properties = names.map(|name| (name.clone(), member.clone())).collect();
        let names = vec!["null".into()];
        (object(Some(SET_NULL), properties, names), 1)
    }

    fn list_of_values(&mut self, note: Option<&str>, values: &[Value]) -> Value {
        self.values += values.len();
        let strings = values.iter().filter_map(Value::as_str);
        let characters: usize = strings.map(|text| text.chars().count()).sum();
        self.characters += characters;
        if values.len() > ENUM_CHARACTERS && characters > MAX_ENUM_CHARACTERS {
            self.fault = Some("one of its lists of values is longer than strict mode allows");
        }
        let types = values.iter().fold(Types::NONE, |all, value| {
            all.or(match value {
                Value::Number(number) if number.is_i64() || number.is_u64() => Types::INTEGER,
                Value::Number(_) => Types::NUMBER,
                other => Types::of(other),
            })
        });
        let types = types.narrowed().json();
        with_note(note, [("type", types), ("enum", values.to_vec().into())])
    }

    fn union(&mut self, note: Option<&str>, nodes: &[Node]) -> (Value, usize) {
        let mut alternatives: Vec<Value> = Vec::with_capacity(nodes.len());
        let mut height = 0;
        for node in nodes {
            let (value, below) = self.node(node);
            height = height.max(below);
            for alternative in spliced(value) {
                if !alternatives.contains(&alternative) {
                    alternatives.push(alternative);
                }
            }
        }
        if alternatives.len() == 1 && alternatives[0].get("$ref").is_none() {
            let mut only = alternatives.remove(0);
            if let Some(note) = note {
                let inner = only.get("description").and_then(Value::as_str);
                let note = both(Some(note.to_owned()), inner.map(str::to_owned));
                only["description"] = note.into();
            }
            return (only, height);
        }
        if alternatives.len() == 1 && note.is_none() {
            return (alternatives.remove(0), height);
        }
        (with_note(note, [("anyOf", alternatives.into())]), height)
    }

    fn part(&mut self, note: Option<&str>, number: usize) -> (Value, usize) {
        let parts = self.parts;
        let part = &parts[number];
        let circular = self.uses.circular[number];
        if !circular && (part.is_small(parts) || self.uses.counts[number] < 2) {
            let mut inline: Cow<'_, Node> = Cow::Borrowed(part);
            if note.is_some() {
                inline.to_mut().note = both(note.map(str::to_owned), part.note.clone());
            }
            return self.node(&inline);
        }
        if !self.begun[number] {
            self.begun[number] = true;
            let printed = self.node(part);
            self.printed[number] = Some(printed);
        }
        // A circle has no height of its own: it ends where the model ends it.
        let height = self.printed[number]
            .as_ref()
            .map_or(0, |(_, height)| *height);
        let reference = json!({ "$ref": format!("#/$defs/{}", self.names[number]) });
        match note {
            None => (reference, height),
            note => (with_note(note, [("anyOf", vec![reference].into())]), height),
        }
    }
}

impl Uses {
    fn of(root: &Node, parts: &[Node]) -> Self {
        let mut uses = Self {
            counts: vec![0; parts.len()],
            circular: vec![false; parts.len()],
            nulls: 0,
        };
        uses.walk(root, parts, &mut Vec::new());
        uses
    }

    fn walk(&mut self, node: &Node, parts: &[Node], way: &mut Vec<usize>) {
        match &node.kind {
            Kind::Plain(_) | Kind::Values(_) => {}
            Kind::SetNull => self.nulls += 1,
            Kind::Object(members) => {
                for member in members {
                    self.walk(&member.node, parts, way);
                }
            }
            Kind::List(element) => self.walk(element, parts, way),
            Kind::Union(nodes) => {
                for node in nodes {
                    self.walk(node, parts, way);
                }
            }
            Kind::Part(number) => {
                self.counts[*number] += 1;
                if way.contains(number) {
                    self.circular[*number] = true;
                } else if self.counts[*number] == 1 {
                    way.push(*number);
                    self.walk(&parts[*number], parts, way);
                    way.pop();
                }
            }
        }
    }
}

fn object(note: Option<&str>, properties: Map<String, Value>, names: Vec<Value>) -> Value {
    with_note(
        note,
        [
            ("type", "object".into()),
            ("properties", Value::Object(properties)),
            ("required", Value::Array(names)),
            ("additionalProperties", false.into()),
        ],
    )
}

fn with_note<const N: usize>(note: Option<&str>, members: [(&str, Value); N]) -> Value {
    let mut schema = Map::with_capacity(N + 1);
    if let Some(note) = note {
        schema.insert("description".to_owned(), note.into());
    }
    for (name, value) in members {
        schema.insert(name.to_owned(), value);
    }
    Value::Object(schema)
}

/// The alternatives of a choice that says nothing else, or the value itself.
fn spliced(mut value: Value) -> Vec<Value> {
    if let Some(members) = value.as_object_mut()
        && members.len() == 1
        && let Some(Value::Array(alternatives)) = members.remove("anyOf")
    {
        return alternatives;
    }
    vec![value]
}

/// A name for `$defs` that is not taken.
fn unique(name: &str, taken: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let name: String = name
        .chars()
        .take(60)
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    let free = |name: &String| !taken.contains(name);
    if free(&name) {
        return name;
    }
    let numbered = (2..).map(|number: usize| format!("{name}_{number}"));
    numbered.into_iter().find(free).unwrap_or(name)
}

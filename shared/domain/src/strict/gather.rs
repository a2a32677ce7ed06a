//! What a schema and everything that is joined to it (`allOf`, `$ref`) ask of one value, keyword by keyword.

use serde_json::{Map, Value};

use super::Refused;
use super::node::Types;
use super::words::Words;

/// All that is asked of one value.
#[derive(Clone, Debug)]
pub(super) struct Gathered<'s> {
    /// Where it was asked first.
    pub(super) here: &'s Value,
    pub(super) types: Types,
    /// Types that the keywords speak of, for schemas without `type`.
    pub(super) spoken: Types,
    pub(super) values: Option<Vec<&'s Value>>,
    pub(super) properties: Vec<(&'s str, Vec<&'s Value>)>,
    pub(super) required: Vec<(&'s str, &'s Value)>,
    /// The only names that are allowed.
    pub(super) closed: Option<Vec<&'s str>>,
    /// Only names that are declared somewhere are allowed.
    pub(super) sealed: bool,
    /// Names that are declared nowhere are allowed, and why.
    pub(super) open: Option<(&'s Value, &'static str)>,
    pub(super) items: Vec<&'s Value>,
    pub(super) prefix: Vec<&'s Value>,
    /// The alternatives of an `anyOf`; true for `oneOf`.
    pub(super) unions: Vec<(&'s [Value], bool)>,
    pub(super) references: Vec<&'s Value>,
    /// Schemas that are only spoken of, and may declare names of their own.
    pub(super) conditions: Vec<&'s Value>,
    /// No value fits.
    pub(super) never: bool,
    /// More than references and remarks.
    pub(super) constrained: bool,
    pub(super) description: Option<&'s str>,
    pub(super) words: Words,
}

impl<'s> Gathered<'s> {
    /// Nothing is asked yet.
    pub(super) fn new(here: &'s Value) -> Self {
        Self {
            here,
            types: Types::ALL,
            spoken: Types::NONE,
            values: None,
            properties: Vec::new(),
            required: Vec::new(),
            closed: None,
            sealed: false,
            open: None,
            items: Vec::new(),
            prefix: Vec::new(),
            unions: Vec::new(),
            references: Vec::new(),
            conditions: Vec::new(),
            never: false,
            constrained: false,
            description: None,
            words: Words::default(),
        }
    }

    /// Adds what a schema asks. Before 2019-09 (`old`), what stands beside a `$ref` asks nothing.
    pub(super) fn add(&mut self, schema: &'s Value, old: bool) -> Result<(), Refused<'s>> {
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(allowed) => {
                self.never |= !allowed;
                self.constrained |= !allowed;
                return Ok(());
            }
            other => return Err(Refused::because(other, "is no schema")),
        };
        if let Some(target) = members.get("$ref") {
            self.references.push(target);
        }
        let alone = old && members.contains_key("$ref");
        let titled = members.get("description").or_else(|| members.get("title"));
        if self.description.is_none() {
            self.description = titled
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty());
        }
        for (name, value) in members {
            if !alone {
                self.keyword(name, value, members, old)?;
            }
        }
        Ok(())
    }

    fn keyword(
        &mut self,
        name: &'s str,
        value: &'s Value,
        members: &'s Map<String, Value>,
        old: bool,
    ) -> Result<(), Refused<'s>> {
        let spoken = match name {
            "type" => {
                self.types = self.types.and(types(value));
                Types::NONE
            }
            "enum" => {
                self.value_list(value.as_array().into_iter().flatten());
                Types::NONE
            }
            "const" => {
                self.value_list(std::iter::once(value));
                Types::NONE
            }
            "properties" => {
                self.declare(value);
                Types::OBJECT
            }
            "required" => {
                let names = value.as_array().into_iter().flatten();
                let named = names.filter_map(|name| Some((name.as_str()?, name)));
                self.required.extend(named);
                Types::OBJECT
            }
            "additionalProperties" if *value == Value::Bool(false) => {
                self.close(members);
                Types::OBJECT
            }
            "unevaluatedProperties" if *value == Value::Bool(false) => {
                self.sealed = true;
                Types::OBJECT
            }
            "additionalProperties" | "unevaluatedProperties" => {
                let why = "it takes members of any name";
                self.open = Some((value, why));
                Types::OBJECT
            }
            "patternProperties" => {
                if value
                    .as_object()
                    .is_some_and(|patterns| !patterns.is_empty())
                {
                    return Err(Refused::because(value, "it takes members by pattern"));
                }
                Types::OBJECT
            }
            "items" => {
                self.elements(value);
                Types::ARRAY
            }
            "prefixItems" => {
                self.elements(value);
                self.words.say("items are of these kinds in this order");
                Types::ARRAY
            }
            "additionalItems" if old => {
                if members.get("items").is_some_and(Value::is_array) && !value.is_boolean() {
                    self.elements(value);
                }
                Types::ARRAY
            }
            "anyOf" | "oneOf" => {
                let branches = value.as_array().map(Vec::as_slice).unwrap_or_default();
                self.unions.push((branches, name == "oneOf"));
                Types::NONE
            }
            "allOf" => {
                for schema in value.as_array().into_iter().flatten() {
                    self.add(schema, old)?;
                }
                return Ok(());
            }
            "then" | "else" => {
                self.conditions.push(value);
                self.words.keyword(name, value);
                Types::NONE
            }
            "dependentSchemas" | "dependencies" => {
                let schemas = value.as_object().into_iter().flatten();
                self.conditions.extend(schemas.map(|(_, schema)| schema));
                self.words.keyword(name, value);
                Types::OBJECT
            }
            "$dynamicRef" | "$recursiveRef" => {
                return Err(Refused::because(value, "such a reference is not supported"));
            }
            "minLength" | "maxLength" | "pattern" | "format" => {
                self.words.keyword(name, value);
                self.spoken = self.spoken.or(Types::STRING);
                return Ok(());
            }
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                self.words.keyword(name, value);
                self.spoken = self.spoken.or(Types::NUMBER);
                return Ok(());
            }
            other => {
                self.words.keyword(other, value);
                return Ok(());
            }
        };
        self.constrained = true;
        self.spoken = self.spoken.or(spoken);
        Ok(())
    }

    /// Only these values, and only those of them that were allowed before.
    fn value_list(&mut self, values: impl Iterator<Item = &'s Value>) {
        let before = self.values.take();
        let allowed = |value: &&Value| before.as_ref().is_none_or(|before| before.contains(value));
        let mut kept: Vec<&'s Value> = Vec::new();
        for value in values.filter(allowed) {
            if !kept.contains(&value) {
                kept.push(value);
            }
        }
        self.values = Some(kept);
    }

    fn declare(&mut self, value: &'s Value) {
        let first = self.properties.is_empty();
        for (name, schema) in value.as_object().into_iter().flatten() {
            let known = (!first)
                .then(|| self.properties.iter_mut().find(|(known, _)| known == name))
                .flatten();
            match known {
                Some((_, schemas)) if schemas.iter().any(|known| **known == *schema) => {}
                Some((_, schemas)) => schemas.push(schema),
                None => self.properties.push((name, vec![schema])),
            }
        }
    }

    /// Only the names that stand in the same schema.
    fn close(&mut self, members: &'s Map<String, Value>) {
        let names = members.get("properties").and_then(Value::as_object);
        let names = names.into_iter().flat_map(Map::keys).map(String::as_str);
        self.closed = Some(match self.closed.take() {
            None => names.collect(),
            Some(before) => names.filter(|name| before.contains(name)).collect(),
        });
    }

    fn elements(&mut self, value: &'s Value) {
        match value {
            Value::Array(schemas) => self.prefix.extend(schemas),
            Value::Bool(_) => {}
            schema => self.items.push(schema),
        }
    }

    /// Whether a name may be a member's.
    pub(super) fn admits(&self, name: &str) -> bool {
        self.closed
            .as_ref()
            .is_none_or(|names| names.contains(&name))
    }

    /// Whether members with names that are declared nowhere are refused in any case.
    pub(super) const fn is_closed(&self) -> bool {
        self.sealed || self.closed.is_some()
    }
}

fn types(value: &Value) -> Types {
    match value {
        Value::String(name) => Types::named(name),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .fold(Types::NONE, |all, name| all.or(Types::named(name)))
            .narrowed(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Types::NONE,
    }
}

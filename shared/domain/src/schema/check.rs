//! Checks a schema's own form: every keyword has the right shape, and nothing is boundless.

use std::borrow::Cow;
use std::io;

use serde_json::{Map, Value};

use super::keywords::{DRAFTS, KEYWORDS, Shape, TYPES, shape};
use super::{MAX_BYTES, pattern_refused, refs};
use crate::ids::SecretName;
use crate::text;
use crate::walk::{At, Faults};

const MAX_LEVELS: usize = 32;
const MAX_SUBSCHEMAS: usize = 2_000;
const MAX_PATTERNS: usize = 64;

/// No answer is larger than this, so nothing can be required to be.
const MAX_LEAST: f64 = 20_000_000.0;

/// One check of one schema.
pub(super) struct Check<'f> {
    faults: &'f mut Faults,
    subschemas: usize,
    patterns: usize,
    references: bool,
    /// 2020-12 reads `items` as one schema only.
    latest_draft: bool,
}

impl<'f> Check<'f> {
    /// Checks a whole schema that stands at `at`.
    pub(super) fn run(schema: &Value, at: &At<'_>, faults: &'f mut Faults) {
        let Some(members) = schema.as_object() else {
            return faults.wrong_type(at, "a JSON Schema (an object)", schema);
        };
        if size(schema) > MAX_BYTES {
            return faults.add(at, "too_large", "a schema has at most 64 KB");
        }
        let before = faults.count();
        let draft = members.get("$schema").and_then(Value::as_str);
        let mut check = Check {
            faults,
            subschemas: 0,
            patterns: 0,
            references: false,
            latest_draft: draft.is_none_or(|uri| uri.starts_with(DRAFTS[0])),
        };
        check.schema(schema, at, 0);
        let (references, clean) = (check.references, check.faults.count() == before);
        if references && clean {
            refs::check(schema, at, faults);
        }
    }

    fn schema(&mut self, schema: &Value, at: &At<'_>, level: usize) {
        self.subschemas += 1;
        if level > MAX_LEVELS {
            let message = format!("schemas nest at most {MAX_LEVELS} levels deep");
            return self.faults.add(at, "too_deep", message);
        }
        if self.subschemas > MAX_SUBSCHEMAS {
            if self.subschemas == MAX_SUBSCHEMAS + 1 {
                let message = format!("a schema has at most {MAX_SUBSCHEMAS} parts");
                self.faults.add(at, "too_large", message);
            }
            return;
        }
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(_) => return,
            other => {
                return self
                    .faults
                    .wrong_type(at, "a JSON Schema (an object)", other);
            }
        };
        for (name, value) in members {
            let place = at.name(name);
            match shape(name) {
                Some(shape) => self.keyword(shape, name, value, &place, level),
                None => self.unknown(name, &place),
            }
        }
    }

    fn keyword(&mut self, shape: Shape, name: &str, value: &Value, at: &At<'_>, level: usize) {
        match shape {
            Shape::Schema => self.schema(value, at, level + 1),
            Shape::Schemas | Shape::PatternSchemas => self.schemas(shape, value, at, level),
            Shape::SchemaList => self.schema_list(value, at, level),
            Shape::Items if self.latest_draft && value.is_array() => self.faults.advise(
                at,
                "invalid_type",
                "expected one schema for all elements, found an array",
                "write \"prefixItems\" for a list of schemas",
            ),
            Shape::Items if value.is_array() => self.schema_list(value, at, level),
            Shape::Items => self.schema(value, at, level + 1),
            Shape::Dependencies => self.dependencies(value, at, level),
            Shape::Type => self.types(value, at),
            Shape::Names => self.names(value, at),
            Shape::NameLists => self.name_lists(value, at),
            Shape::Values => self.values(value, at),
            Shape::Least | Shape::Most => self.count(shape, value, at),
            Shape::Number | Shape::Positive => self.number(shape, value, at),
            Shape::Flag => {
                if !value.is_boolean() {
                    self.faults.wrong_type(at, "a boolean", value);
                }
            }
            Shape::Pattern => self.pattern(value, at),
            Shape::Ref => self.reference(value, at),
            Shape::Text => self.text(value, at),
            Shape::Any => self.contents(value, at),
            Shape::Root => self.root_keyword(name, value, at, level),
            Shape::Unsupported => {
                let message = format!("\"{name}\" is not supported");
                let hint = if name.starts_with('$') {
                    "use \"$ref\" to a part of \"$defs\""
                } else {
                    "leave it out"
                };
                self.faults.advise(at, "unsupported", message, hint);
            }
        }
    }

    fn schemas(&mut self, shape: Shape, value: &Value, at: &At<'_>, level: usize) {
        let Some(members) = self.object(value, at) else {
            return;
        };
        for (name, schema) in members {
            let place = at.name(name);
            self.hidden(name, &place);
            if shape == Shape::PatternSchemas {
                self.regex(name, &place);
            }
            self.schema(schema, &place, level + 1);
        }
    }

    fn schema_list(&mut self, value: &Value, at: &At<'_>, level: usize) {
        match value {
            Value::Array(schemas) if !schemas.is_empty() => {
                for (index, schema) in schemas.iter().enumerate() {
                    self.schema(schema, &at.index(index), level + 1);
                }
            }
            Value::Array(_) => self
                .faults
                .add(at, "invalid_value", "an empty list of schemas"),
            other => self.faults.wrong_type(at, "an array of schemas", other),
        }
    }

    fn dependencies(&mut self, value: &Value, at: &At<'_>, level: usize) {
        let Some(members) = self.object(value, at) else {
            return;
        };
        for (name, dependency) in members {
            let place = at.name(name);
            if dependency.is_array() {
                self.names(dependency, &place);
            } else {
                self.schema(dependency, &place, level + 1);
            }
        }
    }

    fn types(&mut self, value: &Value, at: &At<'_>) {
        match value {
            Value::String(name) => self.type_name(name, at),
            Value::Array(names) if (1..=TYPES.len()).contains(&names.len()) => {
                for (index, name) in names.iter().enumerate() {
                    let place = at.index(index);
                    match name {
                        Value::String(text) if names[..index].contains(name) => {
                            let message = format!("\"{text}\" stands twice");
                            self.faults.add(&place, "invalid_value", message);
                        }
                        Value::String(text) => self.type_name(text, &place),
                        other => self.faults.wrong_type(&place, "the name of a type", other),
                    }
                }
            }
            other => self
                .faults
                .wrong_type(at, "the name of a type, or several", other),
        }
    }

    fn type_name(&mut self, name: &str, at: &At<'_>) {
        if TYPES.contains(&name) {
            return;
        }
        let hint = text::did_you_mean(name, &TYPES).unwrap_or_else(|| {
            "types are string, number, integer, boolean, object, array and null".to_owned()
        });
        let message = format!("\"{}\" is not a type", cut(name));
        self.faults.advise(at, "invalid_value", message, hint);
    }

    fn names(&mut self, value: &Value, at: &At<'_>) {
        let Value::Array(names) = value else {
            return self
                .faults
                .wrong_type(at, "an array of property names", value);
        };
        let mut seen = std::collections::HashSet::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let place = at.index(index);
            match name {
                Value::String(text) if !seen.insert(text) => {
                    let message = format!("\"{}\" stands twice", cut(text));
                    self.faults.add(&place, "invalid_value", message);
                }
                Value::String(_) => {}
                other => self.faults.wrong_type(&place, "a property name", other),
            }
        }
    }

    fn name_lists(&mut self, value: &Value, at: &At<'_>) {
        if let Some(members) = self.object(value, at) {
            for (name, names) in members {
                self.names(names, &at.name(name));
            }
        }
    }

    fn values(&mut self, value: &Value, at: &At<'_>) {
        match value {
            Value::Array(values) if !values.is_empty() => self.contents(value, at),
            Value::Array(_) => self
                .faults
                .add(at, "invalid_value", "allows no value at all"),
            other => self.faults.wrong_type(at, "an array of values", other),
        }
    }

    fn count(&mut self, shape: Shape, value: &Value, at: &At<'_>) {
        let whole = value.as_f64().filter(|n| *n >= 0.0 && n.fract() == 0.0);
        match whole {
            None => self
                .faults
                .wrong_number(at, "a whole number, zero or more", value),
            Some(count) if shape == Shape::Least && count > MAX_LEAST => {
                self.faults
                    .add(at, "out_of_range", "no value can be that large");
            }
            // What a 64-bit integer holds; the validator counts in those.
            Some(count) if count > 9_223_372_036_854_775_807.0 => {
                self.faults
                    .add(at, "out_of_range", "this limit is beyond 64 bits");
            }
            Some(_) => {}
        }
    }

    fn number(&mut self, shape: Shape, value: &Value, at: &At<'_>) {
        match value.as_f64() {
            None => self.faults.wrong_type(at, "a number", value),
            Some(number) if shape == Shape::Positive && number <= 0.0 => {
                self.faults.add(at, "out_of_range", "must be above zero");
            }
            Some(_) => {}
        }
    }

    fn pattern(&mut self, value: &Value, at: &At<'_>) {
        match value {
            Value::String(pattern) => self.regex(pattern, at),
            other => self.faults.wrong_type(at, "a regular expression", other),
        }
    }

    fn regex(&mut self, pattern: &str, at: &At<'_>) {
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            let message = format!("a schema has at most {MAX_PATTERNS} patterns");
            return self.faults.add(at, "too_large", message);
        }
        if let Some(why) = pattern_refused(pattern) {
            self.faults
                .add(at, "invalid_pattern", format!("this pattern {why}"));
        }
    }

    fn reference(&mut self, value: &Value, at: &At<'_>) {
        self.references = true;
        let Value::String(target) = value else {
            return self
                .faults
                .wrong_type(at, "a reference such as \"#/$defs/name\"", value);
        };
        if target != "#" && !target.starts_with("#/") {
            self.faults.advise(
                at,
                "invalid_ref",
                "a schema refers only to its own parts; nothing is fetched",
                "copy the schema into \"$defs\" and write \"#/$defs/name\"",
            );
        }
    }

    fn text(&mut self, value: &Value, at: &At<'_>) {
        match value {
            Value::String(_) => self.contents(value, at),
            other => self.faults.wrong_type(at, "a string", other),
        }
    }

    /// Refuses hidden characters and secrets in whatever a model may read.
    fn contents(&mut self, value: &Value, at: &At<'_>) {
        match value {
            Value::String(text) => self.hidden(text, at),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.contents(item, &at.index(index));
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.hidden(name, at);
                    self.contents(member, &at.name(name));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn hidden(&mut self, text: &str, at: &At<'_>) {
        if let Some((c, kind)) = text::hidden_character(text) {
            let message = format!("contains U+{:04X}, {kind}", u32::from(c));
            self.faults.add(at, "invalid_character", message);
        }
        if names_secret(text) {
            self.faults.advise(
                at,
                "secret_not_allowed",
                "a schema is shown to models and never holds a secret",
                "write ${NAME} only in api.auth, api.headers and api.params",
            );
        }
    }

    fn root_keyword(&mut self, name: &str, value: &Value, at: &At<'_>, level: usize) {
        let Value::String(uri) = value else {
            return self.faults.wrong_type(at, "a string", value);
        };
        if level > 0 {
            let message = format!("\"{name}\" stands only at the root of a schema");
            return self.faults.add(at, "unsupported", message);
        }
        if name == "$schema" && !DRAFTS.contains(&uri.trim_end_matches('#')) {
            self.faults.advise(
                at,
                "invalid_value",
                "this dialect of JSON Schema is not known",
                format!("leave it out, or write \"{}\"", DRAFTS[0]),
            );
        }
        if name == "$id" && (uri.len() > 1024 || url::Url::parse(uri).is_err()) {
            let message = "\"$id\" is an absolute URL";
            self.faults.advise(
                at,
                "invalid_value",
                message,
                "leave it out; nothing needs it",
            );
        }
    }

    /// Keywords that are not known are remarks, unless they are a known one mistyped.
    fn unknown(&mut self, name: &str, at: &At<'_>) {
        if name.starts_with("x-") || name.len() < 4 || self.faults.full() {
            return;
        }
        let known = KEYWORDS.iter().map(|(known, _)| *known);
        let near = text::nearest(name, known.filter(|known| !known.starts_with('$')));
        let typing_error =
            near.filter(|near| near.len().abs_diff(name.len()) <= 2 && near.len() >= 4);
        if let Some(near) = typing_error {
            self.faults.advise(
                at,
                "unknown_field",
                format!("\"{}\" is not a keyword of JSON Schema", cut(name)),
                format!("did you mean \"{near}\"?"),
            );
        }
    }

    fn object<'v>(&mut self, value: &'v Value, at: &At<'_>) -> Option<&'v Map<String, Value>> {
        let members = value.as_object();
        if members.is_none() {
            self.faults.wrong_type(at, "an object", value);
        }
        members
    }
}

/// Whether a text holds `${NAME}` of a secret.
pub(crate) fn names_secret(text: &str) -> bool {
    text.split("${").skip(1).any(|rest| {
        rest.split_once('}')
            .is_some_and(|(name, _)| name.parse::<SecretName>().is_ok())
    })
}

/// A text short enough to be repeated in a message.
pub(crate) fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(64) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// The length of a value's compact JSON, in bytes.
fn size(value: &Value) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        Err(_) => usize::MAX,
    }
}

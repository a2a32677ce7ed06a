//! One variable of a prompt: what its value may be, and how the value reads as text.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::canonical;
use crate::config::fields::{Names, Object};
use crate::schema::cut;
use crate::text;
use crate::walk::{At, Faults};

const NAMES: Names = Names {
    known: &[
        "type",
        "description",
        "required",
        "default",
        "enum",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
    ],
    elsewhere: &[],
};

const MOST_CHOICES: usize = 64;

/// Types that a value may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are JSON Schema's")]
pub enum Kind {
    String,
    Number,
    Integer,
    Boolean,
}

impl Kind {
    const ALL: [(&str, Self); 4] = [
        ("string", Self::String),
        ("number", Self::Number),
        ("integer", Self::Integer),
        ("boolean", Self::Boolean),
    ];

    /// The type's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
        }
    }

    const fn in_words(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
        }
    }

    fn takes(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Integer => value.as_number().is_some_and(is_whole),
            Self::Boolean => value.is_boolean(),
        }
    }
}

/// One variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name in the texts.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What its value is.
    pub kind: Kind,
    /// Whether a value must be given.
    pub required: bool,
    /// Its value when none is given; without one the text is empty.
    pub default: Option<Value>,
    /// Its only values; empty: any.
    pub allowed: Vec<Value>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    minimum: Option<Number>,
    maximum: Option<Number>,
}

impl Variable {
    /// Reads one variable's rules.
    pub(super) fn read(
        name: &str,
        value: &Value,
        at: &At<'_>,
        faults: &mut Faults,
    ) -> Option<Self> {
        let object = faults.object(value, at)?;
        faults.only(object, NAMES);
        let description = faults.text(object, "description");
        if let Some(description) = description {
            faults.length(description, 1024, &at.name("description"));
        }
        let kind = if object.members.contains_key("type") {
            faults.choice(object, "type", &Kind::ALL)?
        } else {
            Kind::String
        };
        let required = faults.flag(object, "required");
        let default = object.members.get("default");
        if required == Some(true) && default.is_some() {
            let hint = "leave one of them out";
            let message = "a variable that is required has no default";
            faults.advise(&at.name("default"), "conflict", message, hint);
        }
        let mut variable = Self {
            name: name.to_owned(),
            description: description.map(str::to_owned),
            kind,
            required: required.unwrap_or(default.is_none()),
            default: default.cloned(),
            allowed: Vec::new(),
            min_length: length(object, kind, "minLength", faults),
            max_length: length(object, kind, "maxLength", faults),
            minimum: bound(object, kind, "minimum", faults),
            maximum: bound(object, kind, "maximum", faults),
        };
        variable.check_bounds(at, faults);
        variable.allowed = variable.choices(object, faults);
        if let Some(default) = default {
            let place = at.name("default");
            if let Value::String(text) = default {
                faults.visible(text, &place);
            }
            variable.check(default, &place, faults);
        }
        Some(variable)
    }

    fn check_bounds(&self, at: &At<'_>, faults: &mut Faults) {
        if let (Some(least), Some(most)) = (self.min_length, self.max_length)
            && least > most
        {
            let message = "minLength is greater than maxLength";
            faults.add(&at.name("minLength"), "conflict", message);
        }
        if let (Some(least), Some(most)) = (&self.minimum, &self.maximum)
            && compare(least, most).is_gt()
        {
            let message = "minimum is greater than maximum";
            faults.add(&at.name("minimum"), "conflict", message);
        }
    }

    fn choices(&self, object: Object<'_, '_>, faults: &mut Faults) -> Vec<Value> {
        let at = object.at.name("enum");
        let Some(value) = object.members.get("enum") else {
            return Vec::new();
        };
        if value.as_array().is_some_and(Vec::is_empty) {
            faults.add(&at, "invalid_length", "must not be empty");
        }
        let mut choices: Vec<Value> = Vec::new();
        for (index, choice) in faults.list(value, &at, MOST_CHOICES).iter().enumerate() {
            let place = at.index(index);
            if let Value::String(text) = choice {
                faults.visible(text, &place);
            }
            self.check(choice, &place, faults);
            if choices.iter().any(|other| same(other, choice)) {
                faults.add(&place, "conflict", "this value stands twice");
            }
            choices.push(choice.clone());
        }
        choices
    }

    /// Notes what is wrong with a value.
    pub(super) fn check(&self, value: &Value, at: &At<'_>, faults: &mut Faults) {
        if !self.kind.takes(value) {
            faults.wrong_type(at, self.kind.in_words(), value);
            return;
        }
        if !self.allowed.is_empty() && !self.allowed.iter().any(|choice| same(choice, value)) {
            self.not_allowed(value, at, faults);
            return;
        }
        match value {
            Value::String(text) => self.check_length(text, at, faults),
            Value::Number(number) => self.check_range(number, at, faults),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {}
        }
    }

    fn not_allowed(&self, value: &Value, at: &At<'_>, faults: &mut Faults) {
        let texts: Vec<String> = self.allowed.iter().map(as_text).collect();
        let words: Vec<&str> = texts.iter().map(String::as_str).collect();
        let value = as_text(value);
        let hint = text::did_you_mean(&value, &words)
            .unwrap_or_else(|| format!("allowed: {}", cut(&words.join(", "))));
        let message = format!("\"{}\" is not allowed here", cut(&value).escape_debug());
        faults.advise(at, "invalid_value", message, hint);
    }

    fn check_length(&self, text: &str, at: &At<'_>, faults: &mut Faults) {
        if self.min_length.is_none() && self.max_length.is_none() {
            return;
        }
        let length = text.chars().count() as u64;
        if let Some(least) = self.min_length.filter(|least| length < *least) {
            let message = format!("must have {least} characters or more");
            faults.add(at, "invalid_length", message);
        }
        if let Some(most) = self.max_length.filter(|most| length > *most) {
            let message = format!("must have {most} characters or fewer");
            faults.add(at, "invalid_length", message);
        }
    }

    fn check_range(&self, number: &Number, at: &At<'_>, faults: &mut Faults) {
        if let Some(least) = &self.minimum
            && compare(number, least).is_lt()
        {
            faults.add(at, "out_of_range", format!("must be {least} or more"));
        }
        if let Some(most) = &self.maximum
            && compare(number, most).is_gt()
        {
            faults.add(at, "out_of_range", format!("must be {most} or less"));
        }
    }

    /// A value that came as text, as MCP sends every argument: `"3"` of a number is 3. A text that is
    /// no value of the type stays as it is, and is refused as such.
    pub(super) fn read_text(&self, text: &str) -> Value {
        let typed = match self.kind {
            Kind::String => None,
            Kind::Number | Kind::Integer | Kind::Boolean => serde_json::from_str(text.trim()).ok(),
        };
        typed
            .filter(|value| self.kind.takes(value))
            .unwrap_or_else(|| text.into())
    }
}

/// A value as the text that is filled in.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            canonical::to_string(value)
        }
    }
}

fn length(object: Object<'_, '_>, kind: Kind, name: &str, faults: &mut Faults) -> Option<u64> {
    object.members.get(name)?;
    if kind != Kind::String {
        let message = format!("\"{name}\" is for strings only");
        faults.add(&object.at.name(name), "invalid_value", message);
        return None;
    }
    faults.whole(object, name, 0, super::MAX_FILLED_BYTES as u64)
}

fn bound(object: Object<'_, '_>, kind: Kind, name: &str, faults: &mut Faults) -> Option<Number> {
    let value = object.members.get(name)?;
    let at = object.at.name(name);
    match (kind, value) {
        (Kind::Number | Kind::Integer, Value::Number(number)) => Some(number.clone()),
        (Kind::Number | Kind::Integer, _) => {
            faults.wrong_type(&at, "a number", value);
            None
        }
        (Kind::String | Kind::Boolean, _) => {
            let message = format!("\"{name}\" is for numbers only");
            faults.add(&at, "invalid_value", message);
            None
        }
    }
}

fn is_whole(number: &Number) -> bool {
    number.is_i64()
        || number.is_u64()
        || number.as_f64().is_some_and(|double| double.fract() == 0.0)
}

/// The same value: numbers by what they are, not by how they are written.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => compare(one, other).is_eq(),
        _ => one == other,
    }
}

fn compare(one: &Number, other: &Number) -> Ordering {
    if let (Some(one), Some(other)) = (one.as_i128(), other.as_i128()) {
        return one.cmp(&other);
    }
    let (one, other) = (one.as_f64(), other.as_f64());
    one.partial_cmp(&other).unwrap_or(Ordering::Equal)
}

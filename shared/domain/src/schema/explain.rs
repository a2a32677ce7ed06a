//! Tells a validation error so that a person or a model can mend the value.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::Location;
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::cut;
use crate::fault::Fault;
use crate::formats::{hidden_names, is_hidden};
use crate::path::escape_token;
use crate::text;
use crate::walk::{escape_into, type_name};

/// Who reads the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// A model: hidden properties are not named.
    Model,
    /// A person or a program that may set hidden properties.
    Author,
}

/// Adds the faults that one error stands for. To a model they name no hidden property, nor what it must be.
pub(super) fn explain(
    schema: &Value,
    error: &ValidationError<'_>,
    audience: Audience,
    faults: &mut Vec<Fault>,
) {
    let at = error.instance_path().as_str().to_owned();
    let instance = error.instance();
    let hidden: Vec<&str> = match audience {
        Audience::Model => hidden_names(schema).collect(),
        Audience::Author => Vec::new(),
    };
    if is_within(&at, &hidden) {
        return faults.push(fixed());
    }
    // Whether this is about the object that the hidden properties are in.
    let around = at.is_empty() && !hidden.is_empty();
    let fault = match error.kind() {
        ValidationErrorKind::Enum { .. } | ValidationErrorKind::Constant { .. } if around => {
            Fault::new(at, "invalid_value", "is not one of the allowed values")
        }
        ValidationErrorKind::PropertyNames { .. } if around => {
            Fault::new(at, "unknown_field", "has a member whose name is wrong")
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let message = format!("\"{}\" is required", cut(name));
            Fault::new(member(&at, name), "required", message)
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let told = |name: &str| !(around && hidden.contains(&name));
            let mut known = known_properties(schema, error.schema_path(), audience);
            known.retain(|name| told(name));
            let before = faults.len();
            let unknown = unexpected.iter().filter(|name| told(name)).take(100);
            faults.extend(unknown.map(|name| unknown_field(&at, name, &known)));
            if faults.len() == before {
                faults.push(fixed());
            }
            return;
        }
        ValidationErrorKind::Type { kind } => wrong_type(&at, kind, instance),
        ValidationErrorKind::Enum { options } => not_listed(&at, options, instance),
        ValidationErrorKind::Constant { expected_value } => {
            let message = format!("must be {}", shown(expected_value));
            Fault::new(at, "invalid_value", message)
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            none_fits(schema, &at, context, instance, audience)
        }
        kind => simple(&at, kind),
    };
    faults.push(fault);
}

fn simple(at: &str, kind: &ValidationErrorKind) -> Fault {
    use ValidationErrorKind as Kind;
    let (code, message) = match kind {
        Kind::Minimum { limit } => ("out_of_range", format!("must be {limit} or more")),
        Kind::Maximum { limit } => ("out_of_range", format!("must be {limit} or less")),
        Kind::ExclusiveMinimum { limit } => ("out_of_range", format!("must be more than {limit}")),
        Kind::ExclusiveMaximum { limit } => ("out_of_range", format!("must be less than {limit}")),
        Kind::MultipleOf { multiple_of } => (
            "out_of_range",
            format!("must be a multiple of {multiple_of}"),
        ),
        Kind::MinLength { limit } => (
            "invalid_length",
            format!("must have {limit} characters or more"),
        ),
        Kind::MaxLength { limit } => (
            "invalid_length",
            format!("must have {limit} characters or fewer"),
        ),
        Kind::MinItems { limit } => (
            "invalid_length",
            format!("must have {limit} elements or more"),
        ),
        Kind::MaxItems { limit } => (
            "invalid_length",
            format!("must have {limit} elements or fewer"),
        ),
        Kind::AdditionalItems { limit } => (
            "invalid_length",
            format!("must have {limit} elements or fewer"),
        ),
        Kind::MinProperties { limit } => (
            "invalid_length",
            format!("must have {limit} members or more"),
        ),
        Kind::MaxProperties { limit } => (
            "invalid_length",
            format!("must have {limit} members or fewer"),
        ),
        Kind::Pattern { pattern } => (
            "pattern_mismatch",
            format!("must match the pattern {}", cut(pattern)),
        ),
        Kind::Format { format } => (
            "invalid_format",
            format!("must have the format \"{}\"", cut(format)),
        ),
        Kind::UniqueItems => (
            "duplicate_items",
            "must not hold an element twice".to_owned(),
        ),
        Kind::Contains => (
            "invalid_value",
            "lacks an element that is needed".to_owned(),
        ),
        Kind::PropertyNames { error } => {
            let fault = simple(at, error.kind());
            (
                "unknown_field",
                format!("has a member whose name is wrong: it {}", fault.message),
            )
        }
        Kind::OneOfMultipleValid { .. } => (
            "invalid_value",
            "fits several of the allowed forms, but must fit exactly one".to_owned(),
        ),
        Kind::Not { .. } => ("invalid_value", "has a form that is not allowed".to_owned()),
        Kind::FalseSchema => ("unknown_field", "nothing is allowed here".to_owned()),
        Kind::UnevaluatedItems { .. } => (
            "invalid_length",
            "has more elements than allowed".to_owned(),
        ),
        _ => ("invalid_value", "does not fit the schema".to_owned()),
    };
    Fault::new(at, code, message)
}

fn member(at: &str, name: &str) -> String {
    let mut pointer = format!("{at}/");
    escape_into(&mut pointer, name);
    pointer
}

fn unknown_field(at: &str, name: &str, known: &[&str]) -> Fault {
    let message = format!("there is no field \"{}\" here", cut(name));
    let fault = Fault::new(member(at, name), "unknown_field", message);
    match text::did_you_mean(name, known) {
        Some(hint) => fault.hint(hint),
        None if known.is_empty() => fault,
        None => fault.hint(format!("allowed: {}", listed(known.iter().copied()))),
    }
}

/// Whether a place is a hidden property, or in one.
fn is_within(at: &str, hidden: &[&str]) -> bool {
    let first = at.split('/').nth(1);
    first.is_some_and(|first| hidden.iter().any(|name| escape_token(name) == first))
}

/// A hidden property does not fit, or does not fit the others.
fn fixed() -> Fault {
    let message = "does not fit what is fixed and cannot be set";
    Fault::new("", "invalid_value", message)
}

/// The properties that stand beside the keyword at `path`; for a model without the hidden ones.
fn known_properties<'s>(schema: &'s Value, path: &Location, audience: Audience) -> Vec<&'s str> {
    let parent = path
        .as_str()
        .rsplit_once('/')
        .map_or("", |(parent, _)| parent);
    schema
        .pointer(parent)
        .and_then(|schema| schema.get("properties")?.as_object())
        .map(|properties| {
            let shows = |property: &Value| audience == Audience::Author || !is_hidden(property);
            let shown = properties.iter().filter(|(_, it)| shows(it));
            shown.map(|(name, _)| name.as_str()).collect()
        })
        .unwrap_or_default()
}

fn wrong_type(at: &str, kind: &TypeKind, instance: &Value) -> Fault {
    let expected: Vec<&str> = match kind {
        TypeKind::Single(one) => vec![one.as_str()],
        TypeKind::Multiple(several) => several.iter().map(JsonType::as_str).collect(),
    };
    let message = format!(
        "expected {}, found {}",
        expected.join(" or "),
        type_name(instance)
    );
    let fault = Fault::new(at, "invalid_type", message);
    let quoted = instance.as_str().is_some_and(|text| {
        expected.iter().any(|expected| match *expected {
            "number" => text.parse::<f64>().is_ok(),
            "integer" => text.parse::<i64>().is_ok(),
            "boolean" => matches!(text, "true" | "false"),
            _ => false,
        })
    });
    if quoted {
        fault.hint("send it without quotation marks")
    } else if expected == ["string"] && (instance.is_number() || instance.is_boolean()) {
        fault.hint("send it in quotation marks")
    } else if expected == ["array"] {
        fault.hint("send a list, even of one element")
    } else {
        fault
    }
}

fn not_listed(at: &str, options: &Value, instance: &Value) -> Fault {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let fault = Fault::new(at, "invalid_value", "is not one of the allowed values");
    let words: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
    let near = instance
        .as_str()
        .and_then(|word| text::did_you_mean(word, &words));
    let allowed: Vec<String> = options.iter().take(12).map(shown).collect();
    fault.hint(near.unwrap_or_else(|| format!("allowed: {}", listed_all(&allowed, options.len()))))
}

/// One fault for a choice of forms: the alternatives when only types differ, else the form that
/// nearly fitted.
fn none_fits(
    schema: &Value,
    at: &str,
    context: &[Vec<ValidationError<'_>>],
    instance: &Value,
    audience: Audience,
) -> Fault {
    let mut types = Vec::new();
    for branch in context {
        match branch
            .first()
            .map(|error| (error.kind(), error.instance_path().as_str()))
        {
            Some((ValidationErrorKind::Type { kind }, place)) if place == at => match kind {
                TypeKind::Single(one) => types.push(one.as_str()),
                TypeKind::Multiple(several) => types.extend(several.iter().map(JsonType::as_str)),
            },
            _ => {}
        }
    }
    let of_that_type = context.iter().filter(|branch| {
        !branch.iter().any(|error| {
            matches!(error.kind(), ValidationErrorKind::Type { .. })
                && error.instance_path().as_str() == at
        })
    });
    match of_that_type.min_by_key(|branch| branch.len()) {
        None => {
            types.dedup();
            let (types, found) = (types.join(" or "), type_name(instance));
            Fault::new(
                at,
                "invalid_type",
                format!("expected {types}, found {found}"),
            )
        }
        Some(branch) => {
            let mut inner = Vec::new();
            if let Some(error) = branch.first() {
                explain(schema, error, audience, &mut inner);
            }
            let fault = Fault::new(at, "invalid_value", "fits none of the allowed forms");
            match inner.into_iter().next() {
                Some(first) if first.pointer.is_empty() => {
                    fault.hint(format!("the nearest one says: {}", first.message))
                }
                Some(first) => fault.hint(format!(
                    "the nearest one says: {} {}",
                    first.pointer, first.message
                )),
                None => fault,
            }
        }
    }
}

/// A value of the schema as it may be repeated in a message.
fn shown(value: &Value) -> String {
    cut(&value.to_string()).into_owned()
}

fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = names.len();
    let quoted: Vec<String> = names
        .take(12)
        .map(|name| format!("\"{}\"", cut(name)))
        .collect();
    listed_all(&quoted, count)
}

fn listed_all(some: &[String], count: usize) -> String {
    let rest = if count > some.len() { ", …" } else { "" };
    format!("{}{rest}", some.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::fault::Fault;
    use crate::schema::Compiled;

    fn told(more: &Value, input: &Value) -> Vec<Fault> {
        let mut schema = json!({ "type": "object", "properties": {
            "symbol": { "type": "string" },
            "secretregion": { "const": "eu-9", "x-hidden": true } } });
        schema
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        Compiled::new(&schema).unwrap().faults(input)
    }

    #[test]
    fn a_surplus_field_is_told_of_visible_ones_only() {
        for (name, hint) in [
            ("secretregio", "allowed: \"symbol\""),
            ("zzz", "allowed: \"symbol\""),
            ("symbl", "did you mean \"symbol\"?"),
        ] {
            let mut input = json!({ "symbol": "x", "secretregion": "eu-9" });
            input[name] = json!(1);
            let faults = told(&json!({ "additionalProperties": false }), &input);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert_eq!(faults[0].pointer, format!("/{name}"));
            assert_eq!(faults[0].hint.as_deref(), Some(hint));
        }
    }

    #[test]
    fn no_fault_names_a_hidden_property_or_its_value() {
        let filled = json!({ "symbol": "x", "secretregion": "eu-9" });
        let closed = json!({ "properties": { "symbol": {} }, "additionalProperties": false });
        for more in [
            json!({ "allOf": [closed] }),
            json!({ "anyOf": [{ "properties": { "secretregion": { "const": "eu-8" } } }] }),
            json!({ "then": { "properties": { "secretregion": { "const": "eu-8" } } }, "if": true }),
            json!({ "const": { "secretregion": "eu-9" } }),
            json!({ "enum": [{ "secretregion": "eu-9" }] }),
            json!({ "propertyNames": { "pattern": "^(symbols|secretregion)$" } }),
        ] {
            let faults = told(&more, &filled);
            assert!(!faults.is_empty(), "{more}");
            let text = format!("{faults:?}");
            assert!(
                !text.contains("secretregion") && !text.contains("eu-"),
                "{text}"
            );
        }
        let other = told(&json!({}), &json!({ "secretregion": "eu-1" }));
        assert_eq!(other.len(), 1, "{other:?}");
        assert!(!format!("{other:?}").contains("eu-9"), "{other:?}");
    }
}

//! How arrays and objects are written in queries, paths and headers (OpenAPI 3.1, `style` and `explode`).

use serde_json::Value;

use crate::config::ParamStyle;

/// The pairs that a value is in a query; none for `null` and for empty arrays and objects.
pub(super) fn query(
    name: &str,
    value: &Value,
    style: ParamStyle,
) -> Result<Vec<(String, String)>, String> {
    if let Some(text) = scalar(value) {
        return Ok(vec![(name.to_owned(), text)]);
    }
    match (value, style) {
        (Value::Array(items), ParamStyle::FormExplode) => {
            let texts = scalars(items)?;
            Ok(texts.map(|text| (name.to_owned(), text)).collect())
        }
        (Value::Object(members), ParamStyle::FormExplode) => {
            let mut pairs = Vec::with_capacity(members.len());
            for (member, value) in members.iter().filter(|(_, value)| !value.is_null()) {
                let text = scalar(value).ok_or_else(nested)?;
                pairs.push((member.clone(), text));
            }
            Ok(pairs)
        }
        (Value::Object(_), ParamStyle::DeepObject) => {
            let mut pairs = Vec::new();
            deep(name, value, &mut pairs)?;
            Ok(pairs)
        }
        (Value::Array(_), ParamStyle::DeepObject) => {
            Err("an array has no deepObject form; use another style".to_owned())
        }
        (
            _,
            ParamStyle::Form
            | ParamStyle::Simple
            | ParamStyle::SpaceDelimited
            | ParamStyle::PipeDelimited,
        ) => Ok(line(value, style)?
            .map(|text| (name.to_owned(), text))
            .into_iter()
            .collect()),
        (_, ParamStyle::FormExplode | ParamStyle::DeepObject) => Ok(Vec::new()),
    }
}

/// A value as one text, for a path segment, a header or a delimited query value; `None` for `null`
/// and for empty arrays and objects.
pub(super) fn line(value: &Value, style: ParamStyle) -> Result<Option<String>, String> {
    let delimiter = match style {
        ParamStyle::SpaceDelimited => " ",
        ParamStyle::PipeDelimited => "|",
        ParamStyle::Form
        | ParamStyle::Simple
        | ParamStyle::FormExplode
        | ParamStyle::DeepObject => ",",
    };
    let parts: Vec<String> = match value {
        Value::Null => return Ok(None),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => return Ok(scalar(value)),
        Value::Array(items) => scalars(items)?.collect(),
        Value::Object(members) => {
            let mut parts = Vec::with_capacity(members.len() * 2);
            for (member, value) in members.iter().filter(|(_, value)| !value.is_null()) {
                parts.push(member.clone());
                parts.push(scalar(value).ok_or_else(nested)?);
            }
            parts
        }
    };
    Ok((!parts.is_empty()).then(|| parts.join(delimiter)))
}

/// Whether `omit_empty` leaves it out.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// `a[b]=1`, and so on downwards; arrays repeat their name.
fn deep(name: &str, value: &Value, pairs: &mut Vec<(String, String)>) -> Result<(), String> {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                deep(&format!("{name}[{member}]"), value, pairs)?;
            }
        }
        Value::Array(items) => {
            pairs.extend(scalars(items)?.map(|text| (name.to_owned(), text)));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            pairs.extend(scalar(value).map(|text| (name.to_owned(), text)));
        }
    }
    Ok(())
}

/// The texts of an array's elements, without nulls.
fn scalars(items: &[Value]) -> Result<impl Iterator<Item = String> + '_, String> {
    if items.iter().any(|item| item.is_array() || item.is_object()) {
        return Err(nested());
    }
    Ok(items.iter().filter_map(scalar))
}

/// Text, number or `true`/`false` as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn nested() -> String {
    "arrays and objects inside it have no form here; map it to the body".to_owned()
}

//! The body of a request, by its kind: put together from places, fields or a template.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::multipart::{self, FormPart};
use super::room::{MAX_BODY_BYTES, Room};
use super::tree::Tree;
use super::{styles, xml};
use crate::config::{BodyKind, BodyRules, GraphQlQuery, ParamStyle};

/// The body of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// `application/json`; GraphQL is one of `query`, `variables` and, when it is named, `operationName`.
    Json(Value),
    /// `application/x-www-form-urlencoded`: names and values, not percent-encoded.
    Form(Vec<(String, String)>),
    /// `multipart/form-data`.
    Multipart(Vec<FormPart>),
    /// `text/plain`, UTF-8.
    Text(String),
    /// `application/xml`, UTF-8: the whole document.
    Xml(String),
}

/// What the inputs put into the body.
#[derive(Debug, Default)]
pub(super) struct Content<'a> {
    /// Values at their places.
    pub(super) tree: Tree,
    /// Something is meant for the body, whether or not it is there.
    pub(super) wanted: bool,
    /// Fields of a form.
    pub(super) fields: Vec<Field<'a>>,
}

/// A field of a form.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) input: &'a str,
    pub(super) name: &'a str,
    pub(super) value: &'a Value,
    pub(super) style: ParamStyle,
}

/// What cannot be written, and which input is at fault (when it is one).
pub(super) type Unfit = (Option<String>, String);

/// Whether the body is short enough as it is sent. Escapes make a text longer: what is small enough by
/// far is not written out to be measured.
pub(super) fn fits(body: &Body) -> Result<(), String> {
    match body {
        Body::Json(value) => {
            // An escape has at most six bytes.
            let short = Room::of(MAX_BODY_BYTES / 6).take_json(value).is_ok();
            if short {
                return Ok(());
            }
            let written = serde_json::to_vec(value).map_err(|error| error.to_string())?;
            Room::body().take(written.len())
        }
        Body::Form(pairs) => {
            let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._~".contains(b);
            let encoded = |text: &str| text.len() + 2 * text.bytes().filter(|b| !plain(b)).count();
            let mut room = Room::body();
            pairs
                .iter()
                .try_for_each(|(name, value)| room.take(encoded(name) + encoded(value) + 2))
        }
        // Its parts were counted.
        Body::Multipart(_) => Ok(()),
        Body::Text(text) | Body::Xml(text) => Room::body().take(text.len()),
    }
}

/// The body of what the inputs put together.
pub(super) fn of_content(
    rules: &BodyRules,
    content: Content<'_>,
    room: &mut Room,
) -> Result<Option<Body>, Unfit> {
    match rules.kind {
        BodyKind::None => Ok(None),
        BodyKind::Form if content.wanted => form(&content.fields, room).map(Some),
        BodyKind::Multipart if content.wanted => {
            let mut parts = Vec::new();
            for field in &content.fields {
                multipart::parts(field.name, field.value, room, &mut parts)
                    .map_err(|why| (Some(field.input.to_owned()), why))?;
            }
            Ok(Some(Body::Multipart(parts)))
        }
        BodyKind::Form | BodyKind::Multipart => Ok(None),
        BodyKind::Unstated
        | BodyKind::Json
        | BodyKind::Text
        | BodyKind::Xml
        | BodyKind::GraphQl => {
            let value = content.tree.into_value();
            // An object whose members are all absent is still the body of a JSON call.
            let json = matches!(rules.kind, BodyKind::Unstated | BodyKind::Json);
            let empty = || (json && content.wanted).then(|| json!({}));
            of_value(rules, value.or_else(empty), room).map_err(|why| (None, why))
        }
    }
}

/// The body of a filled template, or of a document put together from places.
pub(super) fn of_value(
    rules: &BodyRules,
    value: Option<Value>,
    room: &mut Room,
) -> Result<Option<Body>, String> {
    if let (BodyKind::GraphQl, Some(query)) = (rules.kind, &rules.graphql) {
        return graphql(query, value).map(Some);
    }
    let Some(value) = value else {
        return Ok(None);
    };
    match rules.kind {
        BodyKind::None | BodyKind::GraphQl => Ok(None),
        BodyKind::Unstated | BodyKind::Json => Ok(Some(Body::Json(value))),
        BodyKind::Form => {
            let mut pairs = Vec::new();
            for (name, value) in value.as_object().ok_or_else(no_fields)? {
                let style = match value {
                    Value::Array(items) if items.iter().any(Value::is_object) => {
                        ParamStyle::DeepObject
                    }
                    Value::Object(_) => ParamStyle::DeepObject,
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Array(_) => ParamStyle::FormExplode,
                };
                pairs.extend(styles::pairs(name, value, style, room)?);
            }
            Ok(Some(Body::Form(pairs)))
        }
        BodyKind::Multipart => {
            let mut parts = Vec::new();
            for (name, value) in value.as_object().ok_or_else(no_fields)? {
                multipart::parts(name, value, room, &mut parts)?;
            }
            Ok(Some(Body::Multipart(parts)))
        }
        BodyKind::Text => text(&value).map(|text| text.map(Body::Text)),
        BodyKind::Xml => xml::write(&value, room).map(|text| Some(Body::Xml(text))),
    }
}

fn form(fields: &[Field<'_>], room: &mut Room) -> Result<Body, Unfit> {
    let names: HashSet<&str> = fields.iter().map(|field| field.name).collect();
    let mut pairs: Vec<(String, String)> = Vec::new();
    for field in fields {
        let unfit = |why: String| (Some(field.input.to_owned()), why);
        let found = styles::pairs(field.name, field.value, field.style, room).map_err(unfit)?;
        // An object names its fields itself: never those of another input.
        let foreign = |name: &String| name != field.name && names.contains(name.as_str());
        if found.iter().any(|(name, _)| foreign(name)) {
            return Err(unfit("another input sets this field".to_owned()));
        }
        pairs.extend(found);
    }
    Ok(Body::Form(pairs))
}

fn graphql(query: &GraphQlQuery, variables: Option<Value>) -> Result<Body, String> {
    let variables = variables.unwrap_or_else(|| json!({}));
    if !variables.is_object() {
        return Err("the variables of a query are an object".to_owned());
    }
    let mut body = json!({ "query": query.text, "variables": variables });
    if let (Some(operation), Some(body)) = (&query.operation, body.as_object_mut()) {
        body.insert("operationName".to_owned(), operation.as_str().into());
    }
    Ok(Body::Json(body))
}

/// A text, or a list of texts that is joined.
fn text(value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Array(items) => {
            let texts = items.iter().filter(|item| !item.is_null());
            let texts = texts.map(|item| styles::scalar(item).ok_or_else(no_text));
            texts.collect::<Result<String, _>>().map(Some)
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            styles::scalar(value).map(Some).ok_or_else(no_text)
        }
    }
}

fn no_text() -> String {
    "a text is needed".to_owned()
}

fn no_fields() -> String {
    "an object of fields is needed".to_owned()
}

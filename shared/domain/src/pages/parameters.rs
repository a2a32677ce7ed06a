//! The parameters of a page in a request: where it begins and how large it is.

use serde_json::{Map, Value};

use crate::config::{PageKind, PageTarget, Pagination, Template, TemplatePiece};
use crate::request::{Body, Draft};

/// Sets what the first page is asked with: where it begins (unless an input says so), and its size.
pub fn first(rules: &Pagination, draft: &mut Draft) {
    match &rules.kind {
        PageKind::Offset { to, start } | PageKind::Page { to, start } => {
            if stated(draft, to).is_none() {
                put(draft, to, Value::from(*start));
            }
        }
        PageKind::Cursor { .. } | PageKind::Link { .. } => {}
    }
    if let (Some(to), Some(size)) = (&rules.limit, rules.page_size)
        && stated(draft, to).is_none()
    {
        put(draft, to, Value::from(size));
    }
}

/// The parameter's value in the request, as text.
pub(super) fn stated(draft: &Draft, to: &PageTarget) -> Option<String> {
    match to {
        PageTarget::Query(name) => {
            let (_, value) = draft.query.iter().find(|(known, _)| known == name)?;
            match value.0.as_slice() {
                [TemplatePiece::Text(text)] => Some(text.clone()),
                _ => None,
            }
        }
        PageTarget::Body(names) => match draft.body.as_ref()? {
            Body::Json(whole) => {
                let place = names
                    .iter()
                    .try_fold(whole, |place, name| place.get(name))?;
                match place {
                    Value::Null => None,
                    Value::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                }
            }
            Body::Form(pairs) => {
                let (_, text) = pairs
                    .iter()
                    .find(|(known, _)| names == std::slice::from_ref(known))?;
                Some(text.clone())
            }
            Body::Multipart(_) | Body::Text(_) | Body::Xml(_) => None,
        },
    }
}

/// The parameter's value as a number.
pub(super) fn number(draft: &Draft, to: &PageTarget) -> Option<u64> {
    stated(draft, to)?.parse().ok()
}

/// Sets the parameter, in the place of the one of its name.
pub(super) fn put(draft: &mut Draft, to: &PageTarget, value: Value) {
    match to {
        PageTarget::Query(name) => {
            let value = Template(vec![TemplatePiece::Text(text(value))]);
            let at = draft.query.iter().position(|(known, _)| known == name);
            draft.query.retain(|(known, _)| known != name);
            let at = at.unwrap_or(draft.query.len()).min(draft.query.len());
            draft.query.insert(at, (name.clone(), value));
        }
        PageTarget::Body(names) => {
            let empty = || Body::Json(Value::Object(Map::new()));
            match draft.body.get_or_insert_with(empty) {
                Body::Json(whole) => put_json(whole, names, value),
                Body::Form(pairs) => {
                    pairs.retain(|(known, _)| names != std::slice::from_ref(known));
                    pairs.push((names.concat(), text(value)));
                }
                Body::Multipart(_) | Body::Text(_) | Body::Xml(_) => {}
            }
        }
    }
}

fn put_json(whole: &mut Value, names: &[String], value: Value) {
    let mut place = whole;
    for name in names {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(members) = place else {
            return;
        };
        place = members.entry(name).or_insert(Value::Null);
    }
    *place = value;
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

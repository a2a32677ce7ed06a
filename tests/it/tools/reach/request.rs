//! Whether a built request is the one that the description asks for; judged by the independent reader's findings.

use domain::request::{Body, Draft};
use serde_json::Value;
use url::Url;

use super::description::{Description, Operation};

/// What is wrong with the request.
pub(super) fn fault(
    description: &Description,
    operation: &Operation,
    draft: &Draft,
) -> Option<String> {
    if draft.method.as_str() != operation.text("method") {
        return Some("another method".to_owned());
    }
    path(operation, draft)
        .or_else(|| params(description, operation, draft))
        .or_else(|| body(description, operation, draft))
}

fn path(operation: &Operation, draft: &Draft) -> Option<String> {
    let base = Url::parse(operation.text("base_url")).unwrap();
    if Some(draft.host.as_str()) != base.host_str()
        || Some(draft.port) != base.port_or_known_default()
    {
        return Some("another host".to_owned());
    }
    let whole = format!(
        "{}{}",
        base.path().trim_end_matches('/'),
        operation.text("path")
    );
    let expected: Vec<&str> = whole
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let same = expected.len() == draft.segments.len()
        && expected
            .iter()
            .zip(&draft.segments)
            .all(|(expected, found)| is_filled(expected, &found.text()));
    let slash = whole.len() > 1 && whole.ends_with('/');
    (!same || slash != draft.trailing_slash).then(|| "another path".to_owned())
}

/// Whether the text is the segment with something in the place of each placeholder.
fn is_filled(segment: &str, mut text: &str) -> bool {
    let mut rest = segment;
    while let Some((literal, behind)) = rest.split_once('{') {
        let Some((_, after)) = behind.split_once('}') else {
            return false;
        };
        let Some(filled) = text.strip_prefix(literal) else {
            return false;
        };
        // The value ends where the next literal begins.
        let next = after.split('{').next().unwrap_or_default();
        let end = match next {
            "" if after.is_empty() => Some(filled.len()),
            "" => Some(1),
            next => filled.find(next),
        };
        match end {
            Some(end) if end > 0 => text = &filled[end..],
            Some(_) | None => return false,
        }
        rest = after;
    }
    rest == text && !text.contains('{')
}

fn params(description: &Description, operation: &Operation, draft: &Draft) -> Option<String> {
    let found = operation.found["params"].as_array().into_iter().flatten();
    for param in found.filter(|param| param["required"] == true) {
        let name = param["name"].as_str().unwrap();
        let there = match param["in"].as_str().unwrap() {
            "path" => true,
            "header" => draft
                .headers
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name)),
            "query" => in_query(description, operation, draft, name),
            other => return Some(format!("a required parameter in {other}")),
        };
        if !there {
            return Some(format!(
                "the required {} parameter is not sent",
                param["in"]
            ));
        }
    }
    None
}

fn in_query(description: &Description, operation: &Operation, draft: &Draft, name: &str) -> bool {
    let nested = format!("{name}[");
    let direct = draft
        .query
        .iter()
        .any(|(known, _)| known == name || known.starts_with(&nested));
    // An exploded object is its members.
    let mut params = operation
        .params
        .iter()
        .filter(|param| param.place == "query" && param.name == name);
    let schema = params
        .next()
        .map(|param| description.plain(&param.schema, 4))
        .unwrap_or_default();
    let members = schema["properties"].as_object();
    direct
        || members.is_some_and(|members| {
            draft
                .query
                .iter()
                .any(|(known, _)| members.contains_key(known))
        })
}

fn body(description: &Description, operation: &Operation, draft: &Draft) -> Option<String> {
    let kinds = operation.found["body_types"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let Some(sent) = &draft.body else {
        let needed = operation.found["body_required"] == true;
        return needed.then(|| "the required body is not sent".to_owned());
    };
    let media_type = match sent {
        Body::Json(_) => "application/json",
        Body::Form(_) => "application/x-www-form-urlencoded",
        Body::Multipart(_) => "multipart/form-data",
        Body::Xml(_) => "application/xml",
        Body::Text(_) => operation
            .body
            .as_ref()
            .map_or("", |body| body.media_type.as_str()),
    };
    if !kinds.iter().any(|kind| kind == media_type) {
        return Some(format!("a body of type {media_type}"));
    }
    let schema = description.plain(&operation.body.as_ref()?.schema, 4);
    if operation.found["body_required"] != true {
        return None;
    }
    let required = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let absent = |name: &&str| match sent {
        Body::Json(value) => value.is_object() && value.get(*name).is_none(),
        Body::Form(pairs) => !pairs.iter().any(|(known, _)| known.starts_with(*name)),
        Body::Multipart(parts) => !parts.iter().any(|part| part.name == *name),
        Body::Text(_) | Body::Xml(_) => false,
    };
    let absent: Vec<&str> = required.filter(absent).collect();
    (!absent.is_empty()).then(|| "a required member of the body is not sent".to_owned())
}

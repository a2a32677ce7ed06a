//! Reads static headers and query parameters, and says which headers a tool may not set.

use serde_json::Value;

use super::fields::Object;
use super::{Template, TemplatePiece};
use crate::ids::SecretName;
use crate::schema::cut;
use crate::walk::{At, Faults};

/// Longest value of a header or parameter, in bytes.
const MAX_VALUE: usize = 8 * 1024;
const MOST: usize = 64;

/// What to do with a credential that stands in a config.
pub(super) const STORE_IT: &str = "store it as a secret and write ${NAME}";

/// Headers that the client, the network or this service sets (RFC 9110, RFC 9113, RFC 7239).
const REFUSED: [&str; 23] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "metadata",
    "metadata-flavor",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-client-ip",
    "x-original-url",
    "x-real-ip",
];

const REFUSED_STARTS: [&str; 6] = [
    "x-forwarded-",
    "x-amz",
    "x-aws-ec2-metadata",
    "x-envoy-",
    "x-rewrite-",
    "sec-",
];

/// Names the operation of an AWS service that speaks JSON; nothing else reads it.
const TARGET: &str = "x-amz-target";

/// Headers that only `api.auth` and static headers may set, never an input.
const NOT_BY_INPUT: [&str; 9] = [
    "authorization",
    "cookie",
    "content-encoding",
    "x-api-key",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-auth-token",
    TARGET,
];

/// Headers that carry a credential, so their value is never literal.
const CREDENTIALS: [&str; 5] = [
    "authorization",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
];

/// Notes what is wrong with a header's name; whether it is fine.
pub(super) fn name(name: &str, at: &At<'_>, faults: &mut Faults) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !(1..=128).contains(&name.len()) || !name.bytes().all(token) {
        let message = "a header's name has 1 to 128 letters, digits and -";
        faults.add(at, "invalid_header", message);
        return false;
    }
    let lower = name.to_ascii_lowercase();
    let refused = REFUSED.contains(&lower.as_str())
        || REFUSED_STARTS.iter().any(|start| lower.starts_with(start)) && lower != TARGET;
    if refused {
        let message = format!("a tool does not set the header \"{name}\"");
        faults.add(at, "header_not_allowed", message);
    }
    !refused
}

/// The same for a header that an input would set.
pub(super) fn name_by_input(header: &str, at: &At<'_>, faults: &mut Faults) -> bool {
    if !name(header, at, faults) {
        return false;
    }
    let refused = NOT_BY_INPUT.contains(&header.to_ascii_lowercase().as_str());
    if refused {
        faults.advise(
            at,
            "header_not_allowed",
            format!("no input sets the header \"{header}\""),
            "credentials belong into \"api.auth\"",
        );
    }
    !refused
}

/// Reads `api.headers`.
pub(super) fn read(api: Object<'_, '_>, faults: &mut Faults) -> Vec<(String, Template)> {
    let at = api.at.name("headers");
    let Some(value) = api.members.get("headers") else {
        return Vec::new();
    };
    let mut headers: Vec<(String, Template)> = Vec::new();
    for (header, value) in members(value, &at, faults) {
        let place = at.name(header);
        if !name(header, &place, faults) {
            continue;
        }
        if headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(header))
        {
            faults.add(&place, "conflict", "this header stands twice");
        }
        let Some(template) = scalar(value, &place, faults) else {
            continue;
        };
        header_text(&template, &place, faults);
        let credential = CREDENTIALS.contains(&header.to_ascii_lowercase().as_str());
        if credential && template.secrets().next().is_none() {
            let message = "a credential does not stand in a config";
            faults.advise(&place, "literal_secret", message, STORE_IT);
        }
        headers.push((header.clone(), template));
    }
    headers
}

/// Reads `api.params`; a list of values repeats the parameter.
pub(super) fn params(api: Object<'_, '_>, faults: &mut Faults) -> Vec<(String, Template)> {
    let at = api.at.name("params");
    let Some(value) = api.members.get("params") else {
        return Vec::new();
    };
    let mut params = Vec::new();
    for (param, value) in members(value, &at, faults) {
        let place = at.name(param);
        param_name(param, &place, faults);
        match value {
            Value::Array(_) => {
                for (index, value) in faults.list(value, &place, MOST).iter().enumerate() {
                    if let Some(template) = scalar(value, &place.index(index), faults) {
                        params.push((param.clone(), template));
                    }
                }
            }
            value => {
                if let Some(template) = scalar(value, &place, faults) {
                    params.push((param.clone(), template));
                }
            }
        }
    }
    params
}

/// Notes what is wrong with the name of a query parameter.
pub(super) fn param_name(name: &str, at: &At<'_>, faults: &mut Faults) {
    if !(1..=256).contains(&name.len()) {
        faults.add(
            at,
            "invalid_length",
            "a parameter's name has 1 to 256 bytes",
        );
    }
    faults.visible(name, at);
    if name.contains(char::is_control) {
        faults.add(
            at,
            "invalid_character",
            "a parameter's name has no control characters",
        );
    }
}

fn members<'v>(
    value: &'v Value,
    at: &At<'_>,
    faults: &mut Faults,
) -> impl Iterator<Item = (&'v String, &'v Value)> + use<'v> {
    let members = faults.object(value, at).map(|object| object.members);
    let members = members.filter(|members| {
        let few = members.len() <= MOST;
        if !few {
            faults.add(
                at,
                "too_large",
                format!("at most {MOST} members are allowed"),
            );
        }
        few
    });
    members.into_iter().flatten()
}

/// Notes what cannot stand in a header's value (RFC 9110, 5.5; ASCII only).
pub(super) fn header_text(template: &Template, at: &At<'_>, faults: &mut Faults) {
    let bad = |piece: &TemplatePiece| match piece {
        TemplatePiece::Text(text) => !text.bytes().all(|b| matches!(b, b'\t' | 0x20..=0x7e)),
        TemplatePiece::Secret(_) | TemplatePiece::Token => false,
    };
    if template.0.iter().any(bad) {
        let message = "a header's value has visible ASCII characters and spaces only";
        faults.add(at, "invalid_header", message);
    }
    let edge = |text: Option<&TemplatePiece>, end: fn(&str) -> bool| matches!(text, Some(TemplatePiece::Text(text)) if end(text));
    let space: fn(&str) -> bool = |text| text.starts_with([' ', '\t']);
    let space_behind: fn(&str) -> bool = |text| text.ends_with([' ', '\t']);
    if edge(template.0.first(), space) || edge(template.0.last(), space_behind) {
        let message = "a header's value does not begin or end with a space";
        faults.add(at, "invalid_header", message);
    }
}

/// A text, number or boolean as a template.
fn scalar(value: &Value, at: &At<'_>, faults: &mut Faults) -> Option<Template> {
    match value {
        Value::String(text) => template(text, at, faults),
        Value::Number(number) => Some(Template(vec![TemplatePiece::Text(number.to_string())])),
        Value::Bool(flag) => Some(Template(vec![TemplatePiece::Text(flag.to_string())])),
        other => {
            faults.wrong_type(at, "a string, a number or a boolean", other);
            None
        }
    }
}

/// Splits a text at its `${NAME}`s.
pub(super) fn template(text: &str, at: &At<'_>, faults: &mut Faults) -> Option<Template> {
    if text.len() > MAX_VALUE {
        faults.add(at, "invalid_length", "a value has at most 8 KB");
        return None;
    }
    if text.contains('\0') {
        faults.add(
            at,
            "invalid_character",
            "contains U+0000, a control character",
        );
        return None;
    }
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else {
            faults.advise(
                at,
                "invalid_secret_ref",
                "\"${\" without \"}\"",
                "write ${NAME}",
            );
            return None;
        };
        let secret = secret(name, at, faults)?;
        if !before.is_empty() {
            pieces.push(TemplatePiece::Text(before.to_owned()));
        }
        pieces.push(TemplatePiece::Secret(secret));
        rest = behind;
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(TemplatePiece::Text(rest.to_owned()));
    }
    Some(Template(pieces))
}

fn secret(name: &str, at: &At<'_>, faults: &mut Faults) -> Option<SecretName> {
    match name.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            let error: crate::ids::SecretNameError = error;
            let upper: String = name
                .chars()
                .map(|c| {
                    if matches!(c, '-' | ' ' | '.') {
                        '_'
                    } else {
                        c.to_ascii_uppercase()
                    }
                })
                .collect();
            let message = format!("\"{}\" names no secret: {error}", cut(name).escape_debug());
            let hint = if name.contains(['/', ':']) {
                "only secrets of this workspace can be named, by their name alone".to_owned()
            } else if upper.parse::<SecretName>().is_ok() {
                format!("write ${{{upper}}}")
            } else {
                "write ${NAME}".to_owned()
            };
            faults.advise(at, "invalid_secret_ref", message, hint);
            None
        }
    }
}

//! The fields that kinds of credentials share: references to secrets, names, prefixes, lists of pairs.

use serde_json::Value;

use super::super::fields::Object;
use super::super::headers::{self, STORE_IT};
use super::super::{Place, Template, TemplatePiece};
use crate::ids::SecretName;
use crate::request::is_cookie_octet;
use crate::walk::{At, Faults};

const NOT_HERE: &str = "a credential does not stand in a config";

/// Pairs of one object at most.
const MOST: usize = 32;

/// A required member that names a secret and goes into a header or a URL.
pub(super) fn required(auth: Object<'_, '_>, name: &str, faults: &mut Faults) -> Template {
    if !auth.members.contains_key(name) {
        faults.missing(auth.at, name);
    }
    secret(auth, name, faults).unwrap_or(Template(Vec::new()))
}

/// A member that has to name a secret; it may have text around it that a header can hold.
pub(super) fn secret(auth: Object<'_, '_>, name: &str, faults: &mut Faults) -> Option<Template> {
    let at = auth.at.name(name);
    let text = text(auth, name, faults)?;
    if !text.contains("${") {
        literal(text, &at, faults);
        return None;
    }
    let template = headers::template(text, &at, faults)?;
    headers::header_text(&template, &at, faults);
    Some(template)
}

/// A member that is exactly one `${NAME}`: a key is used as it is stored.
pub(super) fn key(part: Object<'_, '_>, name: &str, faults: &mut Faults) -> Option<Template> {
    let template = secret(part, name, faults)?;
    if let [TemplatePiece::Secret(_)] = template.0.as_slice() {
        return Some(template);
    }
    let at = part.at.name(name);
    let message = "a key is one secret alone, as it is stored";
    faults.advise(
        &at,
        "invalid_secret_ref",
        message,
        "write \"${NAME}\" and nothing else",
    );
    None
}

/// The same, and it must be there.
pub(super) fn required_key(
    part: Object<'_, '_>,
    name: &str,
    faults: &mut Faults,
) -> Option<Template> {
    if !part.members.contains_key(name) {
        faults.missing(part.at, name);
    }
    key(part, name, faults)
}

/// A member that is public text or names a secret.
pub(super) fn public(auth: Object<'_, '_>, name: &str, faults: &mut Faults) -> Option<Template> {
    let at = auth.at.name(name);
    let text = text(auth, name, faults)?;
    let template = headers::template(text, &at, faults)?;
    headers::header_text(&template, &at, faults);
    Some(template)
}

/// The same, and it must be there and hold something.
pub(super) fn required_public(
    part: Object<'_, '_>,
    name: &str,
    faults: &mut Faults,
) -> Option<Template> {
    if !part.members.contains_key(name) {
        faults.missing(part.at, name);
    }
    let template = public(part, name, faults)?;
    if matches!(template.0.as_slice(), [TemplatePiece::Text(text)] if text.trim().is_empty()) {
        faults.add(&part.at.name(name), "invalid_length", "must not be empty");
    }
    Some(template)
}

fn text<'v>(auth: Object<'v, '_>, name: &str, faults: &mut Faults) -> Option<&'v str> {
    match auth.members.get(name)? {
        Value::String(text) => Some(text),
        other => {
            let at = auth.at.name(name);
            faults.wrong_type(&at, "a string such as \"${API_KEY}\"", other);
            None
        }
    }
}

/// Notes a credential that is written down.
pub(super) fn literal(text: &str, at: &At<'_>, faults: &mut Faults) {
    if text.parse::<SecretName>().is_ok() {
        let hint = format!("{STORE_IT}; if this is its name, write ${{{text}}}");
        faults.advise(at, "literal_secret", NOT_HERE, hint);
    } else if text.starts_with("arn:") {
        let message = "a secret is not named by its ARN; only secrets of this workspace can be";
        faults.advise(at, "invalid_secret_ref", message, STORE_IT);
    } else {
        // The text itself is not repeated: it may be the credential.
        faults.advise(at, "literal_secret", NOT_HERE, STORE_IT);
    }
}

/// `key_name`, as the place demands.
pub(super) fn key_name<'v>(
    auth: Object<'v, '_>,
    place: Place,
    faults: &mut Faults,
) -> Option<&'v str> {
    let key_name = faults.text(auth, "key_name")?;
    name(key_name, place, &auth.at.name("key_name"), faults);
    Some(key_name)
}

/// Notes what is wrong with the name of a header, parameter or cookie.
pub(super) fn name(name: &str, place: Place, at: &At<'_>, faults: &mut Faults) {
    match place {
        Place::Header if name.eq_ignore_ascii_case("cookie") => {
            let hint = "use the method \"api_key_cookie\", or \"in\": \"cookie\"";
            let message = "a credential is not the whole Cookie header";
            faults.advise(at, "header_not_allowed", message, hint);
        }
        Place::Header => {
            headers::name(name, at, faults);
        }
        Place::Query => headers::param_name(name, at, faults),
        Place::Cookie => {
            // RFC 6265, 4.1.1: a token.
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if !(1..=128).contains(&name.len()) || !name.bytes().all(token) {
                let message = "a cookie's name has 1 to 128 letters, digits, - and _";
                faults.add(at, "invalid_cookie", message);
            }
        }
    }
}

/// `prefix`: stands before a value with a space.
pub(super) fn prefix<'v>(auth: Object<'v, '_>, faults: &mut Faults) -> Option<&'v str> {
    prefix_as_is(auth, faults).map(str::trim)
}

/// `prefix`, spaces and all.
pub(super) fn prefix_as_is<'v>(auth: Object<'v, '_>, faults: &mut Faults) -> Option<&'v str> {
    let prefix = faults.text(auth, "prefix")?;
    let at = auth.at.name("prefix");
    if prefix.len() > 64 || !prefix.bytes().all(|b| matches!(b, 0x20..=0x7e)) {
        let message = "a prefix has at most 64 visible ASCII characters";
        faults.add(&at, "invalid_value", message);
    }
    faults.without_secret(prefix, &at);
    Some(prefix)
}

/// Puts a prefix and a space before a secret.
pub(super) fn prefixed(prefix: Option<&str>, mut secret: Template) -> Template {
    if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
        secret
            .0
            .insert(0, TemplatePiece::Text(format!("{prefix} ")));
    }
    secret
}

/// Notes what cannot stand in a cookie's value (RFC 6265, 4.1.1).
pub(super) fn cookie_text(template: &Template, at: &At<'_>, faults: &mut Faults) {
    let bad = |piece: &TemplatePiece| match piece {
        TemplatePiece::Text(text) => !text.bytes().all(is_cookie_octet),
        TemplatePiece::Secret(_) | TemplatePiece::Token => false,
    };
    if template.0.iter().any(bad) {
        let message = "a cookie's value has no spaces, quotes, commas, semicolons or backslashes";
        faults.add(at, "invalid_cookie", message);
    }
}

/// Pairs of a name and a text; values may hold `${NAME}`.
pub(super) fn pairs(
    part: Object<'_, '_>,
    name: &str,
    reserved: &[&str],
    faults: &mut Faults,
) -> Vec<(String, Template)> {
    let at = part.at.name(name);
    let Some(value) = part.members.get(name) else {
        return Vec::new();
    };
    let Some(object) = faults.object(value, &at) else {
        return Vec::new();
    };
    if object.members.len() > MOST {
        let message = format!("at most {MOST} members are allowed");
        faults.add(&at, "too_large", message);
        return Vec::new();
    }
    let mut pairs = Vec::with_capacity(object.members.len());
    for (name, value) in object.members {
        let place = at.name(name);
        headers::param_name(name, &place, faults);
        if reserved.contains(&name.as_str()) {
            let message = format!("\"{name}\" is written from the other fields");
            faults.advise(&place, "conflict", message, "leave it out");
        }
        match value {
            Value::String(text) => {
                if let Some(template) = headers::template(text, &place, faults) {
                    pairs.push((name.clone(), template));
                }
            }
            other => faults.wrong_type(&place, "a string", other),
        }
    }
    pairs
}

/// The scopes that are asked for (RFC 6749, 3.3).
pub(super) fn scopes(part: Object<'_, '_>, faults: &mut Faults) -> Vec<String> {
    let at = part.at.name("scopes");
    let Some(value) = part.members.get("scopes") else {
        return Vec::new();
    };
    let mut scopes = Vec::new();
    for (index, value) in faults.list(value, &at, 100).iter().enumerate() {
        let place = at.index(index);
        let Value::String(scope) = value else {
            faults.wrong_type(&place, "a string", value);
            continue;
        };
        let token = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if scope.contains("${") {
            faults.without_secret(scope, &place);
        } else if scope.contains(' ') {
            let message = "a scope has no spaces";
            faults.advise(
                &place,
                "invalid_value",
                message,
                "write one element a scope",
            );
        } else if scope.is_empty() || scope.len() > 512 || !scope.bytes().all(token) {
            let message = "a scope has 1 to 512 visible ASCII characters, no \" and no \\";
            faults.add(&place, "invalid_value", message);
        } else {
            scopes.push(scope.clone());
        }
    }
    scopes
}

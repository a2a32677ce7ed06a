//! Credentials that were written out in a document, where `${NAME}` should stand.

use std::sync::LazyLock;

use regex::RegexSet;
use serde_json::Value;

use crate::fault::Fault;
use crate::walk::{At, Faults};

const HINT: &str = "store it as a secret and write ${NAME}";

/// Shapes of well-known credentials, each with what it is.
const SHAPES: [(&str, &str); 15] = [
    (
        r"(\bbot|\b)[0-9]{8,10}:[A-Za-z0-9_-]{35}\b",
        "a bot's token",
    ),
    (
        r"\bT[A-Z0-9]{8,}/B[A-Z0-9]{8,}/[A-Za-z0-9]{20,}",
        "the address of a webhook",
    ),
    (r"\bwhsec_[A-Za-z0-9+/=]{16,}", "a signing secret"),
    (r"\bsk-[A-Za-z0-9_-]{16,}", "an API key"),
    (r"\b[sr]k_(live|test)_[A-Za-z0-9]{16,}", "an API key"),
    (r"\b(AKIA|ASIA)[A-Z0-9]{16}\b", "an AWS access key"),
    (r"\bgh[pousr]_[A-Za-z0-9]{20,}", "an access token"),
    (r"\bgithub_pat_[A-Za-z0-9_]{20,}", "an access token"),
    (r"\bglpat-[A-Za-z0-9_-]{16,}", "an access token"),
    (r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}", "an access token"),
    (r"\bAIza[A-Za-z0-9_-]{30,}", "an API key"),
    (r"\bdtk_[A-Za-z0-9_-]{16,}", "an API key of a workspace"),
    (
        r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
        "a token (JWT)",
    ),
    (r"-----BEGIN [A-Z ]*PRIVATE KEY-----", "a private key"),
    (
        r"(?i)\b(bearer|basic|token)\s+[A-Za-z0-9+/_=.-]{16,}",
        "a credential",
    ),
];

static CREDENTIALS: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSet::new(SHAPES.iter().map(|(shape, _)| shape)).ok());

/// Every place of a document in which a credential stands that is no `${NAME}`: a text in the shape of a well-known one, or a
/// static header or parameter whose name says that its value is one.
pub fn literal_credentials(document: &Value) -> Vec<Fault> {
    let mut faults = Faults::default();
    for place in ["headers", "params"] {
        let api = At::ROOT.name("api");
        let at = api.name(place);
        let values = document.pointer(&format!("/api/{place}"));
        for (name, value) in values.and_then(Value::as_object).into_iter().flatten() {
            let literal = value
                .as_str()
                .is_some_and(|text| !text.is_empty() && !text.contains("${"));
            if literal && names_credential(name) {
                let message = "the name says that this is a credential, and everybody would see it";
                faults.advise(&at.name(name), "literal_credential", message, HINT);
            }
        }
    }
    for pointer in ["/body/template", "/steps"] {
        if let Some(value) = document.pointer(pointer) {
            let root = At::ROOT;
            let (body, steps) = (root.name("body"), root.name("steps"));
            let at = match pointer {
                "/steps" => steps,
                _ => body.name("template"),
            };
            named(value, &at, &mut faults);
        }
    }
    for name in ["input_schema", "output_schema"] {
        if let Some(schema) = document.get(name) {
            defaults(schema, &At::ROOT.name(name), &mut faults);
        }
    }
    texts(document, &At::ROOT, &mut faults);
    faults.into_vec()
}

/// Literals in what is sent whose name says that they are credentials.
fn named(value: &Value, at: &At<'_>, faults: &mut Faults) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                named(item, &at.index(index), faults);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let place = at.name(name);
                match member {
                    // What is read from elsewhere is no literal.
                    Value::String(text)
                        if names_credential(name)
                            && !text.is_empty()
                            && !text.starts_with('$')
                            && !text.contains("{{") =>
                    {
                        let message =
                            "the name says that this is a credential, and everybody would see it";
                        faults.advise(&place, "literal_credential", message, "let it be an input");
                    }
                    other => named(other, &place, faults),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Properties that are credentials by their names, and have a value.
fn defaults(schema: &Value, at: &At<'_>, faults: &mut Faults) {
    match schema {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                defaults(item, &at.index(index), faults);
            }
        }
        Value::Object(members) => {
            let properties = members.get("properties").and_then(Value::as_object);
            let place = at.name("properties");
            for (name, property) in properties.into_iter().flatten() {
                let place = place.name(name);
                for value in ["default", "const"] {
                    let literal = property.get(value).is_some_and(Value::is_string);
                    if literal && names_credential(name) {
                        let message =
                            "the name says that this is a credential, and everybody would see it";
                        faults.advise(&place.name(value), "literal_credential", message, HINT);
                    }
                }
            }
            for (name, member) in members {
                defaults(member, &at.name(name), faults);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn texts(value: &Value, at: &At<'_>, faults: &mut Faults) {
    match value {
        Value::String(text) => {
            if let Some(what) = credential(text) {
                let message = format!("this looks like {what}, and everybody would see it");
                faults.advise(at, "literal_credential", message, HINT);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                texts(item, &at.index(index), faults);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                texts(member, &at.name(name), faults);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn credential(text: &str) -> Option<&'static str> {
    let found = CREDENTIALS.as_ref()?.matches(text);
    let first = found.iter().next()?;
    SHAPES.get(first).map(|(_, what)| *what)
}

/// Whether a header or parameter of this name carries a credential.
fn names_credential(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    [
        "authorization",
        "apikey",
        "accesskey",
        "secret",
        "password",
        "passwd",
        "token",
        "cookie",
        "signature",
        "credential",
        "appid",
        "appkey",
        "authkey",
        "xauth",
        "sessionid",
        "xpass",
    ]
    .iter()
    .any(|word| plain.contains(word))
        || plain == "key"
}

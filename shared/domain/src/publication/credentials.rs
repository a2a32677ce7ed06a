//! Credentials that were written out in a document, where `${NAME}` should stand.

use std::sync::LazyLock;

use regex::RegexSet;
use serde_json::Value;

use crate::fault::Fault;
use crate::walk::{At, Faults};

const HINT: &str = "store it as a secret and write ${NAME}";

/// Shapes of well-known credentials, each with what it is.
const SHAPES: [(&str, &str); 12] = [
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
    texts(document, &At::ROOT, &mut faults);
    faults.into_vec()
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
    ]
    .iter()
    .any(|word| plain.contains(word))
        || plain == "key"
}

//! Reads `api.auth`: credentials are named, never written down.

use super::fields::{Names, Object};
use super::headers::{self, STORE_IT};
use super::{Auth, Template, TemplatePiece};
use crate::ids::SecretName;
use crate::walk::{At, Faults};

const NAMES: Names = Names {
    known: &[
        "method",
        "key_name",
        "secret_ref",
        "prefix",
        "username_ref",
        "password_ref",
    ],
    later: &["placements", "oauth2", "verify"],
    elsewhere: &[],
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    None,
    Header,
    Query,
    Bearer,
    Basic,
}

const METHODS: [(&str, Method); 5] = [
    ("none", Method::None),
    ("api_key_header", Method::Header),
    ("api_key_query", Method::Query),
    ("bearer", Method::Bearer),
    ("basic", Method::Basic),
];

const LATER: [&str; 8] = [
    "api_key_cookie",
    "oauth2_client_credentials",
    "oauth2_authorization_code",
    "jwt_bearer",
    "hmac",
    "aws_sigv4",
    "two_step",
    "custom",
];

/// Reads `auth`; absent is `none`.
pub(super) fn read(api: Object<'_, '_>, faults: &mut Faults) -> Auth {
    let at = api.at.name("auth");
    let Some(value) = api.members.get("auth") else {
        return Auth::None;
    };
    let Some(auth) = faults.object(value, &at) else {
        return Auth::None;
    };
    if !auth.members.contains_key("method") {
        faults.missing(&at, "method");
    }
    let method = faults.choice(auth, "method", &METHODS, &LATER);
    // Fields of a method that is not supported would only be noise.
    let later = auth.members.get("method").and_then(|m| m.as_str());
    if method.is_none() && later.is_some_and(|name| LATER.contains(&name)) {
        return Auth::None;
    }
    faults.only(auth, NAMES);
    if let Some(method) = method {
        unused(auth, method, faults);
    }
    let secret = reference(auth, "secret_ref", true, faults);
    let username = reference(auth, "username_ref", false, faults);
    let password = reference(auth, "password_ref", true, faults);
    let key_name = key_name(auth, method, faults);
    let prefix = prefix(auth, faults);
    let of_key = |default: &str| key_name.unwrap_or(default).to_owned();
    match method {
        None | Some(Method::None) => Auth::None,
        Some(Method::Header) => Auth::ApiKeyHeader {
            key_name: of_key("X-API-Key"),
            secret: prefixed(prefix, needed(auth, "secret_ref", secret, faults)),
        },
        Some(Method::Query) => Auth::ApiKeyQuery {
            key_name: of_key("apikey"),
            secret: prefixed(prefix, needed(auth, "secret_ref", secret, faults)),
        },
        Some(Method::Bearer) => Auth::Bearer {
            key_name: of_key("Authorization"),
            secret: prefixed(
                prefix.or(Some("Bearer")),
                needed(auth, "secret_ref", secret, faults),
            ),
        },
        Some(Method::Basic) => basic(auth, username, password, faults),
    }
}

/// RFC 7617: either part may be empty or plain text, but one of them is a secret.
fn basic(
    auth: Object<'_, '_>,
    username: Option<Template>,
    password: Option<Template>,
    faults: &mut Faults,
) -> Auth {
    for name in ["username_ref", "password_ref"] {
        // A user without a password is common (the key is the user's name), not the reverse.
        if name == "username_ref" && !auth.members.contains_key(name) {
            faults.missing(auth.at, name);
        }
    }
    let secret = |template: &Option<Template>| {
        template
            .as_ref()
            .is_none_or(|template| template.secrets().next().is_some())
    };
    let absent = !auth.members.contains_key("password_ref");
    if absent && !secret(&username) {
        let at = auth.at.name("username_ref");
        let message = "a credential does not stand in a config";
        faults.advise(&at, "literal_secret", message, STORE_IT);
    }
    if let Some(Template(pieces)) = &username {
        let colon = |piece: &TemplatePiece| matches!(piece, TemplatePiece::Text(text) if text.contains(':'));
        if pieces.iter().any(colon) {
            let message = "a user name has no colon (RFC 7617)";
            faults.add(&auth.at.name("username_ref"), "invalid_value", message);
        }
    }
    Auth::Basic {
        username: username.unwrap_or(Template(Vec::new())),
        password: password.unwrap_or(Template(Vec::new())),
    }
}

/// Notes fields that the method does not look at.
fn unused(auth: Object<'_, '_>, method: Method, faults: &mut Faults) {
    let used: &[&str] = match method {
        Method::None => &["method"],
        Method::Header | Method::Query | Method::Bearer => {
            &["method", "key_name", "secret_ref", "prefix"]
        }
        Method::Basic => &["method", "username_ref", "password_ref"],
    };
    let word = METHODS.iter().find(|(_, known)| *known == method);
    for name in auth.members.keys() {
        if NAMES.known.contains(&name.as_str()) && !used.contains(&name.as_str()) {
            let method = word.map_or("none", |(word, _)| word);
            let message = format!("the method \"{method}\" has no \"{name}\"");
            let hint = format!("its fields: {}", used.join(", "));
            faults.advise(&auth.at.name(name), "unknown_field", message, hint);
        }
    }
}

fn needed(
    auth: Object<'_, '_>,
    name: &str,
    template: Option<Template>,
    faults: &mut Faults,
) -> Template {
    if !auth.members.contains_key(name) {
        faults.missing(auth.at, name);
    }
    template.unwrap_or(Template(Vec::new()))
}

/// A member that names a secret; `must`: it has to.
fn reference(
    auth: Object<'_, '_>,
    name: &str,
    must: bool,
    faults: &mut Faults,
) -> Option<Template> {
    let at = auth.at.name(name);
    let text = match auth.members.get(name)? {
        serde_json::Value::String(text) => text,
        other => {
            faults.wrong_type(&at, "a string such as \"${API_KEY}\"", other);
            return None;
        }
    };
    if must && !text.contains("${") {
        literal(text, &at, faults);
        return None;
    }
    let template = headers::template(text, &at, faults)?;
    headers::header_text(&template, &at, faults);
    Some(template)
}

fn literal(text: &str, at: &At<'_>, faults: &mut Faults) {
    if text.parse::<SecretName>().is_ok() {
        let message = "a credential does not stand in a config";
        let hint = format!("{STORE_IT}; if this is its name, write ${{{text}}}");
        faults.advise(at, "literal_secret", message, hint);
    } else if text.starts_with("arn:") {
        let message = "a secret is not named by its ARN; only secrets of this workspace can be";
        faults.advise(at, "invalid_secret_ref", message, STORE_IT);
    } else {
        // The text itself is not repeated: it may be the credential.
        let message = "a credential does not stand in a config";
        faults.advise(at, "literal_secret", message, STORE_IT);
    }
}

fn key_name<'v>(
    auth: Object<'v, '_>,
    method: Option<Method>,
    faults: &mut Faults,
) -> Option<&'v str> {
    let key_name = faults.text(auth, "key_name")?;
    let at = auth.at.name("key_name");
    if method == Some(Method::Query) {
        headers::param_name(key_name, &at, faults);
    } else {
        headers::name(key_name, &at, faults);
    }
    Some(key_name)
}

fn prefix<'v>(auth: Object<'v, '_>, faults: &mut Faults) -> Option<&'v str> {
    let prefix = faults.text(auth, "prefix")?;
    let at = auth.at.name("prefix");
    if prefix.len() > 64 || !prefix.bytes().all(|b| matches!(b, 0x20..=0x7e)) {
        let message = "a prefix has at most 64 visible ASCII characters";
        faults.add(&at, "invalid_value", message);
    }
    faults.without_secret(prefix, &at);
    Some(prefix.trim())
}

/// Puts a prefix and a space before a secret.
fn prefixed(prefix: Option<&str>, mut secret: Template) -> Template {
    if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
        secret
            .0
            .insert(0, TemplatePiece::Text(format!("{prefix} ")));
    }
    secret
}

/// Where the credential is placed: a header or a query parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot<'c> {
    /// The header of this name.
    Header(&'c str),
    /// The query parameter of this name.
    Query(&'c str),
}

/// The place that the credential takes.
pub(super) fn slot(auth: &Auth) -> Option<Slot<'_>> {
    match auth {
        Auth::None | Auth::Custom { .. } | Auth::Hmac(_) => None,
        Auth::ApiKeyHeader { key_name, .. } | Auth::Bearer { key_name, .. } => {
            Some(Slot::Header(key_name))
        }
        Auth::Token(token) => Some(Slot::Header(&token.key_name)),
        Auth::ApiKeyQuery { key_name, .. } => Some(Slot::Query(key_name)),
        Auth::ApiKeyCookie { .. } => Some(Slot::Header("Cookie")),
        Auth::Basic { .. } | Auth::AwsSigV4(_) => Some(Slot::Header("Authorization")),
    }
}

/// Notes static headers and parameters that the credential would overwrite.
pub(super) fn check_against(
    auth: &Auth,
    headers: &[(String, Template)],
    params: &[(String, Template)],
    api: Object<'_, '_>,
    faults: &mut Faults,
) {
    let (group, taken) = match slot(auth) {
        None => return,
        Some(Slot::Header(name)) => {
            let same = |(other, _): &&(String, Template)| other.eq_ignore_ascii_case(name);
            ("headers", headers.iter().find(same))
        }
        Some(Slot::Query(name)) => ("params", params.iter().find(|(other, _)| other == name)),
    };
    if let Some((name, _)) = taken {
        let at = api.at.name(group);
        let message = "\"api.auth\" puts the credential here";
        faults.add(&at.name(name), "conflict", message);
    }
}

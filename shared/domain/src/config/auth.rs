//! Reads `api.auth`: credentials are named, never written down. One file a kind.

mod hmac;
mod jwt;
mod keys;
mod oauth2;
mod reference;
mod sigv4;
mod slots;
mod two_step;
mod verify;

use serde_json::Value;

use super::fields::{Names, Object};
use super::{Auth, ConnectionVar, Place, TokenAuth, TokenSource, Verify};
use crate::egress::Policy;
use crate::schema::cut;
use crate::walk::Faults;

pub(crate) use slots::query_parameters;
pub(super) use slots::{check_against, slots};

/// Every field of every kind; which of them a kind has is said by [`Method::fields`].
const NAMES: Names = Names {
    known: &[
        "method",
        "key_name",
        "secret_ref",
        "prefix",
        "in",
        "username_ref",
        "password_ref",
        "placements",
        "hmac",
        "aws",
        "oauth2",
        "jwt",
        "two_step",
        "verify",
    ],
    elsewhere: &[
        ("type", "here as \"method\""),
        ("token", "here as \"secret_ref\": \"${NAME}\""),
        ("secret", "here as \"secret_ref\": \"${NAME}\""),
        ("value", "here as \"secret_ref\": \"${NAME}\""),
        ("username", "here as \"username_ref\""),
        ("password", "here as \"password_ref\": \"${NAME}\""),
        ("token_url", "into \"oauth2\" or \"jwt\""),
        ("client_id", "into \"oauth2\""),
        ("client_secret_ref", "into \"oauth2\""),
        ("scopes", "into \"oauth2\" or \"jwt\""),
        ("authorization_url", "into \"oauth2\""),
        ("algorithm", "into \"hmac\" or \"jwt\""),
        ("message", "into \"hmac\""),
        ("key_ref", "into \"jwt\""),
        ("region", "into \"aws\""),
        ("service", "into \"aws\""),
        ("headers", "into \"api\", beside \"auth\""),
    ],
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    None,
    Header,
    Query,
    Cookie,
    Bearer,
    Basic,
    Custom,
    Hmac,
    AwsSigV4,
    ClientCredentials,
    AuthorizationCode,
    JwtBearer,
    TwoStep,
}

const METHODS: [(&str, Method); 13] = [
    ("none", Method::None),
    ("api_key_header", Method::Header),
    ("api_key_query", Method::Query),
    ("api_key_cookie", Method::Cookie),
    ("bearer", Method::Bearer),
    ("basic", Method::Basic),
    ("custom", Method::Custom),
    ("hmac", Method::Hmac),
    ("aws_sigv4", Method::AwsSigV4),
    ("oauth2_client_credentials", Method::ClientCredentials),
    ("oauth2_authorization_code", Method::AuthorizationCode),
    ("jwt_bearer", Method::JwtBearer),
    ("two_step", Method::TwoStep),
];

impl Method {
    /// The fields that the kind looks at.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::None => &["method", "verify"],
            Self::Header | Self::Query | Self::Cookie | Self::Bearer => {
                &["method", "key_name", "secret_ref", "prefix", "verify"]
            }
            Self::Basic => &["method", "username_ref", "password_ref", "verify"],
            Self::Custom => &["method", "placements", "verify"],
            Self::Hmac => &[
                "method",
                "secret_ref",
                "in",
                "key_name",
                "prefix",
                "hmac",
                "verify",
            ],
            Self::AwsSigV4 => &["method", "aws", "verify"],
            Self::ClientCredentials | Self::AuthorizationCode => {
                &["method", "oauth2", "in", "key_name", "prefix", "verify"]
            }
            Self::JwtBearer => &["method", "jwt", "in", "key_name", "prefix", "verify"],
            Self::TwoStep => &["method", "two_step", "in", "key_name", "prefix", "verify"],
        }
    }
}

/// Reads `auth` and the call in it that tests it; absent is `none`.
pub(super) fn read(
    api: Object<'_, '_>,
    vars: &[ConnectionVar],
    policy: &Policy,
    faults: &mut Faults,
) -> (Auth, Option<Verify>) {
    let at = api.at.name("auth");
    let Some(value) = api.members.get("auth") else {
        return (Auth::None, None);
    };
    let Some(auth) = faults.object(value, &at) else {
        return (Auth::None, None);
    };
    if !auth.members.contains_key("method") {
        faults.missing(&at, "method");
    }
    let method = faults.choice(auth, "method", &METHODS);
    faults.only(auth, NAMES);
    let verify = verify::read(auth, vars, faults);
    let Some(method) = method else {
        return (Auth::None, verify);
    };
    unused(auth, method, faults);
    let read = match method {
        Method::None => Some(Auth::None),
        Method::Header => Some(keys::header(auth, faults)),
        Method::Query => Some(keys::query(auth, faults)),
        Method::Cookie => keys::cookie(auth, faults),
        Method::Bearer => Some(keys::bearer(auth, faults)),
        Method::Basic => Some(keys::basic(auth, faults)),
        Method::Custom => Some(keys::custom(auth, faults)),
        Method::Hmac => hmac::read(auth, faults).map(Auth::Hmac),
        Method::AwsSigV4 => sigv4::read(auth, faults).map(Auth::AwsSigV4),
        Method::ClientCredentials => token(auth, faults, |part, faults| {
            oauth2::client_credentials(part, policy, faults).map(TokenSource::ClientCredentials)
        }),
        Method::AuthorizationCode => token(auth, faults, |part, faults| {
            oauth2::authorization_code(part, policy, faults).map(TokenSource::AuthorizationCode)
        }),
        Method::JwtBearer => token(auth, faults, |part, faults| {
            jwt::read(part, policy, faults).map(TokenSource::JwtBearer)
        }),
        Method::TwoStep => token(auth, faults, |part, faults| {
            two_step::read(part, policy, faults).map(TokenSource::TwoStep)
        }),
    };
    // What could not be read has its faults, so nobody sees the stand-in.
    (read.unwrap_or(Auth::None), verify)
}

/// Notes fields that the kind does not look at.
fn unused(auth: Object<'_, '_>, method: Method, faults: &mut Faults) {
    let word = METHODS.iter().find(|(_, known)| *known == method);
    let word = word.map_or("none", |(word, _)| word);
    for name in auth.members.keys() {
        if NAMES.known.contains(&name.as_str()) && !method.fields().contains(&name.as_str()) {
            let message = format!("the method \"{word}\" has no \"{}\"", cut(name));
            let hint = format!("its fields: {}", method.fields().join(", "));
            faults.advise(&auth.at.name(name), "unknown_field", message, hint);
        }
    }
}

/// The name of the object that says how a token is obtained: that of the method's own fields.
const SOURCES: [&str; 3] = ["oauth2", "jwt", "two_step"];

/// Reads a token's source and where the token goes.
fn token(
    auth: Object<'_, '_>,
    faults: &mut Faults,
    source: impl FnOnce(Object<'_, '_>, &mut Faults) -> Option<TokenSource>,
) -> Option<Auth> {
    let place = faults.choice(auth, "in", &PLACES).unwrap_or(Place::Header);
    let key_name = reference::key_name(auth, place, faults);
    let prefix = reference::prefix(auth, faults);
    let default = match place {
        Place::Header => "Authorization",
        // RFC 6750, 2.3.
        Place::Query => "access_token",
        Place::Cookie => {
            if !auth.members.contains_key("key_name") {
                faults.missing(auth.at, "key_name");
            }
            ""
        }
    };
    let key_name = key_name.unwrap_or(default);
    let bearer = if key_name.eq_ignore_ascii_case("authorization") {
        "Bearer"
    } else {
        ""
    };
    if place == Place::Cookie && prefix.is_some_and(|prefix| !prefix.is_empty()) {
        let message = "a cookie's value has no space, so no prefix";
        faults.add(&auth.at.name("prefix"), "invalid_cookie", message);
    }
    let source = part(auth, method_source(auth), faults, source)?;
    Some(Auth::Token(Box::new(TokenAuth {
        place,
        key_name: key_name.to_owned(),
        prefix: prefix.unwrap_or(bearer).to_owned(),
        source,
    })))
}

fn method_source(auth: Object<'_, '_>) -> &'static str {
    let method = auth.members.get("method").and_then(Value::as_str);
    let method = method.unwrap_or_default();
    SOURCES
        .into_iter()
        .find(|name| method.starts_with(name))
        .unwrap_or("oauth2")
}

/// Reads a required object of the credential.
fn part<T>(
    auth: Object<'_, '_>,
    name: &'static str,
    faults: &mut Faults,
    read: impl FnOnce(Object<'_, '_>, &mut Faults) -> Option<T>,
) -> Option<T> {
    let Some(value) = auth.members.get(name) else {
        faults.missing(auth.at, name);
        return None;
    };
    let at = auth.at.name(name);
    let part = faults.object(value, &at)?;
    read(part, faults)
}

const PLACES: [(&str, Place); 3] = [
    ("header", Place::Header),
    ("query", Place::Query),
    ("cookie", Place::Cookie),
];

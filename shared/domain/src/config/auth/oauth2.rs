//! Reads `oauth2`: the client, where it asks for tokens, and where a person is asked.

use serde_json::Value;

use super::super::fields::{Names, Object};
use super::super::{
    AuthorizationCode, ClientAuth, ConnectionOwner, OAuth2, Template, TemplatePiece, endpoint,
};
use super::reference;
use crate::egress::Policy;
use crate::walk::{At, Faults};

const CLIENT: Names = Names {
    known: &[
        "token_url",
        "client_id",
        "client_secret_ref",
        "scopes",
        "client_auth",
        "audience",
        "token_params",
    ],
    elsewhere: &[
        (
            "authorization_url",
            "to the method \"oauth2_authorization_code\"",
        ),
        ("client_id_ref", "into \"client_id\": \"${NAME}\""),
        ("client_secret", "into \"client_secret_ref\": \"${NAME}\""),
        ("grant_type", "into \"token_params\""),
        ("verify", "beside \"oauth2\""),
    ],
};

const CODE: Names = Names {
    known: &[
        "token_url",
        "client_id",
        "client_secret_ref",
        "scopes",
        "client_auth",
        "audience",
        "token_params",
        "authorization_url",
        "authorize_params",
        "per",
        "connection",
        "revoke_url",
    ],
    elsewhere: &[
        ("client_id_ref", "into \"client_id\": \"${NAME}\""),
        ("client_secret", "into \"client_secret_ref\": \"${NAME}\""),
        ("redirect_uri", "nowhere: it is this service's callback"),
        ("code_challenge", "nowhere: PKCE is always used"),
        ("verify", "beside \"oauth2\""),
    ],
};

const CLIENT_AUTHS: [(&str, ClientAuth); 3] = [
    ("basic", ClientAuth::Basic),
    ("post", ClientAuth::Post),
    ("none", ClientAuth::None),
];
const OWNERS: [(&str, ConnectionOwner); 2] = [
    ("user", ConnectionOwner::User),
    ("workspace", ConnectionOwner::Workspace),
];

/// Parameters of a token request that the service writes (RFC 6749, 4.1.3, 4.4.2, 6; RFC 7636, 4.5).
const TOKEN_PARAMS: [&str; 7] = [
    "client_id",
    "client_secret",
    "scope",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
];

/// Parameters of an authorization request that the service writes (RFC 6749, 4.1.1; RFC 7636, 4.3).
const AUTHORIZE_PARAMS: [&str; 8] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];

/// Reads `auth.oauth2` of `oauth2_client_credentials`.
pub(super) fn client_credentials(
    part: Object<'_, '_>,
    policy: &Policy,
    faults: &mut Faults,
) -> Option<OAuth2> {
    faults.only(part, CLIENT);
    let mut client = client(part, policy, &TOKEN_PARAMS, faults)?;
    if client.client_secret.is_none() && !part.members.contains_key("client_secret_ref") {
        let message = "\"client_secret_ref\" is required";
        let hint = "a client without a secret gets no token of its own";
        faults.advise(
            &part.at.name("client_secret_ref"),
            "required",
            message,
            hint,
        );
    }
    if let Some(audience) = audience(part, faults) {
        let at = part.at.name("audience");
        add(
            &mut client.token_params,
            "audience",
            plain(audience),
            &at,
            faults,
        );
    }
    Some(client)
}

/// Reads `auth.oauth2` of `oauth2_authorization_code`.
pub(super) fn authorization_code(
    part: Object<'_, '_>,
    policy: &Policy,
    faults: &mut Faults,
) -> Option<AuthorizationCode> {
    faults.only(part, CODE);
    let mut reserved = TOKEN_PARAMS.to_vec();
    reserved.push("grant_type");
    let client = client(part, policy, &reserved, faults);
    let named = |client: &OAuth2| client.client_id.secrets().next().is_some();
    if client.as_ref().is_some_and(named) {
        let message = "the client's id stands in the link that people follow";
        let hint = "it is public: write it as it is";
        faults.advise(
            &part.at.name("client_id"),
            "secret_not_allowed",
            message,
            hint,
        );
    }
    if !part.members.contains_key("authorization_url") {
        faults.missing(part.at, "authorization_url");
    }
    let authorization_url = endpoint::read(part, "authorization_url", policy, faults);
    let at = part.at.name("authorization_url");
    if let Some(endpoint) = &authorization_url {
        for (name, _) in endpoint.url().query_pairs() {
            if AUTHORIZE_PARAMS.contains(&name.as_ref()) {
                let message = format!("\"{name}\" is written from the other fields");
                faults.advise(&at, "conflict", message, "leave it out of the URL");
            }
        }
    }
    let revoke_url = endpoint::read(part, "revoke_url", policy, faults);
    let mut authorize_params = authorize_params(part, faults);
    if let Some(audience) = audience(part, faults) {
        let at = part.at.name("audience");
        add(
            &mut authorize_params,
            "audience",
            audience.to_owned(),
            &at,
            faults,
        );
    }
    let per = faults.choice(part, "per", &OWNERS);
    let connection = connection(part, faults);
    Some(AuthorizationCode {
        client: client?,
        authorization_url: authorization_url?,
        authorize_params,
        per: per.unwrap_or(ConnectionOwner::User),
        connection,
        revoke_url,
    })
}

fn client(
    part: Object<'_, '_>,
    policy: &Policy,
    reserved: &[&str],
    faults: &mut Faults,
) -> Option<OAuth2> {
    if !part.members.contains_key("token_url") {
        faults.missing(part.at, "token_url");
    }
    let token_url = endpoint::read(part, "token_url", policy, faults);
    let client_id = reference::required_public(part, "client_id", faults);
    let client_secret = reference::key(part, "client_secret_ref", faults);
    let has_secret = part.members.contains_key("client_secret_ref");
    let stated = faults.choice(part, "client_auth", &CLIENT_AUTHS);
    let at = part.at.name("client_auth");
    match (stated, has_secret) {
        (Some(ClientAuth::None), true) => {
            let message = "a client that shows no secret has none";
            let hint = "leave out \"client_secret_ref\", or write \"basic\" or \"post\"";
            faults.advise(&at, "conflict", message, hint);
        }
        (Some(ClientAuth::Basic | ClientAuth::Post), false) => {
            faults.missing(part.at, "client_secret_ref");
        }
        (Some(ClientAuth::Basic | ClientAuth::Post), true)
        | (Some(ClientAuth::None), false)
        | (None, _) => {}
    }
    let usual = if has_secret {
        ClientAuth::Basic
    } else {
        ClientAuth::None
    };
    let scopes = reference::scopes(part, faults);
    let token_params = reference::pairs(part, "token_params", reserved, faults);
    Some(OAuth2 {
        token_url: token_url?,
        client_id: client_id?,
        client_secret,
        client_auth: stated.unwrap_or(usual),
        scopes,
        token_params,
    })
}

fn audience<'v>(part: Object<'v, '_>, faults: &mut Faults) -> Option<&'v str> {
    let audience = faults.text(part, "audience")?;
    let at = part.at.name("audience");
    faults.length(audience, 1024, &at);
    faults.without_secret(audience, &at);
    Some(audience)
}

/// Adds a parameter that has a field of its own.
fn add<V>(params: &mut Vec<(String, V)>, name: &str, value: V, at: &At<'_>, faults: &mut Faults) {
    if params.iter().any(|(known, _)| known == name) {
        let message = "this parameter stands twice";
        faults.add(at, "conflict", message);
    }
    params.push((name.to_owned(), value));
}

fn plain(text: &str) -> Template {
    Template(vec![TemplatePiece::Text(text.to_owned())])
}

fn authorize_params(part: Object<'_, '_>, faults: &mut Faults) -> Vec<(String, String)> {
    let at = part.at.name("authorize_params");
    let pairs = reference::pairs(part, "authorize_params", &AUTHORIZE_PARAMS, faults);
    let mut params = Vec::with_capacity(pairs.len());
    for (name, template) in pairs {
        if template.secrets().next().is_some() {
            let message = "a browser is sent there: no secret may stand in it";
            faults.add(&at.name(&name), "secret_not_allowed", message);
            continue;
        }
        let text = template.0.into_iter().filter_map(|piece| match piece {
            TemplatePiece::Text(text) => Some(text),
            TemplatePiece::Secret(_) | TemplatePiece::Token => None,
        });
        params.push((name, text.collect()));
    }
    params
}

/// A connection's name: as a tool's id.
fn connection(part: Object<'_, '_>, faults: &mut Faults) -> Option<String> {
    let value = part.members.get("connection")?;
    let at = part.at.name("connection");
    let Value::String(name) = value else {
        faults.wrong_type(&at, "a string", value);
        return None;
    };
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    if !(1..=64).contains(&name.len()) || !name.bytes().all(fine) {
        let message = "a connection's name has 1 to 64 characters of a-z, 0-9, _ and -";
        faults.add(&at, "invalid_value", message);
    }
    Some(name.clone())
}

//! Reads `jwt_bearer`: a signed assertion, exchanged for a token or sent itself.

use serde_json::{Map, Value};

use super::super::fields::{Names, Object};
use super::super::{Endpoint, JwtAlgorithm, JwtBearer, KeyEncoding, endpoint};
use super::hmac::KEY_ENCODINGS;
use super::reference;
use crate::egress::Policy;
use crate::walk::Faults;

const NAMES: Names = Names {
    known: &[
        "use",
        "token_url",
        "issuer",
        "subject",
        "audience",
        "key_ref",
        "key_encoding",
        "algorithm",
        "key_id",
        "scopes",
        "lifetime_s",
        "claims",
        "token_params",
    ],
    elsewhere: &[
        ("key", "into \"key_ref\": \"${NAME}\""),
        ("private_key", "into \"key_ref\": \"${NAME}\""),
        ("iss", "into \"issuer\""),
        ("sub", "into \"subject\""),
        ("aud", "into \"audience\""),
        ("kid", "into \"key_id\""),
        ("verify", "beside \"jwt\""),
    ],
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Exchange,
    Direct,
}

const USES: [(&str, Use); 2] = [("exchange", Use::Exchange), ("direct", Use::Direct)];

const ALGORITHMS: [(&str, JwtAlgorithm); 12] = [
    ("RS256", JwtAlgorithm::Rs256),
    ("RS384", JwtAlgorithm::Rs384),
    ("RS512", JwtAlgorithm::Rs512),
    ("PS256", JwtAlgorithm::Ps256),
    ("PS384", JwtAlgorithm::Ps384),
    ("PS512", JwtAlgorithm::Ps512),
    ("ES256", JwtAlgorithm::Es256),
    ("ES384", JwtAlgorithm::Es384),
    ("EdDSA", JwtAlgorithm::EdDsa),
    ("HS256", JwtAlgorithm::Hs256),
    ("HS384", JwtAlgorithm::Hs384),
    ("HS512", JwtAlgorithm::Hs512),
];

/// Claims that have a field of their own or are made with each assertion.
const CLAIMS: [(&str, &str); 8] = [
    ("iss", "write \"issuer\""),
    ("sub", "write \"subject\""),
    ("aud", "write \"audience\""),
    ("scope", "write \"scopes\""),
    ("exp", "write \"lifetime_s\""),
    ("iat", "leave it out: it is made with each assertion"),
    ("nbf", "leave it out: an assertion is valid at once"),
    ("jti", "leave it out: it is made with each assertion"),
];

/// Parameters of the exchange that the service writes (RFC 7523, 2.1).
const RESERVED: [&str; 2] = ["grant_type", "assertion"];

const LIFETIME_S: u64 = 300;

/// Longest claims, in bytes of JSON.
const MAX_CLAIMS: usize = 4096;

/// Reads `auth.jwt`.
pub(super) fn read(
    part: Object<'_, '_>,
    policy: &Policy,
    faults: &mut Faults,
) -> Option<JwtBearer> {
    faults.only(part, NAMES);
    let way = faults.choice(part, "use", &USES).unwrap_or(Use::Exchange);
    let token_url = token_url(part, way, policy, faults);
    let issuer = reference::required_public(part, "issuer", faults);
    let subject = reference::public(part, "subject", faults);
    let key_id = reference::public(part, "key_id", faults);
    let audience = faults.text(part, "audience");
    if let Some(audience) = audience {
        let at = part.at.name("audience");
        faults.length(audience, 1024, &at);
        faults.without_secret(audience, &at);
    }
    let key = reference::required_key(part, "key_ref", faults);
    let algorithm = faults.choice(part, "algorithm", &ALGORITHMS);
    let algorithm = algorithm.unwrap_or(JwtAlgorithm::Rs256);
    let key_encoding = faults.choice(part, "key_encoding", &KEY_ENCODINGS);
    if key_encoding.is_some() && !algorithm.is_shared() {
        let message = "a private key is PEM text";
        let hint = "leave it out; it is for HS256, HS384 and HS512";
        faults.advise(&part.at.name("key_encoding"), "conflict", message, hint);
    }
    let scopes = reference::scopes(part, faults);
    let lifetime_s = faults.whole(part, "lifetime_s", 30, 3600);
    let claims = claims(part, faults);
    let token_params = reference::pairs(part, "token_params", &RESERVED, faults);
    if way == Use::Direct && !token_params.is_empty() {
        let message = "a direct assertion is not exchanged, so there is no token request";
        faults.add(&part.at.name("token_params"), "conflict", message);
    }
    let audience = audience.map(str::to_owned).or_else(|| {
        let url = token_url.as_ref()?.url();
        Some(url.as_str().to_owned())
    });
    if way == Use::Exchange && token_url.is_none() {
        return None;
    }
    Some(JwtBearer {
        token_url,
        issuer: issuer?,
        subject,
        audience,
        key: key?,
        key_encoding: key_encoding.unwrap_or(KeyEncoding::Text),
        algorithm,
        key_id,
        scopes,
        lifetime_s: lifetime_s.unwrap_or(LIFETIME_S),
        claims,
        token_params,
    })
}

/// The token endpoint: where an exchange has one, and nowhere else.
fn token_url(
    part: Object<'_, '_>,
    way: Use,
    policy: &Policy,
    faults: &mut Faults,
) -> Option<Endpoint> {
    let at = part.at.name("token_url");
    match (way, part.members.contains_key("token_url")) {
        (Use::Exchange, false) => {
            let message = "\"token_url\" is required";
            let hint = "or write \"use\": \"direct\" when the assertion itself is the token";
            faults.advise(&at, "required", message, hint);
        }
        (Use::Direct, true) => {
            let message = "a direct assertion is not exchanged";
            let hint = "leave it out, or write \"use\": \"exchange\"";
            faults.advise(&at, "conflict", message, hint);
        }
        (Use::Exchange, true) | (Use::Direct, false) => {}
    }
    endpoint::read(part, "token_url", policy, faults)
}

fn claims(part: Object<'_, '_>, faults: &mut Faults) -> Map<String, Value> {
    let at = part.at.name("claims");
    let Some(value) = part.members.get("claims") else {
        return Map::new();
    };
    let Some(object) = faults.object(value, &at) else {
        return Map::new();
    };
    let written = value.to_string();
    if written.len() > MAX_CLAIMS {
        faults.add(&at, "too_large", "claims have at most 4 KB of JSON");
        return Map::new();
    }
    faults.without_secret(&written, &at);
    for name in object.members.keys() {
        if let Some((_, hint)) = CLAIMS.iter().find(|(claim, _)| claim == name) {
            let message = format!("the claim \"{name}\" is written from the other fields");
            faults.advise(&at.name(name), "conflict", message, *hint);
        }
    }
    object.members.clone()
}

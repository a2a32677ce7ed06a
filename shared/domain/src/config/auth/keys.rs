//! Reads credentials that are sent as they are stored: keys in headers, queries and cookies, Bearer, Basic.

use serde_json::Value;

use super::super::fields::{Names, Object};
use super::super::headers::STORE_IT;
use super::super::{Auth, Place, Placement, Template, TemplatePiece, headers};
use super::{PLACES, reference};
use crate::walk::{At, Faults};

/// Placements of one credential at most.
const MOST: usize = 16;

const PLACEMENT: Names = Names {
    known: &["in", "name", "value"],
    elsewhere: &[],
};

/// `api_key_header`; `X-API-Key` unless stated.
pub(super) fn header(auth: Object<'_, '_>, faults: &mut Faults) -> Auth {
    let (key_name, secret) = key(auth, Place::Header, None, faults);
    Auth::ApiKeyHeader {
        key_name: key_name.unwrap_or("X-API-Key").to_owned(),
        secret,
    }
}

/// `api_key_query`; `apikey` unless stated.
pub(super) fn query(auth: Object<'_, '_>, faults: &mut Faults) -> Auth {
    let (key_name, secret) = key(auth, Place::Query, None, faults);
    Auth::ApiKeyQuery {
        key_name: key_name.unwrap_or("apikey").to_owned(),
        secret,
    }
}

/// `bearer` (RFC 6750, 2.1).
pub(super) fn bearer(auth: Object<'_, '_>, faults: &mut Faults) -> Auth {
    let (key_name, secret) = key(auth, Place::Header, Some("Bearer"), faults);
    Auth::Bearer {
        key_name: key_name.unwrap_or("Authorization").to_owned(),
        secret,
    }
}

/// `api_key_cookie` (RFC 6265); a cookie has no usual name, so it is stated.
pub(super) fn cookie(auth: Object<'_, '_>, faults: &mut Faults) -> Option<Auth> {
    if !auth.members.contains_key("key_name") {
        faults.missing(auth.at, "key_name");
    }
    if auth.members.contains_key("prefix") {
        let at = auth.at.name("prefix");
        let hint = "write it into \"secret_ref\", such as \"v1.${KEY}\"";
        let message = "a cookie's value has no space, so no prefix";
        faults.advise(&at, "invalid_cookie", message, hint);
    }
    let key_name = reference::key_name(auth, Place::Cookie, faults);
    let secret = reference::required(auth, "secret_ref", faults);
    reference::cookie_text(&secret, &auth.at.name("secret_ref"), faults);
    Some(Auth::ApiKeyCookie {
        key_name: key_name?.to_owned(),
        secret,
    })
}

fn key<'v>(
    auth: Object<'v, '_>,
    place: Place,
    usual: Option<&'v str>,
    faults: &mut Faults,
) -> (Option<&'v str>, Template) {
    let key_name = reference::key_name(auth, place, faults);
    let prefix = reference::prefix(auth, faults).or(usual);
    let secret = reference::required(auth, "secret_ref", faults);
    (key_name, reference::prefixed(prefix, secret))
}

/// `basic` (RFC 7617): either part may be empty or plain text, but one of them is a secret.
pub(super) fn basic(auth: Object<'_, '_>, faults: &mut Faults) -> Auth {
    let (username, password) = pair(auth, faults);
    Auth::Basic { username, password }
}

/// `username_ref` and `password_ref`.
pub(super) fn pair(auth: Object<'_, '_>, faults: &mut Faults) -> (Template, Template) {
    let username = reference::public(auth, "username_ref", faults);
    let password = reference::secret(auth, "password_ref", faults);
    // A user without a password is common (the key is the user's name), not the reverse.
    if !auth.members.contains_key("username_ref") {
        faults.missing(auth.at, "username_ref");
    }
    let at = auth.at.name("username_ref");
    let named = |template: &Option<Template>| {
        template
            .as_ref()
            .is_none_or(|template| template.secrets().next().is_some())
    };
    if !auth.members.contains_key("password_ref") && !named(&username) {
        let message = "a credential does not stand in a config";
        faults.advise(&at, "literal_secret", message, STORE_IT);
    }
    if let Some(Template(pieces)) = &username {
        let colon = |piece: &TemplatePiece| matches!(piece, TemplatePiece::Text(text) if text.contains(':'));
        if pieces.iter().any(colon) {
            let message = "a user name has no colon (RFC 7617)";
            faults.add(&at, "invalid_value", message);
        }
    }
    let empty = || Template(Vec::new());
    (
        username.unwrap_or_else(empty),
        password.unwrap_or_else(empty),
    )
}

/// `custom`: several places at once.
pub(super) fn custom(auth: Object<'_, '_>, faults: &mut Faults) -> Auth {
    let at = auth.at.name("placements");
    let mut placements: Vec<Placement> = Vec::new();
    match auth.members.get("placements") {
        None => faults.missing(auth.at, "placements"),
        Some(value) => {
            let listed = faults.list(value, &at, MOST);
            if value.is_array() && listed.is_empty() {
                let message = "say at least one place, or use the method \"none\"";
                faults.add(&at, "invalid_length", message);
            }
            for (index, value) in listed.iter().enumerate() {
                let place = at.index(index);
                if let Some(placed) = placement(value, &place, faults) {
                    twice(&placements, &placed, &place, faults);
                    placements.push(placed);
                }
            }
        }
    }
    let named = |placed: &Placement| placed.value.secrets().next().is_some();
    if !placements.is_empty() && !placements.iter().any(named) {
        let message = "no placement names a secret";
        faults.advise(&at, "literal_secret", message, STORE_IT);
    }
    Auth::Custom { placements }
}

fn placement(value: &Value, at: &At<'_>, faults: &mut Faults) -> Option<Placement> {
    let object = faults.object(value, at)?;
    faults.only(object, PLACEMENT);
    for name in ["in", "name", "value"] {
        if !object.members.contains_key(name) {
            faults.missing(at, name);
        }
    }
    let place = faults.choice(object, "in", &PLACES);
    let name = faults.text(object, "name");
    let value_at = at.name("value");
    let value = faults.text(object, "value");
    let value = value.and_then(|text| headers::template(text, &value_at, faults));
    let (place, name, value) = (place?, name?, value?);
    reference::name(name, place, &at.name("name"), faults);
    match place {
        Place::Header => headers::header_text(&value, &value_at, faults),
        Place::Cookie => reference::cookie_text(&value, &value_at, faults),
        Place::Query => {}
    }
    Some(Placement {
        place,
        name: name.to_owned(),
        value,
    })
}

fn twice(placements: &[Placement], placed: &Placement, at: &At<'_>, faults: &mut Faults) {
    let same = |other: &Placement| {
        other.place == placed.place
            && match placed.place {
                Place::Header => other.name.eq_ignore_ascii_case(&placed.name),
                Place::Query | Place::Cookie => other.name == placed.name,
            }
    };
    if placements.iter().any(same) {
        let message = "another placement takes this place";
        faults.add(&at.name("name"), "conflict", message);
    }
}

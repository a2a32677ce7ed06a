//! Where the credential goes in a draft.

use crate::config::{Auth, Place, Template, TemplatePiece};

use super::Draft;

/// Puts the credential in its places. A header or parameter that stood there is replaced, so an input can
/// never take the place of the credential. A cookie joins those of a static `Cookie` header.
pub fn place_auth(auth: &Auth, draft: &mut Draft) {
    match auth {
        Auth::None => {}
        Auth::ApiKeyHeader { key_name, secret } | Auth::Bearer { key_name, secret } => {
            put(Place::Header, key_name, secret.clone(), draft);
        }
        Auth::ApiKeyQuery { key_name, secret } => {
            put(Place::Query, key_name, secret.clone(), draft);
        }
        Auth::ApiKeyCookie { key_name, secret } => {
            put(Place::Cookie, key_name, secret.clone(), draft);
        }
        Auth::Custom { placements } => {
            for placed in placements {
                put(placed.place, &placed.name, placed.value.clone(), draft);
            }
        }
        Auth::Token(token) => {
            let mut value = Template(vec![TemplatePiece::Token]);
            if !token.prefix.is_empty() {
                let prefix = format!("{} ", token.prefix);
                value.0.insert(0, TemplatePiece::Text(prefix));
            }
            put(token.place, &token.key_name, value, draft);
        }
        // What is signed is the finished request: the executor does it.
        Auth::Hmac(_) | Auth::AwsSigV4(_) => {}
        Auth::Basic { username, password } => {
            let is_authorization = |name: &str| name.eq_ignore_ascii_case("authorization");
            draft.headers.retain(|(name, _)| !is_authorization(name));
            draft.basic = Some((username.clone(), password.clone()));
        }
    }
}

/// Puts a value at one place.
pub fn put(place: Place, name: &str, value: Template, draft: &mut Draft) {
    match place {
        Place::Header => set_header(&mut draft.headers, name, value),
        Place::Query => {
            draft.query.retain(|(known, _)| known != name);
            draft.query.push((name.to_owned(), value));
        }
        Place::Cookie => {
            let mut cookie = Template(vec![TemplatePiece::Text(format!("{name}="))]);
            cookie.0.extend(value.0);
            let stated = draft.headers.iter_mut();
            let mut stated = stated.filter(|(known, _)| known.eq_ignore_ascii_case("cookie"));
            match stated.next() {
                Some((_, cookies)) => {
                    cookies.0.push(TemplatePiece::Text("; ".to_owned()));
                    cookies.0.extend(cookie.0);
                }
                None => draft.headers.push(("Cookie".to_owned(), cookie)),
            }
        }
    }
}

/// `cookie-octet` of RFC 6265, 4.1.1: what the value of a cookie is made of.
pub const fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

/// Sets a header; the last one set wins, whatever its case.
pub(super) fn set_header(headers: &mut Vec<(String, Template)>, name: &str, value: Template) {
    headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    headers.push((name.to_owned(), value));
}

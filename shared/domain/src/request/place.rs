//! Where a credential goes in a draft.

use crate::config::{Auth, Place, Template, TemplatePiece};

use super::Draft;

/// Puts the credential in its place. Whatever stood there is replaced, so an input can never take
/// the place of the credential, and placing it twice is placing it once.
pub fn place_auth(auth: &Auth, draft: &mut Draft) {
    match auth {
        Auth::None => {}
        Auth::ApiKeyHeader { key_name, secret } | Auth::Bearer { key_name, secret } => {
            set_header(&mut draft.headers, key_name, secret.clone());
        }
        Auth::ApiKeyQuery { key_name, secret } => {
            draft.query.retain(|(name, _)| name != key_name);
            draft.query.push((key_name.clone(), secret.clone()));
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
            set_header(&mut draft.headers, &token.key_name, value);
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

fn put(place: Place, name: &str, value: Template, draft: &mut Draft) {
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

/// Sets a header; the last one set wins, whatever its case.
pub(super) fn set_header(headers: &mut Vec<(String, Template)>, name: &str, value: Template) {
    headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    headers.push((name.to_owned(), value));
}

//! Where a credential goes in a draft.

use crate::config::{Auth, Template};

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
        Auth::Basic { username, password } => {
            let is_authorization = |name: &str| name.eq_ignore_ascii_case("authorization");
            draft.headers.retain(|(name, _)| !is_authorization(name));
            draft.basic = Some((username.clone(), password.clone()));
        }
    }
}

/// Sets a header; the last one set wins, whatever its case.
pub(super) fn set_header(headers: &mut Vec<(String, Template)>, name: &str, value: Template) {
    headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    headers.push((name.to_owned(), value));
}

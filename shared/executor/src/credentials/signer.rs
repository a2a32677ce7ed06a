//! Signs a finished call: each attempt by itself, because time and nonce are part of a signature.

use chrono::{DateTime, Utc};
use domain::config::{Auth, Place, Template, TemplatePiece};
use domain::failure::{Failure, FailureCode};
use domain::request::is_cookie_octet;
use http::{HeaderName, HeaderValue};
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use super::{Credentials, hmac, sigv4};
use crate::outbound::Call;
use crate::render;
use crate::trace::Trace;

/// What an attempt is signed with; most tools' attempts are not.
pub(crate) struct Signer<'a> {
    auth: &'a Auth,
    held: &'a Credentials,
    trace: &'a Trace,
}

/// What differs from attempt to attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: DateTime<Utc>,
    pub(crate) nonce: Uuid,
}

impl<'a> Signer<'a> {
    /// A signer, where the auth is a signature.
    ///
    /// # Errors
    /// `secret_missing`: a secret does not fit where it is placed.
    pub(crate) fn of(
        auth: &'a Auth,
        held: &'a Credentials,
        trace: &'a Trace,
    ) -> Result<Option<Self>, Failure> {
        check_cookies(auth, held)?;
        let signs = match auth {
            Auth::Hmac(_) | Auth::AwsSigV4(_) => true,
            Auth::None
            | Auth::ApiKeyHeader { .. }
            | Auth::ApiKeyQuery { .. }
            | Auth::ApiKeyCookie { .. }
            | Auth::Bearer { .. }
            | Auth::Basic { .. }
            | Auth::Custom { .. }
            | Auth::Token(_) => false,
        };
        Ok(signs.then_some(Self { auth, held, trace }))
    }

    /// The call, signed for an attempt that begins now.
    ///
    /// # Errors
    /// `secret_missing`: the key cannot be used as it is stored.
    pub(crate) fn signed<'c>(&self, call: &Call<'c>) -> Result<Call<'c>, Failure> {
        let moment = Moment {
            now: Utc::now(),
            nonce: Uuid::new_v4(),
        };
        let mut call = call.clone();
        let secrets = match self.auth {
            Auth::Hmac(rules) => hmac::sign(rules, self.held, moment, &mut call)?,
            Auth::AwsSigV4(rules) => sigv4::sign(rules, self.held, moment, &mut call)?,
            Auth::None
            | Auth::ApiKeyHeader { .. }
            | Auth::ApiKeyQuery { .. }
            | Auth::ApiKeyCookie { .. }
            | Auth::Bearer { .. }
            | Auth::Basic { .. }
            | Auth::Custom { .. }
            | Auth::Token(_) => Vec::new(),
        };
        // An upstream that echoes a signature gives away what can be replayed for a while.
        self.trace.saw(secrets, []);
        Ok(call)
    }
}

/// Refuses secrets that would end a cookie and begin another (RFC 6265, 4.1.1).
fn check_cookies(auth: &Auth, held: &Credentials) -> Result<(), Failure> {
    let check = |name: &str, template: &Template| {
        let value = render::fill(template, held)?;
        if value.bytes().all(is_cookie_octet) {
            return Ok(());
        }
        Err(Failure::new(
            FailureCode::SecretMissing,
            format!("The secret of the cookie {name} holds a character that no cookie can have."),
            "Store it again without spaces, quotes, commas, semicolons and backslashes.",
        ))
    };
    match auth {
        Auth::ApiKeyCookie { key_name, secret } => check(key_name, secret),
        Auth::Custom { placements } => placements
            .iter()
            .filter(|placed| placed.place == Place::Cookie)
            .try_for_each(|placed| check(&placed.name, &placed.value)),
        Auth::Token(token) if token.place == Place::Cookie => {
            check(&token.key_name, &Template(vec![TemplatePiece::Token]))
        }
        Auth::None
        | Auth::ApiKeyHeader { .. }
        | Auth::ApiKeyQuery { .. }
        | Auth::Bearer { .. }
        | Auth::Basic { .. }
        | Auth::Hmac(_)
        | Auth::AwsSigV4(_)
        | Auth::Token(_) => Ok(()),
    }
}

/// Sets a header that the signature needs; it is never shown.
pub(super) fn set_header(call: &mut Call<'_>, name: &str, value: &str) -> Result<(), Failure> {
    let header = HeaderName::from_bytes(name.as_bytes()).ok();
    let value = HeaderValue::from_str(value).ok();
    let (Some(header), Some(mut value)) = (header, value) else {
        return Err(Failure::new(
            FailureCode::SecretMissing,
            format!("The signature does not fit into the header {name}."),
            "Check \"hmac.value\": a secret in it may hold a line break or another control character.",
        ));
    };
    value.set_sensitive(true);
    call.headers.insert(header, value);
    Ok(())
}

/// The host as it is sent: with its port unless that is the scheme's.
pub(super) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// What a shared key is told as that cannot be read.
pub(super) fn unreadable_key(template: &Template, form: &str) -> Failure {
    let names: Vec<String> = template
        .secrets()
        .map(|name| format!("${{{name}}}"))
        .collect();
    Failure::new(
        FailureCode::SecretMissing,
        format!("The key {} is not {form}.", names.join("")),
        "Store it again in that form, or change \"key_encoding\".",
    )
}

/// A computed text that must be masked like a secret.
pub(super) fn secret(text: impl Into<String>) -> SecretString {
    SecretString::from(text.into())
}

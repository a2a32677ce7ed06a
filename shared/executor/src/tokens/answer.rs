//! What a token endpoint's answer says: tokens, or why there are none; pure.

use domain::config::TwoStep;
use domain::failure::{Failure, FailureCode};
use domain::path::Path;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::form_urlencoded;
use vault::mask::Masker;
use vault::{Granted, Tokens};

/// The shortest token: a shorter one could not be hidden in what tools answer.
const MIN_BYTES: usize = 8;
/// The longest token.
const MAX_BYTES: usize = 16 * 1024;
/// How much of an upstream's words is told.
const MAX_WORDS: usize = 300;
/// Kinds of access tokens that are sent as they are (RFC 6750); some providers have names of their own for them.
const PLAIN: [&str; 5] = ["bearer", "bot", "user", "access_token", "jwt"];

/// Why there is no token.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What is told.
    pub(crate) failure: Failure,
    /// The provider does not take what was shown to it, now or later (`invalid_grant`).
    pub(crate) gone: bool,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            gone: false,
        }
    }
}

/// Reads a 2xx answer of an OAuth 2 token endpoint (RFC 6749, 5.1).
pub(crate) fn granted(body: &[u8], masker: &Masker) -> Result<Granted, Refusal> {
    let members = members(body).ok_or_else(|| unreadable("is neither JSON nor a form"))?;
    // Some say 200 and an error.
    if members.get("error").is_some_and(|error| !error.is_null())
        && !members.contains_key("access_token")
    {
        return Err(refused_with(200, &members, masker));
    }
    let access = members
        .get("access_token")
        .and_then(Value::as_str)
        .ok_or_else(|| unreadable("has no access_token"))?;
    if let Some(kind) = members.get("token_type").and_then(Value::as_str)
        && !PLAIN.iter().any(|plain| plain.eq_ignore_ascii_case(kind))
    {
        let kind = masker.beginning(kind, 40).into_owned();
        return Err(Failure::new(
            FailureCode::InvalidResponse,
            format!("The token endpoint gave a token of the type {kind}."),
            "Only bearer tokens can be used (RFC 6750); choose such a client at the provider.",
        )
        .into());
    }
    Ok(Granted {
        tokens: Tokens {
            access: token(access)?,
            refresh: match members.get("refresh_token").and_then(Value::as_str) {
                None | Some("") => None,
                Some(refresh) => Some(token(refresh)?),
            },
        },
        scopes: scopes(members.get("scope")),
        lifetime: lifetime(members.get("expires_in")),
    })
}

/// Reads a 2xx answer of a login call.
pub(crate) fn logged_in(body: &[u8], login: &TwoStep) -> Result<Granted, Refusal> {
    let value: Value = serde_json::from_slice(body).map_err(|_| unreadable("is no JSON"))?;
    let at = |path: &str| {
        let path = Path::parse(path).ok()?;
        path.find(&value)
            .ok()
            .flatten()
            .map(std::borrow::Cow::into_owned)
    };
    let found = at(&login.token_path.0);
    let Some(access) = found.as_ref().and_then(Value::as_str) else {
        let why = format!("has no text at token_path {}", login.token_path.0);
        return Err(unreadable(&why));
    };
    let said = login.expires_in_path.as_ref().and_then(|path| at(&path.0));
    let own = u32::try_from(login.ttl_s).unwrap_or(u32::MAX);
    Ok(Granted {
        tokens: Tokens {
            access: token(access)?,
            refresh: None,
        },
        scopes: None,
        lifetime: lifetime(said.as_ref()).or(Some(f64::from(own))),
    })
}

/// Reads an answer outside 2xx (RFC 6749, 5.2).
pub(crate) fn refused(status: u16, body: &[u8], masker: &Masker) -> Refusal {
    let members = members(body).unwrap_or_default();
    match status {
        429 => Failure::new(
            FailureCode::RateLimited,
            "The token endpoint limits the rate of calls (429).",
            "Call again later.",
        )
        .detail("status", status)
        .into(),
        500..=599 => Failure::new(
            FailureCode::Upstream5xx,
            format!("The token endpoint failed with status {status}."),
            "The fault is the provider's; call again later.",
        )
        .detail("status", status)
        .into(),
        _ => refused_with(status, &members, masker),
    }
}

fn refused_with(status: u16, members: &Map<String, Value>, masker: &Masker) -> Refusal {
    let word = |name: &str| members.get(name).and_then(Value::as_str);
    let error = word("error").map(|error| said(error, masker));
    let description = word("error_description").map(|words| said(words, masker));
    let code = error.as_deref().unwrap_or_default();
    let hint = match code {
        "invalid_client" | "unauthorized_client" => {
            "Check client_id, client_secret_ref and client_auth (basic or post) against the provider's page of the client."
        }
        "invalid_grant" | "bad_refresh_token" | "bad_verification_code" => {
            "What was shown is used up, expired or revoked: connect again, or check the key and the clock of the assertion."
        }
        "invalid_scope" => "Ask only for scopes that the client may have.",
        "unsupported_grant_type" => "The provider does not offer this auth.method to the client.",
        "invalid_target" => "Check audience and resource.",
        "" if status == 404 => "Check token_url.",
        _ => "Check the tool's auth section; details hold the provider's words.",
    };
    let message = match code {
        "" => format!("The token endpoint refused with status {status}."),
        code => format!("The token endpoint refused: {code}."),
    };
    let mut failure = Failure::new(FailureCode::AuthFailed, message, hint).detail("status", status);
    if let Some(error) = &error {
        failure = failure.detail("error", error.as_str());
    }
    if let Some(description) = description {
        failure = failure.detail("error_description", description);
    }
    Refusal {
        gone: matches!(code, "invalid_grant" | "bad_refresh_token"),
        failure,
    }
}

fn said(words: &str, masker: &Masker) -> String {
    let words = masker.beginning(words, MAX_WORDS);
    words.chars().filter(|c| !c.is_control()).collect()
}

/// JSON, whatever it is declared as, or `application/x-www-form-urlencoded`.
fn members(body: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(members)) => Some(members),
        Ok(_) => None,
        Err(_) => {
            let text = std::str::from_utf8(body).ok()?.trim();
            if !text.contains('=') || text.contains(['<', '{', '\n']) {
                return None;
            }
            let pairs = form_urlencoded::parse(text.as_bytes());
            Some(
                pairs
                    .map(|(name, value)| (name.into_owned(), value.into()))
                    .collect(),
            )
        }
    }
}

/// A number of seconds, or the same as text. Zero and less say nothing that could be used.
fn lifetime(value: Option<&Value>) -> Option<f64> {
    /// With less the database would not compute.
    const LEAST: f64 = 0.001;
    /// A century is as good as for ever.
    const MOST: f64 = 100.0 * 365.0 * 86_400.0;
    let seconds = match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    seconds
        .filter(|seconds| seconds.is_finite() && *seconds > 0.0)
        .map(|seconds| seconds.clamp(LEAST, MOST))
}

/// Divided by spaces (RFC 6749, 3.3), or by commas as some do.
fn scopes(value: Option<&Value>) -> Option<Vec<String>> {
    let text = value?.as_str()?;
    let scopes = text.split([' ', ',']).filter(|scope| !scope.is_empty());
    let scopes: Vec<String> = scopes
        .take(100)
        .map(|scope| scope.chars().take(200).collect())
        .collect();
    (!scopes.is_empty()).then_some(scopes)
}

/// What can be sent in a header (RFC 6750, 2.1) and be hidden elsewhere.
fn token(text: &str) -> Result<SecretString, Refusal> {
    let fit = (MIN_BYTES..=MAX_BYTES).contains(&text.len())
        && text.bytes().all(|b| (0x21..=0x7e).contains(&b));
    if fit {
        Ok(text.into())
    } else {
        Err(unreadable(
            "holds a token that is no text of 8 to 16,384 visible ASCII characters",
        ))
    }
}

fn unreadable(what: &str) -> Refusal {
    Failure::new(
        FailureCode::InvalidResponse,
        format!("The token endpoint's answer {what}."),
        "Check token_url (or the login's url and paths) against the provider's documentation.",
    )
    .into()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn read(body: &str) -> Result<Granted, Refusal> {
        granted(body.as_bytes(), &Masker::none())
    }

    #[test]
    fn reads_tokens_in_every_form_that_providers_write() {
        for (body, lifetime, refresh) in [
            (
                r#"{"access_token":"aaaaaaaaaa","token_type":"Bearer","expires_in":3600}"#,
                Some(3600.0),
                None,
            ),
            (
                r#"{"access_token":"aaaaaaaaaa","expires_in":"3600","refresh_token":"rrrrrrrr"}"#,
                Some(3600.0),
                Some("rrrrrrrr"),
            ),
            (
                r#"{"access_token":"aaaaaaaaaa","expires_in":5e-324}"#,
                Some(0.001),
                None,
            ),
            (
                "access_token=aaaaaaaaaa&scope=repo%2Cuser&token_type=bearer",
                None,
                None,
            ),
            (
                r#"{"access_token":"aaaaaaaaaa","expires_in":0,"refresh_token":""}"#,
                None,
                None,
            ),
            (
                r#"{"access_token":"aaaaaaaaaa","token_type":"bot","expires_in":null}"#,
                None,
                None,
            ),
        ] {
            let granted = read(body).unwrap();
            assert_eq!(
                granted.tokens.access.expose_secret(),
                "aaaaaaaaaa",
                "{body}"
            );
            assert_eq!(granted.lifetime, lifetime, "{body}");
            let told = granted
                .tokens
                .refresh
                .as_ref()
                .map(ExposeSecret::expose_secret);
            assert_eq!(told, refresh, "{body}");
        }
    }

    #[test]
    fn refuses_what_is_no_usable_token() {
        for bad in [
            "",
            "[]",
            "<html>a=b</html>",
            r#"{"access_token":5}"#,
            r#"{"access_token":"short"}"#,
            r#"{"access_token":"with space"}"#,
            r#"{"access_token":"line\nbreak-x"}"#,
            r#"{"access_token":"aaaaaaaaaa","token_type":"DPoP"}"#,
            r#"{"token":"aaaaaaaaaa"}"#,
        ] {
            let refusal = read(bad).unwrap_err();
            assert_eq!(refusal.failure.code, FailureCode::InvalidResponse, "{bad}");
            assert!(!refusal.gone);
        }
    }

    #[test]
    fn an_error_is_one_whatever_its_status() {
        let refusal =
            read(r#"{"error":"bad_refresh_token","error_description":"gone"}"#).unwrap_err();
        assert!(refusal.gone);
        assert_eq!(refusal.failure.code, FailureCode::AuthFailed);
        for (status, body, code, gone) in [
            (
                400,
                r#"{"error":"invalid_grant"}"#,
                FailureCode::AuthFailed,
                true,
            ),
            (
                401,
                r#"{"error":"invalid_client"}"#,
                FailureCode::AuthFailed,
                false,
            ),
            (404, "<html>", FailureCode::AuthFailed, false),
            (429, "", FailureCode::RateLimited, false),
            (503, "x", FailureCode::Upstream5xx, false),
        ] {
            let refusal = refused(status, body.as_bytes(), &Masker::none());
            assert_eq!(
                (refusal.failure.code, refusal.gone),
                (code, gone),
                "{status}"
            );
        }
    }

    #[test]
    fn the_providers_words_are_masked_and_short() {
        let masker = Masker::new(&["the-client-secret".into()]);
        let body = format!(
            r#"{{"error":"invalid_client","error_description":"the-client-secret {}"}}"#,
            "x".repeat(999)
        );
        let refusal = refused(400, body.as_bytes(), &masker);
        let told = refusal.failure.details["error_description"]
            .as_str()
            .unwrap();
        assert!(
            !told.contains("the-client-secret") && told.len() < 400,
            "{told}"
        );
    }
}

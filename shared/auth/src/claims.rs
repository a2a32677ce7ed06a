//! What a token must say to be a person's session. Pure.

use domain::caller::Principal;
use domain::ids::UserId;
use serde_json::{Map, Value};
use std::time::Duration;
use uuid::Uuid;

use crate::error::Reason;
use crate::rules::TokenRules;

/// How far two clocks may differ.
pub(crate) const LEEWAY: Duration = Duration::from_secs(5);

/// How far ahead `iat` may be: an issuer's clock that is off is no attack, but a date is.
const MAX_ISSUED_AHEAD: Duration = Duration::from_secs(60);

/// The last second that is taken for a time: the end of the year 9999.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// The longest e-mail address that is carried on (RFC 5321).
const MAX_EMAIL_BYTES: usize = 254;

/// A person's session, with the second from which it is over (the leeway is counted in).
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) principal: Principal,
    pub(crate) over_at: f64,
}

/// Reads the claims of a token whose signature is good. `now` is in seconds since 1970.
///
/// `exp`, `iss`, `aud`, `sub` and `role` must be there; `nbf` and `iat` are checked when they are.
/// Rights come from the membership row: of `user_metadata` nothing is read but that an address is not verified.
pub(crate) fn session(
    claims: &Map<String, Value>,
    rules: &TokenRules,
    now: f64,
) -> Result<Session, Reason> {
    let expires = times(claims, rules, now)?;
    if text(claims, "iss")? != rules.issuer {
        return Err(Reason::ClaimRefused("iss"));
    }
    audience(claims, &rules.audience)?;
    if text(claims, "role")? != "authenticated" {
        return Err(Reason::ClaimRefused("role"));
    }
    match claims.get("is_anonymous") {
        None | Some(Value::Null | Value::Bool(false)) => {}
        Some(_) => return Err(Reason::Anonymous),
    }
    let user = user_id(text(claims, "sub")?)?;
    Ok(Session {
        principal: Principal::user(user, email(claims)),
        over_at: expires + LEEWAY.as_secs_f64(),
    })
}

/// Checks the times and answers `exp`.
fn times(claims: &Map<String, Value>, rules: &TokenRules, now: f64) -> Result<f64, Reason> {
    let leeway = LEEWAY.as_secs_f64();
    let expires = seconds(claims, "exp")?.ok_or(Reason::ClaimMissing("exp"))?;
    if now >= expires + leeway {
        return Err(Reason::Expired);
    }
    if expires - now > rules.max_lifetime.as_secs_f64() + leeway {
        return Err(Reason::LifetimeTooLong);
    }
    if seconds(claims, "nbf")?.is_some_and(|from| from > now + leeway) {
        return Err(Reason::NotYetValid);
    }
    let issued = seconds(claims, "iat")?;
    if issued.is_some_and(|at| at > now + MAX_ISSUED_AHEAD.as_secs_f64()) {
        return Err(Reason::NotYetValid);
    }
    Ok(expires)
}

fn audience(claims: &Map<String, Value>, wanted: &str) -> Result<(), Reason> {
    let found = match claims.get("aud") {
        None => return Err(Reason::ClaimMissing("aud")),
        Some(Value::String(one)) => one == wanted,
        Some(Value::Array(many)) => {
            many.iter().all(Value::is_string) && many.iter().any(|one| one == wanted)
        }
        Some(_) => false,
    };
    found.then_some(()).ok_or(Reason::ClaimRefused("aud"))
}

/// A UUID in its usual form of 36 characters, and no other of the forms a parser may know.
fn user_id(text: &str) -> Result<UserId, Reason> {
    (text.len() == 36)
        .then(|| Uuid::try_parse(text).ok())
        .flatten()
        .filter(|id| !id.is_nil())
        .map(UserId)
        .ok_or(Reason::ClaimRefused("sub"))
}

fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, Reason> {
    claims
        .get(name)
        .ok_or(Reason::ClaimMissing(name))?
        .as_str()
        .ok_or(Reason::ClaimRefused(name))
}

/// A time in seconds since 1970 (RFC 7519 allows fractions).
fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<f64>, Reason> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    match value {
        Value::Number(number) => number
            .as_f64()
            .filter(|seconds| (0.0..=LAST_SECOND).contains(seconds))
            .map(Some)
            .ok_or(Reason::ClaimRefused(name)),
        _ => Err(Reason::ClaimRefused(name)),
    }
}

/// The address, unless it is empty, could not be stored, or the token says that it is not verified: whoever is invited by
/// an address must own it. A token that says nothing comes from an issuer that signs in nobody before.
fn email(claims: &Map<String, Value>) -> Option<String> {
    let said = [
        Some(claims),
        claims.get("user_metadata").and_then(Value::as_object),
    ];
    let verified = said
        .into_iter()
        .flatten()
        .filter_map(|claims| claims.get("email_verified"))
        .all(|verified| matches!(verified, Value::Bool(true) | Value::Null));
    if !verified {
        return None;
    }
    let email = claims.get("email")?.as_str()?;
    let usable = (1..=MAX_EMAIL_BYTES).contains(&email.len()) && !email.contains(char::is_control);
    usable.then(|| email.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rules::DEFAULT_MAX_LIFETIME;

    const NOW: f64 = 1_800_000_000.0;
    const ALICE: &str = "7b0e3a0e-6d5c-4f53-9a4b-0d6a4c1f2b3a";

    fn read(change: &Value) -> Result<Session, Reason> {
        let rules = TokenRules {
            issuer: "https://issuer.example".to_owned(),
            audience: "authenticated".to_owned(),
            hs256_secret: None,
            jwks_url: None,
            max_lifetime: DEFAULT_MAX_LIFETIME,
        };
        let mut claims = json!({
            "iss": rules.issuer, "aud": rules.audience, "sub": ALICE, "role": "authenticated",
            "exp": NOW + 3600.0, "iat": NOW, "email": "alice@example.com"
        });
        let claims = claims.as_object_mut().unwrap();
        for (name, value) in change.as_object().unwrap() {
            if value == "absent" {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
        session(claims, &rules, NOW)
    }

    #[test]
    fn reads_a_session() {
        let session = read(&json!({})).unwrap();
        assert_eq!(session.principal.user_id.to_string(), ALICE);
        assert_eq!(
            session.principal.email.as_deref(),
            Some("alice@example.com")
        );
        for fine in [
            json!({"aud": ["other", "authenticated"]}),
            json!({"exp": NOW - 4.0}),
            json!({"nbf": NOW + 4.0}),
            json!({"iat": "absent"}),
            json!({"is_anonymous": false, "email": "", "user_metadata": {"role": "owner"}}),
        ] {
            assert!(read(&fine).is_ok(), "{fine}");
        }
        assert_eq!(
            read(&json!({"email": "a\u{0}b"})).unwrap().principal.email,
            None
        );
    }

    #[test]
    fn an_address_that_is_not_verified_is_none() {
        for (change, carried) in [
            (json!({"email_verified": true}), true),
            (json!({"user_metadata": {"email_verified": true}}), true),
            (json!({"user_metadata": {"email_verified": null}}), true),
            (json!({"email_verified": false}), false),
            (json!({"email_verified": "true"}), false),
            (json!({"user_metadata": {"email_verified": false}}), false),
            (
                json!({"email_verified": true, "user_metadata": {"email_verified": false}}),
                false,
            ),
        ] {
            let email = read(&change).unwrap().principal.email;
            assert_eq!(email.is_some(), carried, "{change}");
        }
    }

    #[test]
    fn refuses_what_is_no_session() {
        for (change, reason) in [
            (json!({"exp": "absent"}), Reason::ClaimMissing("exp")),
            (json!({"iss": "absent"}), Reason::ClaimMissing("iss")),
            (json!({"aud": "absent"}), Reason::ClaimMissing("aud")),
            (json!({"sub": "absent"}), Reason::ClaimMissing("sub")),
            (json!({"role": "absent"}), Reason::ClaimMissing("role")),
            (json!({"exp": null}), Reason::ClaimRefused("exp")),
            (json!({"exp": NOW - 5.0}), Reason::Expired),
            (
                json!({"exp": NOW + 32.0 * 86_400.0}),
                Reason::LifetimeTooLong,
            ),
            (json!({"nbf": NOW + 6.0}), Reason::NotYetValid),
            (json!({"nbf": "soon"}), Reason::ClaimRefused("nbf")),
            (json!({"iat": NOW + 86_400.0}), Reason::NotYetValid),
            (
                json!({"aud": ["authenticated", 1]}),
                Reason::ClaimRefused("aud"),
            ),
            (json!({"aud": {}}), Reason::ClaimRefused("aud")),
            (json!({"sub": "alice"}), Reason::ClaimRefused("sub")),
            (
                json!({"sub": ALICE.replace('-', "")}),
                Reason::ClaimRefused("sub"),
            ),
            (
                json!({"role": "service_role"}),
                Reason::ClaimRefused("role"),
            ),
            (
                json!({"role": ["authenticated"]}),
                Reason::ClaimRefused("role"),
            ),
            (json!({"is_anonymous": "no"}), Reason::Anonymous),
        ] {
            assert_eq!(read(&change).unwrap_err(), reason, "{change}");
        }
    }
}

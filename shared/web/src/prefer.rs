//! The header `Prefer` (RFC 7240): how long a caller would wait, and whether it would rather not.

use std::time::Duration;

use axum::extract::FromRequestParts;
use domain::fault::Fault;
use http::request::Parts;
use http::{HeaderName, HeaderValue};

use crate::problem::Problem;

const NAME: &str = "prefer";

/// Says which preference was followed.
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What was followed when the answer was not waited for.
pub const RESPOND_ASYNC: HeaderValue = HeaderValue::from_static("respond-async");

/// Longest wait: below the gateway's 29 s.
const MAX_WAIT: Duration = Duration::from_secs(25);

/// What the caller prefers. Preferences that are not known are passed over, as the RFC says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// `respond-async`: the answer is not waited for.
    pub respond_async: bool,
    /// `wait=N`: how long the answer may take; 25 s at most.
    pub wait: Option<Duration>,
}

impl<S: Send + Sync> FromRequestParts<S> for Prefer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut prefer = Self::default();
        for value in parts.headers.get_all(NAME) {
            let text = value.to_str().unwrap_or_default();
            for preference in text.split(',') {
                prefer.read(preference)?;
            }
        }
        Ok(prefer)
    }
}

impl Prefer {
    /// Reads one preference; the first of a name counts.
    fn read(&mut self, preference: &str) -> Result<(), Problem> {
        // Parameters of a preference follow a semicolon.
        let preference = preference.split(';').next().unwrap_or_default();
        let (name, value) = match preference.split_once('=') {
            Some((name, value)) => (name.trim(), value.trim().trim_matches('"')),
            None => (preference.trim(), ""),
        };
        if name.eq_ignore_ascii_case("respond-async") {
            self.respond_async = true;
        } else if name.eq_ignore_ascii_case("wait") && self.wait.is_none() {
            let seconds: u64 = value.parse().map_err(|_| {
                let fault =
                    Fault::new(NAME, "invalid_header", "wait is no whole number of seconds")
                        .hint("send Prefer: wait=10");
                Problem::invalid_request(vec![fault])
            })?;
            self.wait = Some(Duration::from_secs(seconds).min(MAX_WAIT));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    async fn read(values: &[&str]) -> Result<Prefer, Problem> {
        let mut request = Request::builder();
        for value in values {
            request = request.header(NAME, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        Prefer::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn preferences_are_read_and_unknown_ones_passed_over() {
        let none = read(&[]).await.unwrap();
        assert_eq!(none, Prefer::default());
        let both = read(&["Respond-Async, wait=10", "handling=lenient; x=1"])
            .await
            .unwrap();
        assert!(both.respond_async);
        assert_eq!(both.wait, Some(Duration::from_secs(10)));
        let long = read(&["wait=\"9999\""]).await.unwrap();
        assert_eq!(long.wait, Some(MAX_WAIT));
        let first = read(&["wait=1, wait=2"]).await.unwrap();
        assert_eq!(first.wait, Some(Duration::from_secs(1)));
    }

    #[tokio::test]
    async fn a_wait_is_a_number_of_seconds() {
        for bad in ["wait=soon", "wait=-1", "wait", "wait=1.5"] {
            assert!(read(&[bad]).await.is_err(), "{bad}");
        }
    }
}

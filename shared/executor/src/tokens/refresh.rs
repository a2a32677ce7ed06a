//! Getting a connection's next tokens under a claim: begun work is ended whether or not anybody still waits for it.

use std::time::Duration;

use chrono::Utc;
use domain::config::TokenSource;
use domain::failure::{Failure, FailureCode};
use domain::retry::Policy;
use secrecy::SecretString;
use serde_json::Value;
use tokio::time::Instant;
use vault::{Claim, Granted};

use super::answer::{self, Refusal};
use super::ask::{Answered, Asking, WITHIN};
use super::request::{self, Grant, Request};
use crate::attempt::random;
use crate::credentials;
use crate::error::ExecuteError;
use crate::run::Ended;

/// How a save that did not go through is repeated: what the provider gave is not to be lost.
const SAVING: Policy = Policy {
    max_attempts: 5,
    base: Duration::from_millis(50),
    cap: Duration::from_secs(1),
};
const SAVE_WITHIN: Duration = Duration::from_secs(5);

/// How long a claim lasts in seconds: longer than asking and saving may take together.
pub(crate) const LEASE_SECONDS: i32 = 20;

/// From the claim on: reading secrets and asking, so that what is left of the lease is enough to save.
const ASK_WITHIN: Duration = Duration::from_secs(15);

/// One refresh under way.
pub(crate) struct Refresh {
    pub(crate) asking: Asking,
    pub(crate) source: TokenSource,
    pub(crate) claim: Claim,
    /// When the claim was asked for, which is before its lease began.
    pub(crate) since: Instant,
    /// The token was refused before its time.
    pub(crate) forced: bool,
}

/// What came of it, and every secret that was seen on the way.
pub(crate) struct Refreshed {
    pub(crate) result: Result<(), Ended>,
    pub(crate) seen: Vec<SecretString>,
}

impl Refresh {
    /// Gets new tokens and keeps them, or gives the claim up.
    pub(crate) async fn run(mut self) -> Refreshed {
        let mut seen = Vec::new();
        let got = match self.claim.denied.take() {
            Some(denied) => Err(credentials::refused(denied)),
            None => self.ask(&mut seen).await,
        };
        let result = match got {
            Ok(granted) => {
                seen.push(granted.tokens.access.clone());
                seen.extend(granted.tokens.refresh.clone());
                self.keep(&granted).await
            }
            Err(ended) => Err(ended),
        };
        Refreshed { result, seen }
    }

    async fn ask(&self, seen: &mut Vec<SecretString>) -> Result<Granted, Ended> {
        let refusal = match self.try_once(seen).await {
            Ok(granted) => return Ok(granted),
            Err(Missed::Told(refusal)) => refusal,
            Err(Missed::Ended(Ended::Failed(failure))) => Refusal::from(*failure),
            Err(Missed::Ended(refused @ Ended::Refused(_))) => {
                self.give_up(&Value::Null, false).await;
                return Err(refused);
            }
        };
        let gone = refusal.gone && matches!(self.source, TokenSource::AuthorizationCode(_));
        let failure = if gone {
            super::obtain::connect_again(refusal.failure, self.asking.tool_id.as_str())
        } else {
            refusal.failure
        };
        let why = serde_json::to_value(&failure).unwrap_or_default();
        self.give_up(&why, gone).await;
        Err(failure.into())
    }

    async fn try_once(&self, seen: &mut Vec<SecretString>) -> Result<Granted, Missed> {
        let request = tokio::time::timeout_at(self.since + ASK_WITHIN, self.request(seen)).await;
        let request = request.map_err(|_| super::obtain::not_refreshed())??;
        let deadline = ask_until(self.since, Instant::now());
        let answered = self.asking.send(request, true, deadline).await?;
        Ok(self.read(&answered)?)
    }

    /// The request for the next token. The secrets of it are read here, each use in the audit.
    async fn request(&self, seen: &mut Vec<SecretString>) -> Result<Request, Missed> {
        let Some(endpoint) = self.source.endpoint() else {
            return Err(Missed::Told(self.no_way()));
        };
        let names = request::names(&self.source);
        let held = self.asking.secrets(endpoint.url(), &names).await?;
        seen.extend(held.secrets.iter().map(|(_, value)| value.clone()));
        let request = match &self.source {
            TokenSource::ClientCredentials(client) => {
                request::of_client(client, &Grant::Client, &held)?
            }
            TokenSource::AuthorizationCode(code) => {
                let tokens = self.claim.tokens.as_ref();
                let Some(refresh) = tokens.and_then(|tokens| tokens.refresh.as_ref()) else {
                    return Err(Missed::Told(self.no_way()));
                };
                request::of_client(&code.client, &Grant::Refresh(refresh), &held)?
            }
            TokenSource::JwtBearer(jwt) => {
                let assertion = credentials::jwt::assertion(jwt, &held.secrets, Utc::now())?;
                request::of_assertion(endpoint.url(), &assertion, &jwt.token_params, &held)?
            }
            TokenSource::TwoStep(login) => request::of_login(login, &held)?,
        };
        seen.extend(request.seen.iter().cloned());
        seen.extend(request.pairs.iter().map(|(_, password)| password.clone()));
        Ok(request)
    }

    /// Without a refresh token there is no way but a new consent. A token that was refused before its time may
    /// still be good for other calls, so it stays.
    fn no_way(&self) -> Refusal {
        let failure = Failure::new(
            FailureCode::AuthFailed,
            "The connection's token is refused or has ended, and its provider gave none to refresh it with.",
            "Connect again.",
        );
        Refusal {
            failure: super::obtain::connect_again(failure, self.asking.tool_id.as_str()),
            gone: !self.forced,
        }
    }

    /// Without a new refresh token the old one stays good (RFC 6749, 6).
    fn read(&self, answered: &Answered) -> Result<Granted, Refusal> {
        let mut granted = match &self.source {
            TokenSource::TwoStep(login) => return answer::logged_in(&answered.body, login),
            TokenSource::ClientCredentials(_)
            | TokenSource::AuthorizationCode(_)
            | TokenSource::JwtBearer(_) => answer::granted(&answered.body, &answered.masker)?,
        };
        match &self.source {
            TokenSource::AuthorizationCode(_) => {
                let before = self.claim.tokens.as_ref();
                let before = before.and_then(|tokens| tokens.refresh.clone());
                granted.tokens.refresh = granted.tokens.refresh.or(before);
            }
            // These are simply got anew.
            TokenSource::ClientCredentials(_)
            | TokenSource::JwtBearer(_)
            | TokenSource::TwoStep(_) => granted.tokens.refresh = None,
        }
        Ok(granted)
    }

    /// Before anybody uses the tokens they are kept, durably. When that cannot be done the claim is left to its
    /// end: the next one tries the refresh token that is still there.
    async fn keep(&self, granted: &Granted) -> Result<(), Ended> {
        let vault = &self.asking.executor.vault;
        let deadline = Instant::now() + SAVE_WITHIN;
        let mut attempt = 1;
        loop {
            let kept = vault
                .keep_tokens(&self.asking.caller, &self.claim, granted)
                .await;
            let error = match kept {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(pause) = SAVING.pause(attempt, random(), None, left) else {
                tracing::error!(%error, connection_id = %self.claim.id, "new tokens could not be kept");
                return Err(Ended::Refused(ExecuteError::AuditUnavailable(error)));
            };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn give_up(&self, why: &Value, gone: bool) {
        let vault = &self.asking.executor.vault;
        let given = vault
            .release_claim(&self.asking.caller, &self.claim, why, gone)
            .await;
        if let Err(error) = given {
            tracing::warn!(%error, connection_id = %self.claim.id, "a claim ends by itself");
        }
    }
}

/// When asking ends that begins now under a claim of then. Past the lease another process asks, and a refresh token
/// that two show is taken by some providers for a stolen one.
fn ask_until(since: Instant, now: Instant) -> Instant {
    (now + WITHIN).min(since + ASK_WITHIN)
}

/// Why nothing was got.
enum Missed {
    Told(Refusal),
    Ended(Ended),
}

impl From<Refusal> for Missed {
    fn from(refusal: Refusal) -> Self {
        Self::Told(refusal)
    }
}

impl From<Failure> for Missed {
    fn from(failure: Failure) -> Self {
        Self::Told(failure.into())
    }
}

impl From<Ended> for Missed {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_leaves_time_to_save_before_the_lease_ends() {
        let since = Instant::now();
        let seconds = |seconds| since + Duration::from_secs(seconds);
        let lease = seconds(u64::try_from(LEASE_SECONDS).unwrap());
        for (now, end) in [(0, 10), (4, 14), (5, 15), (9, 15), (15, 15), (60, 15)] {
            assert_eq!(ask_until(since, seconds(now)), seconds(end), "{now}");
            assert!(ask_until(since, seconds(now)) + SAVE_WITHIN <= lease);
        }
    }
}

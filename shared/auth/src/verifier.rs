//! Finds out whose session a token is.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::caller::Principal;

use crate::claims;
use crate::clock::{Clock, unix_seconds};
use crate::error::{AuthError, Reason};
use crate::jwks::Jwks;
use crate::key::Key;
use crate::key_set::KEYS_TTL;
use crate::remembered::{Entry, Remembered, fingerprint};
use crate::rules::{TokenRules, is_weak, jwks_address};
use crate::token::{Algorithm, Token};

/// Verifies session tokens by the operator's rules. Needs no database.
pub struct Verifier {
    rules: TokenRules,
    clock: Clock,
    shared: Option<Arc<Key>>,
    jwks: Option<Jwks>,
    remembered: Remembered,
}

/// A key that a token has to be checked with, and until when the outcome may be remembered.
struct Chosen {
    key: Arc<Key>,
    generation: u64,
    remember_until: SystemTime,
}

impl Verifier {
    /// A verifier for these rules. Keys that [`TokenRules::check`] objects to are not used.
    pub fn new(rules: TokenRules, clock: Clock) -> Self {
        let shared = rules
            .hs256_secret
            .as_ref()
            .filter(|secret| !is_weak(secret))
            .map(|secret| Arc::new(Key::shared(secret)));
        let jwks = rules
            .jwks_url
            .as_deref()
            .and_then(jwks_address)
            .map(|url| Jwks::new(url, clock.clone()));
        Self {
            rules,
            clock,
            shared,
            jwks,
            remembered: Remembered::default(),
        }
    }

    /// Whose session this token is.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`] with the reason; [`AuthError::KeysUnavailable`] when the issuer's
    /// keys are needed and cannot be had.
    pub async fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        if token.len() > crate::MAX_TOKEN_BYTES {
            return Err(Reason::TooLarge.into());
        }
        let fingerprint = fingerprint(token);
        let generation = self.jwks.as_ref().map_or(0, Jwks::generation);
        let now = self.clock.now();
        if let Some(known) = self.remembered.recall(&fingerprint, generation, now) {
            return Ok(known);
        }
        let token = Token::parse(token)?;
        let chosen = self.choose(&token).await?;
        chosen.key.verify(&token)?;
        let now = self.clock.now();
        let session = claims::session(&token.claims()?, &self.rules, unix_seconds(now))?;
        let over_at = UNIX_EPOCH + Duration::from_secs_f64(session.over_at);
        let entry = Entry {
            principal: session.principal.clone(),
            until: over_at.min(chosen.remember_until),
            generation: chosen.generation,
        };
        if now < entry.until {
            self.remembered.keep(fingerprint, entry, now);
        }
        Ok(session.principal)
    }

    /// The key is chosen by `kid`. The shared secret counts only when no published key has that `kid`.
    async fn choose(&self, token: &Token<'_>) -> Result<Chosen, AuthError> {
        let may_be_shared = token.algorithm == Algorithm::Hs256;
        if let (Some(jwks), Some(kid)) = (&self.jwks, token.kid.as_deref()) {
            // A published key never is an HS256 key: for such a token fresh keys settle the matter.
            if let Some(found) = jwks.find(kid, !may_be_shared).await? {
                return Ok(Chosen {
                    key: found.key,
                    generation: found.generation,
                    remember_until: found.fresh_until,
                });
            }
        }
        match &self.shared {
            Some(shared) if may_be_shared => Ok(Chosen {
                key: Arc::clone(shared),
                generation: self.jwks.as_ref().map_or(0, Jwks::generation),
                remember_until: self.clock.now() + KEYS_TTL,
            }),
            Some(_) | None => Err(Reason::UnknownKey.into()),
        }
    }
}

//! Finds out who is asking: session tokens, workspace API keys, the chosen workspace.
//!
//! A request's `Authorization` headers go through [`bearer`]; the token or key through
//! [`Authenticator::enter`], which answers a [`domain::caller::Caller`] in one trip to the database.
//! Rights come from the membership row, never from what a token says about them.

pub mod api_key;
mod authenticator;
mod bearer;
mod claims;
mod clock;
mod error;
mod jwks;
mod key;
mod key_set;
mod remembered;
mod rules;
mod strict;
mod token;
mod verifier;

pub use authenticator::Authenticator;
pub use bearer::{MAX_TOKEN_BYTES, bearer};
pub use clock::Clock;
pub use error::{AuthError, Reason};
pub use key_set::KEYS_TTL;
pub use rules::{DEFAULT_MAX_LIFETIME, MIN_HS256_SECRET_BYTES, RulesError, TokenRules};
pub use verifier::Verifier;

#[cfg(test)]
mod hostile_tokens;

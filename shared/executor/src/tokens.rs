//! Tokens that a tool's auth obtains: taken from their connection, got anew by one process at a time, given by people.
//!
//! What is decided is pure (`settings`, `request`, `answer`); [`obtain`] takes a token for a call, `refresh` gets the
//! next one under a claim, `consent` is the way of a person through a provider's pages.

pub(crate) mod answer;
mod ask;
mod authorization;
mod consent;
mod obtain;
mod refresh;
mod request;
mod settings;

pub use consent::{Arrival, ConnectError, Consent, ConsentError, Link};
pub(crate) use obtain::{Wanted, obtain};

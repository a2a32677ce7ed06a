//! The issuer's published keys, and the rules on when to ask for them again. Pure.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::clock::age;
use crate::key::Key;

/// How long fetched keys are believed: a key that the issuer removed is refused after this at the latest.
pub const KEYS_TTL: Duration = Duration::from_secs(10 * 60);

/// How long known keys are used on while the issuer does not answer.
pub(crate) const STALE_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The pause between two questions for a key that is not known, and after a failed one.
pub(crate) const REFETCH_PAUSE: Duration = Duration::from_secs(30);

/// The pause after a failed question while no keys are known at all.
pub(crate) const COLD_PAUSE: Duration = Duration::from_secs(5);

/// More keys than any issuer publishes.
const MAX_KEYS: usize = 100;

/// The keys of one answer.
pub(crate) struct KeySet {
    keys: HashMap<String, Arc<Key>>,
    fetched_at: SystemTime,
    /// Counts the answers, so that what was verified with an older one can be told.
    pub(crate) generation: u64,
}

/// A key, and until when what it verified may be remembered.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) key: Arc<Key>,
    pub(crate) generation: u64,
    pub(crate) fresh_until: SystemTime,
}

impl KeySet {
    /// Reads an answer; `None` if it is no JWKS. Members that are not used here are left out, and of
    /// two with the same `kid` the first counts.
    pub(crate) fn read(body: &[u8]) -> Option<HashMap<String, Arc<Key>>> {
        let document: Value = serde_json::from_slice(body).ok()?;
        let mut keys = HashMap::new();
        for jwk in document.get("keys")?.as_array()?.iter().take(MAX_KEYS) {
            if let Some((kid, key)) = Key::published(jwk) {
                keys.entry(kid).or_insert_with(|| Arc::new(key));
            }
        }
        Some(keys)
    }
}

/// What is known of the issuer's keys.
#[derive(Default)]
pub(crate) struct Knowledge {
    set: Option<KeySet>,
    generation: u64,
    failed_at: Option<SystemTime>,
    missed_at: Option<SystemTime>,
}

/// What to do about a `kid`.
pub(crate) enum Step {
    /// This key.
    Use(Found),
    /// The issuer has no such key.
    Unknown,
    /// Nobody can say.
    Unavailable,
    /// Ask the issuer.
    Fetch(Why),
}

/// Why the issuer is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nothing is known, or what is known is too old.
    Expired,
    /// A `kid` is not among fresh keys: perhaps a new key.
    UnknownKid,
}

impl Knowledge {
    /// What to do about this `kid`. `may_be_new` is false when fresh keys without it settle the matter.
    pub(crate) fn step(&self, kid: &str, may_be_new: bool, now: SystemTime) -> Step {
        let within = |then: Option<SystemTime>, pause| then.is_some_and(|at| age(now, at) < pause);
        let known = self
            .set
            .as_ref()
            .map(|set| (set, age(now, set.fetched_at)))
            .filter(|(_, age)| *age < STALE_LIMIT);
        let Some((set, age)) = known else {
            return if within(self.failed_at, COLD_PAUSE) {
                Step::Unavailable
            } else {
                Step::Fetch(Why::Expired)
            };
        };
        if age >= KEYS_TTL && !within(self.failed_at, REFETCH_PAUSE) {
            return Step::Fetch(Why::Expired);
        }
        match set.keys.get(kid) {
            Some(key) => Step::Use(Found {
                key: Arc::clone(key),
                generation: set.generation,
                fresh_until: set.fetched_at + KEYS_TTL,
            }),
            None if may_be_new && age < KEYS_TTL && !within(self.missed_at, REFETCH_PAUSE) => {
                Step::Fetch(Why::UnknownKid)
            }
            None => Step::Unknown,
        }
    }

    /// The generation of the keys now in use.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes note of the issuer's answer (`None`: none, or not a JWKS). A set without a usable key
    /// does not displace keys that are still fresh; when they are not, it is believed.
    pub(crate) fn learn(
        &mut self,
        why: Why,
        answer: Option<HashMap<String, Arc<Key>>>,
        now: SystemTime,
    ) {
        if why == Why::UnknownKid {
            self.missed_at = Some(now);
        }
        let believed = answer.filter(|keys| !keys.is_empty() || why == Why::Expired);
        let Some(keys) = believed else {
            self.failed_at = Some(now);
            return;
        };
        self.generation += 1;
        self.failed_at = None;
        self.set = Some(KeySet {
            keys,
            fetched_at: now,
            generation: self.generation,
        });
    }
}

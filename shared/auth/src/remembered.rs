//! Remembers tokens that were verified, so that a session's next request costs a hash, not a signature.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use domain::caller::Principal;

/// How many tokens are remembered.
const CAPACITY: usize = 4096;

/// SHA-256 of a token: the token itself is not kept.
pub(crate) type Fingerprint = [u8; 32];

/// The fingerprint of a token.
pub(crate) fn fingerprint(token: &str) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}

/// What is remembered of a token.
pub(crate) struct Entry {
    pub(crate) principal: Principal,
    /// The session is over, or its key has to be looked at again.
    pub(crate) until: SystemTime,
    /// The generation of the published keys at that time.
    pub(crate) generation: u64,
}

/// Verified tokens by fingerprint.
#[derive(Default)]
pub(crate) struct Remembered(RwLock<HashMap<Fingerprint, Entry>>);

impl Remembered {
    /// Whose token this is, if it was verified with the keys of this generation and still counts.
    pub(crate) fn recall(
        &self,
        token: &Fingerprint,
        generation: u64,
        now: SystemTime,
    ) -> Option<Principal> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(token)?;
        (entry.generation == generation && now < entry.until).then(|| entry.principal.clone())
    }

    /// Remembers a token. When there is no room, those that no longer count go, else all.
    pub(crate) fn keep(&self, token: Fingerprint, entry: Entry, now: SystemTime) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= CAPACITY {
            entries.retain(|_, other| other.generation == entry.generation && now < other.until);
        }
        if entries.len() >= CAPACITY {
            entries.clear();
        }
        entries.insert(token, entry);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use domain::ids::UserId;
    use uuid::Uuid;

    use super::*;

    fn entry(seconds: u64) -> Entry {
        Entry {
            principal: Principal::user(UserId(Uuid::from_u128(1)), None),
            until: UNIX_EPOCH + Duration::from_secs(seconds),
            generation: 1,
        }
    }

    #[test]
    fn forgets_by_time_and_by_generation() {
        let remembered = Remembered::default();
        let token = fingerprint("token");
        remembered.keep(token, entry(10), UNIX_EPOCH);
        let later = UNIX_EPOCH + Duration::from_secs(9);
        assert!(remembered.recall(&token, 1, later).is_some());
        assert!(remembered.recall(&token, 2, later).is_none());
        assert!(
            remembered
                .recall(&token, 1, later + Duration::from_secs(1))
                .is_none()
        );
        assert!(remembered.recall(&fingerprint("other"), 1, later).is_none());
    }

    #[test]
    fn is_bounded() {
        let remembered = Remembered::default();
        for n in 0..=CAPACITY {
            remembered.keep(fingerprint(&n.to_string()), entry(10), UNIX_EPOCH);
        }
        assert_eq!(remembered.0.read().unwrap().len(), 1);
    }
}

//! Keeps opened data keys for a short while, so that a call does not open its workspace's key each time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::ids::WorkspaceId;
use uuid::Uuid;

use crate::seal::KeyBytes;

/// How long a key is kept.
const TTL: Duration = Duration::from_secs(60);

/// How many keys are kept.
const CAPACITY: usize = 256;

/// Which key of which workspace.
type Id = (WorkspaceId, Uuid);

/// Opened data keys; each is wiped when it goes.
#[derive(Default)]
pub(crate) struct OpenKeys(Mutex<HashMap<Id, (KeyBytes, Instant)>>);

impl OpenKeys {
    /// The key, if it was opened within the last minute.
    pub(crate) fn get(&self, id: &Id, now: Instant) -> Option<KeyBytes> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, since) = keys.get(id)?;
        if now.saturating_duration_since(*since) < TTL {
            return Some(key.clone());
        }
        keys.remove(id);
        None
    }

    /// Keeps a key that was just opened. When there is no room, old ones go, else all.
    pub(crate) fn keep(&self, id: Id, key: KeyBytes, now: Instant) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= CAPACITY {
            keys.retain(|_, (_, since)| now.saturating_duration_since(*since) < TTL);
        }
        if keys.len() >= CAPACITY {
            keys.clear();
        }
        keys.insert(id, (key, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::random_key;

    fn id(n: u128) -> Id {
        (WorkspaceId(Uuid::from_u128(1)), Uuid::from_u128(n))
    }

    #[test]
    fn keeps_keys_for_a_minute_and_apart() {
        let keys = OpenKeys::default();
        let start = Instant::now();
        let key = random_key().unwrap();
        keys.keep(id(1), key.clone(), start);
        let late = start + TTL - Duration::from_secs(1);
        assert_eq!(keys.get(&id(1), late), Some(key));
        assert_eq!(keys.get(&id(2), late), None);
        let neighbour = (WorkspaceId(Uuid::from_u128(2)), Uuid::from_u128(1));
        assert_eq!(keys.get(&neighbour, late), None);
        assert_eq!(keys.get(&id(1), start + TTL), None);
        assert!(keys.0.lock().unwrap().is_empty());
    }

    #[test]
    fn is_bounded() {
        let keys = OpenKeys::default();
        let now = Instant::now();
        for n in 0..=CAPACITY as u128 {
            keys.keep(id(n), random_key().unwrap(), now);
        }
        assert_eq!(keys.0.lock().unwrap().len(), 1);
    }
}

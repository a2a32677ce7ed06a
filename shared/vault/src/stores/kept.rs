//! Keeps values of a remote store for a short while, and lets many calls share one reading.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::ids::{SecretId, WorkspaceId};
use secrecy::SecretString;
use tokio::sync;

use super::{Freshness, StoreError};

/// How many values are kept.
const CAPACITY: usize = 256;

/// A value that was read anew is not read anew again so soon: an upstream that refuses a wrong value
/// each time must not make us ask the store each time.
const RENEWAL_PAUSE: Duration = Duration::from_secs(2);

/// Which version of which secret of which workspace.
pub(super) type Key = (WorkspaceId, SecretId, i32);

type Slot = Arc<sync::Mutex<Held>>;

/// Values by their secret and version; each is wiped when it goes.
pub(super) struct Kept {
    ttl: Duration,
    slots: Mutex<HashMap<Key, Slot>>,
}

/// What is known about one value.
#[derive(Default)]
struct Held {
    /// The value, and when its reading began.
    value: Option<(SecretString, Instant)>,
    /// Why the last reading gave none, and when it ended.
    failure: Option<(StoreError, Instant)>,
    /// When it was last read because an upstream had refused it.
    renewed: Option<Instant>,
}

impl Kept {
    pub(super) fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            slots: Mutex::default(),
        }
    }

    /// The value: a kept one, or `read` once for all who wait.
    pub(super) async fn get<F>(
        &self,
        key: Key,
        freshness: Freshness,
        read: impl FnOnce() -> F,
    ) -> Result<SecretString, StoreError>
    where
        F: Future<Output = Result<SecretString, StoreError>>,
    {
        let asked = Instant::now();
        let slot = self.slot(key, asked);
        // Dropped midway, the lock goes to the next one who waits, and nothing was kept.
        let mut held = slot.lock().await;
        if let Some(known) = held.known(asked, freshness, self.ttl, Instant::now()) {
            return known;
        }
        let began = Instant::now();
        let outcome = read().await;
        held.learn(outcome, freshness, self.ttl, began, Instant::now())
    }

    fn slot(&self, key: Key, now: Instant) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // What is over goes at once, not when somebody asks for it: it is a secret. What somebody is about
        // to read or waits for stays.
        slots.retain(|_, slot| {
            Arc::strong_count(slot) > 1
                || slot.try_lock().is_ok_and(|held| held.lives(self.ttl, now))
        });
        if slots.len() >= CAPACITY && !slots.contains_key(&key) {
            slots.clear();
        }
        Arc::clone(slots.entry(key).or_default())
    }
}

impl Held {
    fn lives(&self, ttl: Duration, now: Instant) -> bool {
        let within =
            |(_, began): &(SecretString, Instant)| now.saturating_duration_since(*began) < ttl;
        self.value.as_ref().is_some_and(within)
    }

    /// What somebody who asked at `asked` can be told without a reading.
    fn known(
        &self,
        asked: Instant,
        freshness: Freshness,
        ttl: Duration,
        now: Instant,
    ) -> Option<Result<SecretString, StoreError>> {
        if let Some((failure, ended)) = &self.failure
            && *ended >= asked
        {
            return Some(Err(failure.clone()));
        }
        let (value, began) = self.value.as_ref()?;
        // A reading that began after the question answers it, whatever may be kept.
        let answers = *began >= asked;
        let kept = now.saturating_duration_since(*began) < ttl;
        let paused = |at: Instant| now.saturating_duration_since(at) < RENEWAL_PAUSE;
        let fresh_enough = match freshness {
            Freshness::Kept => true,
            Freshness::Anew => self.renewed.is_some_and(paused),
        };
        (answers || kept && fresh_enough).then(|| Ok(value.clone()))
    }

    /// Remembers a reading, and says what it comes to. A value that cannot be read anew stays what it was.
    fn learn(
        &mut self,
        outcome: Result<SecretString, StoreError>,
        freshness: Freshness,
        ttl: Duration,
        began: Instant,
        now: Instant,
    ) -> Result<SecretString, StoreError> {
        match outcome {
            Ok(value) => {
                self.failure = None;
                self.value = Some((value.clone(), began));
                if freshness == Freshness::Anew {
                    self.renewed = Some(now);
                }
                Ok(value)
            }
            Err(failure @ StoreError::Unavailable(_)) => match &self.value {
                Some((value, began)) if now.saturating_duration_since(*began) < ttl => {
                    Ok(value.clone())
                }
                Some(_) | None => {
                    self.value = None;
                    self.failure = Some((failure.clone(), now));
                    Err(failure)
                }
            },
            Err(failure @ (StoreError::Gone | StoreError::Unusable(_))) => {
                self.value = None;
                self.failure = Some((failure.clone(), now));
                Err(failure)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use secrecy::ExposeSecret;
    use uuid::Uuid;

    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn key(workspace: u128, version: i32) -> Key {
        let id = SecretId(Uuid::from_u128(9));
        (WorkspaceId(Uuid::from_u128(workspace)), id, version)
    }

    fn down() -> StoreError {
        StoreError::Unavailable("no answer".to_owned())
    }

    fn holding(value: &str, began: Instant) -> Held {
        let mut held = Held::default();
        let outcome = Ok(SecretString::from(value));
        held.learn(outcome, Freshness::Kept, TTL, began, began)
            .unwrap();
        held
    }

    #[test]
    fn a_value_is_kept_for_its_time_and_wiped_after_it() {
        let start = Instant::now();
        let held = holding("the first value", start);
        let soon = start + TTL - Duration::from_secs(1);
        let known = held
            .known(soon, Freshness::Kept, TTL, soon)
            .unwrap()
            .unwrap();
        assert_eq!(known.expose_secret(), "the first value");
        let late = start + TTL;
        assert!(held.known(late, Freshness::Kept, TTL, late).is_none());
        assert!(held.lives(TTL, soon) && !held.lives(TTL, late));
        // With no time at all, a reading serves only those who were waiting for it.
        let none = Duration::ZERO;
        assert!(held.known(start, Freshness::Kept, none, start).is_some());
        assert!(held.known(soon, Freshness::Kept, none, soon).is_none());
    }

    #[test]
    fn a_refused_value_is_read_anew_but_not_each_time() {
        let start = Instant::now();
        let mut held = holding("the first value", start);
        let later = start + Duration::from_secs(10);
        assert!(held.known(later, Freshness::Anew, TTL, later).is_none());
        let outcome = Ok(SecretString::from("the second value"));
        held.learn(outcome, Freshness::Anew, TTL, later, later)
            .unwrap();
        let soon = later + RENEWAL_PAUSE - Duration::from_millis(1);
        assert!(held.known(soon, Freshness::Anew, TTL, soon).is_some());
        let then = later + RENEWAL_PAUSE;
        assert!(held.known(then, Freshness::Anew, TTL, then).is_none());
    }

    #[test]
    fn a_store_that_is_down_takes_no_kept_value_away() {
        let start = Instant::now();
        let mut held = holding("the first value", start);
        let soon = start + Duration::from_secs(1);
        let told = held.learn(Err(down()), Freshness::Anew, TTL, soon, soon);
        assert_eq!(told.unwrap().expose_secret(), "the first value");
        let late = start + TTL;
        let told = held.learn(Err(down()), Freshness::Kept, TTL, late, late);
        assert_eq!(told.unwrap_err(), down());
        // Who waited meanwhile is told the same; who asks afterwards tries again.
        assert!(matches!(
            held.known(soon, Freshness::Kept, TTL, late),
            Some(Err(_))
        ));
        let after = late + Duration::from_millis(1);
        assert!(held.known(after, Freshness::Kept, TTL, after).is_none());
    }

    #[test]
    fn a_value_that_is_gone_is_not_kept() {
        let start = Instant::now();
        let mut held = holding("the first value", start);
        let soon = start + Duration::from_secs(1);
        let told = held.learn(Err(StoreError::Gone), Freshness::Anew, TTL, soon, soon);
        assert_eq!(told.unwrap_err(), StoreError::Gone);
        assert!(!held.lives(TTL, soon));
    }

    #[tokio::test]
    async fn many_who_ask_at_once_share_one_reading() {
        let kept = Arc::new(Kept::new(TTL));
        let readings = Arc::new(AtomicUsize::new(0));
        let ask = |key: Key| {
            let (kept, readings) = (Arc::clone(&kept), Arc::clone(&readings));
            tokio::spawn(async move {
                let read = || async {
                    readings.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Ok(SecretString::from(format!("value of {key:?}")))
                };
                kept.get(key, Freshness::Kept, read).await.unwrap()
            })
        };
        let asked: Vec<_> = (0..50).map(|_| ask(key(1, 1))).collect();
        for one in asked {
            let told = one.await.unwrap();
            assert_eq!(told.expose_secret(), format!("value of {:?}", key(1, 1)));
        }
        assert_eq!(readings.load(Ordering::SeqCst), 1);
        for other in [key(2, 1), key(1, 2)] {
            let told = ask(other).await.unwrap();
            assert_eq!(told.expose_secret(), format!("value of {other:?}"));
        }
        assert_eq!(readings.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_reader_that_is_dropped_leaves_the_reading_to_the_next() {
        let kept = Arc::new(Kept::new(TTL));
        let hanging = Arc::clone(&kept);
        let first = tokio::spawn(async move {
            let never = || std::future::pending::<Result<SecretString, StoreError>>();
            hanging.get(key(1, 1), Freshness::Kept, never).await
        });
        tokio::task::yield_now().await;
        first.abort();
        let read = || async { Ok(SecretString::from("the first value")) };
        let told = kept.get(key(1, 1), Freshness::Kept, read).await.unwrap();
        assert_eq!(told.expose_secret(), "the first value");
    }
}

//! What was asked for last; a bounded number of it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// A map that forgets the entry that was used longest ago when it is full.
///
/// A hit takes a shared lock and one atomic store; finding the oldest, which looks at every entry, is
/// paid for by the miss alone.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    capacity: usize,
    clock: AtomicU64,
    entries: RwLock<HashMap<K, Entry<V>>>,
}

#[derive(Debug)]
struct Entry<V> {
    used: AtomicU64,
    value: Arc<V>,
}

impl<K: Clone + Eq + Hash, V: Default> Cache<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            clock: AtomicU64::new(0),
            entries: RwLock::new(HashMap::new()),
        }
    }

    /// The key's value, a new one if there is none.
    pub(crate) fn get(&self, key: K) -> Arc<V> {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        // A poisoned lock is as good as new: no write to the map can be half done.
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(&key) {
            entry.used.store(now, Ordering::Relaxed);
            return Arc::clone(&entry.value);
        }
        drop(entries);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.capacity && !entries.contains_key(&key) {
            let used = |entry: &Entry<V>| entry.used.load(Ordering::Relaxed);
            let oldest = entries.iter().min_by_key(|(_, entry)| used(entry));
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                entries.remove(&oldest);
            }
        }
        let entry = entries.entry(key).or_insert_with(|| Entry {
            used: AtomicU64::new(now),
            value: Arc::default(),
        });
        Arc::clone(&entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_was_used_longest_ago() {
        let cache: Cache<u8, u8> = Cache::new(2);
        let one = cache.get(1);
        let two = cache.get(2);
        assert!(Arc::ptr_eq(&one, &cache.get(1)));
        let three = cache.get(3);
        assert!(Arc::ptr_eq(&one, &cache.get(1)));
        assert!(Arc::ptr_eq(&three, &cache.get(3)));
        assert!(!Arc::ptr_eq(&two, &cache.get(2)));
    }
}

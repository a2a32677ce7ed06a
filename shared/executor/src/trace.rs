//! What one execution did outside so far: known even when its calls are dropped midway.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;
use vault::mask::Masker;

/// Shared by an execution and its calls. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Inner>);

#[derive(Default)]
struct Inner {
    seen: Mutex<Seen>,
    unsafe_calls: AtomicU32,
    keyed_calls: AtomicU32,
}

#[derive(Default)]
struct Seen {
    values: Vec<SecretString>,
    pairs: Vec<(SecretString, SecretString)>,
    masker: Option<Arc<Masker>>,
}

impl Trace {
    /// These values were read or computed: from now on nothing that holds one leaves unmasked. `pairs` are user
    /// names and passwords that Basic joins.
    pub(crate) fn saw(
        &self,
        values: impl IntoIterator<Item = SecretString>,
        pairs: impl IntoIterator<Item = (SecretString, SecretString)>,
    ) {
        let mut seen = self.seen();
        seen.values.extend(values);
        seen.pairs.extend(pairs);
        seen.masker = None;
    }

    /// Hides every value that was seen so far.
    pub(crate) fn masker(&self) -> Arc<Masker> {
        let mut seen = self.seen();
        if let Some(masker) = &seen.masker {
            return Arc::clone(masker);
        }
        let masker = if seen.values.is_empty() && seen.pairs.is_empty() {
            Masker::none()
        } else {
            Masker::with_basic(&seen.values, &seen.pairs)
        };
        let masker = Arc::new(masker);
        seen.masker = Some(Arc::clone(&masker));
        masker
    }

    /// A call goes out that would not be safe to make again.
    pub(crate) fn unsafe_call_begins(&self) {
        self.0.unsafe_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// That call was not sent, or refused before it was acted on.
    pub(crate) fn unsafe_call_had_no_effect(&self) {
        self.0.unsafe_calls.fetch_sub(1, Ordering::Relaxed);
    }

    /// Something may have had an effect, and to do it again would not be safe.
    pub(crate) fn is_uncertain(&self) -> bool {
        self.0.unsafe_calls.load(Ordering::Relaxed) > 0
    }

    /// The number of this call among those that carry the caller's idempotency key, from 1.
    pub(crate) fn next_keyed_call(&self) -> u32 {
        self.0.keyed_calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

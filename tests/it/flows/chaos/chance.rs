//! Randomness that a seed repeats, as far as the processes do.

use std::sync::{Arc, Mutex};

/// Cheap to clone; clones share their luck.
#[derive(Clone, Debug)]
pub(super) struct Chance(Arc<Mutex<u64>>);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed.max(1))))
    }

    /// Something below `end`, which is not 0 (xorshift64).
    pub(super) fn below(&self, end: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state % end
    }

    /// An index of a list of this length, unless it is empty.
    pub(super) fn index(&self, length: usize) -> Option<usize> {
        let length = u64::try_from(length).ok().filter(|length| *length > 0)?;
        usize::try_from(self.below(length)).ok()
    }
}

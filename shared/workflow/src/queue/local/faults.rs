//! What a queue may do to messages, by seeded chance. For tests alone.

/// **For tests alone.** The chances, each from 0 to 1, of what an at-least-once queue may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Faults {
    /// The same seed makes the same chances.
    pub seed: u64,
    /// A message that was taken is lost.
    pub lose: f64,
    /// A message is there twice.
    pub double: f64,
    /// A delivery is not the oldest message but any.
    pub shuffle: f64,
}

/// The chances as they fall.
#[derive(Debug)]
pub(super) struct Dice {
    faults: Faults,
    state: u64,
}

impl Dice {
    pub(super) const fn new(faults: Faults) -> Self {
        Self {
            faults,
            state: faults.seed,
        }
    }

    /// How many messages become of one.
    pub(super) fn copies(&mut self) -> usize {
        let Faults { lose, double, .. } = self.faults;
        match (self.falls(lose), self.falls(double)) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        }
    }

    /// Which of so many messages is next.
    pub(super) fn place(&mut self, len: usize) -> usize {
        if self.falls(self.faults.shuffle) {
            let len = u64::try_from(len).unwrap_or(u64::MAX).max(1);
            usize::try_from(self.next() % len).unwrap_or_default()
        } else {
            0
        }
    }

    fn falls(&mut self, chance: f64) -> bool {
        // 2^-32 times an integer below 2^32.
        let part =
            f64::from(u32::try_from(self.next() >> 32).unwrap_or_default()) / 4_294_967_296.0;
        part < chance
    }

    /// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

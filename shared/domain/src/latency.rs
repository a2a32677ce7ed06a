//! Percentiles of durations that were counted in buckets, so that counts of hours, doors and tools add up.
//!
//! Bucket 0 is below 100 µs; each one above it ends at 2^(1/4) times the end of the one before, the last one (95) at about 20
//! minutes and what is longer. A percentile read from them is within 19 % of the exact one. `0034_rollups.sql` counts the same way.

use std::collections::BTreeMap;

/// The last bucket.
const LAST: u8 = 95;
/// Where bucket 0 ends, in microseconds.
const FIRST_END_US: f64 = 100.0;
/// Buckets in which durations double.
const PER_DOUBLING: f64 = 4.0;

/// Durations in buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    counts: BTreeMap<u8, u64>,
    calls: u64,
    sum_us: u64,
}

impl Durations {
    /// Adds so many calls of a bucket, which took so long together; a bucket beyond the last is the last.
    pub fn add(&mut self, bucket: u8, calls: u64, sum_us: u64) {
        *self.counts.entry(bucket.min(LAST)).or_default() += calls;
        self.calls += calls;
        self.sum_us += sum_us;
    }

    /// Adds all of the other.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, calls) in &other.counts {
            *self.counts.entry(*bucket).or_default() += calls;
        }
        self.calls += other.calls;
        self.sum_us += other.sum_us;
    }

    /// How many calls.
    pub const fn calls(&self) -> u64 {
        self.calls
    }

    /// The mean in milliseconds; `None` without calls.
    pub fn mean_ms(&self) -> Option<f64> {
        (self.calls > 0).then(|| float(self.sum_us) / float(self.calls) / 1_000.0)
    }

    /// The duration in milliseconds that this share of the calls did not exceed (0.95: the 95th percentile, by nearest rank and
    /// evenly spread within its bucket); `None` without calls.
    pub fn percentile_ms(&self, share: f64) -> Option<f64> {
        let rank = (share * float(self.calls)).ceil().max(1.0);
        let mut below = 0.0;
        for (bucket, calls) in &self.counts {
            let calls = float(*calls);
            if below + calls >= rank {
                let (from, to) = (begin_us(*bucket), begin_us(bucket.saturating_add(1)));
                return Some((from + (to - from) * (rank - below) / calls) / 1_000.0);
            }
            below += calls;
        }
        None
    }
}

/// The bucket of a duration.
pub fn bucket(duration_us: u64) -> u8 {
    let duration = float(duration_us);
    if duration < FIRST_END_US {
        return 0;
    }
    let place = (PER_DOUBLING * (duration / FIRST_END_US).ln() / std::f64::consts::LN_2).floor();
    (1..=LAST)
        .find(|bucket| f64::from(*bucket) > place)
        .unwrap_or(LAST)
}

fn begin_us(bucket: u8) -> f64 {
    match bucket {
        0 => 0.0,
        bucket => FIRST_END_US * (f64::from(bucket - 1) / PER_DOUBLING).exp2(),
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts and microseconds are far below 2^53"
)]
const fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(durations: &[u64]) -> Durations {
        let mut counted = Durations::default();
        for duration in durations {
            counted.add(bucket(*duration), 1, *duration);
        }
        counted
    }

    #[test]
    fn buckets_begin_where_the_one_before_ends() {
        assert_eq!([0, 99, 100, 118, 119].map(bucket), [0, 0, 1, 1, 2]);
        assert_eq!([199, 201, 1_000_000].map(bucket), [4, 5, 54]);
        assert_eq!(
            [900_000_000, 2_000_000_000, u64::MAX].map(bucket),
            [93, 95, 95]
        );
    }

    #[test]
    fn without_calls_there_is_nothing_to_say() {
        assert_eq!(Durations::default().mean_ms(), None);
        assert_eq!(Durations::default().percentile_ms(0.5), None);
    }

    proptest! {
        #[test]
        fn percentiles_are_within_a_bucket_of_the_exact_ones(
            mut durations in prop::collection::vec(100_u64..900_000_000, 1..300),
            percent in 1_usize..=100,
        ) {
            let read = of(&durations).percentile_ms(float(percent as u64) / 100.0).unwrap() * 1_000.0;
            durations.sort_unstable();
            let rank = (percent * durations.len()).div_ceil(100);
            let ratio = read / float(durations[rank - 1]);
            prop_assert!((0.84..1.19).contains(&ratio), "{ratio}");
        }

        #[test]
        fn counts_add_up(
            one in prop::collection::vec(0_u64..900_000_000, 0..50),
            other in prop::collection::vec(0_u64..900_000_000, 0..50),
        ) {
            let mut merged = of(&one);
            merged.merge(&of(&other));
            prop_assert_eq!(merged, of(&[one, other].concat()));
        }
    }
}

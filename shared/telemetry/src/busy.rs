//! How long at least one of several things was going on: the union of their times, not the sum; pure.

use std::time::Duration;

use tokio::time::Instant;

/// Things that begin and end beside one another.
#[derive(Clone, Copy, Debug, Default)]
pub struct Busy {
    under_way: u32,
    /// When the first of those under way began.
    since: Option<Instant>,
    past: Duration,
}

impl Busy {
    /// One begins.
    pub fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
        self.under_way += 1;
    }

    /// One of those under way ends.
    pub fn end(&mut self, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        if self.under_way == 0
            && let Some(since) = self.since.take()
        {
            self.past += now.saturating_duration_since(since);
        }
    }

    /// The time so far in which any was under way.
    pub fn total(&self, now: Instant) -> Duration {
        let open = self.since.map(|since| now.saturating_duration_since(since));
        self.past + open.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The union of these intervals, in seconds, as it is seen at the end.
    fn union(intervals: &[(u64, u64)], end: u64) -> u64 {
        let zero = Instant::now();
        let at = |second: u64| zero + Duration::from_secs(second);
        let mut moments: Vec<(u64, bool)> = Vec::new();
        for (from, to) in intervals {
            moments.push((*from, true));
            moments.push((*to, false));
        }
        // What begins where another ends, or ends where it began, has begun first: the union is the same.
        moments.sort_unstable_by_key(|(second, begins)| (*second, !begins));
        let mut busy = Busy::default();
        for (second, begins) in moments.into_iter().filter(|(second, _)| *second <= end) {
            match begins {
                true => busy.begin(at(second)),
                false => busy.end(at(second)),
            }
        }
        busy.total(at(end)).as_secs()
    }

    #[test]
    fn times_that_overlap_count_once() {
        for (intervals, expected) in [
            (&[][..], 0),
            (&[(2, 5)], 3),
            (&[(0, 10)], 10),
            // One after the other, with and without a pause.
            (&[(1, 2), (4, 6)], 3),
            (&[(1, 3), (3, 6)], 5),
            // One within, one beyond, the same twice.
            (&[(1, 9), (3, 5)], 8),
            (&[(1, 5), (3, 8)], 7),
            (&[(2, 4), (2, 4)], 2),
            (&[(0, 4), (1, 2), (3, 6), (8, 9), (8, 9)], 7),
            // Nothing of it.
            (&[(3, 3)], 0),
        ] {
            assert_eq!(union(intervals, 10), expected, "{intervals:?}");
        }
    }

    #[test]
    fn what_is_under_way_counts_so_far() {
        assert_eq!(union(&[(2, 30)], 10), 8);
        assert_eq!(union(&[(2, 30), (1, 4)], 10), 9);
        assert_eq!(union(&[(1, 4), (9, 30)], 10), 4);
    }

    #[test]
    fn an_end_too_many_changes_nothing() {
        let now = Instant::now();
        let mut busy = Busy::default();
        busy.end(now);
        busy.begin(now);
        busy.end(now + Duration::from_secs(1));
        busy.end(now + Duration::from_secs(9));
        assert_eq!(busy.total(now + Duration::from_secs(9)).as_secs(), 1);
    }

    proptest::proptest! {
        /// Against a union that is made second by second.
        #[test]
        fn is_the_union_of_any_intervals(
            intervals in proptest::collection::vec((0_u64..40, 0_u64..20), 0..12)
        ) {
            let intervals: Vec<(u64, u64)> =
                intervals.into_iter().map(|(from, long)| (from, from + long)).collect();
            let covered = (0..60).filter(|second| {
                intervals.iter().any(|(from, to)| (from..to).contains(&second))
            });
            proptest::prop_assert_eq!(union(&intervals, 60), covered.count() as u64);
        }
    }
}

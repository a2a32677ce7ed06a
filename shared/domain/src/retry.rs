//! How long to wait before a failed call is repeated: exponential backoff with full jitter, and the
//! other side's own wish in `Retry-After`.
//!
//! One rule for everything that repeats calls: tools, OAuth token requests, secret stores, flow
//! steps and the model client. Deciding *whether* a failure is worth repeating is theirs.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::config::RetryRules;

/// How often and how patiently a call is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Calls at most, the first included.
    pub max_attempts: u32,
    /// The first pause at most; doubles with each attempt.
    pub base: Duration,
    /// The longest pause of our own choosing.
    pub cap: Duration,
}

impl Policy {
    /// The pause before the next call; `None` when there is to be none.
    ///
    /// `attempt` is how many calls were made (from 1), `random` is uniform in 0..1 (full jitter: the
    /// pause is that part of `min(cap, base × 2^(attempt − 1))`), `left` is the time to the deadline.
    /// A `Retry-After` is obeyed to the letter, even over `cap`. A pause that would use up what is left
    /// is pointless, so it is `None`; whoever wants a shorter limit on `Retry-After` passes a smaller
    /// `left`.
    ///
    /// ```
    /// # use std::time::Duration; use domain::retry::Policy;
    /// let second = Duration::from_secs(1);
    /// let policy = Policy { max_attempts: 3, base: second, cap: 30 * second };
    /// assert_eq!(policy.pause(2, 0.5, None, 20 * second), Some(second));
    /// assert_eq!(policy.pause(2, 0.5, Some(7 * second), 20 * second), Some(7 * second));
    /// assert_eq!(policy.pause(3, 0.5, None, 20 * second), None);
    /// ```
    pub fn pause(
        &self,
        attempt: u32,
        random: f64,
        retry_after: Option<Duration>,
        left: Duration,
    ) -> Option<Duration> {
        if attempt >= self.max_attempts {
            return None;
        }
        let pause = retry_after.unwrap_or_else(|| {
            let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
            let ceiling = self.base.saturating_mul(doubled).min(self.cap);
            ceiling.mul_f64(random.clamp(0.0, 1.0))
        });
        (pause < left).then_some(pause)
    }
}

impl From<&RetryRules> for Policy {
    fn from(rules: &RetryRules) -> Self {
        Self {
            max_attempts: rules.max_attempts,
            base: Duration::from_millis(rules.backoff_ms),
            cap: Duration::from_millis(rules.max_backoff_ms),
        }
    }
}

/// `Retry-After` as a time to wait (RFC 9110, 10.2.3): seconds, or a date in any of the three forms
/// of 5.6.7; a date that has passed is no time at all. `None` for anything else.
pub fn parse_retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(
            value.parse().unwrap_or(u64::from(u32::MAX)),
        ));
    }
    let wait = http_date(value)? - now;
    Some(wait.to_std().unwrap_or(Duration::ZERO))
}

fn http_date(value: &str) -> Option<DateTime<Utc>> {
    const FORMS: [&str; 3] = [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
    ];
    let parsed = FORMS
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(value, form).ok())?;
    Some(parsed.and_utc())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn policy() -> Policy {
        Policy {
            max_attempts: 5,
            base: SECOND,
            cap: 4 * SECOND,
        }
    }

    #[test]
    fn pauses_double_up_to_the_cap() {
        let pauses = (1..=5).map(|attempt| policy().pause(attempt, 1.0, None, 60 * SECOND));
        assert_eq!(
            pauses.collect::<Vec<_>>(),
            [
                Some(SECOND),
                Some(2 * SECOND),
                Some(4 * SECOND),
                Some(4 * SECOND),
                None
            ]
        );
    }

    #[test]
    fn obeys_retry_after_while_time_is_left() {
        let pause =
            |after: u32, left: u32| policy().pause(1, 0.0, Some(after * SECOND), left * SECOND);
        assert_eq!(pause(7, 20), Some(7 * SECOND));
        assert_eq!(pause(0, 20), Some(Duration::ZERO));
        assert_eq!(pause(20, 20), None);
        assert_eq!(pause(0, 0), None);
    }

    #[test]
    fn reads_seconds_and_dates() {
        let now = DateTime::parse_from_rfc3339("1994-11-06T08:49:00Z")
            .unwrap()
            .to_utc();
        for (value, wait) in [
            ("120", Some(120)),
            (" 1 ", Some(1)),
            ("0", Some(0)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("Sun, 32 Nov 1994 08:49:37 GMT", None),
        ] {
            let read = parse_retry_after(value, now);
            assert_eq!(read, wait.map(Duration::from_secs), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn a_pause_is_within_cap_and_time_left(
            attempt in any::<u32>(), random in any::<f64>(), left in 0_u64..100_000,
        ) {
            let left = Duration::from_millis(left);
            let random = if random.is_nan() { 0.0 } else { random };
            if let Some(pause) = policy().pause(attempt, random, None, left) {
                prop_assert!(pause <= policy().cap && pause < left);
            }
        }
    }
}

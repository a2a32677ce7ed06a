//! How long a failed step waits before its next attempt.

/// Longest pause, also where an upstream asks for more.
pub const MAX_BACKOFF_MS: u64 = 300_000;

/// Milliseconds before the attempt after `attempt` (counted from 1): full jitter over an exponential backoff, but not before
/// the upstream's `Retry-After`. `chance` is uniform in 0..1.
pub fn pause_ms(base_ms: u64, attempt: u32, retry_after_ms: Option<u64>, chance: f64) -> u64 {
    let doubled = 1_u64
        .checked_shl(attempt.saturating_sub(1))
        .unwrap_or(u64::MAX);
    let most = base_ms.saturating_mul(doubled).min(MAX_BACKOFF_MS);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "at most MAX_BACKOFF_MS, which a float holds exactly"
    )]
    let pause = (most as f64 * chance.clamp(0.0, 1.0)) as u64;
    let told = retry_after_ms.unwrap_or(0).min(MAX_BACKOFF_MS);
    // What everybody was told to wait is no reason to come back all at once.
    if told > 0 {
        (told + pause).min(MAX_BACKOFF_MS)
    } else {
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_are_spread_and_have_an_end() {
        assert_eq!(pause_ms(1_000, 1, None, 1.0), 1_000);
        assert_eq!(pause_ms(1_000, 4, None, 1.0), 8_000);
        assert_eq!(pause_ms(1_000, 4, None, 0.25), 2_000);
        assert_eq!(pause_ms(1_000, 99, None, 1.0), MAX_BACKOFF_MS);
        assert_eq!(pause_ms(1_000, 1, None, 0.0), 0);
    }

    #[test]
    fn an_upstream_is_not_asked_before_it_wants() {
        assert_eq!(pause_ms(1_000, 1, Some(7_000), 0.0), 7_000);
        assert_eq!(pause_ms(1_000, 1, Some(7_000), 0.5), 7_500);
        assert_eq!(pause_ms(1_000, 1, Some(u64::MAX), 0.5), MAX_BACKOFF_MS);
    }
}

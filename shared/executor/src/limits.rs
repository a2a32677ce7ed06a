//! What a tool's `limits` ask for, and what a call over them is told; pure.

use std::time::Duration;

use domain::config::LimitRules;
use domain::ids::ToolId;
use persistence::idempotency::Limited;
use persistence::limits::Limit;

use crate::error::ExecuteError;

/// The limit that calls of the tool stay within; `None` when it states none.
pub(crate) fn of(tool: &ToolId, rules: LimitRules) -> Option<Limit> {
    if rules.is_empty() {
        return None;
    }
    // The config's bounds are far below.
    let number = |limit: Option<u32>| limit.and_then(|limit| i32::try_from(limit).ok());
    Some(Limit {
        subject: format!("tool:{tool}"),
        rate_per_minute: number(rules.rate_per_minute),
        concurrency: number(rules.concurrency),
    })
}

/// What a call over the limit is told.
pub(crate) fn exceeded(by: Limited, limit: Option<&Limit>, retry_after: Duration) -> ExecuteError {
    let number = |part: fn(&Limit) -> Option<i32>| limit.and_then(part).unwrap_or_default();
    let why = match by {
        Limited::Rate => {
            let rate = number(|limit| limit.rate_per_minute);
            format!(
                "The workspace may call this tool {rate} times a minute (limits.rate_per_minute)."
            )
        }
        Limited::Concurrency => {
            let most = number(|limit| limit.concurrency);
            format!(
                "The workspace may run {most} calls of this tool at the same time (limits.concurrency)."
            )
        }
    };
    ExecuteError::QuotaExceeded { why, retry_after }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_without_limits_asks_for_nothing() {
        let tool: ToolId = "quote".parse().unwrap();
        assert_eq!(of(&tool, LimitRules::default()), None);
        let rules = LimitRules {
            rate_per_minute: Some(60),
            concurrency: None,
        };
        let limit = of(&tool, rules).unwrap();
        assert_eq!(limit.subject, "tool:quote");
        assert_eq!((limit.rate_per_minute, limit.concurrency), (Some(60), None));
    }

    #[test]
    fn who_is_over_is_told_which_limit() {
        let tool: ToolId = "quote".parse().unwrap();
        let limit = of(
            &tool,
            LimitRules {
                rate_per_minute: Some(60),
                concurrency: Some(4),
            },
        );
        let wait = Duration::from_secs(2);
        for (by, word) in [
            (Limited::Rate, "60 times"),
            (Limited::Concurrency, "4 calls"),
        ] {
            let told = exceeded(by, limit.as_ref(), wait).to_string();
            assert!(told.contains(word), "{told}");
        }
    }
}

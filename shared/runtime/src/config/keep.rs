//! How long things are kept, from their variables. Pure.

use super::Keep;
use super::read::Reader;

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    pub(super) fn keep(&mut self) -> Keep {
        let usual = Keep::default();
        Keep {
            // Each month more is a part of the log more, and a list looks at all parts when it is planned.
            executions_days: self.number("EXECUTIONS_KEEP_DAYS", 7..=1_100, usual.executions_days),
            // A report by the hour has up to 31 days.
            hours_days: self.number("ANALYTICS_HOURS_KEEP_DAYS", 31..=3_660, usual.hours_days),
            days_days: self.number("ANALYTICS_DAYS_KEEP_DAYS", 31..=36_600, usual.days_days),
        }
    }
}

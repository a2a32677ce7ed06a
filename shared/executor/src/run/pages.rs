//! An execution whose answer comes in pages: one call after the other, within one deadline and one size.

use domain::config::Pagination;
use domain::failure::FailureCode;
use domain::pages::{Limit, Pages};
use domain::request::Draft;
use serde_json::Value;
use tokio::time::Instant;

use super::{Ended, Run};
use crate::exchange;

impl Run<'_> {
    /// All pages as one answer. A page that fails fails the execution: a short list never looks like a whole one.
    /// Where the time or `max_response_bytes` ends it after the first page, what was read is told as a part.
    pub(super) async fn pages(&mut self, rules: &Pagination, first: Draft) -> Result<Value, Ended> {
        let api = &self.tool.config.api;
        let deadline = self.ends_at();
        let mut left = api.max_response_bytes;
        let mut pages = Pages::begin(rules, &api.auth, first);
        loop {
            let number = pages.read() + 1;
            if number > 1 && Instant::now() >= deadline {
                pages.stop(Limit::Time);
                break;
            }
            let page = match self.page(pages.draft(), left, number).await {
                Ok(page) => page,
                Err(Ended::Failed(failure)) if number > 1 => {
                    let late = Instant::now() >= deadline;
                    if failure.code == FailureCode::ResponseTooLarge {
                        pages.stop(Limit::Bytes(api.max_response_bytes));
                    } else if failure.code == FailureCode::Timeout && late {
                        pages.stop(Limit::Time);
                    } else {
                        return Err(failure.detail("page", number).into());
                    }
                    break;
                }
                Err(ended) => return Err(ended),
            };
            left = left.saturating_sub(page.bytes);
            let request = exchange::request_line(pages.draft());
            let more = pages.take(page.value, page.link.as_deref());
            if !more.map_err(|failure| failure.detail("request", request))? {
                break;
            }
        }
        let (answer, warnings) = pages.joined();
        self.warnings.extend(warnings);
        Ok(answer)
    }
}

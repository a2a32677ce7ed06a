//! How many tokens a run may still take: reserved by estimate before a request, settled by the provider's count after it. Pure.

use domain::model::{ModelFailure, ModelFailureCode, Usage};

/// Tokens that an answer needs to be one.
const LEAST_ANSWER: u64 = 256;

/// With less than this left, the answer is given a limit. With more it has none: models differ in the most that they allow, and refuse a
/// larger limit.
const NEAR: u64 = 16_000;

/// The tokens of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    most: u64,
    spent: u64,
    /// What the next request sends again, as the provider counted it.
    known: u64,
    /// What the next request sends for the first time, by estimate.
    fresh: u64,
}

impl Budget {
    /// Nothing spent yet; `fresh` are the estimated tokens of the first request.
    pub(super) const fn new(most: u64, fresh: u64) -> Self {
        Self {
            most,
            spent: 0,
            known: 0,
            fresh,
        }
    }

    /// Says that the next request sends so many tokens more.
    pub(super) const fn add(&mut self, estimate: u64) {
        self.fresh = self.fresh.saturating_add(estimate);
    }

    /// Sets the next request's tokens aside. Answers the most that its answer may take, if that must be said.
    ///
    /// # Errors
    /// That the rest holds no request and answer.
    pub(super) fn reserve(&self) -> Result<Option<u64>, ModelFailure> {
        let request = self.known.saturating_add(self.fresh);
        let left = self.most.saturating_sub(self.spent).saturating_sub(request);
        if left < LEAST_ANSWER {
            return Err(self.exceeded());
        }
        Ok((left < NEAR).then_some(left))
    }

    /// Takes what a turn cost. A server that does not count is charged by estimate; `answer` is that of the answer.
    pub(super) fn settle(&mut self, usage: Usage, answer: u64) {
        let request = match usage.input_tokens {
            0 => self.known.saturating_add(self.fresh),
            counted => counted,
        };
        let answer = match usage.output_tokens {
            0 => answer,
            counted => counted,
        };
        let both = request.saturating_add(answer);
        self.spent = self.spent.saturating_add(both.max(usage.total_tokens));
        self.known = both;
        self.fresh = 0;
    }

    /// The failure of a run whose tokens are used up.
    pub(super) fn exceeded(&self) -> ModelFailure {
        let Self { most, spent, .. } = self;
        let next = self.known.saturating_add(self.fresh);
        ModelFailure::new(
            ModelFailureCode::BudgetExceeded,
            format!("The run's tokens are used up: {spent} of {most} were spent, and the next request takes about {next} before its answer."),
            "Ask for less at once, name fewer tools, let tools return less (output.max_tokens), or give a larger token_budget.",
        )
        .detail("spent_tokens", *spent)
        .detail("token_budget", *most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
        Usage {
            input_tokens,
            output_tokens,
            total_tokens: input_tokens + output_tokens,
            ..Usage::default()
        }
    }

    #[test]
    fn far_from_its_end_no_limit_is_said_and_near_it_what_is_left() {
        assert_eq!(Budget::new(100_000, 1_000).reserve(), Ok(None));
        assert_eq!(Budget::new(10_000, 1_000).reserve(), Ok(Some(9_000)));
        let failure = Budget::new(1_200, 1_000).reserve().unwrap_err();
        assert_eq!(failure.code, ModelFailureCode::BudgetExceeded);
        assert_eq!(failure.details["token_budget"], 1_200);
    }

    #[test]
    fn the_providers_count_stands_in_the_place_of_the_estimate() {
        let mut budget = Budget::new(10_000, 5_000);
        budget.settle(usage(1_000, 500), 9_999);
        budget.add(300);
        // 10,000 less 1,500 spent, less 1,500 sent again, less 300 new.
        assert_eq!(budget.reserve(), Ok(Some(6_700)));
    }

    #[test]
    fn who_does_not_count_is_charged_by_estimate() {
        let mut budget = Budget::new(10_000, 2_000);
        budget.settle(Usage::default(), 500);
        assert_eq!(budget.reserve(), Ok(Some(5_000)));
        let mut foreign = Budget::new(10_000, 1);
        foreign.settle(usage(u64::MAX / 2, u64::MAX / 2), 0);
        assert!(foreign.reserve().is_err());
    }
}

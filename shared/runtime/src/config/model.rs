//! The operator's model server and the limits of runs, from their variables. Pure.

use domain::price::PriceList;

use super::ModelConfig;
use super::read::Reader;

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    pub(super) fn model(&mut self) -> ModelConfig {
        let usual = ModelConfig::default();
        ModelConfig {
            base_url: self.origin("OPENAI_BASE_URL").unwrap_or(usual.base_url),
            api_key: self.text("OPENAI_API_KEY").map(Into::into),
            model: self.text("OPENAI_MODEL"),
            tool_tokens: self.number("MODEL_TOOL_TOKENS", 500..=1_000_000, usual.tool_tokens),
            output_tokens: self.number("MODEL_OUTPUT_TOKENS", 500..=1_000_000, usual.output_tokens),
            max_turns: self.number("MODEL_MAX_TURNS", 1..=50, usual.max_turns),
            token_budget: self.number(
                "MODEL_TOKEN_BUDGET",
                1_000..=100_000_000,
                usual.token_budget,
            ),
            deadline_s: self.number("MODEL_DEADLINE_SECONDS", 5..=840, usual.deadline_s),
            prices: self.prices(),
        }
    }

    fn prices(&mut self) -> PriceList {
        let Some(text) = self.text("MODEL_PRICES") else {
            return PriceList::default();
        };
        PriceList::parse(&text).unwrap_or_else(|faults| {
            for fault in faults {
                self.fault("MODEL_PRICES", fault);
            }
            PriceList::default()
        })
    }

    pub(super) fn number(
        &mut self,
        name: &str,
        within: std::ops::RangeInclusive<u32>,
        usual: u32,
    ) -> u32 {
        let Some(text) = self.text(name) else {
            return usual;
        };
        match text.parse() {
            Ok(number) if within.contains(&number) => number,
            Ok(_) | Err(_) => {
                let (from, to) = (within.start(), within.end());
                self.fault(name, format!("must be a number from {from} to {to}"));
                usual
            }
        }
    }
}

//! What tokens of models cost: a price list and exact sums. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

use crate::model::Usage;

/// Money, in billionths of a US dollar. Shown as a decimal number of dollars, without zeros at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NanoUsd(pub i64);

impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DOLLAR: u64 = 1_000_000_000;
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (
            self.0.unsigned_abs() / DOLLAR,
            self.0.unsigned_abs() % DOLLAR,
        );
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let rest = format!("{rest:09}");
        write!(f, "{sign}{whole}.{}", rest.trim_end_matches('0'))
    }
}

/// Prices of one model. A dollar for a million tokens is a million of these for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Price {
    /// Trillionths of a dollar for a token that is sent.
    input: u64,
    /// For one that the provider had cached.
    cached_input: u64,
    /// For one that is answered; reasoning is answered too.
    output: u64,
}

/// Prices by model. None by default: a price that is built in goes stale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceList(BTreeMap<String, Price>);

const EXAMPLE: &str = r#"{"gpt-5":{"input":1.25,"cached_input":0.125,"output":10}}"#;
const NAMES: [&str; 3] = ["input", "cached_input", "output"];

impl PriceList {
    /// Reads a list: by the model's name at its provider, US dollars for a million tokens. `input` and `output` are required;
    /// without `cached_input` a cached token costs what any other does.
    ///
    /// ```
    /// use domain::model::Usage;
    /// use domain::price::PriceList;
    ///
    /// let prices = PriceList::parse(r#"{"gpt-5":{"input":1.25,"cached_input":0.125,"output":10}}"#).unwrap();
    /// let usage = Usage { input_tokens: 1_000, cached_input_tokens: 400, output_tokens: 50, ..Usage::default() };
    /// assert_eq!(prices.cost("gpt-5", usage).unwrap().to_string(), "0.0013");
    /// assert_eq!(prices.cost("another", usage), None);
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong, in one sentence each.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        type Models = BTreeMap<String, BTreeMap<String, Box<RawValue>>>;
        let models: Models = serde_json::from_str(text)
            .map_err(|error| vec![format!("must be JSON such as {EXAMPLE}: {error}")])?;
        let mut list = BTreeMap::new();
        let mut faults = Vec::new();
        for (model, prices) in models {
            if !(1..=256).contains(&model.chars().count()) {
                faults.push(format!("{model:?} is no name of a model"));
            }
            for name in prices.keys().filter(|name| !NAMES.contains(&name.as_str())) {
                faults.push(format!(
                    "{model:?}: {name:?} is no price: they are {}",
                    NAMES.join(", ")
                ));
            }
            let mut read = |name: &str| {
                let price = decimal(prices.get(name)?.get());
                if price.is_none() {
                    faults.push(format!(
                        "{model:?}: {name:?} must be US dollars for a million tokens, such as 1.25: \
                         below a million, with at most six decimals"
                    ));
                }
                Some(price.unwrap_or_default())
            };
            let (input, cached_input, output) =
                (read("input"), read("cached_input"), read("output"));
            match (input, output) {
                (Some(input), Some(output)) => {
                    let cached_input = cached_input.unwrap_or(input);
                    let price = Price {
                        input,
                        cached_input,
                        output,
                    };
                    list.insert(model, price);
                }
                (None, _) => faults.push(format!("{model:?}: \"input\" is missing")),
                (_, None) => faults.push(format!("{model:?}: \"output\" is missing")),
            }
        }
        match faults.is_empty() {
            true => Ok(Self(list)),
            false => Err(faults),
        }
    }

    /// What this came to, rounded to a billionth of a dollar; `None` when the model has no price.
    pub fn cost(&self, model: &str, usage: Usage) -> Option<NanoUsd> {
        let price = self.0.get(model)?;
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        let of = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let trillionths = of(usage.input_tokens - cached, price.input)
            .saturating_add(of(cached, price.cached_input))
            .saturating_add(of(usage.output_tokens, price.output));
        let billionths = trillionths.saturating_add(500) / 1_000;
        Some(NanoUsd(i64::try_from(billionths).unwrap_or(i64::MAX)))
    }
}

/// Millionths of a number that is written with at most six digits before and after its point.
fn decimal(text: &str) -> Option<u64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let digits =
        |part: &str| (1..=6).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(rest) {
        return None;
    }
    format!("{whole}{rest:0<6}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(input_tokens: u64, cached_input_tokens: u64, output_tokens: u64) -> Usage {
        Usage {
            input_tokens,
            cached_input_tokens,
            output_tokens,
            ..Usage::default()
        }
    }

    #[test]
    fn costs_are_exact() {
        let prices = PriceList::parse(
            r#"{"a":{"input":1.25,"cached_input":0.125,"output":10},"b":{"input":0.000001,"output":0.1}}"#,
        )
        .unwrap();
        for (model, used, cost) in [
            ("a", usage(0, 0, 0), "0"),
            ("a", usage(1, 0, 0), "0.00000125"),
            ("a", usage(1, 1, 0), "0.000000125"),
            ("a", usage(1_000_000, 0, 1_000_000), "11.25"),
            ("a", usage(3_000_000, 1_000_000, 0), "2.625"),
            // More cached than sent makes no sense, and is what was sent.
            ("a", usage(1_000_000, 2_000_000, 0), "0.125"),
            // A trillionth of a dollar a token: half a billionth is rounded up.
            ("b", usage(499, 0, 0), "0"),
            ("b", usage(500, 0, 0), "0.000000001"),
            // Of an input without a price for what is cached, and of sums that no double holds.
            ("b", usage(1_000_000_000, 1_000_000_000, 3), "0.0010003"),
            ("a", usage(900_719_925_474_099, 0, 0), "1125899906.84262375"),
            // Beyond what the database counts.
            ("a", usage(u64::MAX, 0, u64::MAX), "9223372036.854775807"),
        ] {
            let told = prices.cost(model, used).unwrap();
            assert_eq!(told.to_string(), cost, "{model} {used:?}");
        }
        assert_eq!(prices.cost("c", usage(1, 0, 1)), None);
        assert_eq!(PriceList::default().cost("a", usage(1, 0, 1)), None);
    }

    #[test]
    fn money_is_shown_as_a_decimal_number() {
        for (nano, shown) in [
            (0, "0"),
            (1, "0.000000001"),
            (1_300_000, "0.0013"),
            (12_000_000_000, "12"),
            (-1_500_000_000, "-1.5"),
        ] {
            assert_eq!(NanoUsd(nano).to_string(), shown);
        }
    }

    #[test]
    fn every_fault_is_told() {
        for (text, says) in [
            ("gpt-5=1", &["must be JSON such as"][..]),
            ("[]", &["must be JSON such as"]),
            (r#"{"gpt-5":1.25}"#, &["must be JSON such as"]),
            (
                r#"{"gpt-5":{"inputs":1,"output":"10"},"x":{"input":-1,"output":1e1},"":{"input":1,"output":0.0000001}}"#,
                &[
                    r#""gpt-5": "inputs" is no price: they are input, cached_input, output"#,
                    r#""gpt-5": "input" is missing"#,
                    r#""gpt-5": "output" must be US dollars"#,
                    r#""x": "input" must be US dollars"#,
                    r#""x": "output" must be US dollars"#,
                    r#""" is no name of a model"#,
                    r#""": "output" must be US dollars"#,
                ],
            ),
            (
                r#"{"gpt-5":{"input":1000000}}"#,
                &[
                    r#""gpt-5": "input" must be US dollars"#,
                    r#""gpt-5": "output" is missing"#,
                ],
            ),
        ] {
            let faults = PriceList::parse(text).unwrap_err();
            for part in says {
                assert!(
                    faults.iter().any(|fault| fault.contains(part)),
                    "{part} in {faults:?}"
                );
            }
            assert_eq!(faults.len(), says.len(), "{faults:?}");
        }
        assert_eq!(PriceList::parse("{}"), Ok(PriceList::default()));
    }
}

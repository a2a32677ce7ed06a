//! `exchange_rate`: reference rates of the European Central Bank, by Frankfurter (<https://frankfurter.dev/v1>).

use std::collections::HashMap;

use chrono::NaiveDate;
use domain::code::{Request, ToolContext, ToolError, tool};
use domain::failure::{Failure, FailureCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const RATES: &str = "https://api.frankfurter.dev/v1";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    /// The currency to change from (ISO 4217), such as EUR.
    #[schemars(regex(pattern = "^[A-Z]{3}$"))]
    from: String,
    /// The currency to change to (ISO 4217), such as USD.
    #[schemars(regex(pattern = "^[A-Z]{3}$"))]
    to: String,
    /// How much to change.
    #[serde(default = "one")]
    #[schemars(range(min = 0))]
    amount: f64,
    /// The day (YYYY-MM-DD), from 1999-01-04 on; without it the latest.
    #[schemars(regex(pattern = "^\\d{4}-\\d{2}-\\d{2}$"))]
    date: Option<String>,
}

const fn one() -> f64 {
    1.0
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Rate {
    /// What one unit of `from` costs in `to`.
    rate: f64,
    /// What `amount` costs in `to`.
    converted: f64,
    /// The day of the rate: the last working day.
    date: String,
}

#[derive(Deserialize)]
struct Answered {
    date: String,
    rates: HashMap<String, f64>,
}

/// What one currency costs in another, today or on a past day: the daily reference rates of the European Central
/// Bank. Not for trading.
#[tool(read_only, timeout_ms = 10_000, tags = ["finance"])]
pub(crate) async fn exchange_rate(ctx: ToolContext, input: Exchange) -> Result<Rate, ToolError> {
    let day = match &input.date {
        None => "latest",
        Some(date) if date.parse::<NaiveDate>().is_ok() => date,
        Some(_) => {
            let hint = "Write a day of the calendar as YYYY-MM-DD.";
            return Err(ToolError::input("/date", "There is no such day.", hint));
        }
    };
    if input.from == input.to {
        let hint = "Name two different currencies.";
        return Err(ToolError::input("/to", "It is the same currency.", hint));
    }
    let request = Request::get(RATES)
        .segment(day)
        .query("base", &input.from)
        .query("symbols", &input.to);
    let answered: Answered = ctx.call(request).await.map_err(unknown)?.json()?;
    let Some(rate) = answered.rates.get(&input.to).copied() else {
        let hint = "Check the currency's code; about 30 currencies are quoted.";
        return Err(ToolError::input("/to", "There is no rate for it.", hint));
    };
    Ok(Rate {
        rate,
        converted: rate * input.amount,
        date: answered.date,
    })
}

/// The bank answers 404 or 422 for a currency or a day that it does not know.
fn unknown(error: ToolError) -> ToolError {
    match error {
        ToolError::Failed(failure) if failure.code == FailureCode::Upstream4xx => {
            let hint = "Check both currency codes, and that the day is not before 1999-01-04.";
            ToolError::from(Failure {
                hint: hint.to_owned(),
                ..*failure
            })
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use domain::config::{Template, TemplatePiece};
    use serde_json::json;

    use super::*;
    use crate::run::{pointer, run, run_on};

    const ANSWER: &str =
        r#"{"amount":1.0,"base":"EUR","date":"2024-11-25","rates":{"USD":1.0495}}"#;

    #[test]
    fn asks_for_one_rate() {
        let input = json!({ "from": "EUR", "to": "USD", "amount": 200, "date": "2024-11-25" });
        let (output, mut requests) = run_on(&exchange_rate::tool(), input, ANSWER);
        let output = output.unwrap();
        assert_eq!(
            (&output["rate"], &output["date"]),
            (&json!(1.0495), &json!("2024-11-25"))
        );
        assert!((output["converted"].as_f64().unwrap() - 209.9).abs() < 1e-9);
        let draft = requests.remove(0).into_draft().unwrap();
        assert_eq!(draft.host, "api.frankfurter.dev");
        assert_eq!(draft.segments, ["v1", "2024-11-25"]);
        let text = |text: &str| Template(vec![TemplatePiece::Text(text.to_owned())]);
        assert_eq!(
            draft.query,
            [
                ("base".to_owned(), text("EUR")),
                ("symbols".to_owned(), text("USD"))
            ]
        );
    }

    #[test]
    fn without_a_day_it_is_the_latest() {
        let input = json!({ "from": "EUR", "to": "USD" });
        let (output, mut requests) = run_on(&exchange_rate::tool(), input, ANSWER);
        assert_eq!(output.unwrap()["converted"], 1.0495);
        assert_eq!(
            requests.remove(0).into_draft().unwrap().segments,
            ["v1", "latest"]
        );
    }

    #[test]
    fn what_cannot_be_asked_is_told() {
        let tool = exchange_rate::tool();
        let nowhen = json!({ "from": "EUR", "to": "USD", "date": "2024-02-30" });
        assert_eq!(pointer(run(&tool, nowhen)), "/date");
        assert_eq!(
            pointer(run(&tool, json!({ "from": "EUR", "to": "EUR" }))),
            "/to"
        );
        let (output, _) = run_on(&tool, json!({ "from": "EUR", "to": "XTS" }), ANSWER);
        assert_eq!(pointer(output), "/to");
    }
}

//! `calculate`: arithmetic that a model should not do in its head.

mod expression;

use domain::code::{ToolContext, ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Term {
    /// Such as `(1.5 + 2) * 3^2` or `sqrt(2) * sin(pi / 4)`. Operators: + - * / % ^. Functions: sqrt, abs, exp, ln,
    /// log2, log10, sin, cos, tan, asin, acos, atan, floor, ceil, round, trunc, min, max. Constants: pi, e.
    #[schemars(length(min = 1, max = 1000))]
    expression: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Outcome {
    /// The result as a 64-bit floating-point number: about 15 digits are exact.
    result: f64,
}

/// Computes an arithmetic expression. No variables and no units.
#[tool(read_only, open_world = false, tags = ["math"])]
pub(crate) async fn calculate(_ctx: ToolContext, input: Term) -> Result<Outcome, ToolError> {
    let refused = |message: String| {
        let hint = "Use numbers, + - * / % ^, parentheses, the listed functions and constants.";
        ToolError::input("/expression", message, hint)
    };
    let result = expression::value(&input.expression).map_err(refused)?;
    if !result.is_finite() {
        return Err(refused("The result is no number, or too large.".to_owned()));
    }
    Ok(Outcome { result })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::{pointer, run};

    #[test]
    fn computes() {
        for (expression, result) in [
            ("1 + 2 * 3", 7.0),
            ("(1.5 + 2) * 3^2", 31.5),
            ("-2^2", -4.0),
            ("2^-1", 0.5),
            ("10 / 4", 2.5),
            ("7 % 4", 3.0),
            ("10 - 4 - 3", 3.0),
            ("sqrt(16) + abs(-2)", 6.0),
            ("log10(1000) + log2(8) + ln(e)", 7.0),
            ("round(2.5) + floor(2.9) + ceil(2.1) + trunc(-2.9)", 6.0),
            ("sin(PI / 2) + cos(0) + tan(0)", 2.0),
            ("1e3 + .5E-1 + 1.", 1001.05),
            ("2^3^2", 512.0),
            ("-(2 + 3) * +4 - -1", -19.0),
            ("min(3, 1, 2) + max(4)", 5.0),
            ("8 / 4 / 2 % 2", 1.0),
        ] {
            let output = run(&calculate::tool(), json!({ "expression": expression }));
            let found = output.unwrap()["result"].as_f64().unwrap();
            assert!((found - result).abs() < 1e-9, "{expression} = {found}");
        }
    }

    #[test]
    fn what_is_no_number_is_told() {
        let deep = format!("{}1{}", "(".repeat(400), ")".repeat(400));
        let signs = "-".repeat(999) + "1";
        let powers = "1^".repeat(499) + "1";
        for expression in [
            "1 +",
            "x + 1",
            "1/0",
            "0/0",
            "9^9^9^9",
            "sqrt(-1)",
            ")(",
            "{x}",
            "system(1)",
            "\u{0}",
            "१ + २",
            "2pi",
            "1 2",
            "sqrt 4",
            "sqrt()",
            "sqrt(1, 2)",
            "min()",
            "1..2",
            "e5e",
            "inf",
            "NaN",
            " ",
            &signs,
            &powers,
            &deep,
        ] {
            let output = run(&calculate::tool(), json!({ "expression": expression }));
            assert_eq!(pointer(output), "/expression", "{expression}");
        }
    }
}

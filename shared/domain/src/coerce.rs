//! Coercion of upstream values to the types that a tool promises, without loss.
//!
//! APIs write numbers as strings (`"185.2000"`), identifiers as numbers and flags as `"true"`. A
//! coercion happens only when nothing is lost by it; everything else is refused with the reason:
//!
//! - A string becomes a number when it is one by JSON's grammar (white space around it aside) and
//!   the result, written out again, is the same decimal: `"185.2000"` is 185.2, `"0.7946%"` is
//!   refused, and so is a fraction with more digits than a 64-bit float holds.
//! - Whole numbers stay exact: `"9007199254740993"` is that integer. Beyond 64 bits they are refused:
//!   declare a string.
//! - `"007"` is refused: leading zeros belong to codes, and a number would lose them.
//! - `1.0` is the integer 1; `1.5` is none; whole floats beyond 2^53 are refused, as they may already
//!   be rounded.
//! - `true` and `false` are read from strings in any case; 1 and 0 are not flags.
//! - Numbers and booleans become strings as JSON writes them. Objects and arrays are never written
//!   into strings, nor read out of them.

use serde_json::{Number, Value};

use crate::config::JsonType;

/// Whole floats up to here are exact.
const EXACT_FLOAT: f64 = 9_007_199_254_740_992.0;

/// The value as `to`, unchanged if it is one already.
///
/// # Errors
/// One sentence that says why it cannot be had without loss.
pub fn coerce(value: &Value, to: JsonType) -> Result<Value, String> {
    match (to, value) {
        (JsonType::String, Value::String(_))
        | (JsonType::Number, Value::Number(_))
        | (JsonType::Boolean, Value::Bool(_))
        | (JsonType::Object, Value::Object(_))
        | (JsonType::Array, Value::Array(_))
        | (JsonType::Null, Value::Null) => Ok(value.clone()),
        (JsonType::String, Value::Number(number)) => Ok(number.to_string().into()),
        (JsonType::String, Value::Bool(flag)) => Ok(flag.to_string().into()),
        (JsonType::Integer, Value::Number(number)) => whole(number).map(Value::Number),
        (JsonType::Integer, Value::String(text)) => Decimal::of(text)?
            .integer()
            .map(Value::Number)
            .map_err(|why| format!("{} {why}", shown(text))),
        (JsonType::Number, Value::String(text)) => number(text).map(Value::Number),
        (JsonType::Boolean, Value::String(text)) => flag(text).map(Value::Bool),
        (
            JsonType::String
            | JsonType::Number
            | JsonType::Integer
            | JsonType::Boolean
            | JsonType::Object
            | JsonType::Array
            | JsonType::Null,
            _,
        ) => Err(format!("{} is not {}", described(value), article(to))),
    }
}

/// The JSON Schema name of a value's type; a number without a fraction is an `integer`.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn article(to: JsonType) -> &'static str {
    match to {
        JsonType::String => "a string",
        JsonType::Number => "a number",
        JsonType::Integer => "an integer",
        JsonType::Boolean => "a boolean",
        JsonType::Object => "an object",
        JsonType::Array => "an array",
        JsonType::Null => "null",
    }
}

fn described(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The text in quotes, its first characters if it is long.
fn shown(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn flag(text: &str) -> Result<bool, String> {
    match text.trim() {
        word if word.eq_ignore_ascii_case("true") => Ok(true),
        word if word.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(format!("{} is not a boolean", shown(text))),
    }
}

fn whole(number: &Number) -> Result<Number, String> {
    match number.as_f64() {
        Some(float) if number.is_f64() => {
            if float.fract() != 0.0 {
                Err(format!("{number} has a fraction"))
            } else if float.abs() > EXACT_FLOAT {
                Err(format!("{number} may already be rounded"))
            } else {
                #[allow(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
                Ok((float as i64).into())
            }
        }
        Some(_) | None => Ok(number.clone()),
    }
}

fn number(text: &str) -> Result<Number, String> {
    let decimal = Decimal::of(text)?;
    if decimal.written_whole {
        match decimal.integer() {
            Ok(number) => return Ok(number),
            Err(BEYOND) => {}
            Err(why) => return Err(format!("{} {why}", shown(text))),
        }
    }
    let float = text.trim().parse().ok().and_then(Number::from_f64);
    let exact = float.filter(|float| {
        Decimal::of(&float.to_string()).is_ok_and(|again| again.same_value(&decimal))
    });
    exact.ok_or_else(|| {
        format!(
            "{} has more digits than a number holds; declare a string",
            shown(text)
        )
    })
}

const BEYOND: &str = "is beyond 64 bits; declare a string";

/// A number in JSON's grammar as digits × 10^exponent, without zeros at either end.
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
    /// Written without `.` and `e`.
    written_whole: bool,
}

impl Decimal {
    fn of(text: &str) -> Result<Self, String> {
        let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
        let refused = || format!("{} is not a number", shown(text));
        let (negative, unsigned) = match trimmed.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, trimmed),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, power)) => {
                let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
                if !all_digits(digits) || digits.len() > 6 {
                    return Err(refused());
                }
                (mantissa, power.parse::<i64>().map_err(|_| refused())?)
            }
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if all_digits(fraction) => (whole, fraction),
            Some(_) => return Err(refused()),
            None => (mantissa, ""),
        };
        if !all_digits(whole) {
            return Err(refused());
        }
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(format!(
                "{} has leading zeros, which a number would lose; declare a string",
                shown(text)
            ));
        }
        let all = format!("{whole}{fraction}");
        let kept = all.trim_end_matches('0');
        let dropped = all.len() - kept.len();
        let digits = kept.trim_start_matches('0').to_owned();
        let scale = i64::try_from(dropped).unwrap_or(i64::MAX);
        let places = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        Ok(Self {
            exponent: if digits.is_empty() {
                0
            } else {
                exponent + scale - places
            },
            negative: negative && !digits.is_empty(),
            digits,
            written_whole: mantissa == unsigned && fraction.is_empty() && whole == mantissa,
        })
    }

    fn same_value(&self, other: &Self) -> bool {
        (self.negative, &self.digits, self.exponent)
            == (other.negative, &other.digits, other.exponent)
    }

    fn integer(&self) -> Result<Number, &'static str> {
        let Ok(zeros) = usize::try_from(self.exponent) else {
            return Err("has a fraction");
        };
        if self.digits.len() + zeros > 20 {
            return Err(BEYOND);
        }
        let sign = if self.negative { "-" } else { "" };
        let digits = if self.digits.is_empty() {
            "0"
        } else {
            &self.digits
        };
        let text = format!("{sign}{digits}{}", "0".repeat(zeros));
        let signed = text.parse::<i64>().map(Number::from);
        signed
            .or_else(|_| text.parse::<u64>().map(Number::from))
            .map_err(|_| BEYOND)
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn coerces_without_loss() {
        use JsonType::{Array, Boolean, Integer, Null, Number, Object, String};
        for (value, to, result) in [
            (json!("185.2000"), Number, json!(185.2)),
            (json!("185"), Number, json!(185)),
            (json!(" 12.5\n"), Number, json!(12.5)),
            (json!("-1.5e3"), Number, json!(-1500.0)),
            (
                json!("9007199254740993"),
                Number,
                json!(9007199254740993_u64),
            ),
            (
                json!("9007199254740993"),
                Integer,
                json!(9007199254740993_u64),
            ),
            (json!("18446744073709551615"), Integer, json!(u64::MAX)),
            (json!("-9223372036854775808"), Integer, json!(i64::MIN)),
            (json!("100000000000000000000000"), Number, json!(1e23)),
            (json!("1e3"), Integer, json!(1000)),
            (json!("1.0"), Integer, json!(1)),
            (json!("-0"), Integer, json!(0)),
            (json!("0"), Integer, json!(0)),
            (json!("0.000"), Number, json!(0.0)),
            (json!(1.0), Integer, json!(1)),
            (json!(1), Integer, json!(1)),
            (json!(1), Number, json!(1)),
            (json!(1), String, json!("1")),
            (json!(1.5), String, json!("1.5")),
            (json!(true), String, json!("true")),
            (json!("x"), String, json!("x")),
            (json!("true"), Boolean, json!(true)),
            (json!("False"), Boolean, json!(false)),
            (json!([1]), Array, json!([1])),
            (json!({}), Object, json!({})),
            (json!(null), Null, json!(null)),
        ] {
            assert_eq!(coerce(&value, to), Ok(result), "{value} to {to:?}");
        }
    }

    #[test]
    fn refuses_with_the_reason() {
        use JsonType::{Array, Boolean, Integer, Null, Number, Object, String};
        for (value, to, why) in [
            (json!("0.7946%"), Number, "not a number"),
            (json!(""), Number, "not a number"),
            (json!("1,234"), Number, "not a number"),
            (json!("NaN"), Number, "not a number"),
            (json!("+1"), Number, "not a number"),
            (json!(".5"), Number, "not a number"),
            (json!("5."), Number, "not a number"),
            (json!("1e"), Number, "not a number"),
            (json!("1e9999999"), Number, "not a number"),
            (json!("0x10"), Integer, "not a number"),
            (json!("1e400"), Number, "more digits"),
            (json!("1e-400"), Number, "more digits"),
            (json!("0.10000000000000000001"), Number, "more digits"),
            (json!("123456789012345678901234"), Number, "more digits"),
            (json!("007"), Integer, "leading zeros"),
            (json!("18446744073709551616"), Integer, "beyond 64 bits"),
            (json!("1e300"), Integer, "beyond 64 bits"),
            (json!("1.5"), Integer, "fraction"),
            (json!(1.5), Integer, "fraction"),
            (json!(1e300), Integer, "rounded"),
            (json!(true), Number, "not a number"),
            (json!(1), Boolean, "not a boolean"),
            (json!("yes"), Boolean, "not a boolean"),
            (json!(null), String, "not a string"),
            (json!([1]), String, "not a string"),
            (json!("{}"), Object, "not an object"),
            (json!("a"), Array, "not an array"),
            (json!(""), Null, "not null"),
        ] {
            let refused = coerce(&value, to).unwrap_err();
            assert!(refused.contains(why), "{value} to {to:?}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn numbers_survive_being_written_as_strings(float in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
            let value = json!(float);
            let text = coerce(&value, JsonType::String).unwrap();
            let again = coerce(&text, JsonType::Number).unwrap();
            prop_assert_eq!(again.as_f64(), value.as_f64());
        }

        #[test]
        fn integers_survive_being_written_as_strings(number in any::<i64>()) {
            let text = json!(number.to_string());
            prop_assert_eq!(coerce(&text, JsonType::Integer), Ok(json!(number)));
        }

        #[test]
        fn never_panics(text in "\\PC{0,30}|-?[0-9.eE+-]{0,30}") {
            for to in [JsonType::Number, JsonType::Integer, JsonType::Boolean, JsonType::Null] {
                let _ = coerce(&json!(text), to);
            }
        }
    }
}

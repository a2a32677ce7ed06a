//! The canonical form of a JSON value (RFC 8785) and the hash that identifies a document.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

/// The value in the form of RFC 8785: members sorted by UTF-16 code units, no white space, numbers
/// and strings as ECMAScript writes them.
///
/// One extension: integers beyond 2^53 keep all their digits (the RFC forbids them as input),
/// so that two documents that differ never share an identity.
pub fn to_string(value: &Value) -> String {
    let mut text = String::with_capacity(256);
    write_value(&mut text, value);
    text
}

/// SHA-256 of the canonical form, in lower-case hex.
pub fn hash(value: &Value) -> String {
    hex::encode(Sha256::digest(to_string(value)))
}

/// The same as bytes.
pub fn digest(value: &Value) -> [u8; 32] {
    Sha256::digest(to_string(value)).into()
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => write_number(text, number),
        Value::String(string) => write_string(text, string),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_value(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => write_object(text, members),
    }
}

fn write_object(text: &mut String, members: &Map<String, Value>) {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_unstable_by(|(a, _), (b, _)| {
        if a.is_ascii() && b.is_ascii() {
            a.cmp(b)
        } else {
            a.encode_utf16().cmp(b.encode_utf16())
        }
    });
    text.push('{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_string(text, name);
        text.push(':');
        write_value(text, value);
    }
    text.push('}');
}

fn write_string(text: &mut String, string: &str) {
    text.push('"');
    let mut plain = 0;
    for (at, byte) in string.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        text.push_str(string.get(plain..at).unwrap_or_default());
        plain = at + 1;
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            0x08 => text.push_str("\\b"),
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            0x0c => text.push_str("\\f"),
            b'\r' => text.push_str("\\r"),
            other => {
                let _ = write!(text, "\\u{other:04x}");
            }
        }
    }
    text.push_str(string.get(plain..).unwrap_or_default());
    text.push('"');
}

fn write_number(text: &mut String, number: &Number) {
    if let Some(integer) = number.as_u64() {
        let _ = write!(text, "{integer}");
    } else if let Some(integer) = number.as_i64() {
        let _ = write!(text, "{integer}");
    } else if let Some(double) = number.as_f64() {
        write_double(text, double);
    }
}

/// ECMAScript's `Number::toString` (ECMA-262, 6.1.6.1.20).
fn write_double(text: &mut String, double: f64) {
    if double == 0.0 {
        text.push('0');
        return;
    }
    // serde_json's shortest digits; of two equally short ones it takes the even one, as the RFC
    // does and the standard library does not.
    let shortest = Value::from(double).to_string();
    let unsigned = shortest.strip_prefix('-').unwrap_or(&shortest);
    if unsigned.len() < shortest.len() {
        text.push('-');
    }
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, fraction].concat();
    let significant = all.trim_start_matches('0');
    let digits = significant.trim_end_matches('0');
    // The decimal point stands behind the first `point` digits.
    let leading = i32::try_from(whole.len()).unwrap_or(0)
        - i32::try_from(all.len() - significant.len()).unwrap_or(0);
    let point = exponent.parse::<i32>().unwrap_or(0) + leading;
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    if (1..=21).contains(&point) {
        for (index, digit) in (0..).zip(digits.chars()) {
            if index == point {
                text.push('.');
            }
            text.push(digit);
        }
        text.extend((count..point).map(|_| '0'));
    } else if (-5..=0).contains(&point) {
        text.push_str("0.");
        text.extend((point..0).map(|_| '0'));
        text.push_str(digits);
    } else {
        let (first, rest) = digits.split_at(1);
        text.push_str(first);
        if !rest.is_empty() {
            text.push('.');
            text.push_str(rest);
        }
        let _ = write!(text, "e{:+}", point - 1);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writes_the_example_of_the_rfc() {
        let numbers = "[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001]";
        let value = json!({
            "numbers": serde_json::from_str::<Value>(numbers).unwrap(),
            "string": "\u{20ac}$\u{000F}\u{000a}A'\u{0042}\u{0022}\u{005c}\\\"/",
            "literals": [null, true, false]
        });
        assert_eq!(
            to_string(&value),
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
    }

    #[test]
    fn sorts_members_by_utf16_units() {
        let value = json!({
            "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{0080}": "Control", "\u{00f6}": "o"
        });
        let written = to_string(&value);
        let order: Vec<usize> = [
            "Carriage", "One", "Control", "\"o\"", "Euro", "Emoji", "Hebrew",
        ]
        .iter()
        .map(|word| written.find(word).unwrap())
        .collect();
        assert!(order.is_sorted(), "{written}");
    }

    #[test]
    fn writes_doubles_as_ecmascript_does() {
        // Appendix B of RFC 8785.
        for (bits, text) in [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let mut written = String::new();
            write_double(&mut written, f64::from_bits(bits));
            assert_eq!(written, text);
        }
    }

    #[test]
    fn the_same_document_has_the_same_hash_however_it_is_written() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":[1.0,"ä"]}"#).unwrap();
        let two: Value = serde_json::from_str("{ \"b\": [1, \"\\u00e4\"], \"a\": 1.0 }").unwrap();
        assert_eq!(hash(&one), hash(&two));
        assert_eq!(
            hash(&json!({})),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        assert_ne!(
            hash(&json!(9_007_199_254_740_993_u64)),
            hash(&json!(9_007_199_254_740_992_u64))
        );
    }
}

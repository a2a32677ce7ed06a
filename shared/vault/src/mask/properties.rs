//! Whatever the secret and whatever stands around it, no encoded form of it is left.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::Value;

use super::{MASK, Masker};

fn percent(text: &str, plain: impl Fn(u8) -> bool, lower: bool, space: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' ' => space.to_owned(),
            _ if byte.is_ascii_alphanumeric() || plain(byte) => char::from(byte).to_string(),
            _ if lower => format!("%{byte:02x}"),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Every form by writers of their own, not the masker's.
fn written(secret: &str) -> Vec<String> {
    let unreserved = |byte: u8| b"-._~".contains(&byte);
    let component = |byte: u8| b"-._~!*'()".contains(&byte);
    let form = |byte: u8| b"-._*".contains(&byte);
    let json = serde_json::to_string(secret).unwrap();
    let json = json[1..json.len() - 1].to_owned();
    let ascii: String = secret
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            '\n' => "\\n".to_owned(),
            _ if c.is_ascii() => c.to_string(),
            _ => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .map(|u| format!("\\u{u:04x}"))
                .collect(),
        })
        .collect();
    let html = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    vec![
        secret.to_owned(),
        percent(secret, unreserved, false, "%20"),
        percent(secret, unreserved, true, "%20"),
        percent(secret, component, false, "%20"),
        percent(secret, form, false, "+"),
        secret.bytes().map(|b| format!("%{b:02X}")).collect(),
        secret.bytes().map(|b| format!("{b:02x}")).collect(),
        secret.bytes().map(|b| format!("{b:02X}")).collect(),
        json.replace('/', "\\/"),
        json,
        ascii,
        html.replace('"', "&quot;").replace('\'', "&#39;"),
        html.replace('"', "&#34;").replace('\'', "&#39;"),
        html.replace('"', "&quot;").replace('\'', "&#x27;"),
        html,
    ]
}

fn secrets() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9]{8,64}",
        "[ -~]{8,64}",
        "[A-Za-z0-9+/=_-]{8,48}",
        "[ -~éß日本😀]{8,24}",
        "[a-z]{10,30}(\n[A-Za-z0-9]{10,30}){1,3}",
    ]
}

/// Text that cannot become part of a form by chance.
fn surroundings() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,20}", "[A-Za-z0-9+/]{0,20}", "\\PC{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn no_written_form_is_left(secret in secrets(), before in surroundings(), after in surroundings()) {
        let masker = Masker::new(&[SecretString::from(secret.as_str())]);
        for form in written(&secret) {
            let masked = masker.text(&format!("{before}{form}{after}")).into_owned();
            prop_assert!(masked.contains(MASK), "{form:?}");
            for other in written(&secret) {
                prop_assert!(!masked.contains(&other), "{other:?} is left of {form:?} in {masked:?}");
            }
        }
    }

    #[test]
    fn nothing_is_left_of_it_in_base64(secret in "[ -~]{8,40}", before in proptest::collection::vec(any::<u8>(), 0..7), after in proptest::collection::vec(any::<u8>(), 0..7)) {
        let masker = Masker::new(&[SecretString::from(secret.as_str())]);
        let whole = [&before[..], secret.as_bytes(), &after].concat();
        // The characters that hold a bit of the secret.
        let first = before.len() * 8 / 6;
        let last = ((before.len() + secret.len()) * 8).div_ceil(6);
        for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&whole);
            let masked = masker.text(&encoded).into_owned();
            prop_assert!(masked.starts_with(&format!("{}{MASK}", &encoded[..first])), "{encoded} {masked}");
            let rest = encoded[last..].trim_end_matches('=');
            prop_assert_eq!(masked.trim_end_matches('='), format!("{}{MASK}{rest}", &encoded[..first]));
        }
    }

    #[test]
    fn innocent_text_is_left_alone(text in "[a-m ]{0,200}", secret in "[n-z]{8,30}") {
        let masker = Masker::new(&[SecretString::from(secret.as_str())]);
        prop_assert_eq!(masker.text(&text), text.as_str());
    }

    #[test]
    fn values_hold_none_of_it(secret in secrets(), before in surroundings()) {
        let masker = Masker::new(&[SecretString::from(secret.as_str())]);
        for form in written(&secret) {
            let text = format!("{before}{form}");
            let mut value = serde_json::json!({ text.as_str(): [text.as_str(), { "a": text.as_str() }] });
            masker.value(&mut value);
            prop_assert!(!strings(&value).iter().any(|s| s.contains(&form) || s.contains(&secret)));
        }
    }
}

fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| {
                let mut all = strings(value);
                all.push(key);
                all
            })
            .collect(),
    }
}

//! What the model is told of a call: data, labelled with its source, bounded, and without a word on where the tool goes. Pure.

use domain::failure::{Failure, FailureCode};
use domain::tokens;
use executor::Cut;
use serde_json::{Map, Value, json};

/// Facts of a failure that help a model to mend its call. Others name hosts, paths or secrets.
const SHOWN: [&str; 12] = [
    "body",
    "errors",
    "faults",
    "found_type",
    "function",
    "nearest",
    "path",
    "pointer",
    "retry_after_s",
    "rule",
    "status",
    "upstream_code",
];

/// In the place of a host.
const HIDDEN: &str = "[host]";

/// Bytes of a token in a text that is cut as text: on the safe side for all but the densest.
const BYTES_OF_TOKEN: usize = 3;

/// Where an output comes from, as its label.
fn source(tool: &str) -> String {
    format!("tool {tool}")
}

/// An output, of at most about so many tokens.
pub(super) fn output(
    tool: &str,
    output: &Value,
    cut: Option<&Cut>,
    notes: &[String],
    most: u32,
) -> String {
    let mut told = Map::new();
    told.insert("source".to_owned(), source(tool).into());
    if tokens::estimate(output) <= u64::from(most).saturating_mul(5) / 4 {
        told.insert("output".to_owned(), output.clone());
    } else {
        let text = output.to_string();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let end = text.floor_char_boundary(most.saturating_mul(BYTES_OF_TOKEN));
        let note = "The output is too large and cannot be cut by its schema: this is the beginning of its JSON text.";
        told.insert("beginning".to_owned(), text[..end].into());
        told.insert("note".to_owned(), note.into());
    }
    if let Some(cut) = cut {
        told.insert("cut".to_owned(), rest(cut));
    }
    if !notes.is_empty() {
        told.insert("notes".to_owned(), notes.into());
    }
    Value::Object(told).to_string()
}

fn rest(cut: &Cut) -> Value {
    let (kept, total) = (cut.kept_tokens, cut.total_tokens);
    match &cut.cursor {
        Some(cursor) => {
            let hint = format!(
                "The output was cut to about {kept} of {total} tokens; read_more with this cursor reads the rest."
            );
            json!({ "at": cut.at, "cursor": cursor, "hint": hint })
        }
        None => {
            let hint = format!(
                "The output was cut to about {kept} of {total} tokens; ask for less to see all of it."
            );
            json!({ "at": cut.at, "hint": hint })
        }
    }
}

/// A failure. `hosts` are the tool's own; they are taken out of whatever is told.
pub(super) fn failure(tool: &str, failure: &Failure, hosts: &[String]) -> String {
    let (message, hint) = words(failure);
    let mut told = json!({
        "code": failure.code.as_str(), "message": message, "hint": hint, "retryable": failure.retryable,
    });
    let shown = failure.details.iter();
    let shown = shown.filter(|(name, _)| {
        SHOWN.contains(&name.as_str()) && !is_private(failure.code) || *name == "retry_after_s"
    });
    let details: Map<String, Value> = shown
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !details.is_empty() {
        told["details"] = Value::Object(details);
    }
    hide(&mut told, hosts);
    json!({ "source": source(tool), "error": told }).to_string()
}

/// Message and hint for a model: executions advise whoever writes the tool. What a model cannot mend is told in our own words, since these
/// failures name the host, the secret or the setting.
fn words(failure: &Failure) -> (&str, &str) {
    let hint = match failure.code {
        code if is_private(code) => {
            let hint = "No other arguments help. Go on without this tool, and say that whoever looks after it has to mend it.";
            return (code.meaning(), hint);
        }
        FailureCode::InvalidResponse | FailureCode::MappingFailed | FailureCode::OutputInvalid => {
            "The API answered something that this tool is not set up for. Other arguments may help; else go on without it and say so."
        }
        FailureCode::ResponseTooLarge => "Ask for less: fewer items, or a shorter range.",
        FailureCode::Timeout => "Call again, or ask for less at once.",
        FailureCode::UnknownOutcome => {
            "It may have been done. Do not call it again; say that somebody has to look."
        }
        FailureCode::InvalidInput
        | FailureCode::ToolNotFound
        | FailureCode::ToolDisabled
        | FailureCode::QuotaExceeded
        | FailureCode::SecretMissing
        | FailureCode::AuthFailed
        | FailureCode::EgressBlocked
        | FailureCode::ConnectFailed
        | FailureCode::RateLimited
        | FailureCode::Upstream4xx
        | FailureCode::Upstream5xx
        | FailureCode::UpstreamError
        | FailureCode::RepeatedCall
        | FailureCode::FlowFailed
        | FailureCode::FlowRunning => &failure.hint,
    };
    (&failure.message, hint)
}

/// Whether a failure is about how the tool is set up.
const fn is_private(code: FailureCode) -> bool {
    match code {
        FailureCode::SecretMissing
        | FailureCode::AuthFailed
        | FailureCode::EgressBlocked
        | FailureCode::ConnectFailed => true,
        FailureCode::InvalidInput
        | FailureCode::ToolNotFound
        | FailureCode::ToolDisabled
        | FailureCode::QuotaExceeded
        | FailureCode::Timeout
        | FailureCode::RateLimited
        | FailureCode::Upstream4xx
        | FailureCode::Upstream5xx
        | FailureCode::UpstreamError
        | FailureCode::ResponseTooLarge
        | FailureCode::InvalidResponse
        | FailureCode::MappingFailed
        | FailureCode::OutputInvalid
        | FailureCode::UnknownOutcome
        | FailureCode::RepeatedCall
        | FailureCode::FlowFailed
        | FailureCode::FlowRunning => false,
    }
}

/// Takes the hosts out of every text, however they are written.
fn hide(value: &mut Value, hosts: &[String]) {
    match value {
        Value::String(text) => {
            for host in hosts {
                *text = without(text, host);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| hide(value, hosts)),
        Value::Object(members) => members.values_mut().for_each(|value| hide(value, hosts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn without(text: &str, host: &str) -> String {
    if host.is_empty() {
        return text.to_owned();
    }
    let small = text.to_ascii_lowercase();
    let mut rest = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(at) = small[from..].find(&host.to_ascii_lowercase()) {
        rest.push_str(&text[from..from + at]);
        rest.push_str(HIDDEN);
        from += at + host.len();
    }
    rest.push_str(&text[from..]);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn outputs_name_their_source() {
        let told = output("weather_api", &json!({ "c": 18 }), None, &[], 100);
        assert_eq!(
            read(&told),
            json!({ "source": "tool weather_api", "output": { "c": 18 } })
        );
    }

    #[test]
    fn an_output_that_nothing_could_cut_is_told_in_part() {
        let told = output(
            "a",
            &json!({ "x": "ü".repeat(5_000) }),
            None,
            &["n".to_owned()],
            100,
        );
        assert!(told.len() < 700, "{told}");
        let told = read(&told);
        assert!(
            told["beginning"]
                .as_str()
                .unwrap()
                .starts_with("{\"x\":\"ü")
        );
        assert_eq!(told["notes"], json!(["n"]));
        assert!(told.get("output").is_none());
    }

    #[test]
    fn what_was_cut_says_how_to_go_on() {
        let cut = Cut {
            cursor: Some("more_1".to_owned()),
            at: Vec::new(),
            kept_tokens: 10,
            total_tokens: 90,
        };
        let told = read(&output("a", &json!([1]), Some(&cut), &[], 100));
        assert_eq!(told["cut"]["cursor"], "more_1");
        assert!(told["cut"]["hint"].as_str().unwrap().contains("read_more"));
    }

    #[test]
    fn a_failure_tells_what_a_model_can_mend() {
        let refused = Failure::new(
            FailureCode::Upstream4xx,
            "Api.Example.com refused",
            "read details",
        )
        .detail("status", 422)
        .detail("body", "no such city at api.example.com:8443")
        .detail("request", "GET https://api.example.com/x")
        .detail("host", "api.example.com");
        let told = read(&failure(
            "a",
            &refused,
            &[
                "api.example.com:8443".to_owned(),
                "api.example.com".to_owned(),
            ],
        ));
        assert_eq!(
            told["error"],
            json!({
                "code": "upstream_4xx", "message": "[host] refused", "hint": "read details", "retryable": false,
                "details": { "status": 422, "body": "no such city at [host]" },
            })
        );
    }

    #[test]
    fn advice_for_who_writes_the_tool_is_not_the_models() {
        let odd = Failure::new(
            FailureCode::OutputInvalid,
            "2 faults",
            "set output.validation",
        );
        let told = failure("a", &odd, &[]);
        assert!(
            !told.contains("output.validation") && told.contains("Other arguments"),
            "{told}"
        );
    }

    #[test]
    fn how_a_tool_is_set_up_is_not_told() {
        let missing = Failure::new(
            FailureCode::SecretMissing,
            "no secret ${HIDDEN}",
            "store HIDDEN",
        )
        .detail("secrets", json!(["HIDDEN"]))
        .detail("body", "HIDDEN");
        let told = failure("a", &missing, &[]);
        assert!(
            !told.contains("HIDDEN") && told.contains("secret_missing"),
            "{told}"
        );
        let paused = Failure::new(FailureCode::ConnectFailed, "h.example paused", "wait")
            .detail("retry_after_s", 7);
        let told = read(&failure("a", &paused, &[]));
        assert_eq!(told["error"]["details"], json!({ "retry_after_s": 7 }));
        assert_eq!(told["error"]["retryable"], true);
    }
}

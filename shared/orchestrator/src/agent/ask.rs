//! What may be asked of a run, before anything is done for it. Pure.

use domain::fault::Fault;
use domain::text::did_you_mean;
use serde_json::Value;

use super::{AgentRules, Ask};

/// Most requests to the model in one run.
const MAX_TURNS: u32 = 50;

/// Longest name of a model, in characters.
const MAX_MODEL: usize = 256;

/// Unknown members of `text_format` that are told.
const MOST_UNKNOWN: usize = 20;

/// Least tokens of a run: fewer hold no question and answer.
const LEAST_TOKENS: u64 = 500;

/// Every fault of a request, with pointers into it.
pub(super) fn faults(ask: &Ask, rules: &AgentRules) -> Vec<Fault> {
    let mut faults = Vec::new();
    if ask.prompt.trim().is_empty() {
        let fault = Fault::new("/prompt", "required", "\"prompt\" is empty");
        faults.push(fault.hint("write what is asked"));
    }
    faults.extend(ask.model.as_deref().and_then(model_fault));
    if let Some(turns) = ask.max_turns
        && !(1..=MAX_TURNS).contains(&turns)
    {
        let message = format!("\"max_turns\" is 1 to {MAX_TURNS}");
        let fault = Fault::new("/max_turns", "invalid_value", message);
        faults.push(fault.hint("leave it out for the usual number"));
    }
    if let Some(budget) = ask.token_budget
        && !(LEAST_TOKENS..=rules.token_budget).contains(&budget)
    {
        let most = rules.token_budget;
        let message = format!("\"token_budget\" is {LEAST_TOKENS} to {most}");
        let fault = Fault::new("/token_budget", "invalid_value", message);
        faults.push(
            fault.hint("leave it out for the largest; the operator sets it (MODEL_TOKEN_BUDGET)"),
        );
    }
    if let Some(format) = &ask.text_format {
        faults.extend(text_format_faults(format));
    }
    faults
}

/// What is wrong with a model's name, at `/model`.
pub(crate) fn model_fault(model: &str) -> Option<Fault> {
    let good = (1..=MAX_MODEL).contains(&model.chars().count())
        && !model.trim().is_empty()
        && !model.chars().any(char::is_control);
    if good {
        return None;
    }
    let message =
        format!("a model's name has 1 to {MAX_MODEL} characters, none of them a control character");
    let fault = Fault::new("/model", "invalid_value", message);
    Some(fault.hint("write it as the provider does, or leave it out"))
}

/// What is wrong with a `text_format`: the Responses API's `text.format` (`ResponseFormatText`, `…JsonObject`, `…JsonSchema`). The schema
/// itself is the provider's to judge: what it takes in strict mode differs from model to model.
fn text_format_faults(format: &Value) -> Vec<Fault> {
    let fault = |pointer: &str, code, message: &str, hint: &str| {
        vec![Fault::new(format!("/text_format{pointer}"), code, message).hint(hint)]
    };
    let Some(members) = format.as_object() else {
        let hint = "send an object such as {\"type\": \"json_object\"}";
        return fault("", "wrong_type", "\"text_format\" must be an object", hint);
    };
    let known: &[&str] = match members.get("type").and_then(Value::as_str) {
        Some("text" | "json_object") => &["type"],
        Some("json_schema") => &["type", "name", "schema", "strict", "description"],
        None | Some(_) => {
            let hint = "write \"text\", \"json_object\" or \"json_schema\"";
            return fault(
                "/type",
                "invalid_value",
                "\"type\" says how the answer must look",
                hint,
            );
        }
    };
    let mut faults = Vec::new();
    for name in members
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
        .take(MOST_UNKNOWN)
    {
        let pointer = format!(
            "/text_format/{}",
            name.replace('~', "~0").replace('/', "~1")
        );
        let mut unknown = Fault::new(
            pointer,
            "unknown_field",
            format!("\"{name}\" is no field here"),
        );
        unknown.hint = did_you_mean(name, known);
        faults.push(unknown);
    }
    if known.len() > 1 {
        let named = members.get("name").and_then(Value::as_str);
        if !named.is_some_and(is_format_name) {
            let message = "\"name\" has 1 to 64 characters of a-z, A-Z, 0-9, _ and -";
            faults.extend(fault(
                "/name",
                "invalid_value",
                message,
                "name what the answer is, such as \"forecast\"",
            ));
        }
        if !members.get("schema").is_some_and(Value::is_object) {
            let hint = "write the JSON Schema of the answer, an object";
            faults.extend(fault("/schema", "required", "\"schema\" is required", hint));
        }
        if members
            .get("strict")
            .is_some_and(|strict| !strict.is_boolean() && !strict.is_null())
        {
            faults.extend(fault(
                "/strict",
                "wrong_type",
                "\"strict\" must be true or false",
                "send true or false",
            ));
        }
    }
    faults
}

/// What is odd about an answer that had to look so: not every server obeys.
pub(super) fn mismatch(format: &Value, text: &str) -> Option<String> {
    let schema = match format.get("type").and_then(Value::as_str) {
        Some("json_schema") => format.get("schema"),
        Some("json_object") => None,
        None | Some(_) => return None,
    };
    let Ok(answer) = serde_json::from_str::<Value>(text) else {
        return Some("The answer is no JSON though text_format asks for it.".to_owned());
    };
    let Ok(schema) = domain::schema::Compiled::new(schema?) else {
        let why =
            "The answer was not checked: the schema of text_format holds what is not known here.";
        return Some(why.to_owned());
    };
    let fault = schema.faults(&answer).into_iter().next()?;
    let Fault {
        pointer, message, ..
    } = fault;
    Some(format!(
        "The answer does not fit the schema of text_format: {message} (at \"{pointer}\")."
    ))
}

fn is_format_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use domain::price::PriceList;
    use serde_json::json;

    use super::*;

    fn rules() -> AgentRules {
        AgentRules {
            base_url: "http://127.0.0.1:1/v1".parse().unwrap(),
            api_key: None,
            model: None,
            tool_tokens: 8_000,
            output_tokens: 8_000,
            max_turns: 10,
            token_budget: 200_000,
            deadline_s: 60,
            prices: PriceList::default(),
        }
    }

    fn pointers(ask: &Ask) -> Vec<String> {
        let faults = faults(ask, &rules());
        assert!(
            faults.iter().all(|fault| fault.hint.is_some()),
            "{faults:?}"
        );
        faults.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let good = Ask {
            prompt: "Weather?".to_owned(),
            ..Ask::default()
        };
        assert_eq!(pointers(&good), [""; 0]);
        let bad = Ask {
            prompt: " ".to_owned(),
            model: Some("a\nb".to_owned()),
            max_turns: Some(51),
            token_budget: Some(200_001),
            text_format: Some(json!([])),
            ..Ask::default()
        };
        assert_eq!(
            pointers(&bad),
            [
                "/prompt",
                "/model",
                "/max_turns",
                "/token_budget",
                "/text_format"
            ]
        );
    }

    #[test]
    fn an_answer_that_does_not_look_as_asked_is_told() {
        let schema = json!({ "type": "object", "properties": { "c": { "type": "number" } }, "required": ["c"] });
        let format = json!({ "type": "json_schema", "name": "w", "schema": schema });
        assert_eq!(mismatch(&format, "{\"c\":1}"), None);
        assert!(mismatch(&format, "{}").unwrap().contains("does not fit"));
        assert!(mismatch(&format, "It is 1").unwrap().contains("no JSON"));
        assert_eq!(mismatch(&json!({ "type": "json_object" }), "{}"), None);
        assert_eq!(mismatch(&json!({ "type": "text" }), "It is 1"), None);
    }

    #[test]
    fn formats_are_the_providers_own() {
        let told = |format: Value| -> Vec<String> {
            text_format_faults(&format)
                .into_iter()
                .map(|fault| fault.pointer)
                .collect()
        };
        for good in [
            json!({ "type": "text" }),
            json!({ "type": "json_object" }),
            json!({ "type": "json_schema", "name": "a-B_1", "schema": {}, "strict": true, "description": "d" }),
        ] {
            assert_eq!(told(good), [""; 0]);
        }
        for (bad, pointer) in [
            (json!("text"), "/text_format"),
            (json!({}), "/text_format/type"),
            (json!({ "type": "xml" }), "/text_format/type"),
            (json!({ "type": "text", "a/b": 1 }), "/text_format/a~1b"),
            (
                json!({ "type": "json_schema", "schema": {} }),
                "/text_format/name",
            ),
            (
                json!({ "type": "json_schema", "name": "a b", "schema": {} }),
                "/text_format/name",
            ),
            (
                json!({ "type": "json_schema", "name": "a", "schema": [] }),
                "/text_format/schema",
            ),
            (
                json!({ "type": "json_schema", "name": "a", "schema": {}, "strict": 1 }),
                "/text_format/strict",
            ),
        ] {
            assert_eq!(told(bad), [pointer]);
        }
    }
}

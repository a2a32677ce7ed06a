//! What a model server's answer says: the response object, or the events of its stream, in; a turn out. Pure.
//!
//! Tolerant on purpose: unknown events, items and members are the rule at a living API. Items are kept as they came.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::model::Usage;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::failure::{Trouble, invalid_answer, told};
use super::{FunctionCall, Incomplete, Turn};

/// Most bytes of an answer that are kept: its text and its items.
const MAX_KEPT: usize = 8 << 20;
/// Highest number of an output item.
const MAX_INDEX: u64 = 10_000;
/// Most function calls of one turn.
const MAX_CALLS: usize = 128;

/// Of an event only its kind, to see whether the rest matters.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

/// Reads the events of one stream.
pub(super) struct Reader<'a> {
    key: &'a SecretString,
    items: BTreeMap<u64, Value>,
    text: String,
    kept: usize,
}

impl<'a> Reader<'a> {
    /// Nothing read yet. The key is masked out of what the server says about errors.
    pub(super) fn new(key: &'a SecretString) -> Self {
        Self {
            key,
            items: BTreeMap::new(),
            text: String::new(),
            kept: 0,
        }
    }

    /// Takes the next event; the turn, when it was the last one.
    pub(super) fn take(
        &mut self,
        event: &str,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Option<Turn>, Trouble> {
        let Ok(Kind { kind }) = serde_json::from_str(event) else {
            return Ok(None);
        };
        match &*kind {
            "response.output_text.delta" | "response.refusal.delta" => {
                if let Some(Value::String(text)) = value(event)?.get_mut("delta") {
                    let text = clean(std::mem::take(text));
                    self.keep(text.len())?;
                    self.text.push_str(&text);
                    on_text(&text);
                }
                Ok(None)
            }
            "response.output_item.done" => {
                self.keep(event.len())?;
                let mut event = value(event)?;
                if let Some(item) = event.get_mut("item").map(Value::take) {
                    // Without a number the items stand in the order in which they came.
                    let index = event.get("output_index").and_then(Value::as_u64);
                    let index = index.unwrap_or_else(|| {
                        let last = self.items.last_key_value();
                        last.map_or(0, |(last, _)| last.saturating_add(1))
                    });
                    if index > MAX_INDEX {
                        return Err(Trouble::last(invalid_answer("it numbers its items oddly")));
                    }
                    self.items.insert(index, item);
                }
                Ok(None)
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                let response = value(event)?.get_mut("response").map(Value::take);
                let ended = kind.strip_prefix("response.").unwrap_or_default();
                self.end(response.unwrap_or_default(), ended, on_text)
                    .map(Some)
            }
            "error" => Err(told(&value(event)?, self.key)),
            _ => Ok(None),
        }
    }

    /// The stream ended without the event that ends it.
    pub(super) fn cut(self) -> Trouble {
        Trouble::last(invalid_answer("it breaks off in the middle"))
    }

    fn keep(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.kept += bytes;
        if self.kept > MAX_KEPT {
            return Err(Trouble::last(invalid_answer(&format!(
                "it is larger than {MAX_KEPT} bytes"
            ))));
        }
        Ok(())
    }

    fn end(
        &mut self,
        mut response: Value,
        ended: &str,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Turn, Trouble> {
        // Items come one by one; only servers that leave those events out are taken at their last word.
        if !self.items.is_empty() {
            let items = std::mem::take(&mut self.items);
            if let Value::Object(response) = &mut response {
                response.insert("output".to_owned(), items.into_values().collect());
            }
        }
        if let Value::Object(response) = &mut response {
            response.insert("status".to_owned(), ended.into());
        }
        let streamed = std::mem::take(&mut self.text);
        let mut turn = of_response(response, self.key)?;
        if streamed.is_empty() && !turn.text.is_empty() {
            on_text(&turn.text);
        }
        if turn.text.is_empty() {
            turn.text = streamed;
        }
        Ok(turn)
    }
}

fn value(event: &str) -> Result<Value, Trouble> {
    parsed(event)
        .ok_or_else(|| Trouble::last(invalid_answer("an event of its stream is malformed")))
}

/// JSON as models write it: half a surrogate pair becomes U+FFFD.
fn parsed(text: &str) -> Option<Value> {
    let strict = serde_json::from_str(text).ok();
    strict.or_else(|| domain::json::parse_response(text.as_bytes()).ok())
}

/// The turn out of a whole response, given as JSON text.
pub(super) fn of_text(text: &str, key: &SecretString) -> Result<Turn, Trouble> {
    let response = parsed(text);
    let response = response.ok_or_else(|| Trouble::last(invalid_answer("it is malformed")))?;
    of_response(response, key)
}

fn of_response(mut response: Value, key: &SecretString) -> Result<Turn, Trouble> {
    let invalid = |what: &str| Err(Trouble::last(invalid_answer(what)));
    let incomplete = match response.get("status").and_then(Value::as_str) {
        Some("failed") => return Err(told(response.get("error").unwrap_or(&Value::Null), key)),
        None if response.get("error").is_some_and(Value::is_object) => {
            return Err(told(&response, key));
        }
        Some("completed") | None => None,
        Some("incomplete") => match response
            .pointer("/incomplete_details/reason")
            .and_then(Value::as_str)
        {
            Some("content_filter") => Some(Incomplete::ContentFilter),
            Some("max_output_tokens" | "max_tokens" | "length") => {
                Some(Incomplete::MaxOutputTokens)
            }
            _ => return invalid("it is incomplete without a known reason"),
        },
        Some(_) => return invalid("it has not come to an end"),
    };
    let usage = usage(response.get("usage").unwrap_or(&Value::Null));
    let provider_id = response
        .get("id")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let Some(Value::Array(output)) = response.get_mut("output").map(Value::take) else {
        return invalid("it has no output");
    };
    let mut turn = Turn {
        usage,
        incomplete,
        provider_id,
        ..Turn::default()
    };
    for mut item in output.into_iter().filter(Value::is_object) {
        clean_value(&mut item);
        match item.get("type").and_then(Value::as_str) {
            Some("message") => push_text(&item, &mut turn.text),
            Some("function_call") => turn.calls.extend(call(&item)?),
            _ => {}
        }
        turn.items.push(item);
    }
    if turn.calls.len() > MAX_CALLS {
        return invalid("it asks for more than 128 functions at once");
    }
    Ok(turn)
}

fn push_text(message: &Value, text: &mut String) {
    let parts = message.get("content").and_then(Value::as_array);
    for part in parts.into_iter().flatten() {
        let member = match part.get("type").and_then(Value::as_str) {
            Some("output_text") => "text",
            Some("refusal") => "refusal",
            _ => continue,
        };
        text.push_str(part.get(member).and_then(Value::as_str).unwrap_or_default());
    }
}

/// The call that an item asks for; none, if the answer was cut in it.
fn call(item: &Value) -> Result<Option<FunctionCall>, Trouble> {
    let text = |name: &str| {
        item.get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    if text("status").is_some_and(|status| status != "completed") {
        return Ok(None);
    }
    let (Some(call_id), Some(name)) = (text("call_id").or_else(|| text("id")), text("name")) else {
        return Err(Trouble::last(invalid_answer(
            "a function call in it has no name or no call_id",
        )));
    };
    Ok(Some(FunctionCall {
        call_id: call_id.to_owned(),
        name: name.to_owned(),
        arguments: match item.get("arguments") {
            Some(Value::String(arguments)) => arguments.clone(),
            Some(Value::Null) | None => String::new(),
            Some(arguments) => arguments.to_string(),
        },
    }))
}

/// What is counted, as far as the server counts.
fn usage(usage: &Value) -> Usage {
    let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let (input_tokens, output_tokens) = (count("/input_tokens"), count("/output_tokens"));
    let both = input_tokens.saturating_add(output_tokens);
    Usage {
        input_tokens,
        cached_input_tokens: count("/input_tokens_details/cached_tokens"),
        output_tokens,
        reasoning_tokens: count("/output_tokens_details/reasoning_tokens"),
        total_tokens: count("/total_tokens").max(both),
    }
}

/// U+0000 cannot be stored; U+FFFD stands in its place.
fn clean(text: String) -> String {
    if text.contains('\0') {
        return text.replace('\0', "\u{fffd}");
    }
    text
}

fn clean_value(value: &mut Value) {
    match value {
        Value::String(text) => *text = clean(std::mem::take(text)),
        Value::Array(values) => values.iter_mut().for_each(clean_value),
        Value::Object(members) => {
            if members.keys().any(|name| name.contains('\0')) {
                let all = std::mem::take(members);
                members.extend(all.into_iter().map(|(name, value)| (clean(name), value)));
            }
            members.values_mut().for_each(clean_value);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests;

//! What is sent to the model server: the body of `POST /responses`.

use async_openai::types::responses::{IncludeEnum, ToolChoiceOptions};
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::Value;

use super::TurnRequest;

/// The body. Conversations are kept here, not at the provider: nothing is stored there, so the reasoning comes along,
/// encrypted, and is sent back with the next turn.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    input: &'a [Value],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ToolChoiceOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "<[IncludeEnum]>::is_empty")]
    include: &'static [IncludeEnum],
    store: bool,
    stream: bool,
}

#[derive(Serialize)]
struct Text<'a> {
    format: &'a Value,
}

impl<'a> Body<'a> {
    /// The body of this request; `with_reasoning`: ask for the encrypted reasoning, which models that do not reason refuse.
    pub(super) fn new(request: &'a TurnRequest, with_reasoning: bool) -> Self {
        let has_tools = !request.tools.is_empty();
        Self {
            model: &request.model,
            instructions: request.instructions.as_deref(),
            input: &request.input,
            tools: request.tools.iter().map(Tool).collect(),
            // Both are refused by some servers when there are no tools.
            tool_choice: has_tools.then_some(if request.may_call {
                ToolChoiceOptions::Auto
            } else {
                ToolChoiceOptions::None
            }),
            parallel_tool_calls: has_tools.then_some(true),
            text: request.text_format.as_ref().map(|format| Text { format }),
            max_output_tokens: request.max_output_tokens,
            include: if with_reasoning {
                &[IncludeEnum::ReasoningEncryptedContent]
            } else {
                &[]
            },
            store: false,
            stream: request.stream,
        }
    }
}

/// A tool's description. A function that does not say whether it is strict is not: left out, the provider would make
/// it so, and optional fields would be filled with junk.
struct Tool<'a>(&'a Value);

impl Serialize for Tool<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(tool)
                if tool.get("type").is_some_and(|kind| kind == "function")
                    && !tool.get("strict").is_some_and(Value::is_boolean) =>
            {
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in tool.iter().filter(|(name, _)| *name != "strict") {
                    map.serialize_entry(name, value)?;
                }
                map.serialize_entry("strict", &false)?;
                map.end()
            }
            tool => tool.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_is_stored_and_reasoning_comes_along() {
        let request = TurnRequest {
            model: "gpt-5".to_owned(),
            input: vec![json!({ "role": "user", "content": "hello" })],
            stream: true,
            ..TurnRequest::default()
        };
        assert_eq!(
            serde_json::to_value(Body::new(&request, true)).unwrap(),
            json!({
                "model": "gpt-5",
                "input": [{ "role": "user", "content": "hello" }],
                "include": ["reasoning.encrypted_content"],
                "store": false,
                "stream": true,
            })
        );
        let without = serde_json::to_value(Body::new(&request, false)).unwrap();
        assert!(without.get("include").is_none());
    }

    #[test]
    fn every_function_says_whether_it_is_strict() {
        let function = |strict: Value| json!({ "type": "function", "name": "f", "strict": strict });
        let request = TurnRequest {
            tools: vec![
                function(json!(true)),
                function(json!(false)),
                function(Value::Null),
                json!({ "type": "function", "name": "g" }),
            ],
            text_format: Some(json!({ "type": "json_object" })),
            ..TurnRequest::default()
        };
        let body = serde_json::to_value(Body::new(&request, false)).unwrap();
        let strict: Vec<&Value> = body["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| &tool["strict"])
            .collect();
        assert_eq!(strict, [true, false, false, false]);
        assert_eq!(body["tool_choice"], "none");
        assert_eq!(body["parallel_tool_calls"], true);
        assert_eq!(body["text"]["format"]["type"], "json_object");
    }
}

//! What the real service refuses about a request: its key, unknown parameters, wrong types, tools, formats.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::captured::Captured;
use crate::error::ApiError;
use crate::{input, strict};

/// The parameters of `CreateResponse` in the published description.
const PARAMETERS: &[(&str, Kind)] = &[
    ("background", Kind::Bool),
    ("context_management", Kind::Array),
    ("conversation", Kind::Any),
    ("include", Kind::Array),
    ("input", Kind::Any),
    ("instructions", Kind::String),
    ("max_output_tokens", Kind::Integer),
    ("max_tool_calls", Kind::Integer),
    ("metadata", Kind::Object),
    ("model", Kind::String),
    ("moderation", Kind::Any),
    ("parallel_tool_calls", Kind::Bool),
    ("previous_response_id", Kind::String),
    ("prompt", Kind::Object),
    ("prompt_cache_key", Kind::String),
    ("prompt_cache_options", Kind::Object),
    ("prompt_cache_retention", Kind::String),
    ("reasoning", Kind::Object),
    ("safety_identifier", Kind::String),
    ("service_tier", Kind::String),
    ("store", Kind::Bool),
    ("stream", Kind::Bool),
    ("stream_options", Kind::Object),
    ("temperature", Kind::Number),
    ("text", Kind::Object),
    ("tool_choice", Kind::Any),
    ("tools", Kind::Array),
    ("top_logprobs", Kind::Integer),
    ("top_p", Kind::Number),
    ("truncation", Kind::String),
    ("user", Kind::String),
];

/// `IncludeEnum`.
const INCLUDE: [&str; 8] = [
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
];

/// The members of a function definition (`FunctionTool`).
const FUNCTION: [&str; 8] = [
    "type",
    "name",
    "description",
    "parameters",
    "strict",
    "output_schema",
    "defer_loading",
    "allowed_callers",
];

/// Most functions of one request.
const MAX_TOOLS: usize = 128;

/// A parameter's type.
#[derive(Clone, Copy)]
enum Kind {
    Any,
    Array,
    Bool,
    Integer,
    Number,
    Object,
    String,
}

impl Kind {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Array => value.is_array(),
            Self::Bool => value.is_boolean(),
            Self::Integer => value.is_u64(),
            Self::Number => value.is_number(),
            Self::Object => value.is_object(),
            Self::String => value.is_string(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Array => "an array",
            Self::Bool => "a boolean",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Object => "an object",
            Self::String => "a string",
        }
    }
}

/// The bearer token.
pub(crate) fn key(request: &Captured, only: Option<&str>) -> Result<(), ApiError> {
    let header = request.header("authorization").unwrap_or_default();
    let key = header.strip_prefix("Bearer ").map(str::trim);
    match key.filter(|key| !key.is_empty()) {
        Some(key) if only.is_none_or(|only| only == key) => Ok(()),
        Some(_) => Err(ApiError::of_status(401)),
        None => {
            let mut error = ApiError::of_status(401);
            error.code = None;
            error.message = "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).".to_owned();
            Err(error)
        }
    }
}

/// The body. `reasons` says which reasoning an item of an earlier answer came with.
pub(crate) fn request(
    request: &Captured,
    reasons: &HashMap<String, String>,
) -> Result<(), ApiError> {
    let json = request.header("content-type").unwrap_or_default();
    let Some(body) = request.body.as_object() else {
        let mut error = ApiError::of_status(400);
        error.message =
            "We could not parse the JSON body of your request. The OpenAI API expects a JSON payload."
                .to_owned();
        return Err(error);
    };
    if !json.starts_with("application/json") {
        let mut error = ApiError::of_status(400);
        error.message = format!(
            "Unsupported content type: '{json}'. This API method only accepts 'application/json' requests, but you specified the header 'Content-Type: {json}'."
        );
        return Err(error);
    }
    for (name, value) in body {
        let known = PARAMETERS.iter().find(|(parameter, _)| parameter == name);
        let Some((_, kind)) = known else {
            return Err(ApiError::unknown(name));
        };
        if !value.is_null() && !kind.holds(value) {
            return Err(ApiError::type_of(name, kind.name(), value));
        }
    }
    if request.body["model"]
        .as_str()
        .unwrap_or_default()
        .is_empty()
    {
        return Err(missing("model"));
    }
    limits(&request.body)?;
    tools(&request.body["tools"])?;
    tool_choice(&request.body)?;
    format(&request.body["text"])?;
    input::check(&request.body, reasons)
}

fn missing(param: &str) -> ApiError {
    let message = format!("Missing required parameter: '{param}'.");
    ApiError::invalid(param, "missing_required_parameter", message)
}

fn limits(body: &Value) -> Result<(), ApiError> {
    if let Some(tokens) = body["max_output_tokens"]
        .as_u64()
        .filter(|tokens| *tokens < 16)
    {
        return Err(ApiError::invalid(
            "max_output_tokens",
            "integer_below_min_value",
            format!(
                "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got {tokens} instead."
            ),
        ));
    }
    // Nothing is ever stored here, so there is nothing to go on from.
    if let Some(id) = body["previous_response_id"].as_str() {
        return Err(ApiError::invalid(
            "previous_response_id",
            "previous_response_not_found",
            format!("Previous response with id '{id}' not found."),
        ));
    }
    for (index, included) in body["include"].as_array().into_iter().flatten().enumerate() {
        if !INCLUDE.iter().any(|known| included == known) {
            return Err(ApiError::invalid(
                format!("include[{index}]"),
                "invalid_value",
                format!("Invalid value: {included}. Supported values are: {INCLUDE:?}."),
            ));
        }
    }
    Ok(())
}

fn tools(tools: &Value) -> Result<(), ApiError> {
    let tools = tools.as_array().map_or(&[][..], Vec::as_slice);
    if tools.len() > MAX_TOOLS {
        return Err(ApiError::invalid(
            "tools",
            "array_above_max_length",
            format!(
                "Invalid 'tools': array too long. Expected an array with maximum length {MAX_TOOLS}, but got an array with length {} instead.",
                tools.len()
            ),
        ));
    }
    let mut names = BTreeSet::new();
    for (index, tool) in tools.iter().enumerate() {
        let at = format!("tools[{index}]");
        let name = tool_name(tool, &at)?;
        if !names.insert(name) {
            return Err(ApiError::invalid(
                "tools",
                "invalid_value",
                format!("Invalid 'tools': function names must be unique, '{name}' occurs twice."),
            ));
        }
        strict::function(&tool["parameters"], tool["strict"] != false).map_err(|why| {
            ApiError::invalid(
                format!("{at}.parameters"),
                "invalid_function_parameters",
                format!("Invalid schema for function '{name}': {why}"),
            )
        })?;
    }
    Ok(())
}

fn tool_name<'a>(tool: &'a Value, at: &str) -> Result<&'a str, ApiError> {
    let Some(members) = tool.as_object() else {
        return Err(ApiError::type_of(at, "an object", tool));
    };
    if tool["type"] != "function" {
        return Err(ApiError::invalid(
            format!("{at}.type"),
            "invalid_value",
            format!(
                "Invalid value: {}. This server knows 'function' alone.",
                tool["type"]
            ),
        ));
    }
    if let Some(unknown) = members
        .keys()
        .find(|name| !FUNCTION.contains(&name.as_str()))
    {
        return Err(ApiError::unknown(format!("{at}.{unknown}")));
    }
    for (member, kind) in [
        ("description", Kind::String),
        ("strict", Kind::Bool),
        ("parameters", Kind::Object),
    ] {
        if !tool[member].is_null() && !kind.holds(&tool[member]) {
            return Err(ApiError::type_of(
                format!("{at}.{member}"),
                kind.name(),
                &tool[member],
            ));
        }
    }
    let name = tool["name"]
        .as_str()
        .ok_or_else(|| missing(&format!("{at}.name")))?;
    named(name, &format!("{at}.name"))?;
    Ok(name)
}

/// Names of functions and formats: up to 64 letters, digits, `_` and `-`.
pub(crate) fn named(name: &str, at: &str) -> Result<(), ApiError> {
    let right = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(right) {
        return Err(ApiError::invalid(
            at,
            "invalid_value",
            format!(
                "Invalid '{at}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]{{1,64}}$'."
            ),
        ));
    }
    Ok(())
}

fn tool_choice(body: &Value) -> Result<(), ApiError> {
    let tools = body["tools"].as_array().map_or(&[][..], Vec::as_slice);
    let refused = |message: String| Err(ApiError::invalid("tool_choice", "invalid_value", message));
    match &body["tool_choice"] {
        Value::Null => Ok(()),
        Value::String(choice) => match choice.as_str() {
            "none" | "auto" => Ok(()),
            "required" if !tools.is_empty() => Ok(()),
            "required" => refused(
                "Tool choice 'required' must be specified with 'tools' parameter.".to_owned(),
            ),
            other => refused(format!(
                "Invalid value: '{other}'. Supported values are: 'none', 'auto', and 'required'."
            )),
        },
        choice if choice["type"] == "function" => {
            let named = |tool: &Value| tool["name"] == choice["name"];
            if tools.iter().any(named) {
                return Ok(());
            }
            refused("Tool choice 'function' not found in 'tools' parameter.".to_owned())
        }
        choice if choice["type"] == "allowed_tools" => Ok(()),
        _ => refused("Invalid tool_choice.".to_owned()),
    }
}

fn format(text: &Value) -> Result<(), ApiError> {
    for name in text.as_object().into_iter().flatten().map(|(name, _)| name) {
        if !["format", "verbosity"].contains(&name.as_str()) {
            return Err(ApiError::unknown(format!("text.{name}")));
        }
    }
    let format = &text["format"];
    let members: &[&str] = match format["type"].as_str() {
        None if format.is_null() => return Ok(()),
        Some("text" | "json_object") => &["type"],
        Some("json_schema") => &["type", "name", "schema", "strict", "description"],
        _ => {
            return Err(ApiError::invalid(
                "text.format.type",
                "invalid_value",
                format!(
                    "Invalid value: {}. Supported values are: 'json_object', 'json_schema', and 'text'.",
                    format["type"]
                ),
            ));
        }
    };
    for name in format
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
    {
        if !members.contains(&name.as_str()) {
            return Err(ApiError::unknown(format!("text.format.{name}")));
        }
    }
    if format["type"] != "json_schema" {
        return Ok(());
    }
    let name = format["name"]
        .as_str()
        .ok_or_else(|| missing("text.format.name"))?;
    named(name, "text.format.name")?;
    if !format["schema"].is_object() {
        return Err(missing("text.format.schema"));
    }
    strict::function(&format["schema"], format["strict"] == true).map_err(|why| {
        ApiError::invalid(
            "text.format.schema",
            "invalid_json_schema",
            format!("Invalid schema for response_format '{name}': {why}"),
        )
    })
}

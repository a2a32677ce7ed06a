//! `search_tools` and `call_tool`: how a model reaches tools that it was not given.

use domain::failure::Failure;
use domain::tokens;
use registry::{Catalog, CompiledTool};
use serde_json::{Map, Value, json};

use super::arguments::{self, invalid, kind};

/// How many functions these are.
pub(super) const FUNCTIONS: usize = 2;

/// What both may take, in tokens.
pub(super) const TOKENS: u64 = 400;

/// Matches of a search that names no limit.
const USUAL_LIMIT: usize = 8;

/// Most matches of one search.
const MAX_LIMIT: usize = 20;

/// Most characters of a query that are looked at.
const MAX_QUERY: usize = 2_000;

/// The names that the two functions have in a workspace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meta {
    pub(super) search: &'static str,
    pub(super) call: &'static str,
}

impl Meta {
    /// A workspace's own tools keep their names. No tool's id has a capital letter, so the other names are never taken.
    pub(super) fn of(catalog: &Catalog) -> Self {
        let taken = |name: &str| name.parse().is_ok_and(|id| catalog.tool(&id).is_some());
        if taken("search_tools") || taken("call_tool") {
            return Self {
                search: "searchTools",
                call: "callTool",
            };
        }
        Self {
            search: "search_tools",
            call: "call_tool",
        }
    }

    /// Their definitions.
    pub(super) fn definitions(&self) -> [Value; FUNCTIONS] {
        let Self { search, call } = self;
        let find = json!({
            "type": "function",
            "name": search,
            "description": format!("Finds more tools: you were given only a part of them. Answers the id, the description and the \
                parameters of those that fit best. Call what you found with {call}."),
            "parameters": {
                "type": "object",
                "properties": {
                    "query": { "type": "string", "description": "What the tool should do, in a few English words, or its id" },
                    "limit": { "type": ["integer", "null"], "description": "How many at most, 1 to 20; null: 8" },
                },
                "required": ["query", "limit"],
                "additionalProperties": false,
            },
            "strict": true,
        });
        let run = json!({
            "type": "function",
            "name": call,
            "description": format!("Calls a tool that {search} found."),
            "parameters": {
                "type": "object",
                "properties": {
                    "tool": { "type": "string", "description": "The tool's id" },
                    "arguments": { "type": "object", "description": "What its parameters ask for", "additionalProperties": true },
                },
                "required": ["tool", "arguments"],
                "additionalProperties": false,
            },
            "strict": false,
        });
        [find, run]
    }

    /// Estimated tokens of both definitions.
    pub(super) fn tokens(&self) -> u64 {
        self.definitions().iter().map(tokens::estimate).sum()
    }
}

/// What `search_tools` is asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) text: String,
    pub(super) limit: usize,
}

impl Query {
    pub(super) fn read(arguments: &Value) -> Result<Self, Failure> {
        let text = match arguments.get("query") {
            Some(Value::String(text)) => text.chars().take(MAX_QUERY).collect(),
            None | Some(Value::Null) => {
                return Err(invalid(
                    "query is missing.",
                    "Say in query what the tool should do.",
                ));
            }
            Some(other) => {
                let message = format!("query is {}, not a string.", kind(other));
                return Err(invalid(message, "Say in query what the tool should do."));
            }
        };
        let limit = arguments.get("limit").and_then(Value::as_u64);
        let limit = limit.map_or(USUAL_LIMIT, |limit| {
            usize::try_from(limit).unwrap_or(MAX_LIMIT)
        });
        Ok(Self {
            text,
            limit: limit.clamp(1, MAX_LIMIT),
        })
    }
}

/// What `call_tool` is asked.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    pub(super) tool: String,
    pub(super) input: Value,
}

impl Call {
    /// The arguments may be an object, JSON text of one, or stand beside `tool`.
    pub(super) fn read(arguments: Value) -> Result<Self, Failure> {
        let Value::Object(mut members) = arguments else {
            return Err(unnamed());
        };
        let Some(Value::String(tool)) = members.remove("tool") else {
            return Err(unnamed());
        };
        let input = match members.remove("arguments") {
            None => Value::Object(members),
            Some(Value::Null) => Value::Object(Map::new()),
            Some(Value::String(text)) => {
                arguments::object(&text).map_err(|it| it.detail("pointer", "/arguments"))?
            }
            Some(object @ Value::Object(_)) => object,
            Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_))) => {
                let message = format!("arguments is {}, not an object.", kind(&other));
                return Err(invalid(
                    message,
                    "Give arguments as one object, by the names of the tool's parameters.",
                ));
            }
        };
        let tool = tool.trim().to_owned();
        Ok(Self { tool, input })
    }
}

fn unnamed() -> Failure {
    invalid(
        "tool is missing, or no string.",
        "Say in tool which tool to call, by its id.",
    )
}

/// A tool that a search found.
pub(super) struct Match<'t> {
    pub(super) tool: &'t CompiledTool,
    /// The model has its definition already.
    pub(super) direct: bool,
}

/// What `search_tools` answers: whole descriptions as long as they fit, then ids.
pub(super) fn answer(found: &[Match<'_>], all: usize, max_tokens: u64) -> Value {
    if found.is_empty() {
        let hint = "No tool has one of these words. Search with other words: the thing that the tool is about, in English.";
        return json!({ "tools": [], "all_tools": all, "hint": hint });
    }
    let mut shown = Vec::new();
    let mut more = Vec::new();
    let mut left = max_tokens;
    for found in found {
        let told = found.told();
        let tokens = tokens::estimate(&told);
        if tokens <= left || shown.is_empty() {
            left = left.saturating_sub(tokens);
            shown.push(told);
        } else {
            more.push(found.tool.id.as_str());
        }
    }
    let mut answer = json!({ "tools": shown });
    if !more.is_empty() {
        answer["more"] = json!(more);
        answer["hint"] = "Search for an id of more to see what the tool takes.".into();
    }
    answer
}

impl Match<'_> {
    fn told(&self) -> Value {
        let view = &self.tool.view;
        if self.direct {
            return json!({ "id": view.id, "description": view.description, "call": "by its own name: you have its definition" });
        }
        json!({ "id": view.id, "description": view.description, "parameters": view.input_schema })
    }
}

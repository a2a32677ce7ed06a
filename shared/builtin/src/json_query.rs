//! `json_query`: what a path leads to in a given JSON value.

use domain::code::{ToolContext, ToolError, tool};
use domain::json;
use domain::path::{Path, TooLarge};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// Any JSON value; a string is read as JSON text.
    data: Value,
    /// JSONPath (RFC 9535), such as `$.items[?@.price > 100].name` or `$..id`.
    #[schemars(length(min = 1, max = 512))]
    path: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Found {
    /// The values that the path leads to, in order.
    values: Vec<Value>,
    /// How many there are.
    count: usize,
}

/// Picks values out of a JSON document with a JSONPath.
#[tool(read_only, open_world = false, tags = ["json"])]
pub(crate) async fn json_query(_ctx: ToolContext, input: Query) -> Result<Found, ToolError> {
    let refused = |why: String| {
        let hint = "A JSONPath begins with $ (RFC 9535): $.store.book[0].title";
        ToolError::input("/path", why, hint)
    };
    if !input.path.starts_with('$') {
        return Err(refused("This is no JSONPath.".to_owned()));
    }
    let path = Path::parse(&input.path).map_err(refused)?;
    let data = match input.data {
        Value::String(text) => json::parse_response(text.as_bytes()).map_err(|fault| {
            let hint = "Give the value itself, or its JSON text.";
            ToolError::input("/data", format!("This is no JSON: {}", fault.message), hint)
        })?,
        data => data,
    };
    let found = path.find(&data).map_err(|TooLarge| {
        ToolError::input("/path", "This finds too much.", "Ask for less of it.")
    })?;
    let values = match found.map(std::borrow::Cow::into_owned) {
        None => Vec::new(),
        Some(Value::Array(values)) if path.is_multiple() => values,
        Some(value) => vec![value],
    };
    Ok(Found {
        count: values.len(),
        values,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::{pointer, run};

    #[test]
    fn finds_values() {
        let shop = json!({ "items": [
            { "name": "pen", "price": 2, "tags": ["a"] }, { "name": "desk", "price": 200, "tags": [] },
        ]});
        for (path, values) in [
            ("$.items[?@.price > 100].name", json!(["desk"])),
            ("$..name", json!(["pen", "desk"])),
            ("$.items[0].tags", json!([["a"]])),
            ("$.items[5]", json!([])),
            ("$.nothing", json!([])),
            ("$", json!([shop.clone()])),
        ] {
            for data in [shop.clone(), json!(shop.to_string())] {
                let found =
                    run(&json_query::tool(), json!({ "data": data, "path": path })).unwrap();
                assert_eq!(found["values"], values, "{path}");
                assert_eq!(found["count"], values.as_array().unwrap().len());
            }
        }
    }

    #[test]
    fn what_is_no_path_or_no_json_is_told() {
        let run = |data, path| run(&json_query::tool(), json!({ "data": data, "path": path }));
        for path in ["items", "$[", "$.a[?", "/items"] {
            assert_eq!(pointer(run(json!({}), path)), "/path", "{path}");
        }
        assert_eq!(pointer(run(json!("{"), "$")), "/data");
    }
}

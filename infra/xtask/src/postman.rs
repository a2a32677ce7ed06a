//! The Postman collection, made from the API description: the same operations always give the same file.

use serde_json::{Map, Value, json};

/// The collection (format 2.1) of an OpenAPI document: one folder a tag, one request an operation, the bearer token and the
/// base URL as variables, the documented example as body, and one check of the status. Its order is one in which a run from
/// top to bottom makes things before it reads, changes and deletes them.
pub(crate) fn collection(spec: &Value) -> Value {
    let mut all: Vec<(&str, &str, &Value)> = operations(spec).collect();
    all.sort_by_key(|(path, method, _)| turn(spec, path, method));
    let tags = spec["tags"].as_array().into_iter().flatten();
    let folders: Vec<Value> = tags
        .map(|tag| {
            let items: Vec<Value> = all
                .iter()
                .filter(|(_, _, operation)| operation["tags"][0] == tag["name"])
                .map(|(path, method, operation)| request(spec, path, method, operation))
                .collect();
            json!({ "name": tag["name"], "description": tag["description"], "item": items })
        })
        .collect();
    json!({
        "info": {
            "_postman_id": "api-spec",
            "name": spec["info"]["title"],
            "description": spec["info"]["description"],
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "auth": { "type": "bearer", "bearer": [{ "key": "token", "value": "{{token}}", "type": "string" }] },
        "variable": [
            { "key": "baseUrl", "value": "http://localhost:8000" },
            { "key": "token", "value": "" },
            { "key": "workspaceId", "value": "" },
        ],
        "item": folders,
    })
}

/// Every operation of an OpenAPI document: path, method, description.
pub(crate) fn operations(spec: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
    spec["paths"]
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(path, item)| {
            METHODS
                .into_iter()
                .filter_map(move |method| Some((path.as_str(), method, item.get(method)?)))
        })
}

/// When an operation runs in its folder.
fn turn(spec: &Value, path: &str, method: &str) -> u8 {
    match method {
        "post" if makes(spec, path) => 0,
        "get" => 1,
        "post" => 2,
        "put" | "patch" => 3,
        _ => 4,
    }
}

/// Whether a POST here adds to a list.
fn makes(spec: &Value, path: &str) -> bool {
    !spec["paths"][path]["get"].is_null()
}

fn request(spec: &Value, path: &str, method: &str, operation: &Value) -> Value {
    let id = operation["operationId"].as_str().unwrap_or(path);
    let mut headers = Vec::new();
    let mut request = json!({
        "method": method.to_ascii_uppercase(),
        "description": operation["description"],
        "url": url(path, operation),
    });
    if is_public(spec, operation) {
        request["auth"] = json!({ "type": "noauth" });
    }
    for parameter in parameters(operation, "header") {
        headers.push(json!({
            "key": parameter["name"],
            "value": header_value(parameter),
            "disabled": parameter["required"] != true,
            "description": parameter["description"],
        }));
    }
    if let Some(example) = body_example(operation) {
        headers.push(json!({ "key": "Content-Type", "value": "application/json" }));
        request["body"] = json!({
            "mode": "raw",
            "raw": serde_json::to_string_pretty(example).unwrap_or_default(),
            "options": { "raw": { "language": "json" } },
        });
    }
    request["header"] = headers.into();
    json!({
        "id": id,
        "name": operation["summary"].as_str().unwrap_or(id),
        "event": [{ "listen": "test", "script": { "type": "text/javascript", "exec": script(spec, path, operation) } }],
        "request": request,
        "response": [],
    })
}

fn url(path: &str, operation: &Value) -> Value {
    let segments: Vec<String> = path
        .trim_start_matches('/')
        .split('/')
        .map(
            |segment| match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
                Some(name) => format!(":{}", name.trim_start_matches('*')),
                None => segment.to_owned(),
            },
        )
        .collect();
    let variables: Vec<Value> = parameters(operation, "path")
        .map(|p| json!({ "key": p["name"], "value": path_value(p), "description": p["description"] }))
        .collect();
    let query: Vec<Value> = parameters(operation, "query")
        .map(|p| {
            json!({
                "key": p["name"],
                "value": text(example(p)),
                "disabled": p["required"] != true,
                "description": p["description"],
            })
        })
        .collect();
    let mut url = Map::new();
    url.insert(
        "raw".to_owned(),
        format!("{{{{baseUrl}}}}/{}", segments.join("/")).into(),
    );
    url.insert("host".to_owned(), json!(["{{baseUrl}}"]));
    url.insert("path".to_owned(), segments.into());
    for (key, list) in [("variable", variables), ("query", query)] {
        if !list.is_empty() {
            url.insert(key.to_owned(), list.into());
        }
    }
    url.into()
}

fn parameters<'a>(operation: &'a Value, place: &'a str) -> impl Iterator<Item = &'a Value> {
    operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(move |parameter| parameter["in"] == place)
}

fn header_value(parameter: &Value) -> String {
    match parameter["name"].as_str() {
        Some(name) if name.eq_ignore_ascii_case("x-workspace-id") => "{{workspaceId}}".to_owned(),
        _ => text(example(parameter)),
    }
}

fn example(parameter: &Value) -> &Value {
    [&parameter["example"], &parameter["schema"]["example"]]
        .into_iter()
        .find(|value| !value.is_null())
        .unwrap_or(&parameter["schema"]["default"])
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn body_example(operation: &Value) -> Option<&Value> {
    let media = operation.pointer("/requestBody/content/application~1json")?;
    media
        .get("example")
        .or_else(|| media["examples"].as_object()?.values().next()?.get("value"))
}

/// Whether an operation asks for no token: it says `security: []` or `security: [{}]`, or nobody says anything.
fn is_public(spec: &Value, operation: &Value) -> bool {
    let security = operation.get("security").or_else(|| spec.get("security"));
    security.and_then(Value::as_array).is_none_or(|schemes| {
        schemes
            .iter()
            .all(|scheme| scheme.as_object().is_some_and(Map::is_empty))
    })
}

/// A path parameter without an example is an id that an earlier answer told: a variable of its name.
fn path_value(parameter: &Value) -> String {
    match (text(example(parameter)), parameter["name"].as_str()) {
        (value, Some(name)) if value.is_empty() => format!("{{{{{name}}}}}"),
        (value, _) => value,
    }
}

/// The checks of an answer, and the ids that later requests need.
fn script(spec: &Value, path: &str, operation: &Value) -> Vec<String> {
    let statuses: Vec<&str> = operation["responses"]
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .filter(|status| status.starts_with('2'))
        .map(String::as_str)
        .collect();
    let list = statuses.join(", ");
    let mut lines = vec![
        format!(
            "pm.test(\"status is {list}\", () => pm.expect(pm.response.code).to.be.oneOf([{list}]));"
        ),
        "pm.test(\"has a request id\", () => pm.response.to.have.header(\"x-request-id\"));"
            .to_owned(),
    ];
    lines.extend(told(spec, path, operation).map(|(variable, field)| {
        format!(
            "if (pm.response.code < 300) pm.collectionVariables.set(\"{variable}\", pm.response.json().{field});"
        )
    }));
    lines
}

/// Which variables an answer fills, and from which of its fields: `{key_id}` below this path is the `id` that is told
/// here; any other field has the variable's name itself.
fn told<'a>(
    spec: &'a Value,
    path: &'a str,
    operation: &'a Value,
) -> impl Iterator<Item = (String, &'static str)> + 'a {
    let is_post = spec["paths"][path]["post"]["operationId"] == operation["operationId"];
    let made = operations(spec).filter_map(move |(below, _, other)| {
        let name = below
            .strip_prefix(path)?
            .strip_prefix("/{")?
            .strip_suffix('}')?;
        let parameter = parameters(other, "path").find(|parameter| parameter["name"] == name)?;
        (is_post && text(example(parameter)).is_empty()).then(|| (name.to_owned(), "id"))
    });
    let executed = (operation["operationId"] == "execute_tool")
        .then(|| ("execution_id".to_owned(), "execution_id"));
    made.chain(executed)
}

//! The Postman collection, made from the API description and the plan of a run: the same operations always give the same file.

mod plan;
mod scripts;
mod step;

use serde_json::{Map, Value, json};

use plan::PLAN;
use step::{Folder, Step};

/// Every variable, with what it is for. Those that a run fills are empty in the file.
const VARIABLES: &[(&str, &str, &str)] = &[
    ("baseUrl", "http://localhost:8000", "Where the API is."),
    (
        "token",
        "",
        "Your session token, or an API key for the requests that keys may make.",
    ),
    (
        "peerToken",
        "",
        "A session token of a second person. Without one, yours stands in, and what needs two people is refused as documented.",
    ),
    (
        "peerEmail",
        "colleague@example.com",
        "The second person's e-mail address.",
    ),
    (
        "run",
        "",
        "Sets the names of one run apart from those of others; the first request makes it.",
    ),
    (
        "workspace_id",
        "",
        "The workspace that requests act in: the one that the run made, or yours.",
    ),
    ("peer_workspace_id", "", "The second person's workspace."),
    ("key_id", "", "The API key that was made last."),
    ("invitation_id", "", "The invitation that was made last."),
    ("user_id", "", "The newest member."),
    ("tool_id", "", "The tool that was registered."),
    ("quote_id", "", "The tool that is published."),
    ("execution_id", "", "The execution that was started last."),
    ("connection_id", "", "The connection that was begun."),
    ("prompt_id", "", "The prompt that was saved."),
    (
        "conversation_id",
        "",
        "The answer of a model that was given last.",
    ),
    ("flow_id", "", "The flow that was saved."),
    ("run_id", "", "The run that was started."),
    ("public_tool_id", "", "The public id of the published tool."),
    ("public_flow_id", "", "The public id of the published flow."),
    ("install_id", "", "The installed copy of the tool."),
    ("installed_flow_id", "", "The installed copy of the flow."),
    (
        "latest_hash",
        "",
        "The content that an update would install.",
    ),
    (
        "api",
        "",
        "What answers look like, as the server's own description says; filled by the first request.",
    ),
];

const ABOUT: &str = "\n\nSet `baseUrl` and `token`, then send requests one by one or run the whole collection from top to bottom: it makes a workspace of its \
    own and deletes it at the end. Requests act in the workspace of the variable `workspace_id`. Every answer is checked: its status, and \
    whether it looks as the description says.";

/// The collection (format 2.1) of an OpenAPI document: the requests of the plan, with the bearer token and the base URL as
/// variables, and checks of every answer.
pub(crate) fn collection(spec: &Value) -> Value {
    let folders: Vec<Value> = PLAN.iter().map(|folder| shown(spec, folder)).collect();
    let variables: Vec<Value> = VARIABLES
        .iter()
        .map(|(key, value, description)| {
            json!({ "key": key, "value": value, "type": "string", "description": description })
        })
        .collect();
    let description = spec["info"]["description"].as_str().unwrap_or_default();
    json!({
        "info": {
            "_postman_id": "api-spec",
            "name": spec["info"]["title"],
            "description": format!("{description}{ABOUT}"),
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "auth": bearer("{{token}}"),
        "event": [
            { "listen": "prerequest", "script": { "type": "text/javascript", "exec": scripts::lines(scripts::BEFORE) } },
            { "listen": "test", "script": { "type": "text/javascript", "exec": scripts::lines(scripts::AFTER) } },
        ],
        "variable": variables,
        "item": folders,
    })
}

fn shown(spec: &Value, folder: &Folder) -> Value {
    let mut tags = spec["tags"].as_array().into_iter().flatten();
    let tag = tags.find(|tag| tag["name"] == folder.name);
    let description = folder
        .description
        .or_else(|| tag.and_then(|tag| tag["description"].as_str()));
    let items: Vec<Value> = folder
        .steps
        .iter()
        .filter_map(|step| {
            let mut all = operations(spec);
            all.find(|(_, _, operation)| operation["operationId"] == step.operation)
                .map(|(path, method, operation)| request(spec, path, method, operation, step))
        })
        .collect();
    json!({ "name": folder.name, "description": description, "item": items })
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

fn request(spec: &Value, path: &str, method: &str, operation: &Value, step: &Step) -> Value {
    let id = operation["operationId"].as_str().unwrap_or(path);
    let name = step
        .name
        .unwrap_or_else(|| operation["summary"].as_str().unwrap_or(id));
    let mut headers: Vec<Value> = parameters(operation, "header")
        .map(|parameter| header(parameter, step))
        .collect();
    let mut request = json!({
        "method": method.to_ascii_uppercase(),
        "description": operation["description"],
        "url": url(path, operation, step),
    });
    if is_public(spec, operation) {
        request["auth"] = json!({ "type": "noauth" });
    } else if step.peer {
        request["auth"] = bearer("{{peerToken}}");
    }
    if let Some(body) = body(operation, step) {
        headers.push(json!({ "key": "Content-Type", "value": "application/json" }));
        request["body"] =
            json!({ "mode": "raw", "raw": body, "options": { "raw": { "language": "json" } } });
    }
    request["header"] = headers.into();
    json!({
        "id": format!("{id}: {name}"),
        "name": name,
        "event": [
            { "listen": "prerequest", "script": { "type": "text/javascript", "exec": scripts::before(path, method) } },
            { "listen": "test", "script": { "type": "text/javascript", "exec": scripts::of(operation, step) } },
        ],
        "request": request,
        "response": [],
    })
}

fn bearer(token: &str) -> Value {
    json!({ "type": "bearer", "bearer": [{ "key": "token", "value": token, "type": "string" }] })
}

fn url(path: &str, operation: &Value, step: &Step) -> Value {
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
        .map(|p| json!({ "key": p["name"], "value": path_value(p, step), "description": p["description"] }))
        .collect();
    let query: Vec<Value> = parameters(operation, "query")
        .map(|p| {
            let stated = stated(step.query, p);
            json!({
                "key": p["name"],
                "value": stated.map_or_else(|| text(example(p)), str::to_owned),
                "disabled": stated.is_none(),
                "description": p["description"],
            })
        })
        .collect();
    let asked: Vec<String> = query
        .iter()
        .filter(|p| p["disabled"] == false)
        .map(|p| format!("{}={}", text(&p["key"]), text(&p["value"])))
        .collect();
    let mark = if asked.is_empty() { "" } else { "?" };
    let raw = format!(
        "{{{{baseUrl}}}}/{}{mark}{}",
        segments.join("/"),
        asked.join("&")
    );
    let mut url = Map::new();
    url.insert("raw".to_owned(), raw.into());
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

/// What the step says of a parameter.
fn stated(pairs: &[(&str, &'static str)], parameter: &Value) -> Option<&'static str> {
    let found = pairs.iter().find(|(name, _)| parameter["name"] == *name);
    found.map(|(_, value)| *value)
}

fn header(parameter: &Value, step: &Step) -> Value {
    let workspace = parameter["name"] == "X-Workspace-Id";
    let stated = stated(step.headers, parameter).or(match (workspace, step.peer) {
        (false, _) => None,
        (true, true) => Some("{{peer_workspace_id}}"),
        (true, false) => Some("{{workspace_id}}"),
    });
    json!({
        "key": parameter["name"],
        "value": stated.map_or_else(|| text(example(parameter)), str::to_owned),
        "disabled": stated.is_none(),
        "description": parameter["description"],
    })
}

fn example(parameter: &Value) -> &Value {
    let schema = &parameter["schema"];
    [
        &parameter["example"],
        &schema["example"],
        &schema["examples"][0],
    ]
    .into_iter()
    .find(|value| !value.is_null())
    .unwrap_or(&schema["default"])
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn body(operation: &Value, step: &Step) -> Option<String> {
    let media = operation.pointer("/requestBody/content/application~1json")?;
    let example = || {
        media
            .get("example")
            .or_else(|| media["examples"].as_object()?.values().next()?.get("value"))
    };
    match step.body {
        Some(body) => Some(body.to_owned()),
        None => serde_json::to_string_pretty(example()?).ok(),
    }
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

/// A path parameter of which the step says nothing is the variable of its name.
fn path_value(parameter: &Value, step: &Step) -> String {
    match (stated(step.path, parameter), parameter["name"].as_str()) {
        (Some(value), _) => value.to_owned(),
        (None, name) => format!("{{{{{}}}}}", name.unwrap_or_default()),
    }
}

//! From an operation to the tool config that a person would write for it.

use serde_json::{Map, Value, json};
use url::Url;

use super::description::{Body, Description, Operation, Param, Scheme};

/// Headers that are credentials, whatever a description calls them.
const CREDENTIALS: [&str; 5] = [
    "authorization",
    "api-key",
    "x-api-key",
    "x-auth-token",
    "token",
];

/// A tool config under construction.
#[derive(Default)]
struct Parts {
    properties: Map<String, Value>,
    required: Vec<String>,
    path: Map<String, Value>,
    params: Map<String, Value>,
    headers: Map<String, Value>,
    body: Map<String, Value>,
    static_headers: Map<String, Value>,
    body_type: Option<&'static str>,
}

impl Parts {
    /// Declares an input; answers the name that it got.
    fn input(&mut self, name: &str, prefix: &str, schema: Value, required: bool) -> String {
        let name = match self.properties.contains_key(name) {
            true => format!("{prefix}_{name}"),
            false => name.to_owned(),
        };
        self.properties.insert(name.clone(), schema);
        if required {
            self.required.push(name.clone());
        }
        name
    }
}

/// Every config that says the operation: one for each way to authenticate, the schemas as deep as they fit.
pub(super) fn documents(description: &Description, operation: &Operation, id: &str) -> Vec<Value> {
    let mut sets: Vec<Option<&Vec<Scheme>>> = operation.security.iter().map(Some).collect();
    if sets.is_empty() {
        sets.push(None);
    }
    let with = |set: Option<&Vec<Scheme>>| {
        let set = set.map(Vec::as_slice).unwrap_or_default();
        let levels = [6, 4, 3, 2].iter();
        let mut documents = levels.map(|levels| document(description, operation, set, id, *levels));
        let mut document = documents
            .find(|document| document["input_schema"].to_string().len() < 60_000)
            .expect("a schema that fits");
        document["api"]["auth"] = auth(set, operation.text("base_url"));
        document
    };
    sets.into_iter().map(with).collect()
}

/// The set's credential is sent there, so it is no input.
fn is_credential(param: &Param, set: &[Scheme]) -> bool {
    set.iter().any(|scheme| {
        scheme.definition["in"] == param.place && scheme.definition["name"] == param.name
    })
}

fn document(
    description: &Description,
    operation: &Operation,
    set: &[Scheme],
    id: &str,
    levels: usize,
) -> Value {
    let mut parts = Parts::default();
    for param in operation
        .params
        .iter()
        .filter(|param| !is_credential(param, set))
    {
        place(description, param, operation, levels, &mut parts);
    }
    if let Some(body) = &operation.body {
        write_body(description, body, levels, &mut parts);
    }
    let mut path = operation.text("path").to_owned();
    for param in operation
        .params
        .iter()
        .filter(|param| param.place == "path")
    {
        path = path.replace(
            &format!("{{{}}}", param.name),
            &format!("{{{}}}", slug(&param.name)),
        );
    }
    let summary: String = operation
        .summary
        .chars()
        .filter(|c| !c.is_control() && *c != '$')
        .take(500)
        .collect();
    let fallback = format!("{} {}", operation.text("method"), operation.text("path"));
    let mut document = json!({
        "id": id, "name": id,
        "description": if summary.trim().is_empty() { fallback } else { summary },
        "api": {
            "base_url": operation.text("base_url"), "path": path, "method": operation.text("method"),
            "headers": parts.static_headers,
        },
        "input_schema": { "type": "object", "properties": parts.properties, "required": parts.required },
        "output_schema": {},
        "mapping": {
            "input_to_path": parts.path, "input_to_params": parts.params, "input_to_headers": parts.headers,
        },
        "output": { "validation": "warn" },
    });
    if let Some(kind) = parts.body_type {
        document["body"] = json!({ "type": kind });
        document["mapping"]["input_to_body"] = parts.body.into();
    }
    document
}

fn place(
    description: &Description,
    param: &Param,
    operation: &Operation,
    levels: usize,
    parts: &mut Parts,
) {
    let name = &param.name;
    let schema = description.plain(&param.schema, levels);
    let mut rule = param.style.clone();
    rule.insert("name".to_owned(), name.as_str().into());
    match param.place.as_str() {
        "path" => {
            rule.insert("name".to_owned(), slug(name).into());
            let input = parts.input(name, "path", schema, true);
            parts.path.insert(input, rule.into());
        }
        "query" => {
            let input = parts.input(name, "query", schema, param.required);
            parts.params.insert(input, rule.into());
        }
        "header" if CREDENTIALS.contains(&name.to_ascii_lowercase().as_str()) => {
            parts
                .static_headers
                .insert(name.clone(), "${HEADER_CREDENTIAL}".into());
        }
        "header" if name.eq_ignore_ascii_case("content-type") => {
            if let Some(body) = &operation.body {
                parts
                    .static_headers
                    .insert(name.clone(), body.media_type.as_str().into());
            }
        }
        "header" => {
            let input = parts.input(name, "header", schema, param.required);
            parts.headers.insert(input, rule.into());
        }
        other => panic!("a parameter in {other}"),
    }
}

fn write_body(description: &Description, body: &Body, levels: usize, parts: &mut Parts) {
    let schema = description.plain(&body.schema, levels + 1);
    let fields = match body.media_type.as_str() {
        "application/x-www-form-urlencoded" => "form",
        "multipart/form-data" => "multipart",
        "application/json" => "json",
        _ => {
            parts.body_type = Some("text");
            parts
                .static_headers
                .insert("Content-Type".to_owned(), body.media_type.as_str().into());
            let input = parts.input("body", "body", json!({ "type": "string" }), body.required);
            parts.body.insert(input, "".into());
            return;
        }
    };
    parts.body_type = Some(fields);
    let Some(properties) = schema["properties"].as_object() else {
        let input = parts.input("body", "body", schema, body.required);
        parts.body.insert(input, "".into());
        return;
    };
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, property) in properties {
        let needed = body.required && required.contains(&name.as_str());
        let input = parts.input(name, "body", property.clone(), needed);
        let target = match fields {
            "json" => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            _ => name.clone(),
        };
        let mut rule = Map::new();
        rule.insert("name".to_owned(), target.into());
        let encoding = body.encoding[name].as_object().into_iter().flatten();
        let styled = encoding
            .filter(|(word, _)| fields == "form" && matches!(word.as_str(), "style" | "explode"));
        rule.extend(styled.map(|(word, value)| (word.clone(), value.clone())));
        parts.body.insert(input, rule.into());
    }
}

/// A placeholder's name without what none has.
pub(super) fn slug(name: &str) -> String {
    let plain = |c: char| {
        if c.is_alphanumeric() || "_-.$@".contains(c) {
            c
        } else {
            '_'
        }
    };
    name.chars().map(plain).collect()
}

fn auth(schemes: &[Scheme], base_url: &str) -> Value {
    match schemes {
        [] => json!({ "method": "none" }),
        [scheme] => single(scheme, base_url),
        several => {
            let placements = several.iter().enumerate().map(|(index, scheme)| {
                json!({
                    "in": scheme.definition["in"], "name": scheme.definition["name"],
                    "value": format!("${{KEY_{index}}}"),
                })
            });
            json!({ "method": "custom", "placements": placements.collect::<Vec<_>>() })
        }
    }
}

fn single(scheme: &Scheme, base_url: &str) -> Value {
    let definition = &scheme.definition;
    let word = |name: &str| definition[name].as_str().unwrap_or_default();
    match (word("type"), word("in"), word("scheme")) {
        ("apiKey", place @ ("header" | "query" | "cookie"), _) => json!({
            "method": format!("api_key_{place}"), "key_name": definition["name"], "secret_ref": "${API_KEY}",
        }),
        ("http", _, "bearer") => json!({ "method": "bearer", "secret_ref": "${TOKEN}" }),
        ("http", _, "basic") | ("basic", _, _) => {
            json!({ "method": "basic", "username_ref": "${USER_NAME}", "password_ref": "${PASSWORD}" })
        }
        ("oauth2", _, _) => oauth2(scheme, base_url),
        (kind, place, scheme) => json!({ "method": format!("{kind} {place} {scheme}") }),
    }
}

fn oauth2(scheme: &Scheme, base_url: &str) -> Value {
    let flows = &scheme.definition["flows"];
    // 2.0 has one flow, and its members stand in the scheme itself.
    let (flow, by_code) = match scheme.definition["flow"].as_str() {
        Some(flow) => (&scheme.definition, flow == "accessCode"),
        None if flows["authorizationCode"].is_object() => (&flows["authorizationCode"], true),
        None => (&flows["clientCredentials"], false),
    };
    let base = Url::parse(base_url).unwrap();
    let url = |name: &str| {
        flow[name]
            .as_str()
            .and_then(|text| base.join(text).ok())
            .map(String::from)
    };
    let mut oauth2 = json!({
        "token_url": url("tokenUrl"), "client_id": "my-client", "client_secret_ref": "${CLIENT_SECRET}",
        "scopes": scheme.scopes,
    });
    if by_code {
        oauth2["authorization_url"] = json!(url("authorizationUrl"));
    }
    let method = if by_code {
        "oauth2_authorization_code"
    } else {
        "oauth2_client_credentials"
    };
    json!({ "method": method, "oauth2": oauth2 })
}

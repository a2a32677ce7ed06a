//! Reads an API description (OpenAPI 2.0, 3.0, 3.1) as far as a tool config needs it.

use serde_json::{Map, Value, json};

/// One description.
pub(super) struct Description {
    root: Value,
}

/// One operation of it.
pub(super) struct Operation {
    /// Base URL, method, path, and what an independent reader found.
    pub(super) found: Value,
    /// What it does.
    pub(super) summary: String,
    pub(super) params: Vec<Param>,
    pub(super) body: Option<Body>,
    /// One of these sets of schemes; none: no credential.
    pub(super) security: Vec<Vec<Scheme>>,
}

/// One parameter of the URL or the head.
pub(super) struct Param {
    pub(super) place: String,
    pub(super) name: String,
    pub(super) required: bool,
    /// `{style, explode}` as far as they are stated.
    pub(super) style: Map<String, Value>,
    pub(super) schema: Value,
}

/// The body, in the media type that was chosen.
pub(super) struct Body {
    pub(super) media_type: String,
    pub(super) required: bool,
    pub(super) schema: Value,
    /// `encoding` of form fields.
    pub(super) encoding: Value,
}

/// A security scheme with the scopes that are asked for.
pub(super) struct Scheme {
    pub(super) definition: Value,
    pub(super) scopes: Vec<Value>,
}

impl Operation {
    pub(super) fn text(&self, name: &str) -> &str {
        self.found[name].as_str().unwrap_or_default()
    }
}

/// The media types that a tool writes, best first.
const MEDIA_TYPES: [&str; 6] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/xml",
    "text/plain",
    "text/csv",
];

impl Description {
    pub(super) const fn new(root: Value) -> Self {
        Self { root }
    }

    /// Follows `$ref`s.
    pub(super) fn resolved<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        for _ in 0..16 {
            let Some(pointer) = value["$ref"].as_str() else {
                return value;
            };
            let pointer = pointer.trim_start_matches('#').replace("%20", " ");
            value = self.root.pointer(&pointer).unwrap_or(&Value::Null);
        }
        value
    }

    /// The operation that an independent reader found.
    pub(super) fn operation(&self, found: Value) -> Operation {
        let method = found["method"].as_str().unwrap().to_ascii_lowercase();
        let item = self.resolved(&self.root["paths"][found["path"].as_str().unwrap()]);
        let operation = &item[&method];
        let mut listed: Vec<&Value> = Vec::new();
        for owner in [item, operation] {
            for param in owner["parameters"].as_array().into_iter().flatten() {
                let param = self.resolved(param);
                let same = |other: &&Value| {
                    (&other["in"], &other["name"]) == (&param["in"], &param["name"])
                };
                listed.retain(|other| !same(other));
                listed.push(param);
            }
        }
        let summary = operation["summary"].as_str();
        let summary = summary.or_else(|| operation["description"].as_str());
        Operation {
            summary: summary.unwrap_or_default().to_owned(),
            body: self.body(operation, &listed),
            security: self.security(operation, &found),
            params: listed
                .iter()
                .filter(|param| {
                    matches!(
                        param["in"].as_str(),
                        Some("path" | "query" | "header" | "cookie")
                    )
                })
                .map(|param| self.param(param))
                .collect(),
            found,
        }
    }

    fn param(&self, param: &Value) -> Param {
        let content = param["content"].as_object();
        let content = content.and_then(|content| content.values().next());
        let schema = match (content, param.get("schema")) {
            (Some(content), _) => &content["schema"],
            (None, Some(schema)) => schema,
            // 2.0: the parameter is its own schema.
            (None, None) => param,
        };
        let mut style = Map::new();
        for name in ["style", "explode"] {
            if let Some(value) = param.get(name) {
                style.insert(name.to_owned(), value.clone());
            }
        }
        if let Some((name, explode)) = match param["collectionFormat"].as_str() {
            Some("csv") => Some(("form", false)),
            Some("multi") => Some(("form", true)),
            Some("ssv") => Some(("spaceDelimited", false)),
            Some("pipes") => Some(("pipeDelimited", false)),
            _ => None,
        } && param["in"] == "query"
        {
            style.insert("style".to_owned(), name.into());
            style.insert("explode".to_owned(), explode.into());
        }
        Param {
            place: param["in"].as_str().unwrap().to_owned(),
            name: param["name"].as_str().unwrap().to_owned(),
            required: param["required"] == true || param["in"] == "path",
            style,
            schema: schema.clone(),
        }
    }

    fn body(&self, operation: &Value, listed: &[&Value]) -> Option<Body> {
        if let Some(body) = listed.iter().find(|param| param["in"] == "body") {
            return Some(Body {
                media_type: "application/json".to_owned(),
                required: body["required"] == true,
                schema: body["schema"].clone(),
                encoding: Value::Null,
            });
        }
        let fields: Vec<&&Value> = listed
            .iter()
            .filter(|param| param["in"] == "formData")
            .collect();
        if !fields.is_empty() {
            return Some(self.fields(operation, &fields));
        }
        let body = self.resolved(operation.get("requestBody")?);
        let content = body["content"].as_object()?;
        let chosen = MEDIA_TYPES
            .iter()
            .find_map(|kind| content.get_key_value(*kind));
        let (media_type, content) = chosen.or_else(|| content.iter().next())?;
        Some(Body {
            media_type: media_type.clone(),
            required: body["required"] == true,
            schema: content["schema"].clone(),
            encoding: content["encoding"].clone(),
        })
    }

    /// 2.0: fields of a form are parameters.
    fn fields(&self, operation: &Value, fields: &[&&Value]) -> Body {
        let consumes = operation
            .get("consumes")
            .or_else(|| self.root.get("consumes"));
        let multipart = consumes.is_some_and(|kinds| kinds.to_string().contains("multipart"));
        let named = |field: &&&Value| field["name"].as_str().unwrap().to_owned();
        let required: Vec<String> = fields
            .iter()
            .filter(|field| field["required"] == true)
            .map(named)
            .collect();
        let properties: Map<String, Value> = fields
            .iter()
            .map(|field| (named(field), (**field).clone()))
            .collect();
        Body {
            media_type: MEDIA_TYPES[if multipart { 2 } else { 1 }].to_owned(),
            required: !required.is_empty(),
            schema: json!({ "type": "object", "properties": properties, "required": required }),
            encoding: Value::Null,
        }
    }

    fn security(&self, operation: &Value, found: &Value) -> Vec<Vec<Scheme>> {
        let components = &self.root["components"]["securitySchemes"];
        let schemes = components
            .as_object()
            .or_else(|| self.root["securityDefinitions"].as_object());
        let stated = operation
            .get("security")
            .or_else(|| self.root.get("security"));
        let scopes = |name: &str| {
            let sets = stated.and_then(Value::as_array).into_iter().flatten();
            let mut scopes = sets.filter_map(|set| set.get(name)?.as_array());
            scopes.next().cloned().unwrap_or_default()
        };
        let sets = found["security"].as_array().into_iter().flatten();
        sets.map(|set| {
            let names = set
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            names
                .map(|name| Scheme {
                    definition: self
                        .resolved(
                            schemes
                                .and_then(|all| all.get(name))
                                .unwrap_or(&Value::Null),
                        )
                        .clone(),
                    scopes: scopes(name),
                })
                .collect()
        })
        .collect()
    }
}

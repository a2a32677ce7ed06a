//! Tool configs, built by saying what matters in a test.

use serde_json::{Value, json};

/// A tool config; starts as a tool without inputs that calls the app's fake upstream.
#[derive(Clone, Debug)]
pub struct ToolBuilder {
    document: Value,
}

impl ToolBuilder {
    /// A tool that gets this path; any input, the whole answer out.
    pub fn get(path: &str) -> Self {
        Self::call("GET", path)
    }

    /// A tool that posts to this path.
    pub fn post(path: &str) -> Self {
        Self::call("POST", path)
    }

    /// A tool that calls this path. Its id and name come from both, as in `get_weather_today`.
    pub fn call(method: &str, path: &str) -> Self {
        let words: String = format!("{method}{path}")
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '_'
                }
            })
            .collect();
        let id = words.trim_matches('_').to_owned();
        Self {
            document: json!({
                "id": id,
                "name": id,
                "description": "A tool of a test.",
                "api": { "base_url": Value::Null, "path": path, "method": method },
                "input_schema": { "type": "object" },
                "output_schema": {},
                "output": { "validation": "warn" }
            }),
        }
    }

    /// The product specification's own example in its exact shape, with values of Alpha Vantage.
    pub fn stock_quote() -> Self {
        Self::raw(json!({
            "name": "get_stock_quote",
            "description": "The latest price of one listed share",
            "api": {
                "base_url": Value::Null,
                "method": "GET",
                "auth": { "method": "api_key_query", "key_name": "apikey", "secret_ref": "${ALPHA_VANTAGE_API_KEY}" }
            },
            "input_schema": { "properties": { "symbol": { "type": "string" } } },
            "output_schema": { "properties": { "price": { "type": "number" } } },
            "mapping": {
                "input_to_params": { "symbol": "symbol" },
                "response_to_output": { "price": "Global Quote.05. price" }
            }
        }))
    }

    /// Any document. A `base_url` of null becomes the app's fake upstream.
    pub fn raw(document: Value) -> Self {
        Self { document }
    }

    /// Another id (and name).
    #[must_use]
    pub fn id(self, id: &str) -> Self {
        self.set("/id", id).set("/name", id)
    }

    /// Another upstream than the app's.
    #[must_use]
    pub fn base_url(self, url: &str) -> Self {
        self.set("/api/base_url", url)
    }

    /// The credential.
    #[must_use]
    pub fn auth(self, auth: Value) -> Self {
        self.set("/api/auth", auth)
    }

    /// The schema of the input.
    #[must_use]
    pub fn input(self, schema: Value) -> Self {
        self.set("/input_schema", schema)
    }

    /// The schema of the output, checked strictly.
    #[must_use]
    pub fn output(self, schema: Value) -> Self {
        self.set("/output_schema", schema)
            .set("/output/validation", "strict")
    }

    /// The mapping.
    #[must_use]
    pub fn mapping(self, mapping: Value) -> Self {
        self.set("/mapping", mapping)
    }

    /// Any member, by JSON pointer; objects on the way are made.
    ///
    /// # Panics
    /// When something on the way is no object.
    #[must_use]
    pub fn set(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        let mut place = &mut self.document;
        for name in pointer.split('/').skip(1) {
            if place.is_null() {
                *place = json!({});
            }
            let object = place.as_object_mut().expect("objects on the way");
            place = object
                .entry(name.replace("~1", "/").replace("~0", "~"))
                .or_insert(Value::Null);
        }
        *place = value.into();
        self
    }

    /// The document, calling `upstream` unless it says otherwise.
    pub fn document(&self, upstream: &str) -> Value {
        let mut document = self.document.clone();
        if let Some(base_url) = document.pointer_mut("/api/base_url")
            && base_url.is_null()
        {
            *base_url = upstream.into();
        }
        document
    }
}

/// A tool that was registered.
#[derive(Clone, Debug)]
pub struct RegisteredTool {
    /// Its id.
    pub id: String,
    /// What was registered.
    pub document: Value,
}

impl RegisteredTool {
    /// `/api/v1/tools/{id}`.
    pub fn path(&self) -> String {
        format!("/api/v1/tools/{}", self.id)
    }

    /// `/api/v1/tools/{id}/execute`.
    pub fn execute_path(&self) -> String {
        format!("{}/execute", self.path())
    }

    /// `/api/v1/tools/{id}/preview`.
    pub fn preview_path(&self) -> String {
        format!("{}/preview", self.path())
    }

    /// `/api/v1/tools/saved/{id}`.
    pub fn saved_path(&self) -> String {
        format!("/api/v1/tools/saved/{}", self.id)
    }
}

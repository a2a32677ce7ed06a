//! Somebody who calls the app: with a token or without, and with what rights the database says.

use domain::ids::{UserId, WorkspaceId};
use http::{HeaderMap, StatusCode};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::tool::{RegisteredTool, ToolBuilder};

/// Somebody who calls the app.
#[derive(Clone, Debug)]
pub struct Persona {
    pub(crate) name: String,
    pub(crate) user_id: UserId,
    pub(crate) workspace_id: Option<WorkspaceId>,
    pub(crate) token: Option<String>,
    pub(crate) app: String,
    pub(crate) upstream: String,
    pub(crate) client: Client,
}

impl Persona {
    /// What the tests call this person.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The person.
    pub fn user_id(&self) -> UserId {
        self.user_id
    }

    /// The workspace that this person belongs to.
    ///
    /// # Panics
    /// For somebody without one.
    pub fn workspace_id(&self) -> WorkspaceId {
        self.workspace_id.expect("a persona with a workspace")
    }

    /// The bearer token.
    ///
    /// # Panics
    /// For the anonymous one.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("a persona with a token")
    }

    /// The same person with another token, or with an API key.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// A request of any kind, with this person's token, to be changed and passed to [`Self::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.app));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(&self, request: RequestBuilder) -> Response {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.expect("a whole answer").to_vec();
        Response {
            status,
            headers,
            body,
        }
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Response {
        self.send(self.request(Method::GET, path)).await
    }

    /// `POST` of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.send_json(Method::POST, path, body).await
    }

    /// `PUT` of a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Response {
        self.send_json(Method::PUT, path, body).await
    }

    /// `PATCH` with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Response {
        self.send_json(Method::PATCH, path, body).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Response {
        self.send(self.request(Method::DELETE, path)).await
    }

    async fn send_json(&self, method: Method, path: &str, body: &Value) -> Response {
        let request = self
            .request(method, path)
            .header("content-type", "application/json")
            .body(body.to_string());
        self.send(request).await
    }

    /// Registers a tool and insists that it works.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn registers(&self, tool: ToolBuilder) -> RegisteredTool {
        let document = tool.document(&self.upstream);
        let response = self.post("/api/v1/tools", &document).await;
        assert_eq!(response.status(), 201, "{}", response.text());
        RegisteredTool {
            id: response.json()["tool_id"]
                .as_str()
                .expect("a tool_id")
                .to_owned(),
            document,
        }
    }

    /// Tries to register a tool.
    pub async fn tries_to_register(&self, tool: &ToolBuilder) -> Response {
        self.post("/api/v1/tools", &tool.document(&self.upstream))
            .await
    }

    /// Runs a tool.
    pub async fn executes(&self, tool: &RegisteredTool, input: Value) -> Response {
        self.post(&tool.execute_path(), &json!({ "input": input }))
            .await
    }

    /// Stores a secret, bound by the product's own rules, and insists that it works.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn stores_secret(&self, name: &str, value: &str) {
        let secret = json!({ "name": name, "value": value });
        let response = self.post("/api/v1/secrets", &secret).await;
        assert_eq!(response.status(), 201, "{}", response.text());
    }
}

/// What the app answered.
#[derive(Clone, Debug)]
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Response {
    /// The status, as in `404 Not Found`; compares with numbers.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The first header of this name, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("JSON, but {error}: {}", self.text()))
    }

    /// The `code` of a problem, or of a failed execution's `error`.
    pub fn code(&self) -> String {
        let body = self.json();
        [&body["code"], &body["error"]["code"]]
            .into_iter()
            .find_map(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }
}

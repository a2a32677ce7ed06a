//! `POST /mcp`: the workspace's tools and prompts for clients of the Model Context Protocol.

mod auth;
mod call;
mod conformance;
mod list;
mod prompts;
mod protocol;
mod sdk;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testkit::{Persona, Response};

/// The protocol without a handshake.
const MODERN: &str = "2026-07-28";

/// The protocol that most clients speak.
const LEGACY: &str = "2025-11-25";

/// Who calls, and in which version.
struct Client<'p> {
    persona: &'p Persona,
    version: &'static str,
}

impl<'p> Client<'p> {
    fn modern(persona: &'p Persona) -> Self {
        Self {
            persona,
            version: MODERN,
        }
    }

    fn legacy(persona: &'p Persona) -> Self {
        Self {
            persona,
            version: LEGACY,
        }
    }

    /// A request with the headers that the version wants, to be changed.
    fn request(&self, method: &str, mut params: Value) -> RequestBuilder {
        let mut request = post(self.persona).header("mcp-protocol-version", self.version);
        if self.version == MODERN {
            request = request.header("mcp-method", method);
            if let Some(name) = ["name", "uri"]
                .iter()
                .find_map(|member| params[*member].as_str())
            {
                request = request.header("mcp-name", name);
            }
            let meta = &mut params["_meta"];
            meta["io.modelcontextprotocol/protocolVersion"] = self.version.into();
            meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "tests", "version": "1" });
            meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
        }
        let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        request.body(message.to_string())
    }

    async fn asks(&self, method: &str, params: Value) -> Response {
        self.persona.send(self.request(method, params)).await
    }

    /// The result of a request that works.
    async fn gets(&self, method: &str, params: Value) -> Value {
        let response = self.asks(method, params).await;
        assert_eq!(response.status(), 200, "{method}: {}", response.text());
        let message = response.json();
        assert_eq!(
            (&message["jsonrpc"], &message["id"]),
            (&json!("2.0"), &json!(7))
        );
        assert!(message["error"].is_null(), "{method}: {message}");
        message["result"].clone()
    }

    /// The error of a request that is refused.
    async fn is_refused(&self, method: &str, params: Value) -> Value {
        let message = self.asks(method, params).await.json();
        assert!(message["result"].is_null(), "{method}: {message}");
        message["error"].clone()
    }
}

/// A request without the protocol's own headers.
fn post(persona: &Persona) -> RequestBuilder {
    persona
        .request(Method::POST, "/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
}

/// The first text of a result's content.
fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

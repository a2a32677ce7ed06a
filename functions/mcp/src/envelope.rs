//! What a JSON-RPC message must look like before the protocol is spoken over it (pure).

use http::header::HeaderMap;
use rmcp::model::{ErrorCode, ErrorData, ProtocolVersion};
use serde_json::{Value, json};

/// Longest id of a request; it stands in the execution log.
const MAX_ID: usize = 256;

/// The message's id as it stands there; null where it has none.
pub(crate) fn id(message: &Value) -> Value {
    message.get("id").cloned().unwrap_or_default()
}

/// Why a message is answered with an error at once; the HTTP status is 400.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    id: Value,
    error: ErrorData,
}

impl Refusal {
    /// A refusal of a message whose id is unknown.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::of(Value::Null, code, message)
    }

    /// A refusal of the request with that id.
    pub(crate) fn of(id: Value, code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            id,
            error: ErrorData::new(code, message.into(), None),
        }
    }

    /// As JSON-RPC tells it.
    pub(crate) fn body(&self) -> Value {
        json!({ "jsonrpc": "2.0", "id": self.id, "error": self.error })
    }
}

/// Where a request of the stateless protocol names its version.
const VERSION_IN_META: &str = "/_meta/io.modelcontextprotocol~1protocolVersion";

/// Checks the message's frame: no batch, version 2.0, an id that is a text or an integer, a method, params in an object; and
/// the shape of the params whose method we know, which the protocol's library would take for an unknown method.
///
/// # Errors
/// What is wrong, with the request's id where it has one.
pub(crate) fn check(message: &Value) -> Result<(), Refusal> {
    let invalid = |why: &str| Refusal::new(ErrorCode::INVALID_REQUEST, why);
    let Value::Object(members) = message else {
        return Err(invalid(
            "the body is one JSON-RPC message, an object; there are no batches",
        ));
    };
    let id = match members.get("id") {
        None => Value::Null,
        Some(Value::String(id)) if id.len() <= MAX_ID => Value::from(id.as_str()),
        Some(Value::Number(id)) if id.is_i64() => Value::Number(id.clone()),
        Some(_) => {
            return Err(invalid(
                "an id is a text of at most 256 bytes or an integer",
            ));
        }
    };
    let refused = |code, why: String| Err(Refusal::of(id.clone(), code, why));
    if members.get("jsonrpc") != Some(&json!("2.0")) {
        return refused(
            ErrorCode::INVALID_REQUEST,
            "jsonrpc must be \"2.0\"".to_owned(),
        );
    }
    let method = match members.get("method") {
        Some(Value::String(method)) if !method.is_empty() => method.as_str(),
        None | Some(_) => {
            let why = "there is no method; this server asks nothing, so there is nothing to answer";
            return refused(ErrorCode::INVALID_REQUEST, why.to_owned());
        }
    };
    let params = members.get("params").unwrap_or(&Value::Null);
    if !matches!(params, Value::Object(_)) && members.contains_key("params") {
        return refused(
            ErrorCode::INVALID_REQUEST,
            "params must be an object".to_owned(),
        );
    }
    match misshapen(method, params) {
        Some(why) => refused(ErrorCode::INVALID_PARAMS, why),
        None => Ok(()),
    }
}

/// What of the params is not as the method wants it.
fn misshapen(method: &str, params: &Value) -> Option<String> {
    let is =
        |name: &str, right: fn(&Value) -> bool| right(params.get(name).unwrap_or(&Value::Null));
    let optional_object = |value: &Value| value.is_null() || value.is_object();
    let optional_text = |value: &Value| value.is_null() || value.is_string();
    let program = |value: &Value| value["name"].is_string() && value["version"].is_string();
    if !is("_meta", optional_object) {
        return Some("params._meta must be an object".to_owned());
    }
    match method {
        // The version that every request names itself (2026-07-28) has no such method: that is told, not its params.
        "initialize" if params.pointer(VERSION_IN_META).is_some() => None,
        "initialize" if !is("protocolVersion", Value::is_string) => {
            Some("params.protocolVersion must be a text".to_owned())
        }
        "initialize" if !is("capabilities", Value::is_object) => {
            Some("params.capabilities must be an object".to_owned())
        }
        "initialize" if !is("clientInfo", program) => {
            Some("params.clientInfo must be an object with the texts name and version".to_owned())
        }
        "tools/call" | "prompts/get" => {
            if !is("name", Value::is_string) {
                return Some("params.name must be a text: the name of a tool or prompt".to_owned());
            }
            if !is("arguments", optional_object) {
                return Some("params.arguments must be an object".to_owned());
            }
            let asked = ["requestState", "inputResponses"];
            let answered = asked.into_iter().find(|name| params.get(*name).is_some());
            answered
                .map(|name| format!("params.{name} answers a question that this server never asks"))
        }
        "tools/list" | "prompts/list" if !is("cursor", optional_text) => {
            Some("params.cursor must be the text nextCursor of the page before".to_owned())
        }
        "resources/read" if !is("uri", Value::is_string) => {
            Some("params.uri must be a text".to_owned())
        }
        _ => None,
    }
}

/// The version comes first: which headers a request has is for its version to say. A `Mcp-Param-*` header tells an argument
/// once more; no tool here declares one (`x-mcp-header`), so none can be right.
///
/// # Errors
/// −32022 with the versions that are spoken, or −32020, with the request's id.
pub(crate) fn check_headers(
    headers: &HeaderMap,
    message: &Value,
    versions: &[ProtocolVersion],
) -> Result<(), Refusal> {
    let mut told = headers.get_all("mcp-protocol-version").iter();
    let requested = told.next();
    if told.next().is_some() {
        let why = "there is more than one header MCP-Protocol-Version";
        return Err(Refusal::of(id(message), ErrorCode::HEADER_MISMATCH, why));
    }
    if let Some(requested) = requested
        && !versions
            .iter()
            .any(|known| known.as_str().as_bytes() == requested.as_bytes())
    {
        let requested = String::from_utf8_lossy(requested.as_bytes());
        return Err(Refusal {
            id: id(message),
            error: ErrorData::new(
                ErrorCode::UNSUPPORTED_PROTOCOL_VERSION,
                "Unsupported protocol version",
                Some(json!({ "requested": requested, "supported": versions })),
            ),
        });
    }
    let named = headers
        .keys()
        .find(|name| name.as_str().starts_with("mcp-param-"));
    match named {
        None => Ok(()),
        Some(name) => {
            let why = format!("the tool declares no header {name}");
            Err(Refusal::of(id(message), ErrorCode::HEADER_MISMATCH, why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(message: &Value) -> Option<i32> {
        check(message).err().map(|refusal| refusal.error.code.0)
    }

    /// Right params of `initialize`.
    fn hello() -> Value {
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } })
    }

    #[test]
    fn a_handshake_must_be_whole() {
        let code_of = |params: Value| {
            code(&json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params }))
        };
        let meta = json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } });
        assert_eq!(code_of(meta), None, "the method is unknown there");
        let bare = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize" });
        assert_eq!(code(&bare), Some(-32602));
        for (name, wrong) in [
            ("protocolVersion", json!(null)),
            ("protocolVersion", json!(20_251_125)),
            ("capabilities", json!(null)),
            ("capabilities", json!([])),
            ("clientInfo", json!(null)),
            ("clientInfo", json!("t")),
            ("clientInfo", json!({ "name": "t" })),
            ("clientInfo", json!({ "name": "t", "version": 1 })),
            ("clientInfo", json!({ "version": "1" })),
        ] {
            let mut params = hello();
            params[name] = wrong;
            assert_eq!(code_of(params.clone()), Some(-32602), "{params}");
        }
    }

    #[test]
    fn accepts_requests_and_notifications() {
        for message in [
            json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }),
            json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/list", "params": { "cursor": "x" } }),
            json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "a", "arguments": null } }),
            json!({ "jsonrpc": "2.0", "id": 1, "method": "no/such", "params": {} }),
            json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello() }),
        ] {
            assert_eq!(check(&message), Ok(()), "{message}");
        }
    }

    #[test]
    fn refuses_what_is_no_message() {
        for (message, expected) in [
            (
                json!([{ "jsonrpc": "2.0", "id": 1, "method": "ping" }]),
                -32600,
            ),
            (json!("ping"), -32600),
            (
                json!({ "jsonrpc": "1.0", "id": 1, "method": "ping" }),
                -32600,
            ),
            (
                json!({ "jsonrpc": "2.0", "id": {}, "method": "ping" }),
                -32600,
            ),
            (
                json!({ "jsonrpc": "2.0", "id": null, "method": "ping" }),
                -32600,
            ),
            (
                json!({ "jsonrpc": "2.0", "id": 1.5, "method": "ping" }),
                -32600,
            ),
            (
                json!({ "jsonrpc": "2.0", "id": "x".repeat(257), "method": "ping" }),
                -32600,
            ),
            (json!({ "jsonrpc": "2.0", "id": 1 }), -32600),
            (json!({ "jsonrpc": "2.0", "id": 1, "result": {} }), -32600),
            (json!({ "jsonrpc": "2.0", "id": 1, "method": 7 }), -32600),
            (
                json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1] }),
                -32600,
            ),
            (
                json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call" }),
                -32602,
            ),
            (
                json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": 7 } }),
                -32602,
            ),
            (
                json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "a", "arguments": [] } }),
                -32602,
            ),
            (
                json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "a", "requestState": "x" } }),
                -32602,
            ),
            (
                json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "cursor": 7 } }),
                -32602,
            ),
            (
                json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": 7 } }),
                -32602,
            ),
        ] {
            assert_eq!(code(&message), Some(expected), "{message}");
        }
    }

    #[test]
    fn an_unknown_version_is_refused_before_anything_else_of_the_headers() {
        let message = json!({ "jsonrpc": "2.0", "id": 3, "method": "ping" });
        for (version, param, expected) in [
            (None, None, None),
            (Some("2025-11-25"), None, None),
            (Some("2025-11-25"), Some("eu"), Some(-32020)),
            (Some("2099-01-01"), Some("eu"), Some(-32022)),
            (Some(""), None, Some(-32022)),
        ] {
            let mut headers = HeaderMap::new();
            let told = [
                ("mcp-protocol-version", version),
                ("mcp-param-region", param),
            ];
            for (name, value) in told {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            let checked = check_headers(&headers, &message, &[ProtocolVersion::V_2025_11_25]);
            let body = checked.err().map(|refusal| refusal.body());
            let code = body.as_ref().map(|body| body["error"]["code"].clone());
            assert_eq!(code, expected.map(Value::from), "{version:?}");
            assert!(body.is_none_or(|body| body["id"] == 3));
        }
    }

    #[test]
    fn a_version_is_told_once() {
        let message = json!({ "jsonrpc": "2.0", "id": 3, "method": "ping" });
        for second in ["2025-11-25", "2099-01-01"] {
            let mut headers = HeaderMap::new();
            for version in ["2025-11-25", second] {
                headers.append("mcp-protocol-version", version.parse().unwrap());
            }
            let checked = check_headers(&headers, &message, &[ProtocolVersion::V_2025_11_25]);
            let body = checked.unwrap_err().body();
            assert_eq!(body["error"]["code"], -32020, "{second}");
            assert_eq!(body["id"], 3, "{second}");
        }
    }

    #[test]
    fn a_refusal_names_the_request() {
        let message = json!({ "jsonrpc": "1.0", "id": "r-1", "method": "ping" });
        let body = check(&message).unwrap_err().body();
        assert_eq!(body["id"], "r-1");
        assert_eq!(body["error"]["code"], -32600);
    }
}

//! `POST /mcp`: one message of the Model Context Protocol (streamable HTTP, without sessions).

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest as _, FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::uri::Authority;
use rmcp::model::ErrorCode;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value;
use web::body::MAX_BODY;
use web::{Allowed, Code, Document, Problem, json};

use crate::envelope::{self, Refusal};
use crate::server::{Server, VERSIONS};
use crate::{Mcp, metadata, splice};

/// The answer to a message may hold a page of tools, never more.
const MAX_ANSWER: usize = 4 * MAX_BODY;

/// Speak the Model Context Protocol
///
/// Streamable HTTP without sessions, versions 2026-07-28, 2025-11-25 and 2025-06-18: `tools/list`, `tools/call`,
/// `prompts/list`, `prompts/get`. Give a client this URL and a workspace API key.
#[utoipa::path(
    post, path = "/mcp", operation_id = "serve_mcp", tag = "mcp",
    request_body(content = Object, description = "One JSON-RPC 2.0 message; no batches.",
        example = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" })),
    responses(
        (status = 200, description = "The JSON-RPC response; an event stream that ends with it when the request has a progressToken.", body = Object,
         example = json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": [] } })),
        (status = 202, description = "A notification was taken."),
        (status = 400, description = "The message is refused: a JSON-RPC error. Or the request is: a problem.", body = Object,
         example = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32600, "message": "the body is one JSON-RPC message, an object; there are no batches" } })),
    )
)]
pub(crate) async fn serve(State(mcp): State<Mcp>, request: Request) -> Response {
    match answer(mcp, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn answer(mcp: Mcp, request: Request) -> Result<Response, Response> {
    let (mut parts, body) = request.into_parts();
    let admitted = mcp.gate().admit(&parts.headers);
    let host = admitted.map_err(Problem::into_response)?;
    let entered = Allowed::from_request_parts(&mut parts, &mcp).await;
    let Allowed(caller) = entered.map_err(|problem| challenge(&mcp, &host, problem))?;

    let whole = Request::from_parts(parts.clone(), body);
    let message = read(whole).await?;
    envelope::check(&message).map_err(|refusal| refused(&refusal))?;
    envelope::check_headers(&parts.headers, &message, VERSIONS)
        .map_err(|refusal| refused(&refusal))?;
    check_accept(&parts.headers, &message).map_err(|refusal| refused(&refusal))?;

    let server = Server::new(mcp, caller);
    let response = speak(server.clone(), request_for(parts, message)).await;
    finish(response, server.page()).await
}

/// 401 with the way to a token, on the wire and, where a gateway renames the header, in the body.
fn challenge(mcp: &Mcp, host: &Authority, problem: Problem) -> Response {
    let parameter = match problem.code() {
        Code::MissingToken => "",
        Code::InvalidToken => "error=\"invalid_token\", ",
        _ => return problem.into_response(),
    };
    let url = metadata::url(mcp, host);
    let header = format!("Bearer {parameter}resource_metadata=\"{url}\"");
    let detail = format!("{}; resource_metadata=\"{url}\"", problem.detail());
    let problem = Problem::new(problem.code(), detail);
    match HeaderValue::from_str(&header) {
        Ok(header) => problem.header(WWW_AUTHENTICATE, header).into_response(),
        Err(_) => problem.into_response(),
    }
}

async fn read(request: Request) -> Result<Value, Response> {
    match Document::from_request(request, &()).await {
        Ok(Document(message)) => Ok(message),
        Err(problem) if problem.code() == Code::InvalidJson => Err(refused(&Refusal::new(
            ErrorCode::PARSE_ERROR,
            problem.detail(),
        ))),
        Err(problem) => Err(problem.into_response()),
    }
}

fn refused(refusal: &Refusal) -> Response {
    web::problem::refused_message(json(refusal.body().to_string()))
}

/// Every answer but one with progress is JSON.
///
/// # Errors
/// −32600 with the request's id for a client that accepts no JSON.
fn check_accept(headers: &HeaderMap, message: &Value) -> Result<(), Refusal> {
    let (json, _) = accepted(headers);
    if json {
        return Ok(());
    }
    let why = "the answer is application/json: accept it (and text/event-stream for progress)";
    let id = envelope::id(message);
    Err(Refusal::of(id, ErrorCode::INVALID_REQUEST, why))
}

/// The request as the protocol's library gets it: the message as it was understood here, and both kinds of answer accepted.
/// Clients that name only JSON, or nothing, get JSON: their calls have no progress.
fn request_for(mut parts: Parts, mut message: Value) -> Request {
    let (_, stream) = accepted(&parts.headers);
    if !stream && let Some(meta) = message.pointer_mut("/params/_meta") {
        meta.as_object_mut()
            .map(|meta| meta.remove("progressToken"));
    }
    let both = HeaderValue::from_static("application/json, text/event-stream");
    parts.headers.insert(ACCEPT, both);
    parts.headers.remove(CONTENT_LENGTH);
    Request::from_parts(parts, Body::from(message.to_string()))
}

/// Whether JSON and whether an event stream is accepted, by name or by a wildcard. Without the header: JSON.
fn accepted(headers: &HeaderMap) -> (bool, bool) {
    let (mut none, mut json, mut stream) = (true, false, false);
    for value in headers.get_all(ACCEPT) {
        none = false;
        for range in value.to_str().unwrap_or_default().split(',') {
            let kind = range.split(';').next().unwrap_or_default().trim();
            let is = |name: &str| kind.eq_ignore_ascii_case(name);
            json |= is("application/json") || is("application/*") || is("*/*");
            stream |= is("text/event-stream");
        }
    }
    (json || none, stream)
}

async fn speak(server: Server, request: Request) -> Response {
    // Host and origin are checked by the gate, which tells problems.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(2 * MAX_BODY)
        .disable_allowed_hosts();
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
    service.handle(request).await.map(Body::new)
}

/// The page of tools put in; refusals that the library tells in plain text told as JSON-RPC errors.
async fn finish(response: Response, page: Option<&str>) -> Result<Response, Response> {
    let kind = response.headers().get(CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if is_json && page.is_none() || response.status().is_success() && !is_json {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, MAX_ANSWER).await;
    let bytes = bytes.map_err(|error| Problem::internal(&error).into_response())?;
    if !is_json {
        let why = String::from_utf8_lossy(&bytes);
        return Err(refused(&Refusal::new(ErrorCode::INVALID_REQUEST, why)));
    }
    let whole = page.and_then(|page| splice::tools(&bytes, page));
    parts.headers.remove(CONTENT_LENGTH);
    Ok(Response::from_parts(
        parts,
        whole.map_or(Body::from(bytes), Body::from),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parts(accept: Option<&str>) -> Parts {
        let mut request = Request::post("/mcp");
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn reads_what_is_accepted() {
        for (accept, expected) in [
            (None, (true, false)),
            (Some("*/*"), (true, false)),
            (Some("application/json"), (true, false)),
            (Some("application/json, text/event-stream"), (true, true)),
            (
                Some("application/json;q=0.9,text/event-stream;q=0.1"),
                (true, true),
            ),
            (Some("Application/JSON, Text/Event-Stream"), (true, true)),
            (Some("text/event-stream"), (false, true)),
            (Some("text/html"), (false, false)),
        ] {
            assert_eq!(accepted(&parts(accept).headers), expected, "{accept:?}");
        }
    }

    #[test]
    fn who_accepts_no_json_is_told_by_its_id() {
        let message = json!({ "jsonrpc": "2.0", "id": "r-1", "method": "ping" });
        let check = |accept| check_accept(&parts(accept).headers, &message);
        for accept in [None, Some("*/*"), Some("application/json")] {
            assert_eq!(check(accept), Ok(()), "{accept:?}");
        }
        for accept in ["text/html", "text/event-stream"] {
            let body = check(Some(accept)).unwrap_err().body();
            assert_eq!(body["id"], "r-1", "{accept}");
            assert_eq!(body["error"]["code"], -32600, "{accept}");
        }
    }

    #[tokio::test]
    async fn who_cannot_read_streams_gets_no_progress() {
        let message = json!({ "params": { "_meta": { "progressToken": 1, "other": 2 } } });
        let request = request_for(parts(Some("application/json")), message.clone());
        let body = to_bytes(request.into_body(), MAX_BODY).await.unwrap();
        assert_eq!(
            body,
            json!({ "params": { "_meta": { "other": 2 } } }).to_string()
        );
        let both = Some("application/json, text/event-stream");
        let body = request_for(parts(both), message.clone()).into_body();
        assert_eq!(to_bytes(body, MAX_BODY).await.unwrap(), message.to_string());
    }
}

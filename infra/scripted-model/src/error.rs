//! Refusals in the shape of OpenAI's error object (`ErrorResponse` of its published description).

use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) code: Option<String>,
    pub(crate) param: Option<String>,
    pub(crate) message: String,
}

impl ApiError {
    /// 400: something about a parameter.
    pub(crate) fn invalid(
        param: impl Into<String>,
        code: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status: 400,
            kind: "invalid_request_error".to_owned(),
            code: Some(code.to_owned()),
            param: Some(param.into()),
            message: message.into(),
        }
    }

    /// 400: a parameter that does not exist.
    pub(crate) fn unknown(param: impl Into<String>) -> Self {
        let param = param.into();
        let message = format!("Unknown parameter: '{param}'.");
        Self::invalid(param, "unknown_parameter", message)
    }

    /// 400: a parameter of another type.
    pub(crate) fn type_of(param: impl Into<String>, expected: &str, got: &Value) -> Self {
        let param = param.into();
        let got = match got {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        let message =
            format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
        Self::invalid(param, "invalid_type", message)
    }

    /// The usual refusal of a status, as the provider words it.
    pub(crate) fn of_status(status: u16) -> Self {
        let (kind, code, message) = match status {
            401 => (
                "invalid_request_error",
                Some("invalid_api_key"),
                "Incorrect API key provided: sk-*****. You can find your API key at https://platform.openai.com/account/api-keys.",
            ),
            403 => (
                "invalid_request_error",
                Some("unsupported_country_region_territory"),
                "Country, region, or territory not supported",
            ),
            404 => (
                "invalid_request_error",
                Some("model_not_found"),
                "The requested model does not exist or you do not have access to it.",
            ),
            429 => (
                "tokens",
                Some("rate_limit_exceeded"),
                "Rate limit reached on tokens per min (TPM). Please try again later.",
            ),
            503 => (
                "server_error",
                None,
                "The server is overloaded or not ready yet.",
            ),
            500.. => (
                "server_error",
                None,
                "The server had an error while processing your request. Sorry about that!",
            ),
            _ => ("invalid_request_error", None, "The request is not valid."),
        };
        Self {
            status,
            kind: kind.to_owned(),
            code: code.map(str::to_owned),
            param: None,
            message: message.to_owned(),
        }
    }

    pub(crate) fn body(&self) -> Value {
        json!({ "error": {
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        } })
    }

    pub(crate) fn into_response(self) -> Response {
        respond(self.status, "application/json", self.body().to_string())
    }
}

/// An answer with a body.
pub(crate) fn respond(status: u16, content_type: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(value) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

//! Errors as HTTP tells them: RFC 9457 problems. The one place that knows error statuses.

mod code;
mod from;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use domain::fault::Fault;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use code::{CATALOGUE, Code, Entry};

/// The content type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What an operation answers instead of its result.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    errors: Vec<Fault>,
    current: Option<Current>,
    conversation_id: Option<Uuid>,
    header: Option<(HeaderName, HeaderValue)>,
}

/// The version that a conflicting change would have replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Current {
    /// Its number.
    #[schema(example = 3)]
    pub version: i32,
    /// Its content hash, as in `ETag`.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub hash: String,
}

impl Problem {
    /// A problem of this kind; `detail` is one sentence about this occurrence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            current: None,
            conversation_id: None,
            header: None,
        }
    }

    /// A problem that lists faults.
    pub fn with_faults(code: Code, errors: Vec<Fault>) -> Self {
        let detail = match errors.as_slice() {
            [] => code.entry().meaning.to_owned(),
            [one] => one.message.clone(),
            [first, rest @ ..] => format!("{} (and {} more)", first.message, rest.len()),
        };
        Self {
            errors,
            ..Self::new(code, detail)
        }
    }

    /// Faults of the request itself: its fields, parameters and headers.
    pub fn invalid_request(errors: Vec<Fault>) -> Self {
        Self::with_faults(Code::InvalidRequest, errors)
    }

    /// Nothing of that name here, or not for this caller.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "nothing was found at this address")
    }

    /// A defect of ours: the error is logged here, the caller learns the request id only.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        tracing::error!(%error, ?causes, "a request failed on our side");
        Self::new(Code::Internal, "the request failed on our side")
    }

    /// The same problem with the version that is current.
    #[must_use]
    pub fn current(mut self, version: i32, hash: impl Into<String>) -> Self {
        self.current = Some(Current {
            version,
            hash: hash.into(),
        });
        self
    }

    /// The same problem of a run that can be read: `GET /api/v1/conversations/{id}`.
    #[must_use]
    pub fn conversation(mut self, id: Uuid) -> Self {
        self.conversation_id = Some(id);
        self
    }

    /// The same problem, which may be over after this time: `Retry-After` in whole seconds (RFC 9110, 10.2.3).
    #[must_use]
    pub fn retry_after(self, wait: std::time::Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// The same problem with a header of its own.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// The same problem, told within an answer whose status says nothing of it: an event, a message.
    #[must_use]
    pub fn within_an_answer(self) -> Self {
        if self.code.is_fault()
            && let Some(facts) = telemetry::current()
        {
            facts.set_fault();
        }
        self
    }

    /// What kind of problem it is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What happened this time.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The faults that it lists.
    pub fn errors(&self) -> &[Fault] {
        &self.errors
    }

    /// After how many seconds it may be over: its `Retry-After`.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let (name, value) = self.header.as_ref()?;
        let text = value.to_str().ok().filter(|_| *name == RETRY_AFTER)?;
        text.parse().ok()
    }

    /// The body's JSON.
    pub fn body(&self, request_id: Option<&str>) -> String {
        let entry = self.code.entry();
        let body = ProblemBody {
            type_: format!("urn:problem:{}", entry.code),
            title: entry.title,
            status: entry.status,
            detail: &self.detail,
            code: entry.code,
            request_id,
            errors: &self.errors,
            current: self.current.as_ref(),
            conversation_id: self.conversation_id,
        };
        // Plain text and numbers always serialise.
        serde_json::to_string(&body).unwrap_or_default()
    }

    /// The whole answer.
    pub(crate) fn answer(&self, request_id: Option<&str>) -> Response {
        let mut response = Response::new(Body::from(self.body(request_id)));
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if self.code.is_passing() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        match self.code {
            Code::MissingToken => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Code::InvalidToken => {
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            _ => {}
        }
        if let Some((name, value)) = &self.header {
            headers.insert(name, value.clone());
        }
        response
    }
}

/// The answer without a request id; [`crate::serve_stack`] finds the problem in the extensions and
/// writes it again with the id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.answer(None);
        response.extensions_mut().insert(self);
        response
    }
}

/// An answer that tells of a dependency that is down: 503.
pub fn degraded(answer: impl IntoResponse) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, answer).into_response()
}

/// The answer of an execution that was made and failed: 500, with a body of its own.
pub fn failed_execution(answer: impl IntoResponse) -> Response {
    let mut response = (StatusCode::INTERNAL_SERVER_ERROR, answer).into_response();
    response.extensions_mut().insert(Theirs);
    response
}

/// Marks an answer of 500 that says that a tool failed, not this product.
#[derive(Clone, Copy)]
struct Theirs;

/// Whether an answer says that this product failed: a tool or a model that did is another matter. Asked before the
/// problem in it is written.
pub(crate) fn is_fault(response: &Response) -> bool {
    let extensions = response.extensions();
    response.status().is_server_error()
        && extensions.get::<Theirs>().is_none()
        && extensions
            .get::<Problem>()
            .is_none_or(|it| it.code().is_fault())
}

/// The answer to a message of another protocol (JSON-RPC) that makes no sense: 400, with a body of its own.
pub fn refused_message(answer: impl IntoResponse) -> Response {
    (StatusCode::BAD_REQUEST, answer).into_response()
}

/// An RFC 9457 problem: what every operation answers instead of its result when it fails.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Names the kind of problem: `urn:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:problem:invalid_request")]
    type_: String,
    /// The kind of problem in words.
    #[schema(example = "The request is not valid")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// What happened this time.
    #[schema(example = "\"nmae\" is no field here")]
    detail: &'a str,
    /// Stable machine-readable name of the kind of problem.
    #[schema(example = "invalid_request")]
    code: &'static str,
    /// Names this request in the logs; the same as the header `x-request-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11")]
    request_id: Option<&'a str>,
    /// Every fault of an invalid request.
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    #[schema(value_type = Vec<InvalidField>)]
    errors: &'a [Fault],
    /// The current version, where the conflict is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<&'a Current>,
    /// The run that failed, where the problem is one's: `GET /api/v1/conversations/{id}` tells what it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<Uuid>,
}

/// One fault of a request, with the way to mend it.
#[derive(Serialize, ToSchema)]
#[allow(
    dead_code,
    reason = "describes domain::fault::Fault in the API document"
)]
pub(crate) struct InvalidField {
    /// JSON pointer into the body; for a query parameter or header, its name.
    #[schema(example = "/nmae")]
    pointer: String,
    /// Stable name of the kind of fault.
    #[schema(example = "unknown_field")]
    code: String,
    /// What is wrong.
    #[schema(example = "\"nmae\" is no field here")]
    message: String,
    /// What to do.
    #[schema(example = "did you mean \"name\"?")]
    hint: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_an_rfc_9457_problem() {
        let problem = Problem::invalid_request(vec![
            Fault::new("/nmae", "unknown_field", "\"nmae\" is no field here")
                .hint("did you mean \"name\"?"),
        ]);
        let body: serde_json::Value = serde_json::from_str(&problem.body(Some("r1"))).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "urn:problem:invalid_request", "title": "The request is not valid", "status": 400,
                "detail": "\"nmae\" is no field here", "code": "invalid_request", "request_id": "r1",
                "errors": [{"pointer": "/nmae", "code": "unknown_field",
                            "message": "\"nmae\" is no field here", "hint": "did you mean \"name\"?"}],
            })
        );
    }

    #[test]
    fn a_conflict_names_the_current_version() {
        let body = Problem::new(Code::VersionConflict, "it is at version 3")
            .current(3, "abc")
            .body(None);
        assert!(
            body.ends_with(r#""current":{"version":3,"hash":"abc"}}"#),
            "{body}"
        );
    }
}

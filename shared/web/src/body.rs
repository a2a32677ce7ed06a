//! Request bodies: JSON only, at most 1 MB, every field known, every fault told at once.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use domain::fault::Fault;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body_util::BodyExt as _;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::problem::{Code, Problem};

/// Largest body, in bytes.
pub const MAX_BODY: usize = 1_048_576;

/// A larger body is read to its end up to here, so that the answer reaches a client that is still
/// sending; beyond it the connection is closed.
const MAX_DRAINED: usize = 8 * MAX_BODY;

/// A typed body, of a request or of an answer. Take it last: callers are known before it is read.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

/// A typed body that may be left out: then it is as `{}`.
#[derive(Clone, Debug)]
pub struct MaybeJson<T>(pub T);

/// A body that is a document of the caller's own, whatever its members.
#[derive(Clone, Debug)]
pub struct Document(pub Value);

/// The answer to something that was made: 201.
#[derive(Clone, Debug)]
pub struct Created<T>(pub T);

/// The answer to something that was removed: 204.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => json(bytes),
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

/// The answer to something that was accepted and is not done yet: 202.
pub fn accepted(value: impl Serialize) -> Response {
    (StatusCode::ACCEPTED, Json(value)).into_response()
}

/// An answer of JSON text that was written before.
pub fn json(text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// A type that is read from a JSON object, member by member.
pub trait FromFields: Sized {
    /// Takes its members from `fields`. `None` only after a fault was recorded.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

impl<S: Send + Sync, T: FromFields> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read(request).await?;
        let value = domain::json::parse_request(&bytes).map_err(invalid_json)?;
        Fields::read(value)
            .map(Self)
            .map_err(Problem::invalid_request)
    }
}

impl<S: Send + Sync, T: FromFields> FromRequest<S> for MaybeJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let typed = request.headers().contains_key(CONTENT_TYPE);
        let is_json = is_json(request.headers());
        let announced = content_length(request.headers()).unwrap_or(0);
        if announced > MAX_DRAINED {
            return Err(too_large());
        }
        if typed && !is_json {
            return Err(untyped());
        }
        let bytes = collect(request.into_body(), announced).await?;
        let value = match bytes.is_empty() {
            true => Value::Object(Map::new()),
            false if is_json => domain::json::parse_request(&bytes).map_err(invalid_json)?,
            false => return Err(untyped()),
        };
        Fields::read(value)
            .map(Self)
            .map_err(Problem::invalid_request)
    }
}

impl<S: Send + Sync> FromRequest<S> for Document {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read(request).await?;
        domain::json::parse_request(&bytes)
            .map(Self)
            .map_err(invalid_json)
    }
}

fn invalid_json(fault: Fault) -> Problem {
    Problem::with_faults(Code::InvalidJson, vec![fault])
}

async fn read(request: Request) -> Result<Vec<u8>, Problem> {
    if !is_json(request.headers()) {
        return Err(untyped());
    }
    let announced = content_length(request.headers()).unwrap_or(0);
    if announced > MAX_DRAINED {
        return Err(too_large());
    }
    collect(request.into_body(), announced).await
}

fn untyped() -> Problem {
    let detail = "the content-type must be application/json (UTF-8), without a content-encoding";
    Problem::new(Code::UnsupportedMediaType, detail)
}

async fn collect(mut body: Body, announced: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::with_capacity(announced.min(MAX_BODY));
    let mut total = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::new(Code::InvalidJson, "the body ended before it was complete")
        })?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        total += data.len();
        if total > MAX_DRAINED {
            return Err(too_large());
        }
        if total <= MAX_BODY {
            bytes.extend_from_slice(data);
        }
    }
    if total > MAX_BODY {
        return Err(too_large());
    }
    Ok(bytes)
}

fn too_large() -> Problem {
    Problem::new(
        Code::BodyTooLarge,
        format!("a body has at most {MAX_BODY} bytes"),
    )
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// One content type, JSON in UTF-8, not compressed.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(Ok(text)), None) = (types.next().map(HeaderValue::to_str), types.next()) else {
        return false;
    };
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    if !encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return false;
    }
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| {
            parameter.split_once('=').is_none_or(|(name, value)| {
                !name.trim().eq_ignore_ascii_case("charset")
                    || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}

/// The members of a JSON object while they are read; collects every fault.
#[derive(Debug)]
pub struct Fields {
    members: Map<String, Value>,
    known: Vec<&'static str>,
    faults: Vec<Fault>,
}

impl Fields {
    /// Reads a whole `T` from a document.
    ///
    /// # Errors
    /// Every fault: what is missing, of the wrong type, malformed or unknown.
    pub fn read<T: FromFields>(document: Value) -> Result<T, Vec<Fault>> {
        let Value::Object(members) = document else {
            let fault = Fault::new("", "wrong_type", "the body must be a JSON object");
            return Err(vec![fault]);
        };
        let mut fields = Self {
            members,
            known: Vec::new(),
            faults: Vec::new(),
        };
        let read = T::from_fields(&mut fields);
        fields.refuse_unknown();
        match read {
            Some(read) if fields.faults.is_empty() => Ok(read),
            Some(_) | None => Err(fields.faults),
        }
    }

    /// A member that must be there and not be null.
    pub fn required<T: Field>(&mut self, name: &'static str) -> Option<T> {
        let value = self.take(name);
        if value.is_none() {
            let message = format!("{name:?} is required");
            self.faults.push(
                Fault::new(pointer(name), "required", message)
                    .hint(format!("send {}", T::EXPECTED)),
            );
        }
        self.typed(name, value?)
    }

    /// A member that may be absent or null.
    pub fn optional<T: Field>(&mut self, name: &'static str) -> Option<T> {
        let value = self.take(name)?;
        self.typed(name, value)
    }

    /// A required text that is parsed further, such as an id.
    pub fn required_as<T>(&mut self, name: &'static str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let text: String = self.required(name)?;
        self.parsed(name, &text)
    }

    /// An optional text that is parsed further.
    pub fn optional_as<T>(&mut self, name: &'static str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let text: String = self.optional(name)?;
        self.parsed(name, &text)
    }

    /// Records that a member's value is not acceptable.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.faults
            .push(Fault::new(pointer(name), "invalid_value", message).hint(hint));
    }

    /// The same for a part of a member: `pointer` leads to it.
    pub fn refuse_at(
        &mut self,
        pointer: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.faults
            .push(Fault::new(pointer, "invalid_value", message).hint(hint));
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.members.remove(name).filter(|value| !value.is_null())
    }

    fn typed<T: Field>(&mut self, name: &str, value: Value) -> Option<T> {
        let read = T::from_value(value);
        if read.is_none() {
            let message = format!("{name:?} must be {}", T::EXPECTED);
            self.faults
                .push(Fault::new(pointer(name), "wrong_type", message));
        }
        read
    }

    fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str, text: &str) -> Option<T> {
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(why) => {
                let message = why.to_string();
                self.faults
                    .push(Fault::new(pointer(name), "invalid_value", message));
                None
            }
        }
    }

    fn refuse_unknown(&mut self) {
        for name in std::mem::take(&mut self.members).keys() {
            let message = format!("{name:?} is no field here");
            let fault = Fault::new(pointer(name), "unknown_field", message);
            self.faults
                .push(match domain::text::did_you_mean(name, &self.known) {
                    Some(hint) => fault.hint(hint),
                    None => fault.hint(format!("the fields are {}", self.known.join(", "))),
                });
        }
    }
}

/// A type that one member can have.
pub trait Field: Sized {
    /// The type in words: "a text".
    const EXPECTED: &'static str;

    /// The value, if it has this type.
    fn from_value(value: Value) -> Option<Self>;
}

impl Field for String {
    const EXPECTED: &'static str = "a text";

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

impl Field for SecretString {
    const EXPECTED: &'static str = "a text";

    fn from_value(value: Value) -> Option<Self> {
        String::from_value(value).map(Self::from)
    }
}

impl Field for Vec<String> {
    const EXPECTED: &'static str = "a list of texts";

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Array(items) => items.into_iter().map(String::from_value).collect(),
            _ => None,
        }
    }
}

impl Field for BTreeMap<String, String> {
    const EXPECTED: &'static str = "an object of texts";

    fn from_value(value: Value) -> Option<Self> {
        let Value::Object(members) = value else {
            return None;
        };
        let texts = members.into_iter();
        texts
            .map(|(name, value)| Some((name, String::from_value(value)?)))
            .collect()
    }
}

impl Field for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_value(value: Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Field for u64 {
    const EXPECTED: &'static str = "a whole number from 0 on";

    fn from_value(value: Value) -> Option<Self> {
        value.as_u64()
    }
}

impl Field for Value {
    const EXPECTED: &'static str = "a JSON value";

    fn from_value(value: Value) -> Option<Self> {
        Some(value)
    }
}

fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug)]
    struct Thing {
        name: String,
        tags: Option<Vec<String>>,
    }

    impl FromFields for Thing {
        fn from_fields(fields: &mut Fields) -> Option<Self> {
            let name = fields.required("name");
            let tags = fields.optional("tags");
            Some(Self { name: name?, tags })
        }
    }

    #[test]
    fn reads_fields() {
        let thing: Thing = Fields::read(json!({ "name": "a", "tags": ["b"] })).unwrap();
        assert_eq!(thing.name, "a");
        assert_eq!(thing.tags.unwrap(), ["b"]);
    }

    #[test]
    fn tells_every_fault_at_once() {
        let faults = Fields::read::<Thing>(json!({ "nam": "a", "tags": [1] })).unwrap_err();
        let told: Vec<_> = faults
            .iter()
            .map(|fault| (fault.pointer.as_str(), fault.code))
            .collect();
        assert_eq!(
            told,
            [
                ("/name", "required"),
                ("/tags", "wrong_type"),
                ("/nam", "unknown_field")
            ]
        );
        assert_eq!(faults[2].hint.as_deref(), Some("did you mean \"name\"?"));
    }

    #[test]
    fn takes_json_content_types_only() {
        for (text, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json; charset=utf-16", false),
            ("text/plain", false),
            ("application/json-patch+json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, text.parse().unwrap());
            assert_eq!(is_json(&headers), expected, "{text}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn takes_one_content_type_and_no_encoding() {
        let json = || HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::new();
        headers.append(CONTENT_TYPE, json());
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("identity"));
        assert!(is_json(&headers));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(!is_json(&headers));
        headers.remove(CONTENT_ENCODING);
        headers.append(CONTENT_TYPE, json());
        assert!(!is_json(&headers));
    }
}

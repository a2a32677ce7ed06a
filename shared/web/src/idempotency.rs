//! The header `Idempotency-Key`: names one call, however often it is sent.

use axum::extract::FromRequestParts;
use domain::fault::Fault;
use http::request::Parts;

use crate::problem::Problem;

const NAME: &str = "idempotency-key";

/// Longest key, in bytes.
const MAX_LENGTH: usize = 255;

/// The request's key, if it has one: 1 to 255 printable ASCII characters.
#[derive(Clone, Debug)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(NAME).iter();
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        let text = value.to_str().unwrap_or_default().trim();
        let printable = text.bytes().all(|b| matches!(b, b' '..=b'~'));
        if values.next().is_some() || !(1..=MAX_LENGTH).contains(&text.len()) || !printable {
            let message = "the header Idempotency-Key is malformed";
            let fault = Fault::new(NAME, "invalid_header", message)
                .hint("send it once, with 1 to 255 printable ASCII characters");
            return Err(Problem::invalid_request(vec![fault]));
        }
        Ok(Self(Some(text.to_owned())))
    }
}

//! A streamed answer, as tests look at it.

use axum::body::Bytes;
use serde_json::{Value, json};

use super::harness::PATIENCE;

/// An answer whose head has come.
#[derive(Debug)]
pub(crate) struct Streamed(pub(super) local_aws::Streamed);

impl Streamed {
    /// Status, headers and cookies.
    pub(crate) const fn head(&self) -> &Value {
        &self.0.head
    }

    /// The next part of the body, as soon as the function sent it; none when it is whole.
    ///
    /// # Panics
    /// When the function failed within its answer.
    pub(crate) async fn part(&mut self) -> Option<Bytes> {
        let part = tokio::time::timeout(PATIENCE, self.0.part());
        let part = part.await.expect("a part, or the end");
        part.map(|part| part.unwrap())
    }

    /// The answer as a function tells it that does not stream.
    pub(crate) async fn whole(mut self) -> Value {
        let mut body = Vec::new();
        while let Some(part) = self.part().await {
            body.extend_from_slice(&part);
        }
        let mut headers = serde_json::Map::new();
        for (name, value) in self.head()["headers"].as_object().unwrap() {
            // The gateway knows one value a header, and would refuse a list.
            assert!(value.is_string(), "{name}: {value}");
            // Without a type the runtime says that it knows none, even of nothing.
            let unknown = name == "content-type" && value == "application/octet-stream";
            if !(unknown && body.is_empty()) {
                headers.insert(name.clone(), json!([value]));
            }
        }
        let cookies = self.head()["cookies"].as_array().unwrap();
        if !cookies.is_empty() {
            headers.insert("set-cookie".to_owned(), cookies.clone().into());
        }
        json!({
            "statusCode": self.head()["statusCode"],
            "multiValueHeaders": headers,
            "body": String::from_utf8(body).unwrap(),
            "isBase64Encoded": false,
        })
    }
}

//! The samples without internet: their recorded answers, served on a loopback port.
//!
//! The sample tools are registered with their `base_url` leading here, and exactly this address is
//! allowed as a private upstream. Started without the demo again, they lead to the real APIs again.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use axum::{Router, body};
use domain::caller::Caller;
use domain::ids::SecretName;
use persistence::secrets;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::compose::Rooms;
use crate::error::Error;
use crate::samples::{self, Sample};

/// The secret that the samples name, and what it is in the demo.
pub(crate) const SECRET: (&str, &str) = ("ALPHA_VANTAGE_API_KEY", "demo-key-for-recorded-answers");

/// Where the recorded answers are; on which port does not matter. A secret for this host alone is the
/// demo's.
const HOST: &str = "127.0.0.1";

/// Larger requests are not answered.
const MAX_BODY: usize = 1 << 20;

/// A port that is the same at each start if it is free, so that the samples do not change.
pub(crate) async fn listen(beside: u16) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen {
        address: SocketAddr::from(([127, 0, 0, 1], beside)),
        source,
    };
    let wanted = if beside == 0 {
        0
    } else {
        beside.saturating_add(1)
    };
    let listener = match TcpListener::bind((HOST, wanted)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind((HOST, 0)).await.map_err(failed)?,
    };
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// The samples, leading to the recorded answers.
pub(crate) fn lead_to(address: SocketAddr, samples: &mut [Sample]) {
    for sample in samples {
        if let Some(base_url) = sample.document.pointer_mut("/api/base_url") {
            *base_url = format!("http://{address}").into();
        }
    }
}

/// Stores a stand-in for the key that the samples need, and takes it away again after the demo. A
/// secret of the user's own is left alone. The answer is what the user should know about it.
pub(crate) async fn keep_secret(
    rooms: &Rooms,
    caller: &Caller,
    demo: bool,
) -> Result<Option<String>, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::SetUp {
        reason: error.to_string(),
    };
    let (name, value) = SECRET;
    let name: SecretName = name.parse().map_err(|error| failed(&error))?;
    let mut tx = rooms
        .db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    let there = secrets::by_name(&mut tx, caller.workspace_id, &name).await?;
    tx.commit().await?;
    match (demo, there) {
        (true, None) => {
            let value = SecretString::from(value);
            let hosts = [HOST.to_owned()];
            rooms
                .vault
                .create(caller, &name, &value, &hosts, &[])
                .await
                .map_err(|error| failed(&error))?;
            Ok(None)
        }
        (true, Some(own)) if own.allowed_hosts != [HOST] => Ok(Some(format!(
            "{name} is a secret of yours for {}; get_stock_quote does not send it to the recorded \
             answers",
            own.allowed_hosts.join(", ")
        ))),
        (false, Some(ours)) if ours.allowed_hosts == [HOST] => {
            rooms
                .vault
                .delete(caller, &name)
                .await
                .map_err(|error| failed(&error))?;
            Ok(None)
        }
        (true | false, Some(_)) | (false, None) => Ok(None),
    }
}

/// A router that answers as recorded in `folder`.
pub(crate) fn router(folder: &Path) -> Result<Router, Error> {
    let recorded = samples::read(folder)?
        .into_iter()
        .map(|file| file.document)
        .collect();
    Ok(Router::new()
        .fallback(answer)
        .with_state(Arc::new(recorded)))
}

async fn answer(State(recorded): State<Arc<Vec<Value>>>, request: Request) -> Response {
    let (parts, sent) = request.into_parts();
    let sent = body::to_bytes(sent, MAX_BODY).await.unwrap_or_default();
    let found = recorded.iter().find(|recording| {
        recording["method"] == parts.method.as_str() && recording["path"] == parts.uri.path()
    });
    let (status, body) = match found {
        Some(recording) => replay(recording, parts.uri.query().unwrap_or_default(), &sent),
        None => (
            404,
            json!({ "error": "nothing was recorded for this request" }),
        ),
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response.headers_mut().insert(
        CONTENT_TYPE,
        axum::http::HeaderValue::from_static("application/json"),
    );
    response
}

/// The recorded answer. `echo` names parameters that show up in it, as `{parameter: pointer}`, and
/// `echo_body` the place of the JSON that was sent, so that an answer fits its question.
fn replay(recording: &Value, query: &str, sent: &Bytes) -> (u16, Value) {
    let mut body = recording["body"].clone();
    for (name, pointer) in recording["echo"].as_object().into_iter().flatten() {
        let value = url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name.as_str())
            .map(|(_, value)| Value::from(value.into_owned()));
        let place = pointer
            .as_str()
            .and_then(|pointer| body.pointer_mut(pointer));
        if let (Some(place), Some(value)) = (place, value) {
            *place = value;
        }
    }
    if let Some(pointer) = recording["echo_body"].as_str()
        && let Some(place) = body.pointer_mut(pointer)
    {
        *place = serde_json::from_slice(sent).unwrap_or(Value::Null);
    }
    let status = recording["status"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok());
    (status.unwrap_or(200), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_fits_its_question() {
        let recording = json!({
            "status": 201,
            "body": { "a/b": { "symbol": "IBM" }, "json": null },
            "echo": { "symbol": "/a~1b/symbol", "absent": "/nowhere" },
            "echo_body": "/json"
        });
        let sent = Bytes::from_static(br#"{"text":"hello"}"#);
        let (status, body) = replay(&recording, "x=1&symbol=MS%46T&absent=1", &sent);
        assert_eq!(status, 201);
        assert_eq!(
            body,
            json!({ "a/b": { "symbol": "MSFT" }, "json": { "text": "hello" } })
        );
    }
}

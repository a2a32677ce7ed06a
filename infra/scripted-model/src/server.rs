//! The server: takes requests, checks and keeps them, and answers with the next step of the script.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use axum::routing::post;
use axum::serve::ListenerExt;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::answer::compose;
use crate::captured::Captured;
use crate::error::{ApiError, respond};
use crate::events::{Frame, frames};
use crate::gate::Gate;
use crate::reply::{Fault, Reply};
use crate::step::{Raw, Step};
use crate::{check, demo};

/// A key that the server takes; it takes any other as well unless told otherwise.
pub const KEY: &str = "sk-scripted-model-key";

/// The model that the demonstration says it is, whatever was asked for.
pub const DEMO_MODEL: &str = "scripted-demo";

/// What the server is told and what it saw.
#[derive(Default)]
struct Shared {
    state: Mutex<Told>,
    arrived: watch::Sender<usize>,
    abandoned: watch::Sender<usize>,
}

#[derive(Default)]
struct Told {
    script: VecDeque<Step>,
    otherwise: Option<Step>,
    only_key: Option<String>,
    requests: Vec<Captured>,
    count: u64,
    refusals: Vec<String>,
    /// Which reasoning item an item came with.
    reasons: HashMap<String, String>,
    /// Requests are not kept: the demonstration runs for days.
    forgets: bool,
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running model server on loopback. It stops when dropped.
pub struct ScriptedModel {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl ScriptedModel {
    /// Starts a server on a free loopback port. Its script is empty: it answers as the demonstration does.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let router = router(Arc::clone(&shared));
        let listener = listener.tap_io(|stream| {
            // Small events must not wait for more to send (Nagle's algorithm).
            let _ = stream.set_nodelay(true);
        });
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            shared,
            serving,
        })
    }

    /// The address before `/responses`: what stands in `OPENAI_BASE_URL`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What it serves: to be called directly, or served somewhere else as well.
    pub fn router(&self) -> Router {
        router(Arc::clone(&self.shared))
    }

    /// `127.0.0.1:port`: what stands in `EGRESS_ALLOW`.
    pub fn host_port(&self) -> String {
        self.address.to_string()
    }

    /// A key that it takes.
    pub const fn key(&self) -> &'static str {
        KEY
    }

    /// From now on it takes this key alone; another is answered with 401.
    pub fn takes_only(&self, key: impl Into<String>) -> &Self {
        self.shared.told().only_key = Some(key.into());
        self
    }

    /// One more step of the script: for the next request that has none yet.
    pub fn then(&self, step: impl Into<Step>) -> &Self {
        self.shared.told().script.push_back(step.into());
        self
    }

    /// What every request gets when the script is at its end.
    pub fn otherwise(&self, step: impl Into<Step>) -> &Self {
        self.shared.told().otherwise = Some(step.into());
        self
    }

    /// Steps that no request has had yet.
    pub fn left(&self) -> usize {
        self.shared.told().script.len()
    }

    /// Forgets the steps that no request has had yet.
    pub fn forget_script(&self) {
        self.shared.told().script.clear();
    }

    /// Every request that came, refused ones too, in order.
    pub fn requests(&self) -> Vec<Captured> {
        self.shared.told().requests.clone()
    }

    /// The newest request.
    pub fn last_request(&self) -> Option<Captured> {
        self.shared.told().requests.last().cloned()
    }

    /// What the server found wrong with requests, as it told them.
    pub fn refusals(&self) -> Vec<String> {
        self.shared.told().refusals.clone()
    }

    /// Waits until so many requests came.
    pub async fn arrived(&self, count: usize) {
        let mut arrived = self.shared.arrived.subscribe();
        let _ = arrived.wait_for(|arrived| *arrived >= count).await;
    }

    /// Waits until so many clients went away before their answer was at its end.
    pub async fn abandoned(&self, count: usize) {
        let mut abandoned = self.shared.abandoned.subscribe();
        let _ = abandoned.wait_for(|abandoned| *abandoned >= count).await;
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The demonstration alone, to be served by somebody else: it has no script and keeps no request.
pub fn demo_router() -> Router {
    let shared = Arc::new(Shared::default());
    shared.told().forgets = true;
    router(shared)
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/responses", post(answer))
        .fallback(elsewhere)
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}

async fn elsewhere(method: Method, uri: Uri) -> Response {
    let mut error = ApiError::of_status(404);
    error.code = None;
    error.message = format!("Invalid URL ({method} {})", uri.path());
    error.into_response()
}

/// Tells when a client goes away before the end.
struct Watched {
    shared: Arc<Shared>,
    done: bool,
}

impl Watched {
    /// The answer is at its end, or breaks because the script says so.
    const fn ends(&mut self) {
        self.done = true;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.done {
            self.shared.abandoned.send_modify(|count| *count += 1);
        }
    }
}

async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut watched = Watched {
        shared: Arc::clone(&shared),
        done: false,
    };
    let (request, step) = match take(&shared, headers, &body) {
        Ok(taken) => taken,
        Err(error) => {
            watched.ends();
            return error.into_response();
        }
    };
    let mut response = follow(step, &request, watched).await;
    let id = format!("req_{:032x}", request.number);
    for (name, value) in [
        ("x-request-id", id.as_str()),
        ("openai-version", "2020-10-01"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Keeps the request, checks it, and takes the step that is due.
fn take(shared: &Shared, headers: HeaderMap, body: &Bytes) -> Result<(Captured, Step), ApiError> {
    let mut told = shared.told();
    told.count += 1;
    let request = Captured {
        number: told.count,
        headers,
        body: serde_json::from_slice(body).unwrap_or(Value::Null),
        text: String::from_utf8_lossy(body).into_owned(),
    };
    if !told.forgets {
        told.requests.push(request.clone());
    }
    shared.arrived.send_modify(|arrived| *arrived += 1);
    let checked = check::key(&request, told.only_key.as_deref())
        .and_then(|()| check::request(&request, &told.reasons));
    if let Err(error) = checked {
        if !told.forgets {
            told.refusals.push(error.message.clone());
        }
        return Err(error);
    }
    let step = told.script.pop_front().or_else(|| told.otherwise.clone());
    drop(told);
    let step = step.unwrap_or_else(|| demo::answer(&request).into());
    // The closure of a step runs outside the lock: it may look at the server.
    let mut step = step;
    while let Step::With(make) = step {
        step = make(&request);
    }
    if let Step::Reply(reply) = &step {
        remember(&mut shared.told(), &compose(reply, &request).items);
    }
    Ok((request, step))
}

/// Which reasoning the items came with: they must come back with it.
fn remember(told: &mut Told, items: &[Value]) {
    if told.forgets {
        return;
    }
    let mut reason: Option<&str> = None;
    for item in items {
        let id = item["id"].as_str().unwrap_or_default();
        match (item["type"].as_str(), reason) {
            (Some("reasoning"), _) => reason = Some(id),
            (_, Some(reasoning)) => {
                told.reasons.insert(id.to_owned(), reasoning.to_owned());
            }
            (_, None) => {}
        }
    }
}

async fn follow(mut step: Step, request: &Captured, mut watched: Watched) -> Response {
    loop {
        match step {
            Step::Hang(gate, then) => {
                gate.pass().await;
                step = *then;
            }
            Step::With(make) => step = make(request),
            Step::Reply(reply) if request.streams() => {
                return streamed(&reply, request, watched);
            }
            Step::Reply(reply) => return plain(&reply, request, watched).await,
            Step::Raw(raw) => {
                watched.ends();
                return as_it_stands(raw);
            }
            Step::HangUp => {
                watched.ends();
                drop(watched);
                // Ends the connection's task, and with it the connection; nothing is printed.
                std::panic::resume_unwind(Box::new("hang up"))
            }
        }
    }
}

fn as_it_stands(raw: Raw) -> Response {
    let mut response = respond(raw.status, &raw.content_type, raw.body);
    for (name, value) in raw.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

async fn plain(reply: &Reply, request: &Captured, mut watched: Watched) -> Response {
    if let Some(gate) = &reply.pace {
        gate.pass().await;
    }
    let text = compose(reply, request).closing.to_string();
    let kind = reply.content_type.as_deref().unwrap_or("application/json");
    let cut = reply
        .faults
        .iter()
        .any(|(_, fault)| matches!(fault, Fault::Cut));
    if !cut {
        watched.ends();
        return respond(200, kind, text);
    }
    let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    let frames = VecDeque::from([Frame::Send(half), Frame::Cut]);
    respond(200, kind, body(frames, None, watched))
}

fn streamed(reply: &Reply, request: &Captured, watched: Watched) -> Response {
    let frames = frames(reply, &compose(reply, request));
    let kind = reply.content_type.as_deref();
    let body = body(frames.into(), reply.pace.clone(), watched);
    respond(
        200,
        kind.unwrap_or("text/event-stream; charset=utf-8"),
        body,
    )
}

/// Sends frame by frame.
fn body(frames: VecDeque<Frame>, pace: Option<Gate>, watched: Watched) -> Body {
    let next = |(mut frames, pace, mut watched): (VecDeque<Frame>, Option<Gate>, Watched)| async move {
        let Some(frame) = frames.pop_front() else {
            watched.ends();
            return None;
        };
        if let Some(gate) = &pace {
            gate.pass().await;
        }
        // What came before is flushed meanwhile.
        tokio::task::yield_now().await;
        let sent = match frame {
            Frame::Send(bytes) => Ok(bytes),
            Frame::Flood(bytes) => {
                frames.push_front(Frame::Flood(bytes.clone()));
                Ok(bytes)
            }
            Frame::Cut => {
                watched.ends();
                Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
            }
        };
        Some((sent, (frames, pace, watched)))
    };
    Body::from_stream(stream::unfold((frames, pace, watched), next))
}

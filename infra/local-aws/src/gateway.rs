//! The REST API: a listener that does with a request what API Gateway does with it.

pub(crate) mod answer;
pub mod api;
pub mod event;
pub mod responses;
mod throttle;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use chrono::Utc;
use http_body_util::BodyExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::function::Function;
use crate::log::Log;
use crate::runtime_api::Answer;
use api::{Api, Plan, Required, Route, Target};
use event::{Context, Incoming};
use responses::Refusal;
use throttle::Throttle;

/// The largest body that the gateway takes, in bytes.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// The largest event that Lambda takes, in bytes.
const MAX_EVENT: usize = 6 * 1024 * 1024;

/// An API with what stands behind it.
#[derive(Debug)]
pub struct Gateway {
    api: Api,
    stage: String,
    /// By ARN.
    functions: BTreeMap<String, Arc<Function>>,
    /// One for each of the API's plans, in their order.
    keys: Vec<String>,
    throttle: Throttle,
    port: u16,
    log: Log,
}

/// What the gateway says about a request, and the function of it hears.
struct Ids {
    request: String,
    trace: String,
}

impl Gateway {
    /// A gateway before these functions, which listens on this port.
    pub fn new(
        api: Api,
        stage: String,
        functions: BTreeMap<String, Arc<Function>>,
        keys: Vec<String>,
        port: u16,
        log: Log,
    ) -> Self {
        Self {
            api,
            stage,
            functions,
            keys,
            throttle: Throttle::default(),
            port,
            log,
        }
    }

    /// Serves until it is aborted.
    pub(crate) fn serve(self, listener: TcpListener) -> JoinHandle<()> {
        let router = Router::new().fallback(handle).with_state(Arc::new(self));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move {
            let _ = axum::serve(listener, service).await;
        })
    }

    /// Without a body: it was too large.
    async fn answer(
        &self,
        parts: &Parts,
        body: Option<Bytes>,
        source: &str,
        path: &str,
        ids: &Ids,
    ) -> Result<Response<Body>, Refusal> {
        let method = parts.method.as_str();
        let (route, placeholders) = self
            .api
            .find(method, path)
            .ok_or(Refusal::MissingAuthenticationToken)?;
        let client = self.client(parts, route)?;
        self.throttle
            .passes(&self.api, (method, &route.path), client, Instant::now())?;
        demand(parts, route)?;
        let body = body.ok_or(Refusal::RequestTooLarge)?;
        match &route.target {
            Target::Mock {
                status,
                headers,
                body,
            } => Ok(made(*status, headers, body)),
            Target::Function {
                arn,
                streams,
                patience,
            } => {
                let function = self.functions.get(arn).ok_or(Refusal::IntegrationFailure)?;
                let request = Incoming {
                    method: &parts.method,
                    uri: &parts.uri,
                    headers: &parts.headers,
                    body: &body,
                    source,
                };
                let context = Context {
                    stage: &self.stage,
                    path,
                    request_id: &ids.request,
                    trace: &ids.trace,
                    port: self.port,
                    binary: &self.api.binary,
                    now: Utc::now(),
                };
                let event = event::build(&request, &context, route, &placeholders).to_string();
                if event.len() > MAX_EVENT {
                    return Err(Refusal::RequestTooLarge);
                }
                self.integrate(function, event, parts, *streams, *patience, ids)
                    .await
            }
        }
    }

    async fn integrate(
        &self,
        function: &Arc<Function>,
        event: String,
        parts: &Parts,
        streams: bool,
        patience: Duration,
        ids: &Ids,
    ) -> Result<Response<Body>, Refusal> {
        let answer = function.invoke(event, ids.trace.clone());
        let answer = tokio::time::timeout(patience, answer)
            .await
            .map_err(|_| Refusal::IntegrationTimeout)?;
        match answer {
            Answer::Whole(answer) if !streams => {
                let header = |name| {
                    parts
                        .headers
                        .get(name)
                        .and_then(|it| it.to_str().ok())
                        .unwrap_or_default()
                };
                let whole = answer::whole(&answer, header("accept"), &self.api.binary)
                    .ok_or(Refusal::Malformed)?;
                let packed =
                    answer::compressed(whole, header("accept-encoding"), self.api.compress);
                Ok(packed.map(Body::from))
            }
            Answer::Streamed(answer) if streams => {
                answer::streamed(answer, patience).ok_or(Refusal::Malformed)
            }
            // Also when route and function are of two minds.
            Answer::Whole(_) | Answer::Streamed(_) | Answer::Failed(_) => Err(Refusal::Malformed),
        }
    }

    /// The plan of the client's key. Where the route asks for none, the header is not read.
    fn client(&self, parts: &Parts, route: &Route) -> Result<Option<&Plan>, Refusal> {
        if !route.wants_key {
            return Ok(None);
        }
        let sent = parts
            .headers
            .get("x-api-key")
            .and_then(|key| key.to_str().ok());
        let mut plans = self.keys.iter().zip(&self.api.plans);
        let known = plans.find(|(key, _)| Some(key.as_str()) == sent);
        known
            .map(|(_, plan)| Some(plan))
            .ok_or(Refusal::InvalidApiKey)
    }
}

fn demand(parts: &Parts, route: &Route) -> Result<(), Refusal> {
    let query: Vec<(String, String)> =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let missing: Vec<String> = route
        .required
        .iter()
        .filter_map(|required| {
            let (name, there) = match required {
                Required::Header(name) => {
                    let value = parts.headers.get(name.as_str());
                    (name, value.is_some_and(|value| !value.is_empty()))
                }
                Required::Query(name) => (
                    name,
                    query
                        .iter()
                        .any(|(sent, value)| sent == name && !value.is_empty()),
                ),
            };
            (!there).then(|| name.clone())
        })
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Refusal::BadRequestParameters(missing)),
    }
}

/// All of a body; `None` when it is too large. What is too much is read all the same: a client that is still sending would not
/// hear why.
async fn received(mut body: Body) -> Option<Bytes> {
    let mut whole = Vec::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        // Of a client that broke off nothing is handed on.
        let Ok(part) = frame.ok()?.into_data() else {
            continue;
        };
        size += part.len();
        if size <= MAX_BODY {
            whole.extend_from_slice(&part);
        }
    }
    (size <= MAX_BODY).then(|| whole.into())
}

async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let body = received(body).await;
    let ids = Ids {
        request: Uuid::new_v4().to_string(),
        trace: crate::new_trace(),
    };
    let stage = format!("/{}", gateway.stage);
    let within = parts
        .uri
        .path()
        .strip_prefix(&stage)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut response = match within {
        // Without a stage there is no template that words it.
        None => made(403, &[], r#"{"message":"Forbidden"}"#),
        Some(path) => {
            let path = if path.is_empty() { "/" } else { path };
            match gateway
                .answer(&parts, body, &source.ip().to_string(), path, &ids)
                .await
            {
                Ok(response) => response,
                Err(refusal) => {
                    let (status, headers, body) =
                        responses::render(&gateway.api, &refusal, &ids.request);
                    made(status, &headers, &body)
                }
            }
        }
    };
    for (name, value) in [
        ("x-amzn-requestid", &ids.request),
        ("x-amz-apigw-id", &ids.request),
        ("x-amzn-trace-id", &ids.trace),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    let (status, took) = (response.status().as_u16(), started.elapsed().as_millis());
    gateway.log.line(&format!(
        "{} {} {} {status} {took} ms",
        ids.request,
        parts.method,
        parts.uri.path()
    ));
    response
}

fn made(status: u16, headers: &[(String, String)], body: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::copy_from_slice(body.as_bytes())));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    if !response.headers().contains_key("content-type") {
        response
            .headers_mut()
            .insert("content-type", HeaderValue::from_static("application/json"));
    }
    response
}

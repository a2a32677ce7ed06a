//! AWS Secrets Manager and SQS for tests: the emulator moto, and a gate before it that fails as it is told.

mod queue;

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use local_aws::Moto;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use uuid::Uuid;
use vault::AwsConfig;

pub use queue::FakeQueue;

const REGION: &str = "eu-central-1";

/// What an operation of a service is called with.
struct Service {
    /// In the scope of its signatures.
    name: &'static str,
    /// Before the operation's name.
    target: &'static str,
    /// Its JSON.
    content: &'static str,
}

const SECRETS: Service = Service {
    name: "secretsmanager",
    target: "secretsmanager",
    content: "application/x-amz-json-1.1",
};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the emulator is: `MOTO_SERVER`, or one of our own by the Python that `.ci/run` made or the machine's. One serves all
/// tests of the process, and ends with it.
fn moto() -> Option<&'static str> {
    static MOTO: OnceLock<Option<(String, Option<Moto>)>> = OnceLock::new();
    let started = MOTO.get_or_init(|| {
        if let Ok(url) = std::env::var("MOTO_SERVER") {
            return Some((url, None));
        }
        let made = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../.ci-tools/venv/bin/python"
        );
        let moto = Moto::start(&[Path::new(made), Path::new("python3")], None)?;
        Some((moto.url.clone(), Some(moto)))
    });
    started.as_ref().map(|(url, _)| url.as_str())
}

/// What the gate does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwsFault {
    /// 503: it never reaches the store.
    Down,
    /// 400 `ThrottlingException`: it never reaches the store.
    Throttled,
    /// 400 `AccessDeniedException`: it never reaches the store.
    Denied,
    /// It is done, and answered with 500.
    AnswerLost,
    /// It is done, and never answered.
    Silent,
}

/// AWS Secrets Manager, with names of its own, and SQS.
pub struct FakeAws {
    url: String,
    prefix: String,
    gate: Arc<Gate>,
    serving: JoinHandle<()>,
}

struct Gate {
    moto: &'static str,
    client: reqwest::Client,
    rules: Mutex<Rules>,
    arrived: Notify,
}

#[derive(Default)]
struct Rules {
    /// For every request.
    always: Option<AwsFault>,
    /// For the next requests of an operation, in turn; `None` lets one through.
    next: HashMap<String, VecDeque<Option<AwsFault>>>,
    /// How many requests of an operation came.
    asked: HashMap<String, usize>,
}

impl Gate {
    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FakeAws {
    /// Starts a gate before the emulator. `None` without an emulator: the test is to be skipped.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Option<Self> {
        let moto = tokio::task::spawn_blocking(moto).await.expect("no panic")?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .expect("an HTTP client");
        let gate = Arc::new(Gate {
            moto,
            client,
            rules: Mutex::default(),
            arrived: Notify::new(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(pass).with_state(Arc::clone(&gate));
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Some(Self {
            url: format!("http://{address}"),
            prefix: format!("tests/{}", Uuid::new_v4().simple()),
            gate,
            serving,
        })
    }

    /// How an app reaches it.
    pub fn config(&self) -> AwsConfig {
        AwsConfig {
            prefix: self.prefix.clone(),
            region: REGION.to_owned(),
            endpoint_url: Some(self.url.clone()),
            access_key_id: "testing".to_owned(),
            secret_access_key: "testing".into(),
            session_token: None,
        }
    }

    /// From now on every request ends so; `None` ends that.
    pub fn fails(&self, fault: Option<AwsFault>) {
        self.gate.rules().always = fault;
    }

    /// The next requests of an operation (`PutSecretValue`) end so.
    pub fn next(&self, operation: &str, faults: &[Option<AwsFault>]) {
        let mut rules = self.gate.rules();
        let next = rules.next.entry(operation.to_owned()).or_default();
        next.extend(faults);
    }

    /// What was said about next requests is forgotten.
    pub fn drain(&self) {
        self.gate.rules().next.clear();
    }

    /// How many requests of the operation came.
    pub fn asked(&self, operation: &str) -> usize {
        self.gate.rules().asked.get(operation).copied().unwrap_or(0)
    }

    /// Waits until so many requests of the operation came (and were done, if they were to be).
    ///
    /// # Panics
    /// When they do not come.
    pub async fn arrived(&self, operation: &str, count: usize) {
        let come = async {
            loop {
                let notified = self.gate.arrived.notified();
                if self.asked(operation) >= count {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(PATIENCE, come)
            .await
            .expect("the requests come");
    }

    /// What is called so below the prefix: the value, or `None`.
    pub async fn value(&self, name: &str) -> Option<String> {
        let answer = self
            .ask("GetSecretValue", json!({ "SecretId": self.full(name) }))
            .await;
        answer["SecretString"].as_str().map(str::to_owned)
    }

    /// Changes a value past the product, as an operator at AWS would.
    ///
    /// # Panics
    /// When there is no such name.
    pub async fn rotates(&self, name: &str, value: &str) {
        let request = json!({
            "SecretId": self.full(name), "SecretString": value,
            "ClientRequestToken": Uuid::new_v4().to_string(),
        });
        let answer = self.ask("PutSecretValue", request).await;
        assert!(answer["VersionId"].is_string(), "{answer}");
    }

    /// Every name below the prefix that is not deleted.
    pub async fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut request = json!({ "MaxResults": 100 });
        loop {
            let answer = self.ask("ListSecrets", request.clone()).await;
            let listed = answer["SecretList"].as_array().into_iter().flatten();
            let listed = listed.filter_map(|secret| secret["Name"].as_str());
            let own = listed.filter_map(|name| name.strip_prefix(&format!("{}/", self.prefix)));
            names.extend(own.map(str::to_owned));
            match answer["NextToken"].as_str() {
                Some(next) => request["NextToken"] = next.into(),
                None => break,
            }
        }
        names.sort_unstable();
        names
    }

    fn full(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    async fn ask(&self, operation: &str, request: Value) -> Value {
        self.gate.ask(&SECRETS, operation, request).await
    }
}

impl Gate {
    /// Asks the emulator past the gate.
    async fn ask(&self, service: &Service, operation: &str, request: Value) -> Value {
        let Service {
            name,
            target,
            content,
        } = service;
        let answer = self
            .client
            .post(self.moto)
            .header("x-amz-target", format!("{target}.{operation}"))
            .header("content-type", *content)
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential=testing/20260101/{REGION}/{name}/aws4_request, SignedHeaders=host, Signature=0"),
            )
            .body(request.to_string())
            .send()
            .await
            .expect("the emulator answers");
        let text = answer.text().await.expect("a whole answer");
        // What has nothing to say says nothing.
        serde_json::from_str(&text).unwrap_or_default()
    }
}

impl Drop for FakeAws {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(State(gate): State<Arc<Gate>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|it| it.to_str().ok());
    let operation = target
        .and_then(|it| it.rsplit('.').next())
        .unwrap_or_default();
    let fault = {
        let mut rules = gate.rules();
        let next = rules.next.get_mut(operation).and_then(VecDeque::pop_front);
        next.unwrap_or(rules.always)
    };
    let reaches = !matches!(
        fault,
        Some(AwsFault::Down | AwsFault::Throttled | AwsFault::Denied)
    );
    let passed = if reaches {
        Some(forward(&gate, &headers, body).await)
    } else {
        None
    };
    *gate.rules().asked.entry(operation.to_owned()).or_default() += 1;
    gate.arrived.notify_waiters();
    match fault {
        None => passed.unwrap_or_else(|| refusal(StatusCode::BAD_GATEWAY, "NoAnswer")),
        Some(AwsFault::Down) => refusal(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
        Some(AwsFault::Throttled) => refusal(StatusCode::BAD_REQUEST, "ThrottlingException"),
        Some(AwsFault::Denied) => refusal(StatusCode::BAD_REQUEST, "AccessDeniedException"),
        Some(AwsFault::AnswerLost) => {
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError")
        }
        Some(AwsFault::Silent) => std::future::pending().await,
    }
}

async fn forward(gate: &Gate, headers: &HeaderMap, body: Bytes) -> Response {
    let mut request = gate.client.post(gate.moto).body(body);
    for name in [
        "x-amz-target",
        "content-type",
        "authorization",
        "x-amz-date",
    ] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value.as_bytes());
        }
    }
    let answer = request.send().await.expect("the emulator answers");
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    for name in ["content-type", "x-amzn-errortype"] {
        if let Some(value) = answer.headers().get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    *response.body_mut() = Body::from(answer.bytes().await.expect("a whole answer"));
    response
}

fn refusal(status: StatusCode, code: &str) -> Response {
    let body = json!({ "__type": code, "message": "the gate was told so" }).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
}

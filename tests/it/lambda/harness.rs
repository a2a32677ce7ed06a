//! A Lambda Runtime API of our own: starts a real function binary with a cleared environment and hands it events.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use super::streamed::{self, Streamed};

/// A guard against a binary that hangs; no figure of any test.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The largest answer that Lambda takes whole, in bytes.
const MAX_WHOLE: usize = 6 * 1024 * 1024;

/// What a function made of one event.
#[derive(Debug)]
enum Answer {
    /// The body of its `…/response`.
    Whole(Value),
    /// The head of its `…/response`, whose body still comes.
    Streamed(Streamed),
    /// The body of its `…/error`.
    Failed(Value),
}

/// A running function.
pub(crate) struct Function {
    child: Child,
    events: mpsc::Sender<(String, Value)>,
    waiting: Waiting,
    output: Output,
    count: usize,
    /// From the start of the process to its first `…/next`.
    pub(crate) init: Duration,
}

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Answer>>>>;
type Output = Arc<Mutex<String>>;

#[derive(Clone)]
struct Api {
    /// What an invocation may take.
    time: Duration,
    events: Arc<tokio::sync::Mutex<mpsc::Receiver<(String, Value)>>>,
    waiting: Waiting,
    ready: Arc<Mutex<Option<oneshot::Sender<()>>>>,
}

impl Function {
    /// Starts the binary with these variables, those of the Lambda runtime, and no others. `Err` is what it printed when it
    /// ended before it asked for an event.
    pub(crate) async fn start(name: &str, variables: &[(&str, String)]) -> Result<Self, String> {
        Self::start_with_time(name, variables, Duration::from_secs(29)).await
    }

    /// The same with another time for an invocation.
    pub(crate) async fn start_with_time(
        name: &str,
        variables: &[(&str, String)],
        time: Duration,
    ) -> Result<Self, String> {
        let (events, receiver) = mpsc::channel(1);
        let (ready, is_ready) = oneshot::channel();
        let waiting = Waiting::default();
        let address = serve(Api {
            time,
            events: Arc::new(tokio::sync::Mutex::new(receiver)),
            waiting: Arc::clone(&waiting),
            ready: Arc::new(Mutex::new(Some(ready))),
        })
        .await;

        let started = Instant::now();
        let mut child = command(&binaries().join(name), &address)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .spawn()
            .unwrap();
        let output = Output::default();
        let out = tokio::spawn(collect(child.stdout.take().unwrap(), Arc::clone(&output)));
        let err = tokio::spawn(collect(child.stderr.take().unwrap(), Arc::clone(&output)));
        tokio::select! {
            asked = tokio::time::timeout(PATIENCE, is_ready) => asked.unwrap().unwrap(),
            status = child.wait() => {
                let _ = tokio::join!(out, err);
                return Err(format!("{}\n{}", status.unwrap(), output.lock().unwrap()));
            }
        }
        let init = started.elapsed();
        Ok(Self {
            child,
            events,
            waiting,
            output,
            count: 0,
            init,
        })
    }

    /// Ends the process at once (SIGKILL), whatever it is doing.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// What it wrote to its log so far.
    pub(crate) fn printed(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Sends one event and waits for the whole answer, streamed or not: for a REST API, status, headers and body.
    ///
    /// # Panics
    /// When the invocation fails; the function's log is told.
    pub(crate) async fn invoke(&mut self, event: Value) -> Value {
        match self.answer(event).await {
            Answer::Whole(answer) => answer,
            Answer::Streamed(answer) => answer.whole().await,
            Answer::Failed(error) => self.broke(&error),
        }
    }

    /// Sends one event whose invocation must fail; what the function told Lambda.
    ///
    /// # Panics
    /// When the invocation succeeds.
    pub(crate) async fn refuse(&mut self, event: Value) -> Value {
        match self.answer(event).await {
            Answer::Failed(error) => error,
            other @ (Answer::Whole(_) | Answer::Streamed(_)) => self.broke(&other),
        }
    }

    /// Sends one event and waits for the head of the answer, which must be streamed.
    ///
    /// # Panics
    /// When the invocation fails, or the answer comes whole; the function's log is told.
    pub(crate) async fn stream(&mut self, event: Value) -> Streamed {
        match self.answer(event).await {
            Answer::Streamed(answer) => answer,
            other @ (Answer::Whole(_) | Answer::Failed(_)) => self.broke(&other),
        }
    }

    fn broke(&self, how: &dyn std::fmt::Debug) -> ! {
        panic!("{how:?}; the function printed:\n{}", self.printed())
    }

    async fn answer(&mut self, event: Value) -> Answer {
        self.count += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", self.count);
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id.clone(), sender);
        self.events.send((id, event)).await.unwrap();
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            other => self.broke(&other),
        }
    }
}

fn command(binary: &Path, address: &str) -> Command {
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .env("AWS_LAMBDA_FUNCTION_NAME", "under-test")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/under-test")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
        .env("AWS_REGION", "eu-central-1")
        .env("_HANDLER", "bootstrap")
        // Where infra/coverage.sh collects what is reached; otherwise absent.
        .envs(std::env::vars_os().filter(|(name, _)| name == "LLVM_PROFILE_FILE"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn collect(pipe: impl AsyncRead + Unpin, output: Output) {
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut output = output.lock().unwrap();
        output.push_str(&line);
        output.push('\n');
    }
}

async fn serve(api: Api) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route(
            "/2018-06-01/runtime/invocation/{id}/response",
            post(response),
        )
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .with_state(api);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn next(State(api): State<Api>) -> Response {
    if let Some(ready) = api.ready.lock().unwrap().take() {
        let _ = ready.send(());
    }
    let Some((id, event)) = api.events.lock().await.recv().await else {
        // The test is over; the process is about to be killed.
        return std::future::pending().await;
    };
    let deadline = std::time::SystemTime::now() + api.time;
    let deadline = deadline
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-trace-id",
            "Root=1-690c8a2f-3f1c5b7d0a9e4c2b6d8f1e3a".to_owned(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:under-test".to_owned(),
        ),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    (headers, axum::Json(event)).into_response()
}

async fn response(
    State(api): State<Api>,
    UrlPath(id): UrlPath<String>,
    headers: HeaderMap,
    body: Body,
) -> StatusCode {
    let is = |name: &str, what: &str| headers.get(name).is_some_and(|value| value == what);
    if is("lambda-runtime-function-response-mode", "streaming") {
        if !is(
            "content-type",
            "application/vnd.awslambda.http-integration-response",
        ) {
            return deliver(&api, &id, Answer::Failed("no head for the gateway".into()));
        }
        streamed::receive(body, |answer| {
            deliver(&api, &id, Answer::Streamed(answer));
        })
        .await;
        return StatusCode::ACCEPTED;
    }
    let whole = to_bytes(body, MAX_WHOLE).await.unwrap();
    deliver(
        &api,
        &id,
        Answer::Whole(serde_json::from_slice(&whole).unwrap()),
    )
}

async fn error(State(api): State<Api>, UrlPath(id): UrlPath<String>, body: Bytes) -> StatusCode {
    let told = serde_json::from_slice(&body).unwrap_or_default();
    deliver(&api, &id, Answer::Failed(told))
}

fn deliver(api: &Api, id: &str, answer: Answer) -> StatusCode {
    if let Some(sender) = api.waiting.lock().unwrap().remove(id) {
        let _ = sender.send(answer);
    }
    StatusCode::ACCEPTED
}

/// Where the functions' binaries are: `LAMBDA_BIN_DIR` (release binaries, say), else beside this test's own binary, where they
/// are built first. `--tests` gives them the features that `cargo test --workspace` chose, so that little is compiled anew.
fn binaries() -> &'static Path {
    static DIRECTORY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match DIRECTORY.get_or_init(build) {
        Ok(directory) => directory,
        Err(told) => panic!("the functions do not build:\n{told}"),
    }
}

fn build() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Some(directory) = std::env::var_os("LAMBDA_BIN_DIR") {
        return Ok(root.join(directory));
    }
    let test = std::env::current_exe().unwrap();
    let directory = test.parent().and_then(Path::parent).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = std::process::Command::new(cargo);
    build.current_dir(root);
    build.args(["build", "--quiet", "--workspace", "--bins", "--tests"]);
    if directory.ends_with("release") {
        build.arg("--release");
    }
    let output = build.output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(directory.to_path_buf())
}

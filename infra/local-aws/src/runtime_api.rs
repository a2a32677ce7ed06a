//! The Lambda Runtime API for one process: starts a function's program and hands it one event at a time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Path as UrlPath, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::streamed::{self, Streamed};
use crate::{ACCOUNT, REGION};

/// The largest answer that Lambda takes whole, in bytes.
pub const MAX_WHOLE: usize = 6 * 1024 * 1024;

/// Takes each line that the process prints.
pub type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// How a process is started.
#[derive(Clone)]
pub struct Launch {
    /// The function's program.
    pub binary: PathBuf,
    /// The function's name.
    pub name: String,
    /// Its environment, beside what Lambda itself sets.
    pub variables: Vec<(String, String)>,
    /// What an invocation may take: told to the process, not enforced here.
    pub time: Duration,
    /// In MB: told to the process, not enforced.
    pub memory: u32,
    /// How long it may take until the process asks for its first event.
    pub patience: Duration,
    /// The process group that it joins; `None`: ours.
    pub group: Option<i32>,
    /// Where its output goes, line by line.
    pub output: Sink,
}

impl std::fmt::Debug for Launch {
    /// Without the variables, some of which are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Launch")
            .field("binary", &self.binary)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Why there is no process to be asked.
#[derive(Debug, thiserror::Error)]
pub enum StartFailure {
    /// It ended before it asked for an event.
    #[error("{0}")]
    Ended(ExitStatus),
    /// It told Lambda that it cannot start.
    #[error("init error: {0}")]
    Refused(Value),
    /// It did not ask in time.
    #[error("asked for no event within {} s", .0.as_secs())]
    Silent(Duration),
    /// It was not started at all.
    #[error("cannot be started: {0}")]
    System(#[from] std::io::Error),
}

/// One event on its way to a process.
#[derive(Clone, Debug)]
pub struct Event {
    /// The invocation's id.
    pub id: String,
    /// JSON.
    pub payload: Bytes,
    /// As X-Ray writes it: `Root=…`.
    pub trace: String,
}

/// What a function made of one event.
#[derive(Debug)]
pub enum Answer {
    /// The body of its `…/response`.
    Whole(Bytes),
    /// The head of its `…/response`, whose body still comes.
    Streamed(Streamed),
    /// The body of its `…/error`, or what Lambda says when there is no usable answer.
    Failed(Value),
}

impl Answer {
    /// A failure in the words of Lambda.
    pub fn failed(kind: &str, message: impl std::fmt::Display) -> Self {
        Self::Failed(json!({ "errorType": kind, "errorMessage": message.to_string() }))
    }
}

/// How long a process took until it could be asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Init {
    /// From its start to its first connection.
    pub connected: Duration,
    /// From its start to its first `…/next`.
    pub asked: Duration,
}

/// A running process that waits for events.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: Option<Pid>,
    api: Arc<Api>,
    events: mpsc::Sender<Event>,
    idle: watch::Receiver<bool>,
    serving: JoinHandle<()>,
    /// What its start took.
    pub init: Init,
}

#[derive(Debug)]
struct Api {
    name: String,
    time: Duration,
    started: OnceLock<Instant>,
    connected: OnceLock<Duration>,
    events: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    /// Whether it has asked for an event and was given none yet.
    idle: watch::Sender<bool>,
    asked: Mutex<Option<oneshot::Sender<Result<Duration, Value>>>>,
}

impl Api {
    fn since_start(&self) -> Duration {
        self.started.get().map_or(Duration::ZERO, Instant::elapsed)
    }

    fn first(&self, told: Result<Duration, Value>) {
        if let Some(asked) = locked(&self.asked).take() {
            let _ = asked.send(told);
        }
    }

    fn deliver(&self, id: &str, answer: Answer) {
        if let Some(sender) = locked(&self.waiting).remove(id) {
            let _ = sender.send(answer);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    /// Starts the program with its variables, those of Lambda, and no others, and waits until it asks for an event.
    ///
    /// # Errors
    /// Each says what became of it; all that it printed has gone to its output by then.
    pub async fn start(launch: &Launch) -> Result<Self, StartFailure> {
        let (events, receiver) = mpsc::channel(1);
        let (asked, first) = oneshot::channel();
        let (idle, is_idle) = watch::channel(false);
        let api = Arc::new(Api {
            name: launch.name.clone(),
            time: launch.time,
            started: OnceLock::new(),
            connected: OnceLock::new(),
            events: tokio::sync::Mutex::new(receiver),
            waiting: Mutex::default(),
            idle,
            asked: Mutex::new(Some(asked)),
        });
        let (address, serving) = serve(Arc::clone(&api)).await?;
        let mut command = command(&launch.binary, launch);
        command.env("AWS_LAMBDA_RUNTIME_API", address);
        let _ = api.started.set(Instant::now());
        let mut child = command.spawn()?;
        let out = child.stdout.take().map(|pipe| collect(pipe, launch));
        let err = child.stderr.take().map(|pipe| collect(pipe, launch));
        let told = tokio::select! {
            told = tokio::time::timeout(launch.patience, first) => match told {
                Ok(Ok(Ok(asked))) => Ok(asked),
                Ok(Ok(Err(why))) => Err(StartFailure::Refused(why)),
                Ok(Err(_)) | Err(_) => Err(StartFailure::Silent(launch.patience)),
            },
            status = child.wait() => Err(StartFailure::Ended(status?)),
        };
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        match told {
            Ok(asked) => Ok(Self {
                pid: pid.and_then(Pid::from_raw),
                child,
                init: Init {
                    connected: api.connected.get().copied().unwrap_or(asked),
                    asked,
                },
                api,
                events,
                idle: is_idle,
                serving,
            }),
            Err(failure) => {
                let _ = child.kill().await;
                for reading in [out, err].into_iter().flatten() {
                    let _ = reading.await;
                }
                serving.abort();
                Err(failure)
            }
        }
    }

    /// Sends one event and waits for the answer, or the head of it. However long it takes.
    pub async fn invoke(&mut self, event: Event) -> Answer {
        let (sender, answer) = oneshot::channel();
        locked(&self.api.waiting).insert(event.id.clone(), sender);
        let asked = async {
            let _ = self.events.send(event).await;
            answer.await
        };
        tokio::select! {
            // What it told before its end counts.
            biased;
            answer = asked => {
                answer.unwrap_or_else(|_| Answer::failed("Runtime.ExitError", "the process takes no event"))
            }
            status = self.child.wait() => {
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                Answer::failed("Runtime.ExitError", format!("the process ended: {status}"))
            }
        }
    }

    /// Waits until it asks for the next event, which is when Lambda takes an invocation for ended. False when it ended
    /// instead.
    pub async fn settled(&mut self) -> bool {
        tokio::select! {
            idle = self.idle.wait_for(|idle| *idle) => idle.is_ok(),
            _ = self.child.wait() => false,
        }
    }

    /// Its number, as long as it runs.
    pub fn pid(&self) -> Option<i32> {
        self.pid
            .map(Pid::as_raw_nonzero)
            .map(std::num::NonZero::get)
    }

    /// Lets it do nothing at all until [`Process::thaw`], as Lambda does between invocations.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // A process that is gone needs no signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends it at once (SIGKILL), whatever it is doing.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn kill(mut self) -> std::io::Result<()> {
        self.child.kill().await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A program with the environment of a function and no other, which ends with whoever started it.
pub(crate) fn command(program: &Path, launch: &Launch) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(lambda_variables(&launch.name, launch.memory))
        .envs(launch.variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(group) = launch.group {
        command.process_group(group);
    }
    command
}

/// What Lambda sets for every function.
fn lambda_variables(name: &str, memory: u32) -> Vec<(&'static str, String)> {
    let text = str::to_owned;
    vec![
        ("AWS_LAMBDA_FUNCTION_NAME", text(name)),
        ("AWS_LAMBDA_FUNCTION_VERSION", text("$LATEST")),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", text("stream")),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", text("on-demand")),
        ("AWS_REGION", text(REGION)),
        ("AWS_DEFAULT_REGION", text(REGION)),
        ("_HANDLER", text("bootstrap")),
        ("LAMBDA_TASK_ROOT", text("/var/task")),
        ("LAMBDA_RUNTIME_DIR", text("/var/runtime")),
        ("LANG", text("en_US.UTF-8")),
        ("TZ", text(":UTC")),
        ("PATH", text("/usr/local/bin:/usr/bin:/bin")),
    ]
}

/// Hands on what a function prints, line by line.
pub(crate) fn collect(
    pipe: impl AsyncRead + Unpin + Send + 'static,
    launch: &Launch,
) -> JoinHandle<()> {
    let output = Arc::clone(&launch.output);
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            output(&line);
        }
    })
}

async fn serve(api: Arc<Api>) -> std::io::Result<(String, JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route(
            "/2018-06-01/runtime/invocation/{id}/response",
            post(response),
        )
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(&api));
    let listener = listener.tap_io(move |_| {
        let _ = api.connected.set(api.since_start());
    });
    let serving = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    Ok((address, serving))
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    api.first(Ok(api.since_start()));
    api.idle.send_replace(true);
    let Some(event) = api.events.lock().await.recv().await else {
        // Nobody has events any more; the process is about to be killed.
        return std::future::pending().await;
    };
    api.idle.send_replace(false);
    let deadline = (SystemTime::now() + api.time).duration_since(UNIX_EPOCH);
    let deadline = deadline.unwrap_or_default().as_millis();
    let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", api.name);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", event.id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-trace-id", event.trace),
        ("lambda-runtime-invoked-function-arn", arn),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    (headers, event.payload).into_response()
}

async fn response(
    State(api): State<Arc<Api>>,
    UrlPath(id): UrlPath<String>,
    headers: HeaderMap,
    body: Body,
) -> StatusCode {
    let is = |name: &str, what: &str| headers.get(name).is_some_and(|value| value == what);
    if is("lambda-runtime-function-response-mode", "streaming") {
        if !is("content-type", streamed::CONTENT_TYPE) {
            api.deliver(
                &id,
                Answer::failed("Runtime.StreamError", "no head for the gateway"),
            );
            return StatusCode::ACCEPTED;
        }
        let headed = streamed::receive(body, |answer| api.deliver(&id, Answer::Streamed(answer)));
        if let Err(why) = headed.await {
            api.deliver(&id, Answer::failed("Runtime.StreamError", why));
        }
        return StatusCode::ACCEPTED;
    }
    let Ok(whole) = to_bytes(body, MAX_WHOLE).await else {
        let why = format!("the answer is larger than {MAX_WHOLE} bytes");
        api.deliver(&id, Answer::failed("Function.ResponseSizeTooLarge", why));
        return StatusCode::PAYLOAD_TOO_LARGE;
    };
    api.deliver(&id, Answer::Whole(whole));
    StatusCode::ACCEPTED
}

async fn error(
    State(api): State<Arc<Api>>,
    UrlPath(id): UrlPath<String>,
    body: Bytes,
) -> StatusCode {
    api.deliver(&id, Answer::Failed(told(&body)));
    StatusCode::ACCEPTED
}

async fn init_error(State(api): State<Arc<Api>>, body: Bytes) -> StatusCode {
    api.first(Err(told(&body)));
    StatusCode::ACCEPTED
}

fn told(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

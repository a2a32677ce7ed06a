//! A real function binary behind `local_aws`'s Lambda Runtime API: started with a cleared environment, handed events.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use local_aws::{Answer, Event, Launch, Process, StartFailure};
use serde_json::Value;

use super::streamed::Streamed;

/// A guard against a binary that hangs; no figure of any test.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A running function.
pub(crate) struct Function {
    process: Process,
    output: Output,
    count: usize,
    /// From the start of the process to its first `…/next`.
    pub(crate) init: Duration,
}

type Output = Arc<Mutex<String>>;

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
        let output = Output::default();
        let printed = Arc::clone(&output);
        let given = variables.iter();
        let given = given.map(|(name, value)| ((*name).to_owned(), value.clone()));
        // Where infra/coverage.sh collects what is reached; otherwise absent.
        let counted =
            std::env::var("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE".to_owned(), file));
        let launch = Launch {
            binary: local_aws::program(binaries(), name).unwrap(),
            name: "under-test".to_owned(),
            variables: given.chain(counted).collect(),
            time,
            memory: 256,
            patience: PATIENCE,
            group: None,
            output: Arc::new(move |line| {
                let mut printed = printed.lock().unwrap();
                printed.push_str(line);
                printed.push('\n');
            }),
        };
        match Process::start(&launch).await {
            Ok(process) => Ok(Self {
                init: process.init.asked,
                process,
                output,
                count: 0,
            }),
            Err(StartFailure::Ended(status)) => {
                Err(format!("{status}\n{}", output.lock().unwrap()))
            }
            Err(other) => panic!("{other}; the function printed:\n{}", output.lock().unwrap()),
        }
    }

    /// Ends the process at once (SIGKILL), whatever it is doing.
    pub(crate) async fn kill(self) {
        self.process.kill().await.unwrap();
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
            Answer::Whole(answer) => serde_json::from_slice(&answer).unwrap(),
            Answer::Streamed(answer) => Streamed(answer).whole().await,
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
            Answer::Streamed(answer) => Streamed(answer),
            other @ (Answer::Whole(_) | Answer::Failed(_)) => self.broke(&other),
        }
    }

    fn broke(&self, how: &dyn std::fmt::Debug) -> ! {
        panic!("{how:?}; the function printed:\n{}", self.printed())
    }

    async fn answer(&mut self, event: Value) -> Answer {
        self.count += 1;
        let event = Event {
            id: format!("00000000-0000-4000-8000-{:012}", self.count),
            payload: event.to_string().into(),
            trace: "Root=1-690c8a2f-3f1c5b7d0a9e4c2b6d8f1e3a".to_owned(),
        };
        match tokio::time::timeout(PATIENCE, self.process.invoke(event)).await {
            Ok(answer) => answer,
            Err(late) => self.broke(&late),
        }
    }
}

/// Where the functions' binaries are: `LAMBDA_BIN_DIR` (release binaries, say), else beside this test's own binary, where they
/// are built first. `--tests` gives them the features that `cargo test --workspace` chose, so that little is compiled anew.
pub(crate) fn binaries() -> &'static Path {
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

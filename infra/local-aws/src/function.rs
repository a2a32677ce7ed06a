//! One function: its instances, started when there is an event for them, reused, frozen in between.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use crate::log::Log;
use crate::rie::Rie;
use crate::runtime_api::{Answer, Event, Init, Launch, Process, StartFailure};

/// A function as Lambda has it.
#[derive(Debug)]
pub struct Function {
    launch: Launch,
    /// AWS's own emulator, when it is to stand between.
    rie: Option<PathBuf>,
    /// Whether instances are stopped between invocations.
    freezes: bool,
    idle: Mutex<Vec<Instance>>,
    /// How many may work at once.
    permits: Arc<Semaphore>,
    log: Log,
}

#[derive(Debug)]
enum Instance {
    Ours(Process),
    Theirs(Rie),
}

impl Instance {
    async fn invoke(&mut self, event: Event) -> Answer {
        match self {
            Self::Ours(process) => process.invoke(event).await,
            Self::Theirs(rie) => rie.invoke(&event).await,
        }
    }

    async fn settled(&mut self) -> bool {
        match self {
            Self::Ours(process) => process.settled().await,
            Self::Theirs(_) => true,
        }
    }

    fn thaw(&self) {
        if let Self::Ours(process) = self {
            process.thaw();
        }
    }

    fn freeze(&self) {
        if let Self::Ours(process) = self {
            process.freeze();
        }
    }

    fn pid(&self) -> i32 {
        let pid = match self {
            Self::Ours(process) => process.pid(),
            Self::Theirs(rie) => rie.pid(),
        };
        pid.unwrap_or_default()
    }
}

impl Function {
    /// A function with at most so many instances.
    pub fn new(launch: Launch, log: Log, most: usize, freezes: bool, rie: Option<PathBuf>) -> Self {
        Self {
            launch,
            rie,
            freezes,
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(most)),
            log,
        }
    }

    /// How its processes are started.
    pub const fn launch(&self) -> &Launch {
        &self.launch
    }

    /// Its log.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// Starts an instance before there is an event for it: whether it starts at all, and how long it takes.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn warm(&self) -> Result<Init, StartFailure> {
        let (instance, init) = self.start().await?;
        self.rests(instance);
        Ok(init)
    }

    /// Hands one event to an instance and waits for the answer, or the head of it. The invocation goes on when nobody waits
    /// any more.
    pub async fn invoke(self: &Arc<Self>, payload: impl Into<Bytes>, trace: String) -> Answer {
        let event = Event {
            id: Uuid::new_v4().to_string(),
            payload: payload.into(),
            trace,
        };
        let (sender, answer) = oneshot::channel();
        tokio::spawn(Arc::clone(self).run(event, sender));
        answer
            .await
            .unwrap_or_else(|_| Answer::failed("Runtime.ExitError", "the invocation was given up"))
    }

    async fn run(self: Arc<Self>, event: Event, sender: oneshot::Sender<Answer>) {
        let Ok(_permit) = Arc::clone(&self.permits).acquire_owned().await else {
            return;
        };
        let id = event.id.clone();
        let (mut instance, init) = match self.instance().await {
            Ok(ready) => ready,
            Err(failure) => {
                self.log.line(&format!(
                    "INIT_REPORT RequestId: {id} Status: error Error: {failure}"
                ));
                let _ = sender.send(Answer::failed("Runtime.InitError", failure));
                return;
            }
        };
        instance.thaw();
        self.log.line(&format!(
            "START RequestId: {id} Version: $LATEST pid: {}",
            instance.pid()
        ));
        let started = Instant::now();
        let end = started + self.launch.time;
        let timed_out = format!(
            "Task timed out after {:.2} seconds",
            self.launch.time.as_secs_f64()
        );
        let answer = match tokio::time::timeout_at(end, instance.invoke(event)).await {
            Ok(answer) => answer,
            Err(_) => {
                self.log.line(&format!("{id} {timed_out}"));
                // Dropping it kills it.
                drop(instance);
                let _ = sender.send(Answer::failed(
                    "Sandbox.Timedout",
                    format!("RequestId: {id} Error: {timed_out}"),
                ));
                return;
            }
        };
        if let Answer::Failed(why) = &answer {
            self.log.line(&format!("{id} ERROR {why}"));
        }
        let _ = sender.send(answer);
        // The answer is out, but the invocation lasts until the next event is asked for.
        match tokio::time::timeout_at(end, instance.settled()).await {
            Ok(true) => self.rests(instance),
            Ok(false) => self.log.line(&format!("{id} the process ended")),
            Err(_) => self.log.line(&format!("{id} {timed_out}")),
        }
        self.report(&id, started.elapsed(), init);
    }

    fn report(&self, id: &str, took: Duration, init: Option<Init>) {
        let millis = |duration: Duration| duration.as_secs_f64() * 1_000.0;
        let init = init.map_or_else(String::new, |init| {
            format!(" Init Duration: {:.2} ms", millis(init.asked))
        });
        self.log.line(&format!("END RequestId: {id}"));
        self.log.line(&format!(
            "REPORT RequestId: {id} Duration: {:.2} ms{init}",
            millis(took)
        ));
    }

    async fn instance(&self) -> Result<(Instance, Option<Init>), StartFailure> {
        if let Some(instance) = self.resting().pop() {
            return Ok((instance, None));
        }
        let (instance, init) = self.start().await?;
        Ok((instance, Some(init)))
    }

    async fn start(&self) -> Result<(Instance, Init), StartFailure> {
        let (instance, init) = match &self.rie {
            Some(program) => {
                let (rie, init) = Rie::start(program, &self.launch).await?;
                (Instance::Theirs(rie), init)
            }
            None => {
                let process = Process::start(&self.launch).await?;
                let init = process.init;
                (Instance::Ours(process), init)
            }
        };
        self.log.line(&format!(
            "INIT_START Runtime Version: provided:al2023 pid: {}",
            instance.pid()
        ));
        Ok((instance, init))
    }

    fn rests(&self, instance: Instance) {
        if self.freezes {
            instance.freeze();
        }
        self.resting().push(instance);
    }

    fn resting(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime_api::Sink;

    /// A program that no Lambda runtime is in.
    fn function(script: &str) -> (Arc<Function>, PathBuf) {
        let folder = std::env::temp_dir().join(format!("local-aws-{}", Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let binary = folder.join("program");
        std::fs::write(&binary, format!("#!/bin/sh\n{script}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&binary, mode).unwrap();
        let log = Log::create(&folder, "function").unwrap();
        let output: Sink = log.sink();
        let launch = Launch {
            binary,
            name: "function".to_owned(),
            variables: vec![("SECRET".to_owned(), "hunter22".to_owned())],
            time: Duration::from_secs(1),
            memory: 128,
            patience: Duration::from_secs(30),
            group: None,
            output,
        };
        assert!(!format!("{launch:?}").contains("hunter22"));
        (Arc::new(Function::new(launch, log, 1, true, None)), folder)
    }

    /// `curl` is not everywhere; a shell with the network is.
    const ASK: &str = r#"exec 3<>/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}
printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n' >&3"#;

    fn bash(script: &str) -> String {
        format!("exec bash -c '{}'", script.replace('\'', "'\\''"))
    }

    async fn failed(function: &Arc<Function>) -> String {
        match function.invoke("{}", crate::new_trace()).await {
            Answer::Failed(why) => why.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_does_not_start_is_told() {
        let (function, folder) = function("echo from $SECRET; exit 3");
        let told = failed(&function).await;
        assert!(
            told.contains("Runtime.InitError") && told.contains("exit status: 3"),
            "{told}"
        );
        let log = std::fs::read_to_string(function.log().path()).unwrap();
        assert!(log.starts_with("from hunter22\n"), "{log}");
        let _ = std::fs::remove_dir_all(folder);
    }

    #[tokio::test]
    async fn what_ends_within_an_invocation_is_told() {
        let (function, folder) = function(&bash(&format!("{ASK}\nread -r line <&3; exit 7")));
        let told = failed(&function).await;
        assert!(
            told.contains("Runtime.ExitError") && told.contains("exit status: 7"),
            "{told}"
        );
        let _ = std::fs::remove_dir_all(folder);
    }

    #[tokio::test]
    async fn what_does_not_answer_in_time_is_killed() {
        let (function, folder) = function(&bash(&format!("{ASK}\nsleep 1000")));
        let told = failed(&function).await;
        assert!(
            told.contains("Sandbox.Timedout") && told.contains("1.00 seconds"),
            "{told}"
        );
        let log = std::fs::read_to_string(function.log().path()).unwrap();
        let pid: i32 = log
            .split("pid: ")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let gone = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
            status.map_or(true, |status| status.contains("State:\tZ"))
        };
        while !gone() {
            tokio::task::yield_now().await;
        }
        let _ = std::fs::remove_dir_all(folder);
    }
}

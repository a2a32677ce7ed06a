//! The program `local-aws` while it runs, and people who call it.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use local_aws::Group;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use testkit::{FakeAws, FakeUpstream, ScriptedModel, python_with};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use crate::lambda::harness::binaries;

/// A guard against what hangs; no figure of any test.
const PATIENCE: Duration = Duration::from_secs(300);

/// A running stack, with an upstream and a model of the test's own.
pub(super) struct Stack {
    pub(super) upstream: FakeUpstream,
    pub(super) model: ScriptedModel,
    process: Child,
    facts: Value,
    folder: PathBuf,
    client: Client,
    /// Ends the program when the test fails.
    _group: Group,
}

/// An answer of the gateway.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

/// Somebody who calls, with a token or without.
pub(super) struct Person {
    client: Client,
    url: String,
    token: Option<String>,
}

impl Stack {
    /// `None` without the tools that it needs: the test is skipped.
    pub(super) async fn start(test: &str) -> Option<Self> {
        let translator = python_with("samtranslator").await;
        if translator.is_none() || FakeAws::start().await.is_none() {
            crate::skip::skip(
                test,
                "moto or the SAM translator is not installed (.ci/run installs them)",
            );
            return None;
        }
        let (upstream, model) = (
            FakeUpstream::start().await,
            ScriptedModel::start().await.unwrap(),
        );
        let folder = std::env::temp_dir().join(format!("local-aws-test-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let group = Group::start().unwrap();
        let mut process = Command::new(beside_the_functions("local-aws"))
            .arg("--bin-dir")
            .arg(binaries())
            .arg("--data-dir")
            .arg(&folder)
            .args(["--port", "0", "--stack", "story"])
            .args(["-P", &format!("OpenaiBaseUrl={}", model.base_url())])
            .args(["-P", &format!("EgressAllow={}", upstream.host_port())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(group.id())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let ready = folder.join("local-aws.json");
        let facts = async {
            loop {
                if let Ok(facts) = fs::read_to_string(&ready) {
                    return Some(serde_json::from_str(&facts).unwrap());
                }
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(50)) => {}
                    _ = process.wait() => return None,
                }
            }
        };
        let facts: Option<Value> = tokio::time::timeout(PATIENCE, facts).await.unwrap();
        let Some(facts) = facts else {
            let mut told = String::new();
            let _ = process
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut told)
                .await;
            panic!("the stack does not start:\n{told}");
        };
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        Some(Self {
            upstream,
            model,
            process,
            facts,
            folder,
            client,
            _group: group,
        })
    }

    fn caller(&self, token: Option<&str>) -> Person {
        Person {
            client: self.client.clone(),
            url: self.facts["url"].as_str().unwrap().to_owned(),
            token: token.map(str::to_owned),
        }
    }

    /// Somebody without a token.
    pub(super) fn nobody(&self) -> Person {
        self.caller(None)
    }

    /// One of the two who have a token, in a new workspace.
    pub(super) async fn person(&self, name: &str, slug: &str) -> Person {
        let token = &self.facts["tokens"][format!("{name}@example.com")];
        let person = self.caller(token.as_str());
        let told = person
            .post("/api/v1/workspaces", &json!({ "name": slug, "slug": slug }))
            .await;
        assert_eq!(told.status, 201, "{told:?}");
        person
    }

    /// Every log by its file's name.
    pub(super) fn logs(&self) -> BTreeMap<String, String> {
        let logs = fs::read_dir(self.folder.join("logs")).unwrap();
        let logs = logs.map(|log| log.unwrap().path());
        logs.map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
    }

    /// Every process that the program started, with what these started.
    pub(super) fn children(&self) -> Vec<(i32, String)> {
        let own = i32::try_from(self.process.id().unwrap()).unwrap();
        let all = processes();
        let mut found = vec![own];
        let mut at = 0;
        while at < found.len() {
            let above = found[at];
            found.extend(
                all.iter()
                    .filter(|(_, parent, _)| *parent == above)
                    .map(|(pid, ..)| *pid),
            );
            at += 1;
        }
        let children = all
            .into_iter()
            .filter(|(pid, ..)| *pid != own && found.contains(pid));
        children.map(|(pid, _, program)| (pid, program)).collect()
    }

    /// SIGKILL to each process of a function.
    pub(super) fn kill_all(&self, function: &str) {
        let children = self.children().into_iter();
        let pids: Vec<String> = children
            .filter(|(_, program)| program.ends_with(&format!("/{function}")))
            .map(|(pid, _)| pid.to_string())
            .collect();
        assert!(!pids.is_empty(), "{function} runs");
        let killed = std::process::Command::new("kill")
            .arg("-KILL")
            .args(pids)
            .status()
            .unwrap();
        assert!(killed.success());
    }

    /// As Ctrl-C does.
    pub(super) async fn stop(mut self) {
        let pid = self.process.id().unwrap().to_string();
        let told = std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap();
        assert!(told.success());
        let ended = tokio::time::timeout(PATIENCE, self.process.wait())
            .await
            .unwrap()
            .unwrap();
        assert!(ended.success(), "{ended}");
        assert!(!self.folder.join("local-aws.json").exists());
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// It is built with the functions, also where these are other ones (`LAMBDA_BIN_DIR`).
fn beside_the_functions(name: &str) -> PathBuf {
    let beside = binaries().join(name);
    if beside.exists() {
        return beside;
    }
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().join(name)
}

/// Number, parent and program of everything that runs.
fn processes() -> Vec<(i32, i32, String)> {
    let entries = fs::read_dir("/proc").unwrap();
    let numbers =
        entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter_map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
            Some((
                pid,
                parent,
                line.split('\0').next().unwrap_or_default().to_owned(),
            ))
        })
        .collect()
}

/// Waits until none of them runs.
pub(super) async fn gone(children: &[(i32, String)]) {
    let left = async {
        loop {
            let all = processes();
            let left = children.iter().find(|(pid, program)| {
                !program.is_empty()
                    && all
                        .iter()
                        .any(|(other, _, its)| other == pid && its == program)
            });
            match left {
                None => return,
                Some(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, left).await;
    assert!(waited.is_ok(), "one of {children:?} still runs");
}

impl Person {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Told {
        let mut request = self.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let sent = tokio::time::timeout(PATIENCE, request.send());
        let response = sent.await.unwrap().unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        Told {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or_else(|_| text.into()),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Told {
        self.send(Method::GET, path, &[], None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Told {
        self.send(Method::POST, path, &[], Some(body.to_string()))
            .await
    }

    /// Runs a tool.
    pub(super) async fn executes(&self, tool: &str, input: &Value) -> Told {
        self.post(
            &format!("/api/v1/tools/{tool}/execute"),
            &json!({ "input": input }),
        )
        .await
    }

    /// Starts a flow; the path of its run.
    pub(super) async fn starts(&self, flow: &str, input: &Value) -> String {
        let path = format!("/api/v1/flows/{flow}");
        let told = self
            .post(&format!("{path}/execute"), &json!({ "input": input }))
            .await;
        assert_eq!(told.status, 202, "{told:?}");
        format!("{path}/runs/{}", told.body["run_id"].as_str().unwrap())
    }

    /// Asks for events.
    pub(super) async fn streams(&self, method: Method, path: &str, body: Option<&Value>) -> Events {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let response = tokio::time::timeout(PATIENCE, request.send())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events {
            response,
            unread: String::new(),
            read: VecDeque::new(),
        }
    }
}

/// Server-sent events, as they come.
pub(super) struct Events {
    response: reqwest::Response,
    unread: String,
    read: VecDeque<(String, Value)>,
}

impl Events {
    /// The next event that has data, by name.
    pub(super) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Some(event);
            }
            let part = tokio::time::timeout(PATIENCE, self.response.chunk());
            let part = part.await.expect("an event, or the end").unwrap()?;
            self.unread.push_str(std::str::from_utf8(&part).unwrap());
            while let Some((block, rest)) = self.unread.split_once("\n\n") {
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name).map(str::trim))
                };
                if let Some(data) = field("data:").filter(|data| !data.is_empty()) {
                    let name = field("event:").unwrap_or("message").to_owned();
                    self.read
                        .push_back((name, serde_json::from_str(data).unwrap()));
                }
                self.unread = rest.to_owned();
            }
        }
    }

    pub(super) async fn rest(mut self) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

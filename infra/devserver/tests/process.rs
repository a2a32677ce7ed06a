//! The program as a newcomer meets it: started, called, stopped, started again, and in trouble.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use common::refused;

/// A data directory, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("devserver-test-{}-{count}", std::process::id());
        Self(PathBuf::from("/var/tmp").join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program with a plain environment.
fn program(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_devserver"));
    command
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| {
            // The last is where infra/coverage.sh collects what is reached.
            name == "PATH" || name == "PG_BIN" || name == "LLVM_PROFILE_FILE"
        }))
        .arg("--data-dir")
        .arg(dir)
        .args(["--port", "0"])
        .args(arguments)
        .stdin(Stdio::null());
    command
}

/// A server that is ready.
struct Started {
    child: Child,
    welcome: String,
    facts: Value,
    ready_file: PathBuf,
}

impl Started {
    fn new(dir: &Path, arguments: &[&str]) -> Self {
        Self::of(program(dir, arguments), dir)
    }

    fn of(mut command: Command, dir: &Path) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut welcome = String::new();
        while !welcome.contains("my_tool.json") {
            if output.read_line(&mut welcome).unwrap() == 0 {
                let mut words = String::new();
                let _ = child.stderr.take().unwrap().read_to_string(&mut words);
                panic!("it ended: {words}");
            }
        }
        let ready_file = dir.join("devserver.json");
        let facts = serde_json::from_slice(&fs::read(&ready_file).unwrap()).unwrap();
        Self {
            child,
            welcome,
            facts,
            ready_file,
        }
    }

    fn fact(&self, name: &str) -> &str {
        self.facts[name].as_str().unwrap()
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let (status, body) = self.send(method, path, body).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// The same with the answer as it comes.
    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Vec<u8>) {
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let url = format!("{}{path}", self.fact("url"));
        let mut request = client
            .request(method.parse().unwrap(), url)
            .bearer_auth(self.fact("token"));
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        (status, body.to_vec())
    }

    async fn execute(&self, tool: &str, input: Value) -> (u16, Value) {
        let path = format!("/api/v1/tools/{tool}/execute");
        self.call("POST", &path, Some(json!({ "input": input })))
            .await
    }

    /// Asks it to stop and waits until it has.
    fn stop(&mut self) {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.stop();
        }
    }
}

#[tokio::test]
async fn runs_the_samples_without_internet() {
    let scratch = Scratch::new();
    let server = Started::new(&scratch.0, &["--offline-demo"]);
    let mode = fs::metadata(&server.ready_file)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(server.welcome.contains("/get_stock_quote/execute"));
    assert!(!server.welcome.contains(server.fact("token")));

    let (status, quote) = server
        .execute("get_stock_quote", json!({ "symbol": "MSFT" }))
        .await;
    assert_eq!(status, 200, "{quote}");
    assert_eq!(quote["output"]["symbol"], "MSFT");
    assert_eq!(quote["output"]["price"], 185.2);
    let place = json!({ "latitude": 52.52, "longitude": 13.41 });
    let (status, weather) = server.execute("get_weather", place).await;
    assert_eq!(status, 200, "{weather}");
    let message = json!({ "message": "hello", "author": "me" });
    let (status, echo) = server.execute("echo_post", message.clone()).await;
    assert_eq!(status, 200, "{echo}");
    assert_eq!(echo["output"], message);
}

#[tokio::test]
async fn runs_the_sample_flows_without_internet() {
    let scratch = Scratch::new();
    let server = Started::new(&scratch.0, &["--offline-demo"]);

    let position = json!({ "symbol": "IBM", "shares": 12 });
    let (status, worth) = server.execute("position_value", position).await;
    assert_eq!(status, 200, "{worth}");
    assert_eq!(worth["output"]["line"], "12 × IBM = 2222.4");

    let oslo = json!({ "name": "Oslo", "latitude": 59.91, "longitude": 10.75 });
    let nowhere = json!({ "name": "Nowhere", "latitude": 200, "longitude": 0 });
    let places = json!({ "places": [nowhere, oslo] });
    let (status, brief) = server.execute("weather_brief", places).await;
    assert_eq!(status, 200, "{brief}");
    assert_eq!(brief["output"]["warmest"], "Oslo");
    assert_eq!(brief["output"]["without_answer"], json!(["Nowhere"]));

    let input = json!({ "input": { "places": [oslo], "review": true } });
    let (status, started) = server
        .call("POST", "/api/v1/flows/weather_post/execute", Some(input))
        .await;
    assert_eq!(status, 202, "{started}");
    let run = started["run_id"].as_str().unwrap();
    let run = format!("/api/v1/flows/weather_post/runs/{run}");
    for (step, approved) in [("approve", true), ("review", false)] {
        let signal = format!("{run}/steps/{step}/signal");
        let answer = Some(json!({ "approved": approved }));
        let (status, taken) = server.call("POST", &signal, answer).await;
        assert_eq!(status, 200, "{taken}");
    }
    // The events end with the run.
    let (_, events) = server.send("GET", &format!("{run}/events"), None).await;
    let events = String::from_utf8(events).unwrap();
    assert!(events.contains("event: step.compensated"), "{events}");
    let (_, read) = server.call("GET", &run, None).await;
    assert_eq!(read["status"], "failed", "{read}");
    assert_eq!(read["error"]["error"]["code"], "not_approved", "{read}");
}

#[tokio::test]
async fn keeps_what_the_user_made_over_a_restart_and_cleans_up_behind_itself() {
    let scratch = Scratch::new();
    let mut server = Started::new(&scratch.0, &["--offline-demo"]);
    let (_, read) = server.call("GET", "/api/v1/tools/get_weather", None).await;
    let mut edited = read["config"].clone();
    edited["description"] = "Edited by the user.".into();
    let (status, answer) = server
        .call(
            "PUT",
            "/api/v1/tools/saved/get_weather",
            Some(edited.clone()),
        )
        .await;
    assert_eq!(status, 200, "{answer}");
    let (status, _) = server
        .call("DELETE", "/api/v1/tools/saved/echo_post", None)
        .await;
    assert_eq!(status, 204);
    let brief = "/api/v1/flows/weather_brief";
    let (_, read) = server.call("GET", brief, None).await;
    let mut edited_flow = read["definition"].clone();
    edited_flow["description"] = "Edited by the user.".into();
    let (status, answer) = server.call("PUT", brief, Some(edited_flow.clone())).await;
    assert_eq!(status, 200, "{answer}");
    let value = "/api/v1/flows/position_value";
    let (status, _) = server.call("DELETE", value, None).await;
    assert_eq!(status, 204);
    server.stop();
    assert!(!server.ready_file.exists());
    assert!(!scratch.0.join("postgres/.s.PGSQL.5432").exists());

    let again = Started::new(&scratch.0, &[]);
    assert_eq!(again.fact("workspace_id"), server.fact("workspace_id"));
    let (_, read) = again.call("GET", "/api/v1/tools/get_weather", None).await;
    assert_eq!(read["config"], edited);
    let (status, _) = again.call("GET", "/api/v1/tools/echo_post", None).await;
    assert_eq!(status, 404);
    let (_, read) = again.call("GET", brief, None).await;
    assert_eq!(read["definition"], edited_flow);
    assert_eq!(read["version"], 2, "{read}");
    let (status, _) = again.call("GET", value, None).await;
    assert_eq!(status, 404);
    // A flow that calls a tool which was removed is theirs to mend.
    assert!(!again.welcome.contains("is not saved"), "{}", again.welcome);
    // What nobody touched leads to the real API again, and the demo's key is gone.
    let (_, read) = again
        .call("GET", "/api/v1/tools/get_stock_quote", None)
        .await;
    assert_eq!(
        read["config"]["api"]["base_url"],
        "https://www.alphavantage.co"
    );
    let (_, failed) = again
        .execute("get_stock_quote", json!({ "symbol": "IBM" }))
        .await;
    assert_eq!(failed["error"]["code"], "secret_missing", "{failed}");
}

#[tokio::test]
async fn begins_anew_when_told_to() {
    let scratch = Scratch::new();
    let mut server = Started::new(&scratch.0, &[]);
    let before = server.fact("workspace_id").to_owned();
    server.stop();
    let server = Started::new(&scratch.0, &["--fresh"]);
    assert_ne!(server.fact("workspace_id"), before);
}

#[tokio::test]
async fn a_second_server_shares_the_database_it_is_given() {
    let (scratch, other) = (Scratch::new(), Scratch::new());
    let first = Started::new(&scratch.0, &["--offline-demo"]);
    let mut command = program(&other.0, &[]);
    command.env("DATABASE_URL", first.fact("database_url"));
    let second = Started::of(command, &other.0);
    assert_eq!(second.fact("workspace_id"), first.fact("workspace_id"));
    assert!(!other.0.join("postgres").exists());

    let (_, read) = first.call("GET", "/api/v1/tools/get_weather", None).await;
    let mut config = read["config"].clone();
    config["id"] = "mine".into();
    config["name"] = "Mine".into();
    config["api"]["base_url"] = "https://api.open-meteo.com".into();
    let (status, answer) = second.call("POST", "/api/v1/tools", Some(config)).await;
    assert_eq!(status, 201, "{answer}");
    let (status, _) = first.call("GET", "/api/v1/tools/mine", None).await;
    assert_eq!(status, 200);

    // The application's own role cannot migrate, and need not.
    let third = Scratch::new();
    let mut command = program(&third.0, &[]);
    let login = first
        .fact("database_url")
        .replace("user=postgres", "user=authenticator");
    command.env("DATABASE_URL", login);
    let third = Started::of(command, &third.0);
    assert!(
        third.welcome.contains("cannot migrate"),
        "{}",
        third.welcome
    );
    let (status, _) = third.call("GET", "/api/v1/tools/mine", None).await;
    assert_eq!(status, 200);

    let mut fresh = program(&other.0, &["--fresh"]);
    fresh.env("DATABASE_URL", first.fact("database_url"));
    let (_, words) = refused(&mut fresh);
    assert!(words.contains("--fresh removes the embedded database only"));
}

#[test]
fn says_what_to_do_about_a_busy_port() {
    let scratch = Scratch::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_devserver"));
    command
        .args(["--port", &port, "--data-dir"])
        .arg(&scratch.0);
    let (_, words) = refused(&mut command);
    assert!(words.contains(&format!("port {port} is in use")), "{words}");
    assert!(words.contains("--port"), "{words}");
    assert!(!scratch.0.exists());
}

#[test]
fn says_what_to_do_without_postgres() {
    let scratch = Scratch::new();
    let (_, words) = refused(program(&scratch.0, &[]).env("PG_BIN", "/nowhere"));
    assert!(words.contains("PG_BIN is /nowhere"), "{words}");
    assert!(!scratch.0.join("devserver.json").exists());
}

#[test]
fn says_what_to_do_about_a_broken_database_directory() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.0.join("postgres/data/base")).unwrap();
    let (_, words) = refused(&mut program(&scratch.0, &[]));
    assert!(
        words.contains("is not a usable database directory"),
        "{words}"
    );
    assert!(words.contains("--fresh"), "{words}");
}

#[test]
fn says_what_to_do_when_the_given_database_does_not_answer() {
    let scratch = Scratch::new();
    let mut command = program(&scratch.0, &[]);
    command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
    let (_, words) = refused(&mut command);
    assert!(words.contains("DATABASE_URL does not answer"), "{words}");
    let mut command = program(&scratch.0, &[]);
    command.env("DATABASE_URL", "mysql://x");
    let (_, words) = refused(&mut command);
    assert!(words.contains("must start with postgres://"), "{words}");
}

#[tokio::test]
async fn another_person_gets_a_token_of_their_own() {
    let scratch = Scratch::new();
    let server = Started::new(&scratch.0, &[]);
    let token = |email: &str| {
        let output = program(&scratch.0, &["--token-for", email])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    let url = format!("{}/api/v1/workspaces", server.fact("url"));
    let made = client
        .post(&url)
        .bearer_auth(token("carol@example.com"))
        .header("content-type", "application/json")
        .body(json!({ "name": "Carol's", "slug": "carols" }).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(made.status().as_u16(), 201);
    for (email, workspaces) in [("Carol@example.com", 1), ("dave@example.com", 0)] {
        let mine = client
            .get(&url)
            .bearer_auth(token(email))
            .send()
            .await
            .unwrap();
        let mine: Value = serde_json::from_str(&mine.text().await.unwrap()).unwrap();
        assert_eq!(
            mine["workspaces"].as_array().unwrap().len(),
            workspaces,
            "{mine}"
        );
    }
}

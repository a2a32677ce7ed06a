//! The program as somebody meets it who runs it for others: what it demands, what it does not make, and several of it at once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, LazyLock, Mutex};

use axum::routing::get;
use axum::{Json, Router};
use postgres::{OWNER, Search, Throwaway};
use serde_json::{Value, json};
use tokio::sync::Notify;

use common::refused;

const PUBLIC_URL: &str = "https://tools.example.com";

static CLUSTER: LazyLock<Throwaway> = LazyLock::new(|| {
    let search = Search {
        pg_bin: std::env::var_os("PG_BIN").map(Into::into),
        cache: None,
    };
    Throwaway::start(&search).unwrap()
});

/// An empty database: its name, and its URLs.
struct Database {
    name: String,
    owner: String,
    login: String,
}

impl Database {
    fn empty() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("served_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        CLUSTER.create_database(&name, None).unwrap();
        Self {
            owner: CLUSTER.url(OWNER, &name),
            login: CLUSTER.url("authenticator", &name),
            name,
        }
    }

    fn migrated() -> Self {
        let database = Self::empty();
        let told = done(&mut migrate(&database.owner));
        assert!(told.starts_with("Applied "), "{told}");
        database
    }

    /// The only value of a query.
    fn one(&self, query: &str) -> String {
        let rows = CLUSTER.sql(&self.name, query).unwrap().rows;
        rows[0][0].clone().unwrap_or_default()
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_devserver"));
    command.env_clear().args(arguments).stdin(Stdio::null());
    command
}

fn migrate(url: &str) -> Command {
    let mut command = program(&["migrate"]);
    command.env("DATABASE_URL", url);
    command
}

/// With everything that `serve` demands.
fn configured(arguments: &[&str], url: &str) -> Command {
    let mut command = program(arguments);
    command
        .env("DATABASE_URL", url)
        .env("PUBLIC_URL", PUBLIC_URL)
        .env(
            "MASTER_KEYS",
            "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        )
        .env(
            "SUPABASE_JWT_SECRET",
            "a secret of this installation, long enough",
        );
    command
}

fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A server that is ready.
struct Served {
    child: Child,
    url: String,
    port: String,
    lines: Receiver<Value>,
}

impl Served {
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (told, lines) = channel::<Value>();
        std::thread::spawn(move || {
            for line in stderr.lines() {
                let line = line.unwrap();
                let read = serde_json::from_str(&line);
                let _ = told.send(read.unwrap_or_else(|_| panic!("no JSON: {line}")));
            }
        });
        let ready = lines.iter().find(|line| line["message"] != "answered");
        let ready = ready.unwrap_or_else(|| panic!("it ended"));
        assert_eq!(ready["message"], "ready", "{ready}");
        let address = ready["address"].as_str().unwrap();
        Self {
            child,
            url: format!("http://{address}"),
            port: address.rsplit_once(':').unwrap().1.to_owned(),
            lines,
        }
    }

    fn of(database: &Database) -> Self {
        Self::start(configured(&["serve", "--port", "0"], &database.login))
    }

    async fn call(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let url = format!("{}{path}", self.url);
        let mut request = client
            .request(method.parse().unwrap(), url)
            .header("x-forwarded-host", "elsewhere.example.com")
            .header("forwarded", "host=elsewhere.example.com")
            .bearer_auth(token);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn makes(&self, token: &str, path: &str, body: Value) -> Value {
        let (status, made) = self.call(token, "POST", path, Some(body)).await;
        assert!((200..300).contains(&status), "{made}");
        made
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn token_for(database: &Database, email: &str) -> String {
    done(&mut configured(&["token-for", email], &database.login))
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let (_, words) = refused(program(&["serve"]).env("DATABASE_MAX_CONNECTIONS", "none"));
    let line: Value = serde_json::from_str(&words).unwrap();
    assert_eq!(line["message"], "cannot start");
    let error = line["error"].as_str().unwrap();
    for name in [
        "DATABASE_URL: is required",
        "DATABASE_MAX_CONNECTIONS: must be",
        "MASTER_KEYS: is required",
        "PUBLIC_URL: is required",
        "SUPABASE_URL, JWKS_URL, SUPABASE_JWT_SECRET: one of them",
    ] {
        assert!(error.contains(name), "{name} in {error}");
    }
    let (_, words) = refused(program(&["serve"]).env("JWKS_URL", "https://keys.example.com"));
    assert!(words.contains("JWT_ISSUER: is required"), "{words}");
}

#[test]
fn the_local_server_does_not_listen_for_others() {
    let dir = Path::new("/var/tmp").join(format!("devserver-host-{}", std::process::id()));
    let mut command = program(&["--host", "0.0.0.0", "--port", "0", "--data-dir"]);
    let (_, words) = refused(command.arg(&dir));
    assert!(words.contains("not on 0.0.0.0"), "{words}");
    assert!(words.contains("development user"), "{words}");
    assert!(words.contains("serve"), "{words}");
    assert!(!dir.exists());
}

#[test]
fn a_database_that_is_not_migrated_or_a_login_with_all_rights_is_refused() {
    let database = Database::empty();
    let serve = ["serve", "--port", "0"];
    let (_, words) = refused(&mut configured(&serve, &database.owner));
    assert!(words.contains("logs in as postgres"), "{words}");
    done(&mut migrate(&database.owner));
    let again = done(&mut migrate(&database.owner));
    assert!(again.starts_with("The schema is current"), "{again}");
    let (_, words) = refused(&mut migrate(&database.login));
    assert!(words.contains("cannot be migrated"), "{words}");

    let older = "comment on schema migration is '3'";
    CLUSTER.sql(&database.name, older).unwrap();
    let (_, words) = refused(&mut configured(&serve, &database.login));
    assert!(words.contains("is at version 3"), "{words}");
    assert!(words.contains("run `migrate`"), "{words}");
    // One that a newer build has migrated already is fine: that is how an update begins.
    let newer = "comment on schema migration is '9999'";
    CLUSTER.sql(&database.name, newer).unwrap();
    Served::of(&database);
}

#[tokio::test]
async fn it_makes_nobody_and_the_first_person_gets_in_by_a_token() {
    let database = Database::migrated();
    let home = Path::new("/var/tmp").join(format!("devserver-home-{}", std::process::id()));
    fs::create_dir_all(&home).unwrap();
    let mut command = configured(&["serve", "--port", "0"], &database.login);
    command.current_dir(&home).env("HOME", &home);
    let mut server = Served::start(command);
    for table in [
        "identity.profiles",
        "identity.workspaces",
        "catalog.tools",
        "orchestration.flows",
    ] {
        assert_eq!(
            database.one(&format!("select count(*) from {table}")),
            "0",
            "{table}"
        );
    }

    let token = token_for(&database, "ada@example.com");
    let (status, none) = server
        .call("nonsense", "GET", "/api/v1/workspaces", None)
        .await;
    assert_eq!(status, 401, "{none}");
    let workspace = json!({ "name": "Engines", "slug": "engines" });
    server.makes(&token, "/api/v1/workspaces", workspace).await;
    let again = token_for(&database, "Ada@Example.com");
    let (_, mine) = server.call(&again, "GET", "/api/v1/workspaces", None).await;
    assert_eq!(mine["workspaces"][0]["slug"], "engines", "{mine}");
    let input = json!({ "input": { "expression": "6 * 7" } });
    let answer = server
        .makes(&token, "/api/v1/tools/calculate/execute", input)
        .await;
    assert_eq!(answer["success"], true, "{answer}");
    // Where callers reach it says the operator, no header.
    let (_, api) = server.call(&token, "GET", "/openapi.json", None).await;
    assert_eq!(api["servers"][0]["url"], PUBLIC_URL);

    done(&mut program(&["health", "--port", &server.port]));
    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success());
    let last = server.lines.iter().last().unwrap();
    assert_eq!(last["message"], "stopping", "{last}");
    refused(&mut program(&["health", "--port", &server.port]));
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
    fs::remove_dir(&home).unwrap();
}

#[tokio::test]
async fn what_one_process_had_in_hand_another_takes_up() {
    // The first call hangs until its process is dead.
    let (called, calls) = (Arc::new(Notify::new()), Arc::new(Mutex::new(0)));
    let (tell, count) = (Arc::clone(&called), Arc::clone(&calls));
    let upstream = Router::new().route(
        "/slow",
        get(async move || {
            let first = {
                let mut count = count.lock().unwrap();
                *count += 1;
                *count == 1
            };
            if first {
                tell.notify_one();
                std::future::pending::<()>().await;
            }
            Json(json!({ "answer": 42 }))
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, upstream).await });

    let database = Database::migrated();
    let serve = || {
        let mut command = configured(&["serve", "--port", "0"], &database.login);
        command.env("EGRESS_ALLOW", &address);
        Served::start(command)
    };
    let (mut first, second) = (serve(), serve());
    let token = token_for(&database, "ada@example.com");
    let workspace = json!({ "name": "Engines", "slug": "engines" });
    first.makes(&token, "/api/v1/workspaces", workspace).await;
    let tool = json!({
        "id": "slow", "name": "Slow", "description": "Answers late",
        "api": { "base_url": format!("http://{address}"), "path": "/slow", "method": "GET", "timeout_ms": 60_000 },
        "input_schema": { "properties": {} },
        "output_schema": { "properties": { "answer": { "type": "integer" } } },
    });
    first.makes(&token, "/api/v1/tools", tool).await;
    let flow = json!({
        "id": "twice", "name": "Twice",
        "steps": [
            { "id": "ask", "tool": "slow", "retry": { "max_attempts": 3 } },
            { "id": "double", "transform": "{{ steps.ask.output.answer * 2 }}" },
        ],
        "output": "{{ steps.double.output }}",
    });
    second.makes(&token, "/api/v1/flows", flow).await;
    let run = first
        .makes(
            &token,
            "/api/v1/flows/twice/execute",
            json!({ "input": {} }),
        )
        .await;
    let run = format!(
        "/api/v1/flows/twice/runs/{}",
        run["run_id"].as_str().unwrap()
    );
    called.notified().await;
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    // Its lease is over.
    let lease =
        "update orchestration.run_steps set lease_until = now() where lease_until is not null";
    CLUSTER.sql(&database.name, lease).unwrap();
    let ended = loop {
        let (_, read) = second.call(&token, "GET", &run, None).await;
        if !read["finished_at"].is_null() {
            break read;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_eq!(ended["output"], 84, "{ended}");
    assert_eq!(*calls.lock().unwrap(), 2);
}

#[test]
fn tokens_are_signed_only_where_nobody_else_signs() {
    let url = "postgres://authenticator@127.0.0.1:1/none";
    let ask = ["token-for", "ada@example.com"];
    let mut supabase = configured(&ask, url);
    supabase.env("SUPABASE_URL", "https://project.supabase.co");
    let (output, words) = refused(&mut supabase);
    assert!(words.contains("people sign in there"), "{words}");
    assert!(output.stdout.is_empty());
    let (_, words) = refused(&mut configured(&["token-for", "ada"], url));
    assert!(words.contains("no e-mail address"), "{words}");
}

#[test]
fn the_words_of_the_image_and_its_composition_are_understood() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dockerfile = fs::read_to_string(root.join("Dockerfile")).unwrap();
    let compose = fs::read_to_string(root.join("compose.yaml")).unwrap();
    let mut understood = 0;
    for line in dockerfile.lines().filter(|line| line.contains("CMD [")) {
        let words: Vec<String> = serde_json::from_str(line.split_once("CMD ").unwrap().1).unwrap();
        let words = words.iter().map(String::as_str);
        let words: Vec<&str> = words
            .filter(|word| *word != "/devserver")
            .chain(["--help"])
            .collect();
        done(&mut program(&words));
        understood += 1;
    }
    let commands = compose
        .lines()
        .filter_map(|line| line.trim().strip_prefix("command: ["));
    for command in commands {
        let words = command.trim_end_matches(']').split(", ");
        let words: Vec<&str> = words.chain(["--help"]).collect();
        done(&mut program(&words));
        understood += 1;
    }
    assert_eq!(understood, 4);
}

//! Cold starts by phase: from the start of a process to its first connection, to its first question for an event, to its first
//! answer; and an answer of a process that is warm.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use serde_json::{Value, json};
use tokio::process::Command;
use uuid::Uuid;

use crate::deploy::Emulator;
use crate::error::Error;
use crate::gateway::api::Target;
use crate::gateway::event::{self, Context, Incoming};
use crate::runtime_api::{Answer, Event, Launch, Process};

/// What one start came to, in milliseconds.
#[derive(Default)]
struct Start {
    connected: f64,
    asked: f64,
    cold: f64,
    warm: f64,
    config: Option<f64>,
    built: Option<f64>,
}

/// Starts each function so many times and tells the medians as a table in Markdown.
///
/// # Errors
/// When a function does not start, or gives no usable answer.
pub async fn measure(
    emulator: &Emulator,
    repeat: usize,
    say: &dyn Fn(&str),
) -> Result<String, Error> {
    enter(emulator).await?;
    let mut table = String::from(
        "| function | MB | zipped MB | first connection | asks for an event | of it: configuration read | of it: clients built | first answer | next answer |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for (arn, function) in &emulator.functions {
        let launch = function.launch();
        let (path, payload) = cheap(emulator, arn);
        let mut starts = Vec::new();
        for _ in 0..repeat.max(1) {
            starts.push(one(launch, &payload).await?);
        }
        let median = |of: &dyn Fn(&Start) -> Option<f64>| {
            let mut all: Vec<f64> = starts.iter().filter_map(of).collect();
            all.sort_by(f64::total_cmp);
            let told = all
                .get(all.len() / 2)
                .map(|middle| format!("{middle:.1} ms"));
            told.unwrap_or_else(|| "–".to_owned())
        };
        let size = std::fs::metadata(&launch.binary)
            .map_err(Error::system)?
            .len();
        let _ = writeln!(
            table,
            "| {} ({path}) | {:.1} | {:.1} | {} | {} | {} | {} | {} | {} |",
            launch.name,
            size as f64 / 1e6,
            zipped(&launch.binary).await? as f64 / 1e6,
            median(&|start| Some(start.connected)),
            median(&|start| Some(start.asked)),
            median(&|start| start.config),
            median(&|start| start.built),
            median(&|start| Some(start.cold)),
            median(&|start| Some(start.warm)),
        );
        say(&format!("{} measured", launch.name));
    }
    Ok(table)
}

/// The first person gets a workspace, so that questions have answers.
async fn enter(emulator: &Emulator) -> Result<(), Error> {
    let Some((route, _)) = emulator.stack.api.find("POST", "/api/v1/workspaces") else {
        return Ok(());
    };
    let Target::Function { arn, .. } = &route.target else {
        return Ok(());
    };
    let body = json!({ "name": "Measured", "slug": "measured" }).to_string();
    let payload = request(
        emulator,
        &Method::POST,
        "/api/v1/workspaces",
        body.as_bytes(),
    );
    match emulator.functions[arn]
        .invoke(payload, crate::new_trace())
        .await
    {
        Answer::Whole(answer) if succeeded(&answer) => Ok(()),
        other => Err(Error::system(format!("no workspace is made: {other:?}"))),
    }
}

/// What a function is asked: a GET without placeholders, the shortest; nothing, as a batch, where no route leads to it.
fn cheap(emulator: &Emulator, arn: &str) -> (String, Bytes) {
    let routes = emulator.stack.api.routes().filter(|route| {
        let ours = matches!(&route.target, Target::Function { arn: its, .. } if its == arn);
        ours && route.method() == "GET"
            && !route.path.contains('{')
            && !route.path.contains("callback")
    });
    match routes
        .map(|route| route.path.clone())
        .min_by_key(|path| (path != "/health", path.len()))
    {
        Some(path) => {
            let payload = request(emulator, &Method::GET, &path, b"");
            (format!("GET {path}"), payload)
        }
        None => (
            "no messages".to_owned(),
            json!({ "Records": [] }).to_string().into(),
        ),
    }
}

fn request(emulator: &Emulator, method: &Method, path: &str, body: &[u8]) -> Bytes {
    let stage = &emulator.stack.stage;
    let uri: Uri = format!("/{stage}{path}").parse().unwrap_or_default();
    let mut headers = HeaderMap::new();
    let token = emulator
        .facts
        .tokens
        .first()
        .map(|(_, token)| token.as_str());
    let authorization = format!("Bearer {}", token.unwrap_or_default());
    headers.insert("host", HeaderValue::from_static("127.0.0.1"));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if let Ok(value) = HeaderValue::from_str(&authorization) {
        headers.insert("authorization", value);
    }
    let incoming = Incoming {
        method,
        uri: &uri,
        headers: &headers,
        body,
        source: "127.0.0.1",
    };
    let (id, trace) = (Uuid::new_v4().to_string(), crate::new_trace());
    let context = Context {
        stage,
        path,
        request_id: &id,
        trace: &trace,
        port: 0,
        binary: &[],
        now: chrono::Utc::now(),
    };
    match emulator.stack.api.find(method.as_str(), path) {
        Some((route, values)) => event::build(&incoming, &context, route, &values)
            .to_string()
            .into(),
        None => Bytes::new(),
    }
}

async fn one(launch: &Launch, payload: &Bytes) -> Result<Start, Error> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let mut launch = launch.clone();
    launch.output = Arc::new(move |line| {
        let mut lines = kept.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line.to_owned());
    });
    let mut process = Process::start(&launch).await.map_err(Error::system)?;
    let cold = ask(&mut process, &launch.name, payload).await?;
    let warm = ask(&mut process, &launch.name, payload).await?;
    let init = process.init;
    process.kill().await.map_err(Error::system)?;
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    let phases = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["config_us"].is_u64());
    let phase = |name: &str| Some(phases.as_ref()?[name].as_u64()? as f64 / 1e3);
    Ok(Start {
        connected: millis(init.connected),
        asked: millis(init.asked),
        cold: millis(cold),
        warm: millis(warm),
        config: phase("config_us"),
        built: phase("built_us"),
    })
}

async fn ask(process: &mut Process, name: &str, payload: &Bytes) -> Result<Duration, Error> {
    let event = Event {
        id: Uuid::new_v4().to_string(),
        payload: payload.clone(),
        trace: crate::new_trace(),
    };
    let started = Instant::now();
    let answer = process.invoke(event).await;
    let usable = match answer {
        Answer::Whole(answer) if succeeded(&answer) => Ok(()),
        Answer::Whole(answer) => Err(String::from_utf8_lossy(&answer).into_owned()),
        Answer::Streamed(mut answer) => {
            while answer.part().await.is_some() {}
            match answered(&answer.head) {
                true => Ok(()),
                false => Err(answer.head.to_string()),
            }
        }
        Answer::Failed(why) => Err(why.to_string()),
    };
    let took = started.elapsed();
    process.settled().await;
    match usable {
        Ok(()) => Ok(took),
        Err(why) => Err(Error::system(format!(
            "{name} gives no usable answer: {why}"
        ))),
    }
}

fn succeeded(answer: &Bytes) -> bool {
    answered(&serde_json::from_slice(answer).unwrap_or_default())
}

/// That somebody has nothing there yet is an answer too. A batch is answered without a status.
fn answered(answer: &Value) -> bool {
    let status = answer["statusCode"].as_u64();
    status.is_none_or(|status| (200..300).contains(&status) || status == 404)
}

/// About what a zip archive with nothing but the program has: both are deflated.
async fn zipped(binary: &Path) -> Result<usize, Error> {
    let packed = Command::new("gzip")
        .args(["-6", "-c"])
        .arg(binary)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(Error::system)?;
    match packed.status.success() {
        true => Ok(packed.stdout.len()),
        false => Err(Error::system("gzip cannot read the program")),
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

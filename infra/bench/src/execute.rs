//! The comparison: the product with everything switched on, and the bare proxy, in turns against one upstream.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::process::{Core, Process, command};
use crate::{Result, say};

const TOOL: &str = "bench_quote";
pub(crate) const ROUNDS: usize = 3;
const CONNECTIONS: usize = 32;
const BODY: &str = r#"{"input":{"symbol":"IBM"}}"#;
const PATIENCE: Duration = Duration::from_secs(60);

/// One server as the load sees it.
pub(crate) struct Target {
    pub(crate) process: Process,
    pub(crate) url: String,
    pub(crate) headers: Vec<String>,
    first_answer: Duration,
}

impl Target {
    /// One that asks for no token, and whose start is not measured.
    pub(crate) fn bare(process: Process, url: String) -> Self {
        Self {
            process,
            url,
            headers: Vec::new(),
            first_answer: Duration::ZERO,
        }
    }
}

/// The figures of one server; medians over the rounds.
struct Row {
    per_second: f64,
    cpu_us: f64,
    overhead: [f64; 3],
    resident: f64,
    first_answer: Duration,
}

/// Starts everything, measures in turns, prints the table.
pub(crate) async fn run(devserver: &Path, time: Duration, data_dir: &Path) -> Result<()> {
    let this = std::env::current_exe()?;
    let mut upstream = command(Core::Load, &this);
    upstream.arg("upstream");
    let (_upstream, base_url) = Process::start_and_read(upstream).await?;

    prepare(devserver, data_dir, &base_url).await?;
    let product = start_product(devserver, data_dir, &base_url, false, &[]).await?;
    let proxy = start_proxy(&this, &base_url).await?;

    let mut samples: [Vec<Sample>; 2] = [Vec::new(), Vec::new()];
    for round in 1..=ROUNDS {
        say(&format!("round {round} of {ROUNDS} …"));
        let direct = load(&this, &base_url, &[], 1, time, BODY).await?;
        for (target, samples) in [&product, &proxy].into_iter().zip(&mut samples) {
            samples.push(sample(&this, target, &direct, time).await?);
        }
    }
    let [of_product, of_proxy] = samples;
    report(&row(&of_product, &product)?, &row(&of_proxy, &proxy)?);
    product.process.stop().await
}

/// Makes the database and registers the tool, so that the measured start is an ordinary one.
pub(crate) async fn prepare(devserver: &Path, data_dir: &Path, upstream: &str) -> Result<()> {
    let server = start_product(devserver, data_dir, upstream, true, &[]).await?;
    let answer = http(&server, "/api/v1/tools")?
        .body(tool(upstream).to_string())
        .send()
        .await?;
    if answer.status() != 201 {
        return Err(format!("the tool is refused: {}", answer.text().await?).into());
    }
    let answer = http(&server, &format!("/api/v1/tools/{TOOL}/execute"))?
        .body(r#"{"input":{"symbol":"IBM"}}"#)
        .send()
        .await?;
    let told: Value = serde_json::from_str(&answer.text().await?)?;
    if told["output"]["price"] != 185.2 {
        return Err(format!("the tool does not work: {told}").into());
    }
    server.process.stop().await
}

fn tool(upstream: &str) -> Value {
    json!({
        "id": TOOL, "name": "Quote", "description": "The latest price of a listed company",
        "api": { "base_url": upstream, "path": "/query", "method": "GET",
                 "params": { "function": "GLOBAL_QUOTE" }, "auth": { "method": "none" } },
        "input_schema": { "properties": { "symbol": { "type": "string", "maxLength": 12 } }, "required": ["symbol"] },
        "output_schema": { "properties": { "price": { "type": "number" }, "volume": { "type": "integer" } } },
        "mapping": {
            "input_to_params": { "symbol": "symbol" },
            "response_to_output": { "price": "Global Quote.05. price", "volume": "Global Quote.06. volume" },
        },
    })
}

fn http(server: &Target, path: &str) -> Result<reqwest::RequestBuilder> {
    let origin = server.url.split("/api/").next().unwrap_or_default();
    let mut request = reqwest::Client::builder()
        .no_proxy()
        .build()?
        .post(format!("{origin}{path}"));
    for header in &server.headers {
        let (name, value) = header.split_once(": ").ok_or("a header is `name: value`")?;
        request = request.header(name, value);
    }
    Ok(request.header("content-type", "application/json"))
}

/// The product with these variables besides.
pub(crate) async fn start_product(
    devserver: &Path,
    data_dir: &Path,
    upstream: &str,
    fresh: bool,
    variables: &[(&str, String)],
) -> Result<Target> {
    let facts = data_dir.join("devserver.json");
    let _ = std::fs::remove_file(&facts);
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port();
    let mut start = command(Core::Server, devserver);
    start
        .arg("--port")
        .arg(port.to_string())
        .arg("--data-dir")
        .arg(data_dir);
    if fresh {
        start.arg("--fresh");
    }
    start.env_remove("DATABASE_URL");
    start.envs(variables.iter().map(|(name, value)| (name, value)));
    start.env("EGRESS_ALLOW", upstream.trim_start_matches("http://"));
    start.stdout(Stdio::null()).stderr(Stdio::inherit());
    let started = Instant::now();
    let process = Process::start(start)?;
    let health = format!("http://127.0.0.1:{port}/health");
    let first_answer = until_answered(&health, started).await?;
    while !facts.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let facts: Value = serde_json::from_str(&std::fs::read_to_string(&facts)?)?;
    let text = |name: &str| facts[name].as_str().unwrap_or_default().to_owned();
    Ok(Target {
        process,
        url: format!("http://127.0.0.1:{port}/api/v1/tools/{TOOL}/execute"),
        headers: vec![
            format!("authorization: Bearer {}", text("token")),
            format!("x-workspace-id: {}", text("workspace_id")),
        ],
        first_answer,
    })
}

async fn start_proxy(this: &Path, upstream: &str) -> Result<Target> {
    let mut start = command(Core::Server, this);
    start.args(["proxy", upstream]);
    let started = Instant::now();
    let (process, url) = Process::start_and_read(start).await?;
    let first_answer = until_answered(&url, started).await?;
    Ok(Target {
        process,
        url: format!("{url}/execute"),
        headers: Vec::new(),
        first_answer,
    })
}

async fn until_answered(url: &str, started: Instant) -> Result<Duration> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    while started.elapsed() < PATIENCE {
        if client.get(url).send().await.is_ok() {
            return Ok(started.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Err(format!("{url} does not answer").into())
}

struct Sample {
    per_second: f64,
    cpu_us: f64,
    overhead: [f64; 3],
}

async fn sample(this: &Path, target: &Target, direct: &Value, time: Duration) -> Result<Sample> {
    load(
        this,
        &target.url,
        &target.headers,
        8,
        Duration::from_secs(1),
        BODY,
    )
    .await?;
    let before = target.process.cpu()?;
    let busy = load(this, &target.url, &target.headers, CONNECTIONS, time, BODY).await?;
    let cpu = target.process.cpu()? - before;
    let alone = load(this, &target.url, &target.headers, 1, time, BODY).await?;
    let figure = |of: &Value, name: &str| of[name].as_f64().unwrap_or_default();
    Ok(Sample {
        per_second: figure(&busy, "per_second"),
        cpu_us: cpu.as_secs_f64() * 1e6 / figure(&busy, "requests").max(1.0),
        overhead: ["p50", "p95", "p99"].map(|name| figure(&alone, name) - figure(direct, name)),
    })
}

/// Runs the load in a process of its own, on the other core.
pub(crate) async fn load(
    this: &Path,
    url: &str,
    headers: &[String],
    connections: usize,
    time: Duration,
    body: &str,
) -> Result<Value> {
    let mut start: Command = command(Core::Load, this);
    start.args(["load", url]);
    start.args([
        "--body",
        body,
        "--connections",
        &connections.to_string(),
        "--seconds",
        &time.as_secs().to_string(),
    ]);
    for header in headers {
        start.args(["--header", header]);
    }
    let output = start.stderr(Stdio::inherit()).output().await?;
    if !output.status.success() {
        return Err(format!("the load on {url} failed").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn row(samples: &[Sample], target: &Target) -> Result<Row> {
    let of = |figure: &dyn Fn(&Sample) -> f64| median(samples.iter().map(figure).collect());
    Ok(Row {
        per_second: of(&|sample| sample.per_second),
        cpu_us: of(&|sample| sample.cpu_us),
        overhead: [0, 1, 2]
            .map(|i| of(&|sample| sample.overhead.get(i).copied().unwrap_or_default())),
        resident: target.process.resident()?,
        first_answer: target.first_answer,
    })
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn report(product: &Row, proxy: &Row) {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    say("");
    say(&format!(
        "{:<38} {:>10} {:>10} {:>8}",
        "medians of 3 rounds", "product", "proxy", "ratio"
    ));
    for (name, ours, theirs) in [
        (
            "requests/s at 32 connections",
            product.per_second,
            proxy.per_second,
        ),
        ("own CPU us/request at 32", product.cpu_us, proxy.cpu_us),
        (
            "overhead p50 us at 1 connection",
            product.overhead[0],
            proxy.overhead[0],
        ),
        (
            "overhead p95 us at 1 connection",
            product.overhead[1],
            proxy.overhead[1],
        ),
        (
            "overhead p99 us at 1 connection",
            product.overhead[2],
            proxy.overhead[2],
        ),
        ("resident memory MB", product.resident, proxy.resident),
        (
            "start to first answer ms (own Postgres)",
            milliseconds(product.first_answer),
            milliseconds(proxy.first_answer),
        ),
    ] {
        say(&format!(
            "{name:<38} {ours:>10.1} {theirs:>10.1} {:>8.2}",
            ours / theirs
        ));
    }
}

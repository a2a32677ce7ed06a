//! The load: so many connections, each asking again as soon as it is answered.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::Result;

/// What a run showed.
pub(crate) struct Figures {
    seconds: f64,
    /// Sorted.
    latencies: Vec<Duration>,
}

impl Figures {
    /// Requests, requests a second, and the 50th, 95th and 99th percentile in microseconds.
    pub(crate) fn to_json(&self) -> Value {
        let count = self.latencies.len();
        json!({
            "requests": count,
            "per_second": count as f64 / self.seconds,
            "p50": self.percentile(0.50), "p95": self.percentile(0.95), "p99": self.percentile(0.99),
        })
    }

    fn percentile(&self, share: f64) -> f64 {
        let index = ((self.latencies.len() as f64 * share) as usize)
            .min(self.latencies.len().saturating_sub(1));
        self.latencies
            .get(index)
            .map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
    }
}

/// Asks for so long over so many connections. Any answer but a 200 ends the run.
pub(crate) async fn run(
    url: &str,
    headers: &[String],
    connections: usize,
    time: Duration,
    body: &str,
) -> Result<Figures> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let url: Uri = url.parse()?;
    let started = Instant::now();
    let until = started + time;
    let mut clients = Vec::new();
    for _ in 0..connections {
        let sender = connect(&url).await?;
        clients.push(tokio::spawn(ask(
            sender,
            url.clone(),
            headers.to_vec(),
            until,
            body.clone(),
        )));
    }
    let mut latencies = Vec::new();
    for client in clients {
        latencies.extend(client.await??);
    }
    let seconds = started.elapsed().as_secs_f64();
    latencies.sort_unstable();
    Ok(Figures { seconds, latencies })
}

async fn connect(url: &Uri) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(authority(url)?).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn authority(url: &Uri) -> Result<&str> {
    Ok(url.authority().ok_or("the url has no host")?.as_str())
}

async fn ask(
    mut sender: SendRequest<Full<Bytes>>,
    url: Uri,
    headers: Vec<String>,
    until: Instant,
    body: Bytes,
) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let started = Instant::now();
        let mut request = Request::post(url.path())
            .header("host", authority(&url)?)
            .header("content-type", "application/json");
        for header in &headers {
            let (name, value) = header.split_once(':').ok_or("a header is `name: value`")?;
            request = request.header(name.trim(), value.trim());
        }
        sender.ready().await?;
        let response = sender
            .send_request(request.body(Full::new(body.clone()))?)
            .await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status != 200 {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
        }
        latencies.push(started.elapsed());
    }
    Ok(latencies)
}

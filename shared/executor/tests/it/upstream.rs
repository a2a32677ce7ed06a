//! A raw upstream on loopback, and calls to it.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::config::{Method, ResponseFormat};
use domain::egress::Policy;
use domain::ids::WorkspaceId;
use executor::outbound::{
    Answer, Bytes, Call, Cause, Lookup, Outbound, OutboundConfig, Redirects, Stopped,
};
use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

/// What the upstream does after a request was read.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Writes this and closes.
    Raw(Vec<u8>),
    /// Writes this and keeps the connection for the next request.
    Keep(Vec<u8>),
    /// Writes this, then repeats the second part until the client hangs up.
    Endless(Vec<u8>, Vec<u8>),
    /// Writes this, then nothing more, and stays connected.
    Hang(Vec<u8>),
    /// Writes this, then resets the connection.
    Reset(Vec<u8>),
}

#[derive(Default)]
struct Seen {
    heads: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

/// Answers its requests in order; the last reply repeats.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

impl Upstream {
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(converse(stream, replies.clone(), Arc::clone(&shared)));
            }
        });
        Self { address, seen }
    }

    pub(crate) async fn answers(reply: &str) -> Self {
        Self::start(vec![Reply::Raw(reply.as_bytes().to_vec())]).await
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    /// The heads of all requests, lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

async fn converse(mut stream: TcpStream, replies: Vec<Reply>, seen: Arc<Seen>) {
    while let Some(head) = read_head(&mut stream).await {
        let number = {
            let mut heads = seen.heads.lock().unwrap();
            heads.push(head);
            heads.len() - 1
        };
        let reply = replies.get(number).or(replies.last()).unwrap();
        if !answer(&mut stream, reply).await {
            return;
        }
    }
}

/// True when the connection is kept.
async fn answer(stream: &mut TcpStream, reply: &Reply) -> bool {
    match reply {
        Reply::Raw(bytes) => {
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            false
        }
        Reply::Keep(bytes) => stream.write_all(bytes).await.is_ok(),
        Reply::Endless(start, again) => {
            let mut going = stream.write_all(start).await.is_ok();
            while going {
                going = stream.write_all(again).await.is_ok();
            }
            false
        }
        Reply::Hang(bytes) => {
            let _ = stream.write_all(bytes).await;
            std::future::pending::<()>().await;
            false
        }
        Reply::Reset(bytes) => {
            let _ = stream.write_all(bytes).await;
            let _ = stream.flush().await;
            let _ = stream.set_zero_linger();
            false
        }
    }
}

/// The head of the next request, its body read and dropped; `None` when the client is gone.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(head)
}

/// A way out that may reach these upstreams; all names lead to the given addresses.
pub(crate) struct Way {
    pub(crate) outbound: Outbound,
    lookups: Arc<Mutex<Vec<String>>>,
}

impl Way {
    pub(crate) fn to(allowed: &[SocketAddr]) -> Self {
        let allow: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        Self::with(&allow.join(","), &[], Vec::new())
    }

    pub(crate) fn with(allow: &str, addresses: &[&str], extra_roots: Vec<Vec<u8>>) -> Self {
        let lookups = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::clone(&lookups);
        let addresses: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        let outbound = Outbound::new(OutboundConfig {
            policy: Policy {
                allow: Policy::parse_allow(allow).unwrap(),
                own_hosts: Vec::new(),
            },
            lookup: Lookup::new(move |name| {
                asked.lock().unwrap().push(name);
                let addresses = addresses.clone();
                Box::pin(async move { Ok(addresses) })
            }),
            extra_roots,
        });
        Self { outbound, lookups }
    }

    /// Every name that was looked up, in order.
    pub(crate) fn lookups(&self) -> Vec<String> {
        self.lookups.lock().unwrap().clone()
    }

    pub(crate) async fn send(&self, call: &Call<'_>) -> Result<Answer, Stopped> {
        self.send_within(call, Duration::from_secs(30)).await
    }

    pub(crate) async fn send_within(
        &self,
        call: &Call<'_>,
        limit: Duration,
    ) -> Result<Answer, Stopped> {
        self.outbound.send(call, Instant::now() + limit).await
    }

    pub(crate) async fn get(&self, url: Url) -> Result<Answer, Stopped> {
        self.send(&get(url)).await
    }
}

/// A GET with the usual limits.
pub(crate) fn get(url: Url) -> Call<'static> {
    Call {
        workspace_id: WorkspaceId(Uuid::nil()),
        method: Method::Get,
        url,
        headers: HeaderMap::new(),
        body: None,
        connect_timeout: Duration::from_secs(10),
        max_response_bytes: 1 << 20,
        redirects: Redirects {
            follow: 3,
            cross_host: false,
            allowed_hosts: &[],
        },
        secrets: None,
        format: ResponseFormat::Json,
    }
}

/// A POST with a small JSON body.
pub(crate) fn post(url: Url) -> Call<'static> {
    Call {
        method: Method::Post,
        body: Some(Bytes::from_static(b"{}")),
        ..get(url)
    }
}

/// A whole answer with this status line, these header lines and this body.
pub(crate) fn http(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn is_invalid(result: &Result<Answer, Stopped>) -> bool {
    matches!(
        result,
        Err(Stopped {
            cause: Cause::Invalid { .. },
            sent: true,
            ..
        })
    )
}

pub(crate) fn is_blocked(result: &Result<Answer, Stopped>) -> bool {
    matches!(
        result,
        Err(Stopped {
            cause: Cause::Blocked(_),
            ..
        })
    )
}

//! A server on loopback that answers each request with the next of its replies, word for word.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// What is answered to one request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// These bytes; the connection stays open for the next request.
    Keep(String),
    /// These bytes; then the connection is closed.
    Close(String),
    /// These bytes; then nothing more.
    Hold(String),
}

/// A whole answer.
pub(super) fn answer(body: &Value) -> Reply {
    refusal(200, "", body)
}

/// An answer of this status, with these headers.
pub(super) fn refusal(status: u16, headers: &str, body: &Value) -> Reply {
    let body = body.to_string();
    Reply::Keep(format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// A stream of these events, each a chunk.
pub(super) fn events(events: &[Value]) -> Reply {
    let mut text =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_owned();
    for event in events {
        let event = format!("event: x\ndata: {event}\n\n");
        write!(text, "{:x}\r\n{event}\r\n", event.len()).unwrap();
    }
    text.push_str("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    Reply::Keep(text)
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) line: String,
    pub(super) head: String,
    pub(super) body: Value,
}

#[derive(Default)]
struct State {
    replies: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<Request>>,
    connections: AtomicUsize,
}

pub(super) struct Server {
    pub(super) base_url: Url,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            replies: Mutex::new(replies.into()),
            ..State::default()
        });
        let serving = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self {
            base_url: format!("http://{address}/v1").parse().unwrap(),
            state,
            task,
        }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Nobody listens any more.
    pub(super) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        state.requests.lock().unwrap().push(request);
        let reply = state.replies.lock().unwrap().pop_front();
        let Some(reply) = reply else { return };
        let (Reply::Keep(text) | Reply::Close(text) | Reply::Hold(text)) = &reply;
        stream.write_all(text.as_bytes()).await.unwrap();
        match reply {
            Reply::Keep(_) => {}
            Reply::Close(_) => return,
            Reply::Hold(_) => std::future::pending().await,
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().ok()?];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request {
        line: head.lines().next()?.to_owned(),
        body: serde_json::from_slice(&body).ok()?,
        head,
    })
}

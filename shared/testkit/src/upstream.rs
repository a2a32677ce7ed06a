//! A scriptable API for tools to call: answers as told, well or badly, and remembers what it was sent.
//!
//! It speaks HTTP/1.1 over a raw socket, because half of what it must do is to break HTTP.

mod reply;
mod serve;
mod tls;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

pub use reply::{Answer, Captured, Maker, Reply};
pub use tls::{Certificate, Tls};

/// A running fake API on loopback. It stops when dropped.
pub struct FakeUpstream {
    address: SocketAddr,
    scheme: &'static str,
    script: Arc<Script>,
    task: JoinHandle<()>,
}

/// What the server answers and what it saw.
#[derive(Default)]
pub(crate) struct Script {
    replies: Mutex<HashMap<String, Vec<Reply>>>,
    requests: Mutex<Vec<Captured>>,
    connections: AtomicUsize,
}

impl Script {
    /// The reply that is due for this path: the next of its sequence, whose last one repeats.
    pub(crate) fn next(&self, path: &str) -> Reply {
        let mut replies = locked(&self.replies);
        let key = if replies.contains_key(path) {
            path
        } else {
            "*"
        };
        match replies.get_mut(key) {
            Some(queue) if queue.len() > 1 => queue.remove(0),
            Some(queue) => queue.first().cloned().unwrap_or(Reply::Echo),
            None => Reply::Answer(Answer::text("no such path").status(404)),
        }
    }

    pub(crate) fn remember(&self, request: Captured) {
        locked(&self.requests).push(request);
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn resets_on_accept(&self) -> bool {
        matches!(
            locked(&self.replies)
                .get("*")
                .and_then(|queue| queue.first()),
            Some(Reply::ResetOnAccept)
        )
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeUpstream {
    /// Starts a server over plain http on a free loopback port.
    ///
    /// # Panics
    /// When no loopback port can be had.
    pub async fn start() -> Self {
        Self::with(None).await
    }

    /// Starts a server over https that shows the given certificate.
    ///
    /// # Panics
    /// When no loopback port can be had.
    pub async fn start_tls(tls: &Tls) -> Self {
        Self::with(Some(tls.acceptor())).await
    }

    async fn with(acceptor: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free loopback port");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let script = Arc::new(Script::default());
        let task = tokio::spawn(serve::accept(listener, acceptor, Arc::clone(&script)));
        Self {
            address,
            scheme,
            script,
            task,
        }
    }

    /// `127.0.0.1:port`: what stands in `EGRESS_ALLOW`.
    pub fn host_port(&self) -> String {
        self.address.to_string()
    }

    /// The port alone.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Scheme, host and port: a tool's `base_url`.
    pub fn base_url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// From now on, `path` (without query) answers this. `"*"` is every path that has no own reply.
    pub fn on(&self, path: &str, reply: impl Into<Reply>) -> &Self {
        self.on_sequence(path, vec![reply.into()])
    }

    /// From now on, `path` answers these in turn; the last one repeats.
    pub fn on_sequence(&self, path: &str, replies: Vec<Reply>) -> &Self {
        locked(&self.script.replies).insert(path.to_owned(), replies);
        self
    }

    /// Every request that was read so far, in order.
    pub fn requests(&self) -> Vec<Captured> {
        locked(&self.script.requests).clone()
    }

    /// The newest request.
    ///
    /// # Panics
    /// When there was none.
    pub fn last_request(&self) -> Captured {
        self.requests().pop().expect("the upstream was called")
    }

    /// How many connections were accepted, whether or not a request came over them.
    pub fn connections(&self) -> usize {
        self.script.connections.load(Ordering::SeqCst)
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A loopback port that swallows connection attempts: its backlog is full and nobody accepts.
pub struct Blackhole {
    address: SocketAddr,
    _listener: std::net::TcpListener,
    _fillers: Vec<JoinHandle<std::io::Result<TcpStream>>>,
}

impl Blackhole {
    /// Opens the port and fills its backlog.
    ///
    /// # Panics
    /// When no loopback port can be had.
    pub async fn start() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(([127, 0, 0, 1], 0).into())
            .expect("a free loopback port");
        let listener = socket.listen(1).expect("listening");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let listener = listener.into_std().expect("a plain listener");
        let fillers = (0..8)
            .map(|_| tokio::spawn(TcpStream::connect(address)))
            .collect();
        tokio::task::yield_now().await;
        Self {
            address,
            _listener: listener,
            _fillers: fillers,
        }
    }

    /// `127.0.0.1:port`.
    pub fn host_port(&self) -> String {
        self.address.to_string()
    }
}

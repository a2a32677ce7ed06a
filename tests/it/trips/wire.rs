//! A wire between the app and its database that counts how often the app speaks and waits for an answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use url::Url;

/// Counts the round trips of all connections that go through it.
#[derive(Clone, Default)]
pub(super) struct Wire(Arc<AtomicUsize>);

impl Wire {
    /// Leads to the database of this URL, which is on a unix socket; answers the URL of the wire.
    pub(super) fn lay(&self, database: &SecretString) -> SecretString {
        let url = Url::parse(database.expose_secret()).unwrap();
        let facts: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let socket = format!("{}/.s.PGSQL.5432", facts["host"]);
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let at = listener.local_addr().unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        tokio::spawn(self.clone().serve(listener, socket));
        format!(
            "postgres://{}@{at}{}?sslmode=disable",
            facts["user"],
            url.path()
        )
        .into()
    }

    /// Round trips so far.
    pub(super) fn trips(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    async fn serve(self, listener: TcpListener, socket: String) {
        while let Ok((app, _)) = listener.accept().await {
            let database = UnixStream::connect(&socket).await.unwrap();
            tokio::spawn(self.clone().join(app, database));
        }
    }

    /// A trip begins with the first bytes that the app sends after it was answered, however many
    /// pieces either side's words come in.
    async fn join(self, app: TcpStream, database: UnixStream) {
        app.set_nodelay(true).unwrap();
        let (from_app, to_app) = app.into_split();
        let (from_database, to_database) = database.into_split();
        let answered = AtomicBool::new(true);
        let asks = carry(from_app, to_database, || {
            if answered.swap(false, Ordering::SeqCst) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        });
        let answers = carry(from_database, to_app, || {
            answered.store(true, Ordering::SeqCst);
        });
        tokio::join!(asks, answers);
    }
}

/// Carries bytes one way until either end closes, telling of each piece before it is passed on.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, seen: impl Fn()) {
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        seen();
        if to.write_all(&piece[..length]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

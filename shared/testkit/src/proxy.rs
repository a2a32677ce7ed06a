//! A proxy on loopback that adds an API key, for clients that cannot send one.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderValue};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Passes everything on as it came, `Host` and all, but for `Authorization`. It stops when dropped.
pub struct KeyProxy {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl KeyProxy {
    /// In front of the app at this URL (`http://host:port`), with this key.
    ///
    /// # Panics
    /// When loopback has no port left, or the key is no header value.
    pub async fn start(app: &str, key: &str) -> Self {
        let app = app.trim_start_matches("http://").to_owned();
        let key = HeaderValue::from_str(&format!("Bearer {key}")).expect("a header value");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a free loopback port");
        let address = listener.local_addr().expect("a bound listener");
        let router = axum::Router::new().fallback(pass).with_state((app, key));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, task }
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for KeyProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State((app, key)): State<(String, HeaderValue)>, request: Request) -> Response {
    match passed(&app, key, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn passed(
    app: &str,
    key: HeaderValue,
    mut request: Request,
) -> Result<Response, Box<dyn std::error::Error + Send + Sync>> {
    request.headers_mut().insert(AUTHORIZATION, key);
    let stream = TcpStream::connect(app).await?;
    let (mut sender, connection) = handshake::<_, Body>(TokioIo::new(stream)).await?;
    // It ends with the answer's body.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?.map(Body::new))
}

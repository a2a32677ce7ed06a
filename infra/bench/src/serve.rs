//! Serves a router on a free loopback port; prints its base URL first.

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

use crate::{Result, say};

/// Serves until it is killed. `path` stands behind the address that is printed.
pub(crate) async fn serve(router: Router, path: &str) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    say(&format!("http://{}{path}", listener.local_addr()?));
    let listener = listener.tap_io(|stream| {
        // Without it small answers wait for an acknowledgement; it fails only on a closed socket.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}

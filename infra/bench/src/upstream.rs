//! A fast API on loopback: one stock quote, whatever is asked.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Response, server::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::{Result, say};

const QUOTE: &str = r#"{"Global Quote":{"01. symbol":"IBM","02. open":"183.6500","03. high":"186.0800","04. low":"182.9100","05. price":"185.2000","06. volume":"3891502","07. latest trading day":"2025-11-07","08. previous close":"183.7400","09. change":"1.4600","10. change percent":"0.7946%"}}"#;

/// Serves until it is killed; prints its base URL first.
pub(crate) async fn run() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    say(&format!("http://{}", listener.local_addr()?));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection = http1::Builder::new().serve_connection(
            TokioIo::new(stream),
            service_fn(async |_| Ok::<_, Infallible>(quote())),
        );
        tokio::spawn(connection);
    }
}

fn quote() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(QUOTE.as_bytes())));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

//! The fake API's socket work: reads one request after another and reacts as scripted.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::Script;
use super::reply::{Captured, Reply};

/// Between two bytes of [`Reply::Drip`].
const DRIP: Duration = Duration::from_millis(20);

/// Whether the connection serves another request.
#[derive(PartialEq)]
enum Then {
    Continue,
    Close,
    Reset,
}

pub(crate) async fn accept(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    script: Arc<Script>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        script.connected();
        let script = Arc::clone(&script);
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if script.resets_on_accept() {
                reset(stream);
                return;
            }
            match acceptor {
                None => {
                    let mut stream = stream;
                    if talk(&mut stream, &script).await == Then::Reset {
                        reset(stream);
                    }
                }
                Some(acceptor) => {
                    if let Ok(mut stream) = acceptor.accept(stream).await
                        && talk(&mut stream, &script).await == Then::Reset
                    {
                        reset(stream.into_inner().0);
                    }
                }
            }
        });
    }
}

/// Closes with RST instead of FIN.
fn reset(stream: TcpStream) {
    let _ = stream.set_zero_linger();
    drop(stream);
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, script: &Script) -> Then {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = read_request(stream, &mut buffer).await else {
            return Then::Close;
        };
        let reply = script.next(request.path());
        script.remember(request.clone());
        let then = react(stream, &request, reply).await;
        if then != Then::Continue {
            return then;
        }
    }
}

async fn react<S: AsyncWrite + Unpin>(stream: &mut S, request: &Captured, reply: Reply) -> Then {
    let head = request.method == "HEAD";
    match reply {
        Reply::Answer(answer) => send(stream, &answer.wire(head), Then::Continue).await,
        Reply::Made(maker) => {
            let made = match maker.make(request) {
                // A maker of makers would never end.
                Reply::Made(_) => Reply::Echo,
                made => made,
            };
            Box::pin(react(stream, request, made)).await
        }
        Reply::Held(mut gate, held) => {
            // A gate that is gone is open.
            let _ = gate.wait_for(|open| *open).await;
            Box::pin(react(stream, request, *held)).await
        }
        Reply::Echo => send(stream, &request.echo().wire(head), Then::Continue).await,
        Reply::Raw(bytes) => {
            let then = send(stream, &bytes, Then::Close).await;
            let _ = stream.shutdown().await;
            then
        }
        Reply::Endless { start, repeat } => {
            if send(stream, &start, Then::Continue).await == Then::Continue {
                while send(stream, &repeat, Then::Continue).await == Then::Continue {}
            }
            Then::Close
        }
        Reply::Drip(bytes) => {
            for byte in bytes.iter().cycle() {
                if send(stream, &[*byte], Then::Continue).await != Then::Continue {
                    break;
                }
                tokio::time::sleep(DRIP).await;
            }
            Then::Close
        }
        Reply::Hang(bytes) => {
            send(stream, &bytes, Then::Continue).await;
            std::future::pending().await
        }
        Reply::Reset(bytes) => send(stream, &bytes, Then::Reset).await,
        Reply::ResetOnAccept => Then::Reset,
    }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8], then: Then) -> Then {
    let sent = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    if sent.await.is_ok() {
        then
    } else {
        Then::Close
    }
}

/// The next whole request, or `None` when the client hung up. What follows it stays in `buffer`.
async fn read_request<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
) -> Option<Captured> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        fill(stream, buffer).await?;
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.parse::<usize>().ok())
        .unwrap_or(0);
    while buffer.len() < head_end + length {
        fill(stream, buffer).await?;
    }
    let body = buffer[head_end..head_end + length].to_vec();
    buffer.drain(..head_end + length);
    Some(Captured {
        method,
        target,
        headers,
        body,
    })
}

async fn fill<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(buffer).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}

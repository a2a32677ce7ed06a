//! A proxy between one worker and Postgres that sees what is asked, and keeps what a dying worker must not send or hear.

use std::path::PathBuf;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::points::{Point, Surroundings};

/// Listens on loopback for one worker; the port.
pub(super) async fn listen(socket: PathBuf, worker: Surroundings) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = UnixStream::connect(&socket).await else {
                continue;
            };
            let worker = worker.clone();
            tokio::spawn(async move {
                let mut death = worker.until_death();
                // Both ends are closed with the worker, as its kernel would do.
                tokio::select! {
                    _ = relay(client, server, &worker) => {}
                    _ = death.changed() => {}
                }
            });
        }
    });
    port
}

fn holds(chunk: &[u8], word: &str) -> bool {
    chunk
        .windows(word.len())
        .any(|window| window == word.as_bytes())
}

/// What a chunk of the worker's is: the moment before the database hears it, and the one after its answer.
fn seen(chunk: &[u8], advances: &mut bool) -> Option<(Point, Point)> {
    if holds(chunk, "commit") {
        return Some((Point::BeforeCommit, Point::CommitAnswered));
    }
    // The statement comes first, its values with the next chunk.
    if holds(chunk, "advance_run") {
        *advances = true;
        return None;
    }
    if !std::mem::take(advances) {
        return None;
    }
    Some(match holds(chunk, "\"outcome\"") {
        true => (Point::BeforeCompletion, Point::CompletionAnswered),
        false => (Point::BeforeClaim, Point::ClaimAnswered),
    })
}

async fn relay(
    client: TcpStream,
    server: UnixStream,
    worker: &Surroundings,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut asked, mut told) = (vec![0; 1 << 18], vec![0; 1 << 18]);
    let (mut advances, mut answers) = (false, None);
    loop {
        tokio::select! {
            count = from_client.read(&mut asked) => {
                let chunk = &asked[..count?];
                if chunk.is_empty() {
                    return Ok(());
                }
                let points = seen(chunk, &mut advances);
                let dies = points.is_some_and(|(before, _)| worker.reaches(before));
                if dies || worker.reaches(Point::Anywhere) {
                    return std::future::pending().await;
                }
                answers = points.map(|(_, after)| after);
                to_server.write_all(chunk).await?;
            }
            count = from_server.read(&mut told) => {
                let chunk = &told[..count?];
                if chunk.is_empty() {
                    return Ok(());
                }
                if answers.take().is_some_and(|after| worker.reaches(after)) {
                    return std::future::pending().await;
                }
                to_client.write_all(chunk).await?;
            }
        }
    }
}

//! `health`: asks a running server how it is, for container engines, whose images have no other program.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::error::Error;

/// What the server may take; it answers within a second, whatever its database does.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks `GET /health` of the server at this address.
///
/// # Errors
/// It does not answer, or not with 200.
pub fn health(host: IpAddr, port: u16) -> Result<(), Error> {
    let address = SocketAddr::new(host, port);
    let status = status(address).map_err(|source| Error::NoAnswer { address, source })?;
    match status.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(Error::Unwell { status }),
    }
}

/// The status line of the answer.
fn status(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut head = Vec::new();
    stream.take(4096).read_to_end(&mut head)?;
    let head = String::from_utf8_lossy(&head);
    Ok(head.lines().next().unwrap_or_default().to_owned())
}

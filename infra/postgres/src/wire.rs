//! Just enough of the Postgres protocol for start, stop and tests: one simple query as a trusted
//! user over the unix socket, answered as text (PostgreSQL documentation, chapter 55).

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::error::{Doing, Error};

/// The rows of a statement, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The values; `None` is null.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Rows {
    /// The first value of the first row, if there is one and it is not null.
    pub fn single(&self) -> Option<&str> {
        self.rows.first()?.first()?.as_deref()
    }
}

/// Connects, runs the statements, and answers the rows of the last one that has any.
pub(crate) fn query(socket: &Path, user: &str, database: &str, sql: &str) -> Result<Rows, Error> {
    let doing = || format!("talking to Postgres at {}", socket.display());
    let mut stream = UnixStream::connect(socket).doing(doing)?;
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .doing(doing)?;
    let hello = format!("user\0{user}\0database\0{database}\0client_encoding\0UTF8\0\0");
    let mut message = 196_608_u32.to_be_bytes().to_vec();
    message.extend(hello.as_bytes());
    send(&mut stream, None, &message).doing(doing)?;
    answer(&mut stream).doing(doing)??;
    send(&mut stream, Some(b'Q'), format!("{sql}\0").as_bytes()).doing(doing)?;
    let rows = answer(&mut stream).doing(doing)??;
    let _ = send(&mut stream, Some(b'X'), &[]);
    Ok(rows)
}

fn send(stream: &mut UnixStream, kind: Option<u8>, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len() + 4).map_err(io::Error::other)?;
    let mut message: Vec<u8> = kind.into_iter().collect();
    message.extend(length.to_be_bytes());
    message.extend(body);
    stream.write_all(&message)
}

/// Reads messages until the server is ready for the next query.
fn answer(stream: &mut UnixStream) -> io::Result<Result<Rows, Error>> {
    let mut rows = Rows::default();
    let mut error = None;
    loop {
        let mut head = [0; 5];
        if let Err(end) = stream.read_exact(&mut head) {
            // A refused connection is closed after its error message.
            return error.map_or(Err(end), |error| Ok(Err(error)));
        }
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; length.saturating_sub(4) as usize];
        stream.read_exact(&mut body)?;
        let body = Body(&body);
        match head[0] {
            b'Z' => return Ok(error.map_or(Ok(rows), Err)),
            b'E' => error = Some(body.error()),
            b'T' => {
                rows = Rows {
                    columns: body.columns().unwrap_or_default(),
                    rows: Vec::new(),
                }
            }
            b'D' => rows.rows.push(body.values().unwrap_or_default()),
            b'R' if body.0 != [0; 4] => {
                return Err(io::Error::other("the server asks for a password"));
            }
            b'G' | b'H' | b'W' => return Err(io::Error::other("copying is not supported here")),
            // Parameters, notices, ends of statements: nothing to do.
            _ => {}
        }
    }
}

struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.take(1)?;
        Some(text)
    }

    fn count(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn columns(mut self) -> Option<Vec<String>> {
        (0..self.count()?)
            .map(|_| {
                let name = self.text()?;
                self.take(18)?;
                Some(name)
            })
            .collect()
    }

    fn values(mut self) -> Option<Vec<Option<String>>> {
        (0..self.count()?)
            .map(|_| {
                let bytes = self.take(4)?;
                let length = i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                let Ok(length) = usize::try_from(length) else {
                    return Some(None);
                };
                Some(Some(
                    String::from_utf8_lossy(self.take(length)?).into_owned(),
                ))
            })
            .collect()
    }

    fn error(mut self) -> Error {
        let (mut code, mut message) = (String::new(), String::new());
        while let Some([field]) = self.take(1).filter(|field| *field != [0]) {
            let Some(text) = self.text() else { break };
            match field {
                b'C' => code = text,
                b'M' => message = text,
                _ => {}
            }
        }
        Error::Sql { code, message }
    }
}

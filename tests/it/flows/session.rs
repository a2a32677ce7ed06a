//! One connection to a test's database that stays open, as its owner: transactions of several can be interleaved.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use testkit::TestDatabase;

/// Rows as text.
pub(super) type Rows = Vec<Vec<Option<String>>>;

/// An open connection.
pub(super) struct Session {
    stream: UnixStream,
}

impl Session {
    /// Connects.
    pub(super) fn open(database: &TestDatabase) -> Result<Self, String> {
        let url = database.owner_url();
        let (head, rest) = url.split_once("?host=").ok_or("the URL names no socket")?;
        let name = head.trim_start_matches("postgres:///");
        let (directory, user) = rest.split_once("&user=").ok_or("the URL names no user")?;
        let socket = Path::new(directory).join(".s.PGSQL.5432");
        let stream = UnixStream::connect(&socket).map_err(|error| error.to_string())?;
        let mut session = Self { stream };
        let mut hello = 196_608_u32.to_be_bytes().to_vec();
        hello.extend(format!("user\0{user}\0database\0{name}\0\0").bytes());
        session.send(None, &hello)?;
        session.answer()?;
        Ok(session)
    }

    /// Runs statements; the rows of the last one that has any.
    pub(super) fn run(&mut self, statements: &str) -> Result<Rows, String> {
        self.send(Some(b'Q'), format!("{statements}\0").as_bytes())?;
        self.answer()
    }

    fn send(&mut self, kind: Option<u8>, body: &[u8]) -> Result<(), String> {
        let length = u32::try_from(body.len() + 4).map_err(|error| error.to_string())?;
        let mut message: Vec<u8> = kind.into_iter().collect();
        message.extend(length.to_be_bytes());
        message.extend(body);
        let sent = self.stream.write_all(&message);
        sent.map_err(|error| error.to_string())
    }

    fn answer(&mut self) -> Result<Rows, String> {
        let (mut rows, mut failed) = (Rows::new(), None);
        loop {
            let mut head = [0; 5];
            let read = self.stream.read_exact(&mut head);
            read.map_err(|error| failed.clone().unwrap_or_else(|| error.to_string()))?;
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let mut body = vec![0; usize::try_from(length).unwrap_or(4) - 4];
            let read = self.stream.read_exact(&mut body);
            read.map_err(|error| error.to_string())?;
            match head[0] {
                b'Z' => return failed.map_or(Ok(rows), Err),
                b'E' => failed = Some(String::from_utf8_lossy(&body).replace('\0', " ")),
                b'T' => rows.clear(),
                b'D' => rows.push(values(&body)),
                _ => {}
            }
        }
    }
}

fn values(body: &[u8]) -> Vec<Option<String>> {
    let (count, mut rest) = body.split_at(2);
    let count = u16::from_be_bytes([count[0], count[1]]);
    let mut values = Vec::new();
    for _ in 0..count {
        let (length, tail) = rest.split_at(4);
        let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
        rest = tail;
        let Ok(length) = usize::try_from(length) else {
            values.push(None);
            continue;
        };
        let (value, tail) = rest.split_at(length);
        values.push(Some(String::from_utf8_lossy(value).into_owned()));
        rest = tail;
    }
    values
}

//! A lasting server: data that survives, shared by all processes that start it on one directory.

use std::fs::File;
use std::path::Path;
use std::process::Child;

use crate::binaries::{Binaries, Search};
use crate::error::{Doing, Error};
use crate::home::Home;
use crate::wire::Rows;
use crate::{OWNER, postmaster, wire};

/// A running server in a directory of its own.
///
/// Several processes may start a server on the same directory at once: they share one. Each holds a
/// lock while it uses it; the last one out stops it. A user that was killed loses its lock with its
/// life, and the server it left behind is taken over by the next start.
#[derive(Debug)]
pub struct Server {
    home: Home,
    /// Held shared as long as we use the server; `None` after a stop.
    in_use: Option<File>,
    /// The postmaster, when we started it ourselves.
    child: Option<Child>,
}

impl Server {
    /// Starts the server whose files are in `dir`, or joins the one that runs there. The first time,
    /// a cluster is made.
    ///
    /// # Errors
    /// Each says what to do.
    pub fn start(dir: &Path, search: &Search) -> Result<Self, Error> {
        Self::start_with(dir, search, &["max_connections=200"], true)
    }

    pub(crate) fn start_with(
        dir: &Path,
        search: &Search,
        settings: &[&str],
        lasting: bool,
    ) -> Result<Self, Error> {
        let home = Home::open(dir)?;
        let turn = home.lock_file("lock")?;
        turn.lock().doing(|| "waiting for the lock".to_owned())?;

        let child = if postmaster::answers(&home) {
            None
        } else {
            let data = postmaster::data_version(&home)?;
            let binaries = Binaries::find(search, &home.dir.join("binaries"), data)?;
            match data {
                None => postmaster::init(&home, &binaries, lasting)?,
                Some(data) if data == binaries.major => {}
                Some(data) => {
                    return Err(Error::OtherVersion {
                        dir: home.data(),
                        data,
                        binaries: binaries.major,
                    });
                }
            }
            Some(postmaster::start(&home, &binaries, settings)?)
        };
        let in_use = home.lock_file("in-use")?;
        in_use
            .lock_shared()
            .doing(|| "taking the lock".to_owned())?;
        Ok(Self {
            home,
            in_use: Some(in_use),
            child,
        })
    }

    /// Stops what runs in `dir` and removes it with all its data. Nothing there is fine.
    ///
    /// # Errors
    /// When it is used by another process, or cannot be removed.
    pub fn erase(dir: &Path) -> Result<(), Error> {
        let home = Home::open(dir)?;
        let turn = home.lock_file("lock")?;
        turn.lock().doing(|| "waiting for the lock".to_owned())?;
        home.lock_file("in-use")?
            .try_lock()
            .map_err(|_| Error::InUse { dir: home.data() })?;
        if postmaster::answers(&home) {
            postmaster::stop(&home, None)?;
        }
        postmaster::remove(&home.data())?;
        postmaster::remove(&home.dir.join("data.new"))
    }

    /// A connection URL for `database`, as `user`.
    pub fn url(&self, user: &str, database: &str) -> String {
        socket_url(self.home.socket_dir(), user, database)
    }

    pub(crate) const fn home(&self) -> &Home {
        &self.home
    }

    /// The directory with the data, and a word when it is not the one that was asked for.
    pub fn directory(&self) -> &Path {
        &self.home.dir
    }

    /// Says that another directory than the wanted one is used, and why.
    pub fn notice(&self) -> Option<&str> {
        self.home.notice.as_deref()
    }

    /// The server process.
    pub fn pid(&self) -> Option<i32> {
        postmaster::pid(&self.home)
    }

    /// Runs statements as the superuser and answers the rows of the last one, as text.
    ///
    /// # Errors
    /// [`Error::Sql`] with the server's words.
    pub fn sql(&self, database: &str, statements: &str) -> Result<Rows, Error> {
        wire::query(&self.home.socket(), OWNER, database, statements)
    }

    /// Lets go of the server, and stops it if nobody else uses it. Dropping does the same, silently.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self) -> Result<(), Error> {
        self.leave()
    }

    pub(crate) fn leave(&mut self) -> Result<(), Error> {
        let Some(in_use) = self.in_use.take() else {
            return Ok(());
        };
        let turn = self.home.lock_file("lock")?;
        turn.lock().doing(|| "waiting for the lock".to_owned())?;
        in_use.unlock().doing(|| "letting go".to_owned())?;
        if in_use.try_lock().is_err() {
            return Ok(());
        }
        postmaster::stop(&self.home, self.child.take())
    }
}

/// A connection URL for what listens on the usual socket in `dir`.
pub(crate) fn socket_url(dir: &Path, user: &str, database: &str) -> String {
    let host: String = dir
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                char::from(*byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("postgres:///{database}?host={host}&user={user}")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.leave();
    }
}

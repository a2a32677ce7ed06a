//! Why there is no Postgres, in words that say what to do.

use std::io;
use std::path::PathBuf;

/// Why Postgres could not be found, started, stopped or asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable binaries on this machine, and they could not be fetched.
    #[error(
        "no PostgreSQL 15 or newer was found ({tried}), and fetching one failed: {download}\n\
         Install it ({install}), or set PG_BIN to the directory that holds `initdb` and \
         `postgres`, or set DATABASE_URL to a database of yours."
    )]
    NotFound {
        /// Which directories were looked at.
        tried: String,
        /// Why the fallback did not work either.
        download: String,
        /// The command that installs it on this kind of machine.
        install: &'static str,
    },
    /// The directory that the caller named holds no usable binaries.
    #[error("PG_BIN is {}, but {why}", dir.display())]
    BadBinaries {
        /// What the caller named.
        dir: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The data was written by another major version.
    #[error(
        "the database in {} was made by PostgreSQL {data}, but only version {binaries} was found \
         here\nInstall PostgreSQL {data} or set PG_BIN to it, or remove the directory to start \
         anew (its data is lost).", dir.display()
    )]
    OtherVersion {
        /// The data directory.
        dir: PathBuf,
        /// Its major version.
        data: u32,
        /// The version at hand.
        binaries: u32,
    },
    /// The directory exists but holds no database.
    #[error(
        "{} is not a usable database directory: {why}\nMove it away, or remove it to start anew \
         (its data is lost).", dir.display()
    )]
    BrokenData {
        /// The data directory.
        dir: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody else works with the data that was to be removed.
    #[error("the database in {} is in use by another process; stop that first", dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
    },
    /// The directory belongs to somebody else.
    #[error(
        "{} belongs to user id {owner}, not to the user who runs this\nRun as that user, or remove \
         the directory to start anew (its data is lost).", dir.display()
    )]
    OtherOwner {
        /// The data directory.
        dir: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// Root must not run Postgres, and there is nobody else.
    #[error(
        "Postgres refuses to run as root, and there is neither a user `postgres` nor `nobody` to \
         run it as\nRun this as an ordinary user."
    )]
    NoAccount,
    /// `initdb` failed.
    #[error("`initdb` could not make a database in {}:\n{output}", dir.display())]
    Init {
        /// The data directory.
        dir: PathBuf,
        /// What it said.
        output: String,
    },
    /// The server ended, or did not become ready in time.
    #[error("Postgres did not start on {}:\n{log}", dir.display())]
    NotStarted {
        /// The data directory.
        dir: PathBuf,
        /// The end of its log.
        log: String,
    },
    /// The server did not end.
    #[error("Postgres (process {pid}) did not stop")]
    NotStopped {
        /// Its process.
        pid: i32,
    },
    /// A statement failed.
    #[error("{message} ({code})")]
    Sql {
        /// Five characters (SQLSTATE).
        code: String,
        /// The server's words.
        message: String,
    },
    /// Files or sockets failed us.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
}

/// Says what was being done when an I/O error happened.
pub(crate) trait Doing<T> {
    /// Turns the error into ours.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            what: what(),
            source,
        })
    }
}

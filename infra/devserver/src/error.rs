//! Why the local server does not start, in words that say what to do.

use std::io;
use std::path::PathBuf;

/// Why the local server does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else listens there.
    #[error(
        "port {port} is in use\nStop what runs there, or choose another one: cargo run -- --port {}",
        port.wrapping_add(1).max(1024)
    )]
    PortInUse {
        /// The wanted port.
        port: u16,
    },
    /// No listener for another reason.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// The wanted port.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// The embedded Postgres.
    #[error("{0}\n`cargo run -- --fresh` starts with an empty database (the old data is lost).")]
    BrokenDatabase(postgres::Error),
    /// The embedded Postgres, where an empty database would not help.
    #[error("{0}")]
    Postgres(postgres::Error),
    /// The database that the operator named.
    #[error(
        "the database of DATABASE_URL does not answer: {reason}\nCheck the address, or unset DATABASE_URL to \
         use the embedded Postgres."
    )]
    NoDatabase {
        /// The causes, outermost first.
        reason: String,
    },
    /// Migrations did not apply.
    #[error(
        "the database cannot be migrated: {reason}\nWith the embedded database, `cargo run -- --fresh` begins with \
         an empty one (the old data is lost)."
    )]
    Migration {
        /// The causes, outermost first.
        reason: String,
    },
    /// `--fresh` would delete what is not ours.
    #[error(
        "--fresh removes the embedded database only; with DATABASE_URL set there is none\nUnset \
         DATABASE_URL, or empty that database yourself."
    )]
    FreshElsewhere,
    /// The environment.
    #[error("{0}")]
    Config(#[from] runtime::StartError),
    /// A query of the set-up.
    #[error("setting up the development workspace failed: {reason}")]
    SetUp {
        /// The causes, outermost first.
        reason: String,
    },
    /// A file of `examples/`.
    #[error("the sample {} cannot be used: {reason}", file.display())]
    Sample {
        /// Which one.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of the data directory.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why it cannot be read or written.
        source: io::Error,
    },
    /// The operating system has no random bytes, or the like.
    #[error("{0}")]
    System(String),
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        use postgres::Error as Cause;
        match error {
            Cause::OtherVersion { .. } | Cause::BrokenData { .. } | Cause::NotStarted { .. } => {
                Self::BrokenDatabase(error)
            }
            Cause::NotFound { .. }
            | Cause::BadBinaries { .. }
            | Cause::InUse { .. }
            | Cause::OtherOwner { .. }
            | Cause::NoAccount
            | Cause::Init { .. }
            | Cause::NotStopped { .. }
            | Cause::Sql { .. }
            | Cause::Io { .. } => Self::Postgres(error),
        }
    }
}

impl From<persistence::Error> for Error {
    fn from(error: persistence::Error) -> Self {
        Self::SetUp {
            reason: causes(&error),
        }
    }
}

/// An error and what caused it, on one line.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

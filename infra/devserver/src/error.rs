//! Why the local server does not start, in words that say what to do.

use std::io;
use std::net::{IpAddr, SocketAddr};
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
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The wanted address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The local server is for its own machine.
    #[error(
        "the local server listens on this machine's own addresses alone (127.0.0.1, ::1), not on {host}: it makes a development user whose \
         token lies in a file, and keys of its own\nFor others there is `serve`, which makes none of that: docs/container.md"
    )]
    NotForOthers {
        /// The wanted address.
        host: IpAddr,
    },
    /// It stands in the log already.
    #[error("it did not start")]
    Logged,
    /// The server's database.
    #[error("the database of DATABASE_URL does not answer: {reason}")]
    Unreachable {
        /// The causes, outermost first.
        reason: String,
    },
    /// The server's database was not migrated, or by an older build.
    #[error(
        "the database {}, and version {wanted} of the schema is needed: run `migrate` once, with the owner's DATABASE_URL",
        found.map_or_else(|| "is not migrated".to_owned(), |version| format!("is at version {version}"))
    )]
    NotMigrated {
        /// The schema's version.
        found: Option<i64>,
        /// The build's.
        wanted: i64,
    },
    /// No policy would hold.
    #[error(
        "DATABASE_URL logs in as {login}, which row-level security does not bind: use the role authenticator, which may do nothing by itself"
    )]
    Unbound {
        /// The role.
        login: String,
    },
    /// `migrate` did not succeed.
    #[error("the database cannot be migrated: {reason}")]
    NotApplied {
        /// The causes, outermost first.
        reason: String,
    },
    /// `token-for`, where somebody else signs.
    #[error("tokens are signed elsewhere (their keys are at {keys}): people sign in there")]
    SignedElsewhere {
        /// Where the keys are.
        keys: String,
    },
    /// `token-for` without a secret.
    #[error("SUPABASE_JWT_SECRET is not set: there is nothing to sign a token with")]
    NoSigningKey,
    /// `token-for` for nobody.
    #[error("{text:?} is no e-mail address")]
    NoAddress {
        /// What was given.
        text: String,
    },
    /// `health`: nobody there.
    #[error("nothing answers at {address}: {source}")]
    NoAnswer {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// `health`: there, but not well.
    #[error("it is not well: {status}")]
    Unwell {
        /// The status line.
        status: String,
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

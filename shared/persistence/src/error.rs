//! What can go wrong between us and the database, told by what the caller can do about it.

use std::error::Error as StdError;

/// The cause of an [`Error`], for logs.
pub type Cause = Box<dyn StdError + Send + Sync + 'static>;

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer: it cannot be reached, has no connection left, is shutting down, took too long or
    /// gave the transaction up for another (deadlock). The same call may succeed later.
    #[error("the database is unavailable")]
    Unavailable(#[source] Cause),
    /// A unique, foreign key or check constraint refused the row.
    #[error("the constraint {constraint} refused the row")]
    Conflict {
        /// The constraint's name, or the empty text when the server named none.
        constraint: String,
    },
    /// A missing grant or a row-level policy refused the statement.
    #[error("row-level security or a missing grant refused the statement")]
    Forbidden,
    /// A row says something that this build cannot read.
    #[error("a stored row cannot be read: {0}")]
    Corrupt(String),
    /// The settings cannot work; the text says what to change.
    #[error("{0}")]
    Configuration(String),
    /// Anything else: a defect of ours.
    #[error("a statement failed")]
    Query(#[source] Cause),
}

impl Error {
    /// Whether the same call may succeed later without being changed.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether the constraint of this name refused the row.
    pub fn is_conflict_on(&self, name: &str) -> bool {
        matches!(self, Self::Conflict { constraint } if constraint == name)
    }

    pub(crate) fn timed_out(what: &'static str) -> Self {
        Self::Unavailable(what.into())
    }
}

/// The kinds of [SQLSTATE](https://www.postgresql.org/docs/current/errcodes-appendix.html) that
/// callers tell apart.
fn of_sqlstate(code: &str) -> Kind {
    match code {
        // unique, foreign key, check, exclusion
        "23505" | "23503" | "23514" | "23P01" => Kind::Conflict,
        "42501" => Kind::Forbidden,
        // statement timeout, lock timeout, admin shutdown, crash, starting up, no such database
        "57014" | "55P03" | "57P01" | "57P02" | "57P03" | "57P05" | "3D000" => Kind::Unavailable,
        // read only (a failed-over primary)
        "25006" => Kind::Unavailable,
        _ => match code.get(..2) {
            // connection, authorisation, serialization and deadlock, resources
            Some("08" | "28" | "40" | "53") => Kind::Unavailable,
            _ => Kind::Query,
        },
    }
}

enum Kind {
    Conflict,
    Forbidden,
    Unavailable,
    Query,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                match of_sqlstate(database.code().as_deref().unwrap_or_default()) {
                    Kind::Conflict => Self::Conflict {
                        constraint: database.constraint().unwrap_or_default().to_owned(),
                    },
                    Kind::Forbidden => Self::Forbidden,
                    Kind::Unavailable => Self::Unavailable(Box::new(error)),
                    Kind::Query => Self::Query(Box::new(error)),
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Unavailable(Box::new(error)),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::TypeNotFound { .. } => Self::Corrupt(error.to_string()),
            sqlx::Error::Configuration(_) => Self::Configuration(error.to_string()),
            _ => Self::Query(Box::new(error)),
        }
    }
}

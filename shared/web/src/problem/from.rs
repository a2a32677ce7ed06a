//! Which problem each error of the rooms below is.

use auth::AuthError;

use super::{Code, Problem};

impl From<persistence::Error> for Problem {
    fn from(error: persistence::Error) -> Self {
        use persistence::Error;
        match error {
            Error::Unavailable(_) => unavailable(Code::DatabaseUnavailable, &error),
            Error::Conflict { .. } => {
                Self::new(Code::AlreadyExists, "something of this name exists")
            }
            Error::Forbidden => Self::new(Code::Forbidden, "the database's policies refuse this"),
            Error::Corrupt(_) | Error::Configuration(_) | Error::Query(_) => Self::internal(&error),
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let code = match error {
            AuthError::MissingToken => Code::MissingToken,
            AuthError::InvalidToken(_) => Code::InvalidToken,
            AuthError::WorkspaceRequired | AuthError::NoWorkspace => Code::WorkspaceRequired,
            AuthError::WorkspaceNotFound => Code::WorkspaceNotFound,
            AuthError::KeysUnavailable => return unavailable(Code::KeysUnavailable, &error),
            AuthError::Database(source) => return source.into(),
        };
        Self::new(code, error.to_string())
    }
}

/// A dependency is down: a warning, since it may pass; the detail is the error's own text, which
/// names no host and no statement.
fn unavailable(code: Code, error: &(dyn std::error::Error + 'static)) -> Problem {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    tracing::warn!(%error, ?causes, "a dependency is unavailable");
    Problem::new(code, error.to_string())
}

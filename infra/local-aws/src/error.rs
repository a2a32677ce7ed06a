//! Why the stack does not start, in words that say what to do.

use std::path::PathBuf;

use crate::intrinsics::Fault;
use crate::runtime_api::StartFailure;

/// Why the stack does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value of the template.
    #[error("the template: {0}")]
    Template(#[from] Fault),
    /// A resource, or a route, that is not understood.
    #[error("the template: {logical}: {what}")]
    Resource {
        /// Which one.
        logical: String,
        /// What about it.
        what: String,
    },
    /// The transform of the template.
    #[error(
        "the template cannot be transformed ({why})\ninfra/local-aws/run.sh installs what is missing."
    )]
    Transform {
        /// What it said.
        why: String,
    },
    /// No emulator.
    #[error("moto is not installed\ninfra/local-aws/run.sh installs what is missing.")]
    NoMoto,
    /// The emulator refused something.
    #[error("{service} {operation}: {why}")]
    Aws {
        /// Which service.
        service: &'static str,
        /// What was asked.
        operation: String,
        /// What it answered.
        why: String,
    },
    /// The embedded database.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// The migrations.
    #[error("the database cannot be migrated: {0}")]
    Migration(persistence::Error),
    /// A program that is not there.
    #[error("there is neither {} nor {}/bootstrap\nBuild the functions: cargo build --workspace --bins", .0.display(), .0.display())]
    NoBinary(PathBuf),
    /// The build of the functions.
    #[error("the functions do not build:\n{0}")]
    Build(String),
    /// A function that does not start.
    #[error("{name} does not start: {why}\nIts log: {}", log.display())]
    Function {
        /// Its name.
        name: String,
        /// Why not.
        why: StartFailure,
        /// Where its output is.
        log: PathBuf,
    },
    /// A file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The port.
    #[error(
        "cannot listen on port {port}: {source}\nChoose another one: --port 0 takes any that is free."
    )]
    Listen {
        /// Which one.
        port: u16,
        /// Why not.
        source: std::io::Error,
    },
    /// The machine.
    #[error("{0}")]
    System(String),
}

impl Error {
    pub(crate) fn system(error: impl std::fmt::Display) -> Self {
        Self::System(error.to_string())
    }
}

//! Chores of this repository: `cargo xtask export` writes the generated documents.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{export, migrate, sweep};

/// Chores of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Writes docs/api-spec.json, docs/postman_collection.json and docs/errors.md from the routes and the error catalogue.
    Export {
        /// Write nothing; fail when a file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Applies the migrations to a database, as its owner (on Supabase: the role `postgres`, by the direct connection).
    Migrate {
        /// postgres://owner:…@host:5432/database; better in the environment than on the command line.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        url: String,
    },
    /// Does the chores of the background on a deployed database until there are none: links the audit, wraps data keys with
    /// the first of MASTER_KEYS. Configured by the same environment as a function (DATABASE_URL, MASTER_KEYS).
    Sweep,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().chore {
        Chore::Export { check } => export::run(check),
        Chore::Migrate { url } => migrate::run(&url),
        Chore::Sweep => sweep::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            report(&message);
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr, reason = "a command line tool")]
fn report(message: &str) {
    eprintln!("error: {message}");
}

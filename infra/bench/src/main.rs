//! Measures `execute` and `orchestrate` against fast local servers, beside bare programs in the same run. Compare ratios, not seconds.

mod bare_loop;
mod execute;
mod load;
mod model;
mod orchestrate;
mod process;
mod proxy;
mod serve;
mod upstream;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// An error is a sentence for the terminal.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures the product beside a bare proxy.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// The whole comparison: starts everything, loads it, prints the table.
    Execute {
        /// The local server's release binary.
        #[arg(long, default_value = "target/release/devserver")]
        devserver: PathBuf,
        /// Seconds of each measurement.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// Where the local server keeps its database meanwhile.
        #[arg(long, default_value = "target/bench-data")]
        data_dir: PathBuf,
    },
    /// The comparison of the agent loop: starts everything, runs prompts, prints the table.
    Orchestrate {
        /// The local server's release binary.
        #[arg(long, default_value = "target/release/devserver")]
        devserver: PathBuf,
        /// Seconds of each measurement.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// Where the local server keeps its database meanwhile.
        #[arg(long, default_value = "target/bench-data")]
        data_dir: PathBuf,
    },
    /// The model server: asks for as many calls as the prompt says, then answers.
    Model,
    /// The bare agent loop: axum and reqwest, no database.
    BareLoop {
        /// The upstream's base URL.
        upstream: String,
        /// The model server's base URL.
        model: String,
    },
    /// The upstream: answers every request with one stock quote.
    Upstream,
    /// The bare proxy: axum and reqwest with the same JSON work, no database.
    Proxy {
        /// The upstream's base URL.
        upstream: String,
    },
    /// The load: prints one JSON line.
    Load {
        /// Where to POST.
        url: String,
        /// `name: value`, repeated.
        #[arg(long)]
        header: Vec<String>,
        /// Connections that ask at once.
        #[arg(long)]
        connections: usize,
        /// Seconds to ask.
        #[arg(long)]
        seconds: u64,
        /// What to POST.
        #[arg(long)]
        body: String,
    },
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().map_err(Into::into);
    match runtime.and_then(|runtime| runtime.block_on(run(Arguments::parse().role))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn run(role: Role) -> Result<()> {
    match role {
        Role::Execute {
            devserver,
            seconds,
            data_dir,
        } => execute::run(&devserver, Duration::from_secs(seconds), &data_dir).await,
        Role::Orchestrate {
            devserver,
            seconds,
            data_dir,
        } => orchestrate::run(&devserver, Duration::from_secs(seconds), &data_dir).await,
        Role::Model => model::run().await,
        Role::BareLoop { upstream, model } => bare_loop::run(upstream, model).await,
        Role::Upstream => upstream::run().await,
        Role::Proxy { upstream } => proxy::run(upstream).await,
        Role::Load {
            url,
            header,
            connections,
            seconds,
            body,
        } => {
            let time = Duration::from_secs(seconds);
            let figures = load::run(&url, &header, connections, time, &body).await?;
            say(&figures.to_json().to_string());
            Ok(())
        }
    }
}

/// One line for whoever reads the output.
#[allow(clippy::print_stdout, reason = "a command line tool")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

#[allow(clippy::print_stderr, reason = "a command line tool")]
fn say_error(error: &dyn std::error::Error) {
    eprintln!("error: {error}");
}

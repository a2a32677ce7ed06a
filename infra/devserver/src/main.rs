//! `cargo run`: the local server.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use devserver::{App, Error, Options, welcome};
use tokio::signal::unix::{SignalKind, signal};

/// Runs the whole product on this machine, with a Postgres of its own.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// Port of the API; 0 is any free one.
    #[arg(long, value_name = "N", default_value_t = 8000)]
    port: u16,
    /// Directory for data and keys [default: .devserver in the project].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Begin with an empty database: removes the data of earlier runs.
    #[arg(long)]
    fresh: bool,
    /// Let the sample tools work without internet, on recorded answers.
    #[arg(long)]
    offline_demo: bool,
    /// Let a scripted model answer prompts: no key, no internet, and no intelligence. It knows the sample tools' words.
    #[arg(long)]
    scripted_model: bool,
    /// Print a session token of another person, by e-mail address, and end: for trying out several people on one local server.
    #[arg(long, value_name = "EMAIL")]
    token_for: Option<String>,
    /// Directory with `initdb` and `postgres`, if they are in no usual place.
    #[arg(long, env = "PG_BIN", value_name = "DIR")]
    pg_bin: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let ran = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => Err(Error::System(error.to_string())),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&mut std::io::stderr(), &format!("error: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Error> {
    // The signals are caught from the first moment: a stop during the start leaves nothing behind.
    let mut interrupt = caught(SignalKind::interrupt())?;
    let mut terminate = caught(SignalKind::terminate())?;
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let project = project.canonicalize().unwrap_or(project);
    let data_dir = arguments
        .data_dir
        .unwrap_or_else(|| project.join(".devserver"));
    let data_dir = std::path::absolute(&data_dir).unwrap_or(data_dir);
    runtime::telemetry::start(
        &environment("LOG_LEVEL").unwrap_or_else(|| "warn".to_owned()),
        None,
    );
    let options = Options {
        port: arguments.port,
        data_dir: data_dir.clone(),
        fresh: arguments.fresh,
        offline_demo: arguments.offline_demo,
        scripted_model: arguments.scripted_model,
        examples: project.join("examples"),
        pg_bin: arguments.pg_bin,
        code_tools: Vec::new(),
        environment,
    };
    if let Some(email) = arguments.token_for {
        let token = devserver::token_for(&options, &email)?;
        say(&mut std::io::stdout(), &format!("{token}\n"));
        return Ok(());
    }
    if std::io::stderr().is_terminal() {
        say(
            &mut std::io::stderr(),
            "Starting (the first time takes a few seconds) …\n",
        );
    }
    let starting = App::start(options);
    // A start is never cut in the middle: what it began (a database server) must be stopped again.
    let running = starting.await?;
    say(&mut std::io::stdout(), &welcome::text(&running, &data_dir));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let stopping = running.stop();
    tokio::select! {
        stopped = stopping => stopped,
        // Asked again: no more patience.
        _ = interrupt.recv() => std::process::exit(130),
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn caught(kind: SignalKind) -> Result<tokio::signal::unix::Signal, Error> {
    signal(kind).map_err(|error| Error::System(format!("signals cannot be caught: {error}")))
}

/// A closed pipe is no reason to stop.
fn say(to: &mut impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes());
    let _ = to.flush();
}

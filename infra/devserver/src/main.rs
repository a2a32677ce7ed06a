//! `cargo run`: the local server; and `serve` with its companions, the same process for others.

use std::io::{IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use devserver::server::{self, Server};
use devserver::{App, Error, Options, PORT, health, welcome};
use tokio::signal::unix::{SignalKind, signal};

/// Runs the whole product on this machine, with a Postgres of its own; with `serve`, for others, with what it is given.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Address to listen on; only one of this machine's own.
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
    host: IpAddr,
    /// Port of the API; 0 is any free one.
    #[arg(long, value_name = "N", default_value_t = PORT)]
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

/// What a container runs (docs/container.md).
#[derive(Debug, Subcommand)]
enum Command {
    /// Serve others, configured by the environment alone: DATABASE_URL (as the role authenticator), MASTER_KEYS, PUBLIC_URL, and SUPABASE_URL,
    /// JWKS_URL or SUPABASE_JWT_SECRET. Makes no user, no sample and no file.
    Serve {
        /// Address to listen on; 0.0.0.0 in a container.
        #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
        host: IpAddr,
        /// Port of the API; 0 is any free one.
        #[arg(long, value_name = "N", default_value_t = PORT)]
        port: u16,
    },
    /// Bring the schema up to date and end; DATABASE_URL is the owner's, and leads to the server itself or a session pooler.
    Migrate {
        /// postgres://owner:…@host:5432/database; better in the environment than on the command line.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        url: String,
    },
    /// Ask the server on this machine whether it is well; ends with 1 when it is not.
    Health {
        /// Its address.
        #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
        host: IpAddr,
        /// Its port.
        #[arg(long, value_name = "N", default_value_t = PORT)]
        port: u16,
    },
    /// Print a session token for a person, good for seven days, where nobody else signs tokens: with the environment of `serve`.
    TokenFor {
        /// The person's address.
        email: String,
    },
}

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let ran = match runtime {
        Ok(runtime) => runtime.block_on(async {
            match arguments.command.take() {
                Some(command) => told(command).await,
                None => run(arguments).await,
            }
        }),
        Err(error) => Err(Error::System(error.to_string())),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Logged) => ExitCode::FAILURE,
        Err(error) => {
            say(&mut std::io::stderr(), &format!("error: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Serves until it is asked to stop. All it says are lines of its log.
async fn serve(host: IpAddr, port: u16) -> Result<(), Error> {
    let mut interrupt = caught(SignalKind::interrupt())?;
    let mut terminate = caught(SignalKind::terminate())?;
    let config = server::configure(environment);
    let origin = config.as_ref().ok().and_then(runtime::Config::origin);
    let level = config.as_ref().map_or("info", |config| &config.log_level);
    runtime::telemetry::start(level, origin.as_ref());
    let started = async { Server::start(&config?, host, port).await };
    let server = started.await.map_err(|error| {
        tracing::error!(%error, "cannot start");
        Error::Logged
    })?;
    tracing::info!(address = %server.address, version = env!("CARGO_PKG_VERSION"), "ready");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    tokio::select! {
        () = server.stop() => Ok(()),
        // Asked again: no more patience.
        _ = interrupt.recv() => std::process::exit(130),
    }
}

/// What is done and said at once.
async fn told(command: Command) -> Result<(), Error> {
    let words = match command {
        Command::Serve { host, port } => return serve(host, port).await,
        Command::Health { host, port } => return health(host, port),
        Command::Migrate { url } => server::migrate(url.trim()).await?,
        Command::TokenFor { email } => server::token_for(&server::configure(environment)?, &email)?,
    };
    say(&mut std::io::stdout(), &format!("{words}\n"));
    Ok(())
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
        host: arguments.host,
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

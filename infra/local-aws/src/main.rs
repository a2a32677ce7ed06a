//! `cargo run --bin local-aws`: the stack as it is deployed, on this machine.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::{Args, Parser, Subcommand};
use local_aws::{Emulator, Error, Facts, Options};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Runs the stack of template.yaml on this machine: the functions as real programs behind a Lambda Runtime API, the REST API,
/// SQS and Secrets Manager by moto, and a Postgres of its own. Nothing of it survives the end.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Port of the API; 0 is any free one.
    #[arg(long, value_name = "N", default_value_t = 9000)]
    port: u16,
    #[command(subcommand)]
    command: Option<Task>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Measure cold starts by phase, and print a table.
    Init {
        /// Starts of each function, of which the median is told.
        #[arg(long, value_name = "N", default_value_t = 5)]
        repeat: usize,
    },
}

#[derive(Debug, Args)]
struct Common {
    /// Where the functions' programs are, as NAME or NAME/bootstrap [default: debug ones are built].
    #[arg(long, value_name = "DIR", global = true)]
    bin_dir: Option<PathBuf>,
    /// Directory for logs and the transformed template [default: .local-aws in the project].
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// Name of the stack.
    #[arg(long, value_name = "NAME", default_value = "local", global = true)]
    stack: String,
    /// A parameter of the template.
    #[arg(short = 'P', long = "parameter", value_name = "NAME=VALUE", value_parser = pair, global = true)]
    parameters: Vec<(String, String)>,
    /// The functions' database, instead of an embedded one. Migrated, if its role may do that.
    #[arg(long, value_name = "URL", global = true)]
    database_url: Option<String>,
    /// The key of the model server that the parameter OpenaiBaseUrl names, instead of the scripted one's.
    #[arg(long, value_name = "KEY", global = true)]
    openai_api_key: Option<String>,
    /// Directory with `initdb` and `postgres`, if they are in no usual place.
    #[arg(long, env = "PG_BIN", value_name = "DIR", global = true)]
    pg_bin: Option<PathBuf>,
    /// Let AWS's Lambda Runtime Interface Emulator run the functions that do not stream.
    #[arg(long, global = true)]
    rie: bool,
    /// Let idle instances go on, which Lambda does not.
    #[arg(long, global = true)]
    no_freeze: bool,
    /// Instances of one function at once.
    #[arg(long, value_name = "N", default_value_t = 10, global = true)]
    instances: usize,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("is not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
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
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Error> {
    let mut interrupt = caught(SignalKind::interrupt())?;
    let mut terminate = caught(SignalKind::terminate())?;
    let working = async {
        match arguments.command {
            Some(Task::Init { repeat }) => measure(&arguments.common, repeat).await,
            None => serve(&arguments.common, arguments.port).await,
        }
    };
    // Whatever was begun ends when it is dropped.
    tokio::select! {
        worked = working => worked,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

async fn serve(common: &Common, port: u16) -> Result<(), Error> {
    let options = options(common, port)?;
    let mut emulator = Emulator::deploy(&options, &say).await?;
    emulator.serve()?;
    show(&ready(&emulator.facts));
    std::future::pending().await
}

async fn measure(common: &Common, repeat: usize) -> Result<(), Error> {
    let mut options = options(common, 0)?;
    // Of its start a function tells at this level.
    options
        .parameters
        .entry("LogLevel".to_owned())
        .or_insert_with(|| "debug".to_owned());
    let emulator = Emulator::deploy(&options, &say).await?;
    let table = local_aws::measure(&emulator, repeat, &say).await?;
    show(&table);
    Ok(())
}

fn options(common: &Common, port: u16) -> Result<Options, Error> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let project = project.canonicalize().unwrap_or(project);
    let data_dir = common
        .data_dir
        .clone()
        .unwrap_or_else(|| project.join(".local-aws"));
    let data_dir = std::path::absolute(&data_dir).unwrap_or(data_dir);
    std::fs::create_dir_all(&data_dir).map_err(|source| Error::File {
        path: data_dir.clone(),
        source,
    })?;
    let python = project.join(".ci-tools/venv/bin/python");
    let pythons = vec![python, PathBuf::from("python3")];
    let template = data_dir.join("transformed.json");
    transform(&project, &pythons, &template)?;
    let bin_dir = match &common.bin_dir {
        Some(folder) => std::path::absolute(folder).unwrap_or_else(|_| folder.clone()),
        None => build(&project)?,
    };
    Ok(Options {
        template,
        bin_dir,
        recorded: project.join("examples/recorded"),
        port,
        stack: common.stack.clone(),
        parameters: common
            .parameters
            .iter()
            .cloned()
            .collect::<BTreeMap<_, _>>(),
        database_url: common.database_url.clone(),
        model_key: common.openai_api_key.clone(),
        pg_bin: common.pg_bin.clone(),
        rie: if common.rie {
            Some(rie(&project)?)
        } else {
            None
        },
        pythons,
        freezes: !common.no_freeze,
        most: common.instances.max(1),
        data_dir,
    })
}

/// The SAM translator does to template.yaml what AWS does to it.
fn transform(project: &Path, pythons: &[PathBuf], into: &Path) -> Result<(), Error> {
    let mut why = String::new();
    for python in pythons {
        let ran = Command::new(python)
            .arg(project.join(".ci/transform.py"))
            .arg(project.join("template.yaml"))
            .arg(into)
            .stdin(Stdio::null())
            .output();
        match ran {
            Ok(output) if output.status.success() => {
                say(String::from_utf8_lossy(&output.stdout).trim());
                return Ok(());
            }
            Ok(output) => {
                let told = String::from_utf8_lossy(&output.stderr);
                why = told.trim().lines().last().unwrap_or_default().to_owned();
                // A template that is wrong is wrong for every Python.
                if !why.contains("No module named") {
                    break;
                }
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(Error::Transform { why })
}

/// All programs at once: building one alone chooses other features.
fn build(project: &Path) -> Result<PathBuf, Error> {
    say("Building the functions …");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--bins"])
        .current_dir(project)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::Build(error.to_string()))?;
    if !built.status.success() {
        return Err(Error::Build(
            String::from_utf8_lossy(&built.stderr).into_owned(),
        ));
    }
    // This very program was built there.
    let own = std::env::current_exe().map_err(|error| Error::System(error.to_string()))?;
    Ok(own.parent().map(Path::to_owned).unwrap_or_default())
}

/// It is in the package of aws-sam-cli.
fn rie(project: &Path) -> Result<PathBuf, Error> {
    let libraries = project.join(".ci-tools/venv/lib");
    let name = match std::env::consts::ARCH {
        "aarch64" => "aws-lambda-rie-arm64",
        _ => "aws-lambda-rie-x86_64",
    };
    let versions = std::fs::read_dir(&libraries)
        .into_iter()
        .flatten()
        .flatten();
    let found = versions
        .map(|version| {
            version
                .path()
                .join("site-packages/samcli/local/rapid")
                .join(name)
        })
        .find(|path| path.is_file());
    found.ok_or_else(|| Error::System("aws-sam-cli, which has the Runtime Interface Emulator, is not installed: infra/local-aws/run.sh installs what is missing".to_owned()))
}

fn ready(facts: &Facts) -> String {
    let mut text = format!("\nReady: {}\n\n", facts.url);
    for (email, token) in &facts.tokens {
        let name = email.split('@').next().unwrap_or_default().to_uppercase();
        text.push_str(&format!("{name}={token}\n"));
    }
    for (plan, key) in &facts.api_keys {
        text.push_str(&format!(
            "A key of the plan {plan}, for x-api-key where routes ask for one: {key}\n"
        ));
    }
    let url = &facts.url;
    text.push_str(&format!(
        "\ncurl -s {url}/health\n\
         curl -s -H \"Authorization: Bearer $ALICE\" -H 'Content-Type: application/json' {url}/api/v1/workspaces -d '{{\"name\":\"Alice\",\"slug\":\"alice\"}}'\n\
         curl -s -H \"Authorization: Bearer $ALICE\" {url}/api/v1/tools\n\n\
         Recorded upstreams that tools may reach: http://{}\nLogs: {}\nCtrl-C stops everything.\n",
        facts.upstream,
        facts.logs.display()
    ));
    text
}

fn caught(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(|error| Error::System(format!("signals cannot be caught: {error}")))
}

/// What is being done. A closed pipe is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What was asked for.
fn show(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

//! Starting and stopping the local server.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use domain::code::CodeTool;
use persistence::Db;
use runtime::Config;
use secrecy::SecretString;
use tokio::net::TcpListener;

use crate::compose::{Rooms, compose};
use crate::database::{self, Database, blocking};
use crate::error::Error;
use crate::ready::{Facts, ReadyFile};
use crate::serving::{self, Serving};
use crate::{demo, development, keys, people, private_file, samples};

/// Who signs the local tokens, unless the environment says otherwise.
const ISSUER: &str = "http://localhost/auth/v1";

/// Connections of the local server to its database.
const CONNECTIONS: u32 = 16;

/// What is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens: an address of this machine's own, and of nobody else.
    pub host: IpAddr,
    /// The port of the API; 0 is any free one.
    pub port: u16,
    /// Where data, keys and `devserver.json` are.
    pub data_dir: PathBuf,
    /// Begin with an empty database and new keys.
    pub fresh: bool,
    /// Serve recorded answers to the sample tools.
    pub offline_demo: bool,
    /// Let a scripted model answer prompts instead of the one of `OPENAI_API_KEY`.
    pub scripted_model: bool,
    /// The folder with `tools`, `flows` and `recorded`.
    pub examples: PathBuf,
    /// Where Postgres' programs are, when they are not in one of the usual places.
    pub pg_bin: Option<PathBuf>,
    /// Code-based tools besides those compiled in.
    pub code_tools: Vec<CodeTool>,
    /// What the environment says; read through `runtime`.
    pub environment: fn(&str) -> Option<String>,
}

/// The local server.
#[derive(Debug)]
pub struct App;

/// A running local server. Dropping it ends it at once; [`Running::stop`] is kinder.
pub struct Running {
    /// Where it answers.
    pub url: String,
    /// A session token of the development user, good for seven days.
    pub token: String,
    /// The development workspace.
    pub workspace_id: String,
    /// The database, as its owner.
    pub database_url: String,
    /// What the user should know before anything else.
    pub notices: Vec<String>,
    /// Whether the samples lead to recorded answers.
    pub offline_demo: bool,
    /// Whether prompts are answered by the scripted model.
    pub scripted_model: bool,
    db: Db,
    serving: Serving,
    ready: ReadyFile,
    server: Option<postgres::Server>,
}

impl App {
    /// Starts everything and answers when it is ready.
    ///
    /// # Errors
    /// Each says what to do.
    pub async fn start(options: Options) -> Result<Running, Error> {
        // First the port: a busy one is told before anything is touched.
        let (listener, address) = listen(options.host, options.port).await?;
        private_file::directory(&options.data_dir)?;
        let given = (options.environment)("DATABASE_URL").filter(|url| !url.trim().is_empty());
        if options.fresh {
            start_anew(&options.data_dir, given.is_some()).await?;
        }
        let mut config = configure(&options, given.as_deref())?;
        let database = match &given {
            Some(url) => Database::given(url.trim(), config.database_pool_mode).await?,
            None => {
                let search = postgres::Search {
                    pg_bin: options.pg_bin.clone(),
                    cache: None,
                };
                Database::embedded(&options.data_dir, search).await?
            }
        };
        config.database_url = SecretString::from(database.url.clone());
        let mut serving = Serving::new();

        let mut tools = samples::read(&options.examples.join("tools"))?;
        let flows = samples::read(&options.examples.join("flows"))?;
        if options.offline_demo {
            let (upstream, at) = demo::listen(address.port()).await?;
            let recorded = demo::router(&options.examples.join("recorded"))?;
            demo::lead_to(at, &mut tools);
            allow(&mut config, &at.to_string());
            serving.serve(upstream, recorded);
        }

        if options.scripted_model {
            script_the_model(&mut config, &mut serving).await?;
        }

        config.code_tools.extend(options.code_tools.iter().cloned());
        let url = format!("http://{address}");
        config.public_url.get_or_insert_with(|| url.clone());
        let rooms = Rooms::new(&config)?;
        let caller = development::enter(&rooms).await?;
        samples::register(&rooms, &config.egress_policy()?, &caller, &tools).await?;
        let mut notices: Vec<String> = database.notice.into_iter().collect();
        notices.extend(samples::register_flows(&rooms, &caller, &flows).await?);
        notices.extend(demo::keep_secret(&rooms, &caller, options.offline_demo).await?);
        serving.work(&rooms, config.keep);
        serving.serve(listener, compose(&config, &rooms));

        let token = token(&config)?;
        let workspace_id = caller.workspace_id.to_string();
        let ready = ReadyFile::write(
            &options.data_dir,
            &Facts {
                url: &url,
                token: &token,
                workspace_id: &workspace_id,
                database_url: &database.owner_url,
            },
        )?;
        Ok(Running {
            url,
            token,
            workspace_id,
            database_url: database.owner_url,
            notices,
            offline_demo: options.offline_demo,
            scripted_model: options.scripted_model,
            db: rooms.db,
            serving,
            ready,
            server: database.server,
        })
    }
}

impl Running {
    /// Lets requests in flight finish, then stops the database too.
    ///
    /// # Errors
    /// When the database does not stop.
    pub async fn stop(self) -> Result<(), Error> {
        drop(self.ready);
        self.serving.stop(&self.db).await;
        if let Some(server) = self.server {
            blocking(move || server.stop()).await??;
        }
        Ok(())
    }
}

/// Whoever reaches the local server and has its token may do everything, and its tools may call what the machine can reach.
async fn listen(host: IpAddr, port: u16) -> Result<(TcpListener, SocketAddr), Error> {
    if !host.is_loopback() {
        return Err(Error::NotForOthers { host });
    }
    let address = SocketAddr::new(host, port);
    serving::listen(address)
        .await
        .map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => Error::PortInUse { port },
            _ => Error::Listen { address, source },
        })
}

/// Serves the scripted model on a port of its own and makes it the operator's model server.
async fn script_the_model(config: &mut Config, serving: &mut Serving) -> Result<(), Error> {
    let (listener, address) = listen(std::net::Ipv4Addr::LOCALHOST.into(), 0).await?;
    config.model.base_url = format!("http://{address}/v1");
    config.model.api_key = Some(scripted_model::KEY.into());
    config.model.model = Some(scripted_model::DEMO_MODEL.to_owned());
    serving.serve(listener, scripted_model::demo_router());
    Ok(())
}

/// Removes the embedded database and the keys, and nothing else of the directory.
async fn start_anew(dir: &Path, given: bool) -> Result<(), Error> {
    if given {
        return Err(Error::FreshElsewhere);
    }
    database::erase(dir).await?;
    for file in [keys::JWT_SECRET, keys::MASTER_KEYS] {
        private_file::remove(&dir.join(file))?;
    }
    private_file::remove(&ReadyFile::path(dir))
}

/// The environment's configuration; what it leaves open is filled for local use.
fn configure(options: &Options, given: Option<&str>) -> Result<Config, Error> {
    let set = |name: &str| (options.environment)(name).filter(|value| !value.trim().is_empty());
    // The embedded database has no address yet; any well-formed one will do until then.
    let mut config = Config::from_lookup(|name| match name {
        "DATABASE_URL" => Some(given.unwrap_or("postgres:///postgres").to_owned()),
        "DATABASE_MAX_CONNECTIONS" => set(name).or_else(|| Some(CONNECTIONS.to_string())),
        "LOG_LEVEL" => set(name).or_else(|| Some("warn".to_owned())),
        other => set(other),
    })?;
    if config.jwt_secret.is_none() {
        config.jwt_secret = Some(keys::jwt_secret(&options.data_dir)?.into());
    }
    if config.master_keys.is_none() {
        config.master_keys = Some(keys::master_keys(&options.data_dir)?.into());
    }
    config.jwt_issuer.get_or_insert_with(|| ISSUER.to_owned());
    Ok(config)
}

fn allow(config: &mut Config, host_port: &str) {
    if !config.egress_allow.trim().is_empty() {
        config.egress_allow.push(',');
    }
    config.egress_allow.push_str(host_port);
}

fn token(config: &Config) -> Result<String, Error> {
    signed(config, &development::USER.to_string(), development::EMAIL)
}

fn signed(config: &Config, user: &str, email: &str) -> Result<String, Error> {
    let none = SecretString::from("");
    keys::token(
        config.jwt_secret.as_ref().unwrap_or(&none),
        config.jwt_issuer.as_deref().unwrap_or(ISSUER),
        &config.jwt_audience,
        user,
        email,
    )
}

/// A session token of another person than the development user, for the local server of these options: the same address is
/// always the same person. The server need not run.
///
/// # Errors
/// What is wrong with the configuration or the data directory.
pub fn token_for(options: &Options, email: &str) -> Result<String, Error> {
    let config = configure(options, None)?;
    let user = people::user_of(email)?;
    signed(&config, &user.to_string(), email)
}

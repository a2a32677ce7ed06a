//! Brings a template to life: database, emulated services, configuration, queues, functions, and what starts them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postgres::{OWNER, Search, Throwaway};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::aws::Aws;
use crate::error::Error;
use crate::function::Function;
use crate::gateway::Gateway;
use crate::group::Group;
use crate::intrinsics::Scope;
use crate::log::Log;
use crate::moto::Moto;
use crate::runtime_api::{Init, Launch};
use crate::stack::{FunctionSpec, Stack};
use crate::{mapping, people, samples, schedule};

/// The application's login role; it has no rights of its own.
const LOGIN: &str = "authenticator";
/// The database of the embedded server.
const DATABASE: &str = "api_to_tools";
/// Until a function asks for its first event: debug programs on a busy machine.
const START: Duration = Duration::from_secs(60);
/// Who has a token.
const PEOPLE: [&str; 2] = ["alice@example.com", "bob@example.com"];

/// What to start, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The transformed template.
    pub template: PathBuf,
    /// Where the functions' programs are: `NAME`, or `NAME/bootstrap`.
    pub bin_dir: PathBuf,
    /// Where logs are written.
    pub data_dir: PathBuf,
    /// Recorded answers of upstreams.
    pub recorded: PathBuf,
    /// The gateway's port; 0 is any free one.
    pub port: u16,
    /// The stack's name.
    pub stack: String,
    /// Values of the template's parameters.
    pub parameters: BTreeMap<String, String>,
    /// The functions' database, instead of an embedded one.
    pub database_url: Option<String>,
    /// The key of the operator's model server, instead of the scripted one's.
    pub model_key: Option<String>,
    /// Where Postgres's programs are looked for.
    pub pg_bin: Option<PathBuf>,
    /// Pythons that may have moto.
    pub pythons: Vec<PathBuf>,
    /// AWS's Runtime Interface Emulator, for functions that do not stream.
    pub rie: Option<PathBuf>,
    /// Whether instances are stopped between invocations.
    pub freezes: bool,
    /// Instances of one function at once.
    pub most: usize,
}

/// What somebody needs to know about a running stack.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Where the API answers, with its stage.
    pub url: String,
    /// E-mail address and session token.
    pub tokens: Vec<(String, String)>,
    /// Usage plan and a key of it.
    pub api_keys: Vec<(String, String)>,
    /// Recorded upstreams that tools may reach.
    pub upstream: String,
    /// Where the logs are.
    pub logs: PathBuf,
    /// Of the template's outputs.
    pub outputs: BTreeMap<String, String>,
}

impl Facts {
    /// As JSON.
    pub fn json(&self) -> Value {
        let object = |pairs: &[(String, String)]| -> serde_json::Map<String, Value> {
            let pairs = pairs.iter().cloned();
            pairs.map(|(name, value)| (name, value.into())).collect()
        };
        let (tokens, keys) = (object(&self.tokens), object(&self.api_keys));
        json!({
            "url": self.url, "tokens": tokens, "api_keys": keys, "upstream": self.upstream, "logs": self.logs,
            "outputs": self.outputs,
        })
    }
}

/// A stack whose functions run. Everything ends when it is dropped, or when this process does.
#[derive(Debug)]
pub struct Emulator {
    /// What is to be known about it.
    pub facts: Facts,
    /// What its functions took to start, by name.
    pub started: Vec<(String, Init)>,
    pub(crate) stack: Stack,
    pub(crate) functions: BTreeMap<String, Arc<Function>>,
    aws: Aws,
    listener: Option<TcpListener>,
    port: u16,
    tasks: JoinSet<()>,
    gateway: Option<JoinHandle<()>>,
    // In this order: the functions go before what they use.
    _group: Group,
    _moto: Moto,
    _database: Option<Throwaway>,
    ready: PathBuf,
}

/// What the deployment makes before there is a template to be read.
struct Ground {
    aws: Aws,
    port: u16,
    upstream: String,
    model: String,
    jwt_secret: String,
    tasks: JoinSet<()>,
}

impl Emulator {
    /// Deploys: everything is there, one instance of each function has started, and nothing is served yet. `say` hears what is
    /// being done.
    ///
    /// # Errors
    /// Each says what to do.
    pub async fn deploy(options: &Options, say: &dyn Fn(&str)) -> Result<Self, Error> {
        let logs = options.data_dir.join("logs");
        folder(&logs)?;
        let group = Group::start().map_err(Error::system)?;
        let moto = emulated(options, group.id()).await?;
        say(&format!("SQS and Secrets Manager   {}", moto.url));
        let listener = listen(options.port).await?;
        let port = listener.local_addr().map_err(Error::system)?.port();
        let (database, database_url) = database(options).await?;
        say("Postgres                  migrated");
        let ground = Ground::lay(options, &moto, port).await?;
        let template = read(&options.template)?;
        let values = ground.parameters(options, &template);
        let scope = Scope::new(&template, &values, &options.stack, &moto.url)?;
        let stack = Stack::read(&scope, &options.stack)?;
        if let Some(name) = options.parameters.keys().find(|name| !scope.uses(name)) {
            return Err(Error::Resource {
                logical: name.clone(),
                what: "the transform put this parameter's default in its places, so no other value has an effect here".to_owned(),
            });
        }
        let parameter = |name: &str| scope.parameter(name).unwrap_or_default();
        ground
            .configure(
                parameter("ConfigSecret"),
                &database_url,
                options.model_key.as_deref(),
            )
            .await?;
        ground.make_queues(&stack).await?;
        let issuer = format!("{}/auth/v1", parameter("SupabaseUrl"));
        let tokens = PEOPLE.iter().map(|email| {
            let token =
                people::token(&ground.jwt_secret, &issuer, parameter("JwtAudience"), email)?;
            Ok(((*email).to_owned(), token))
        });
        let keys = stack.api.plans.iter().map(|plan| {
            let key = hex::encode(people::random::<20>()?);
            Ok((plan.name.clone(), key))
        });
        let facts = Facts {
            url: format!("http://127.0.0.1:{port}/{}", stack.stage),
            tokens: tokens.collect::<Result<_, Error>>()?,
            api_keys: keys.collect::<Result<_, Error>>()?,
            upstream: ground.upstream.clone(),
            logs: logs.clone(),
            outputs: stack.outputs.clone(),
        };
        let functions = ground.functions(options, &stack, &logs, group.id()).await?;
        let mut emulator = Self {
            facts,
            started: Vec::new(),
            stack,
            functions,
            aws: ground.aws,
            listener: Some(listener),
            port,
            tasks: ground.tasks,
            gateway: None,
            _group: group,
            _moto: moto,
            _database: database,
            ready: options.data_dir.join("local-aws.json"),
        };
        emulator.warm(say).await?;
        Ok(emulator)
    }

    async fn warm(&mut self, say: &dyn Fn(&str)) -> Result<(), Error> {
        for function in self.functions.values() {
            let launch = function.launch();
            let init = function.warm().await.map_err(|why| Error::Function {
                name: launch.name.clone(),
                why,
                log: function.log().path().to_owned(),
            })?;
            let size = fs::metadata(&launch.binary).map_or(0, |file| file.len());
            say(&format!(
                "{:<25} {:>6.1} MB   init {:>5.0} ms",
                launch.name,
                size as f64 / 1e6,
                init.asked.as_secs_f64() * 1e3
            ));
            self.started.push((launch.name.clone(), init));
        }
        Ok(())
    }

    /// Opens the gateway, and lets queues and schedules start their functions. Writes `local-aws.json` when all of it is up.
    ///
    /// # Errors
    /// Files that cannot be written, or a mapping to a function that is not there.
    pub fn serve(&mut self) -> Result<(), Error> {
        let named = |name: &str| {
            self.functions
                .values()
                .find(|function| function.launch().name == name)
        };
        for mapping in self.stack.mappings.drain(..) {
            let function = named(&mapping.function).ok_or_else(|| absent(&mapping.function))?;
            let queue = mapping.queue.rsplit(':').next().unwrap_or_default();
            let url = format!("{}/{}/{queue}", self.aws.url, crate::ACCOUNT);
            self.tasks.spawn(mapping::feed(
                mapping,
                url,
                self.aws.clone(),
                Arc::clone(function),
            ));
        }
        for schedule in self.stack.schedules.drain(..) {
            let function = self
                .functions
                .get(&schedule.function)
                .ok_or_else(|| absent(&schedule.function))?;
            self.tasks
                .spawn(schedule::start(schedule, Arc::clone(function)));
        }
        let log = Log::create(&self.facts.logs, "gateway")?;
        if let Some(listener) = self.listener.take() {
            let gateway = Gateway::new(
                std::mem::take(&mut self.stack.api),
                self.stack.stage.clone(),
                self.functions.clone(),
                self.facts
                    .api_keys
                    .iter()
                    .map(|(_, key)| key.clone())
                    .collect(),
                self.port,
                log,
            );
            self.gateway = Some(gateway.serve(listener));
        }
        private_file(&self.ready, &self.facts.json().to_string())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.ready);
        if let Some(gateway) = self.gateway.take() {
            gateway.abort();
        }
        self.tasks.abort_all();
    }
}

impl Ground {
    async fn lay(options: &Options, moto: &Moto, port: u16) -> Result<Self, Error> {
        let mut tasks = JoinSet::new();
        let mut serve = async |router: axum::Router| {
            let listener = listen(0).await?;
            let address = listener.local_addr().map_err(Error::system)?;
            tasks.spawn(async move {
                let _ = axum::serve(listener, router).await;
            });
            Ok::<_, Error>(address.to_string())
        };
        let upstream = serve(samples::router(&options.recorded)?).await?;
        let model = serve(scripted_model::demo_router()).await?;
        Ok(Self {
            aws: Aws::new(&moto.url)?,
            port,
            upstream,
            model,
            jwt_secret: hex::encode(people::random::<32>()?),
            tasks,
        })
    }

    /// What a deployment on this machine sets, and what its operator sets.
    fn parameters(&self, options: &Options, template: &Value) -> BTreeMap<String, String> {
        let given = &options.parameters;
        let stage = given
            .get("Stage")
            .map(String::as_str)
            .or(template["Parameters"]["Stage"]["Default"].as_str());
        let stage = stage.unwrap_or_default();
        let mut allowed = self.upstream.clone();
        for more in given
            .get("EgressAllow")
            .iter()
            .filter(|more| !more.is_empty())
        {
            allowed.push(',');
            allowed.push_str(more);
        }
        let ours = [
            // Nobody is asked there: tokens are signed with a secret of this stack's own.
            ("SupabaseUrl", "https://project.supabase.co".to_owned()),
            ("LegacyJwtSecret", "true".to_owned()),
            ("OpenaiKeyInSecret", "true".to_owned()),
            ("OpenaiBaseUrl", format!("http://{}/v1", self.model)),
            ("OpenaiModel", scripted_model::DEMO_MODEL.to_owned()),
            (
                "PublicUrl",
                format!("http://127.0.0.1:{}/{stage}", self.port),
            ),
        ];
        let declared = |name: &str| template["Parameters"].get(name).is_some();
        let mut values: BTreeMap<String, String> = ours
            .into_iter()
            .filter(|(name, _)| declared(name))
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        values.extend(given.clone());
        if declared("EgressAllow") {
            values.insert("EgressAllow".to_owned(), allowed);
        }
        values
    }

    /// The one secret that an operator prepares.
    async fn configure(
        &self,
        name: &str,
        database_url: &str,
        model_key: Option<&str>,
    ) -> Result<(), Error> {
        let master = STANDARD.encode(people::random::<32>()?);
        let secret = json!({
            "DATABASE_URL": database_url,
            "MASTER_KEYS": format!("local:{master}"),
            "SUPABASE_JWT_SECRET": self.jwt_secret,
            "OPENAI_API_KEY": model_key.unwrap_or(scripted_model::KEY),
        });
        let request = json!({ "Name": name, "SecretString": secret.to_string(), "ClientRequestToken": uuid::Uuid::new_v4() });
        self.aws.secrets("CreateSecret", request).await.map(drop)
    }

    /// Dead letters go to a queue that must exist, so that is said when all do.
    async fn make_queues(&self, stack: &Stack) -> Result<(), Error> {
        let mut redrives = Vec::new();
        for queue in &stack.queues {
            let request = json!({ "QueueName": queue.name, "Attributes": queue.attributes });
            let made = self.aws.sqs("CreateQueue", request).await?;
            redrives.extend(
                queue
                    .redrive
                    .as_ref()
                    .map(|redrive| (made["QueueUrl"].clone(), redrive)),
            );
        }
        for (url, redrive) in redrives {
            let request = json!({ "QueueUrl": url, "Attributes": { "RedrivePolicy": redrive } });
            self.aws.sqs("SetQueueAttributes", request).await?;
        }
        Ok(())
    }

    async fn functions(
        &self,
        options: &Options,
        stack: &Stack,
        logs: &Path,
        group: i32,
    ) -> Result<BTreeMap<String, Arc<Function>>, Error> {
        let mut secrets = BTreeMap::new();
        let mut functions = BTreeMap::new();
        for (arn, spec) in &stack.functions {
            let mut variables = Vec::new();
            for (name, value) in &spec.variables {
                variables.push((
                    name.clone(),
                    self.resolved(value, &spec.name, &mut secrets).await?,
                ));
            }
            variables.extend(self.credentials());
            let log = Log::create(logs, &spec.binary)?;
            let launch = Launch {
                binary: program(&options.bin_dir, &spec.binary)?,
                name: spec.name.clone(),
                variables,
                time: spec.time,
                memory: spec.memory,
                patience: START,
                group: Some(group),
                output: log.sink(),
            };
            let most = spec.concurrency.unwrap_or(options.most).min(options.most);
            let rie = options.rie.clone().filter(|_| !streams(stack, arn, spec));
            functions.insert(
                arn.clone(),
                Arc::new(Function::new(launch, log, most, options.freezes, rie)),
            );
        }
        Ok(functions)
    }

    /// What Lambda gives a function for its role, and where AWS is here.
    fn credentials(&self) -> Vec<(String, String)> {
        let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            text("AWS_ACCESS_KEY_ID", "testing"),
            text("AWS_SECRET_ACCESS_KEY", "testing"),
            text("AWS_SESSION_TOKEN", "testing"),
            text("AWS_ENDPOINT_URL_SQS", &self.aws.url),
            text("AWS_ENDPOINT_URL_SECRETS_MANAGER", &self.aws.url),
        ]
    }

    /// `{{resolve:secretsmanager:NAME:SecretString:KEY}}` is the value of that key; CloudFormation reads it at deployment.
    async fn resolved(
        &self,
        value: &str,
        function: &str,
        known: &mut BTreeMap<String, Value>,
    ) -> Result<String, Error> {
        let Some((before, rest)) = value.split_once("{{resolve:") else {
            return Ok(value.to_owned());
        };
        let malformed = || Error::Resource {
            logical: function.to_owned(),
            what: format!("the reference is not understood: {value}"),
        };
        let (reference, after) = rest.split_once("}}").ok_or_else(malformed)?;
        let mut parts = reference.split(':');
        let (Some("secretsmanager"), Some(name), Some("SecretString"), Some(key), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(malformed());
        };
        if !known.contains_key(name) {
            let answer = self
                .aws
                .secrets("GetSecretValue", json!({ "SecretId": name }))
                .await?;
            let secret = answer["SecretString"].as_str().unwrap_or_default();
            known.insert(
                name.to_owned(),
                serde_json::from_str(secret).map_err(Error::system)?,
            );
        }
        let found = known[name][key].as_str().ok_or_else(|| Error::Resource {
            logical: function.to_owned(),
            what: format!("the secret {name} has no {key}"),
        })?;
        Ok(format!("{before}{found}{after}"))
    }
}

fn streams(stack: &Stack, arn: &str, spec: &FunctionSpec) -> bool {
    use crate::gateway::api::Target;
    let fed = stack
        .mappings
        .iter()
        .any(|mapping| mapping.function == spec.name);
    let mut routes = stack.api.routes();
    !fed && routes.any(|route| matches!(&route.target, Target::Function { arn: its, streams: true, .. } if its == arn))
}

fn absent(function: &str) -> Error {
    Error::Resource {
        logical: function.to_owned(),
        what: "there is no such function".to_owned(),
    }
}

/// A function's program in a folder: `NAME`, as cargo puts it, or `NAME/bootstrap`, as cargo-lambda does.
///
/// # Errors
/// When there is neither.
pub fn program(folder: &Path, name: &str) -> Result<PathBuf, Error> {
    let beside = folder.join(name);
    let within = beside.join("bootstrap");
    [within, beside.clone()]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or(Error::NoBinary(beside))
}

async fn emulated(options: &Options, group: i32) -> Result<Moto, Error> {
    let pythons = options.pythons.clone();
    let start = move || {
        let pythons: Vec<&Path> = pythons.iter().map(PathBuf::as_path).collect();
        Moto::start(&pythons, Some(group))
    };
    blocking(start).await?.ok_or(Error::NoMoto)
}

async fn database(options: &Options) -> Result<(Option<Throwaway>, String), Error> {
    if let Some(url) = &options.database_url {
        // The application's own role may not change the schema; then it must be current already.
        return match persistence::migrate(url).await {
            Ok(_) | Err(persistence::Error::Forbidden) => Ok((None, url.clone())),
            Err(error) => Err(Error::Migration(error)),
        };
    }
    let search = Search {
        pg_bin: options.pg_bin.clone(),
        cache: Some(options.data_dir.join("postgres-binaries")),
    };
    let server = blocking(move || {
        let server = Throwaway::start(&search)?;
        server.create_database(DATABASE, None)?;
        Ok::<_, postgres::Error>(server)
    });
    let server = server.await??;
    persistence::migrate(&server.url(OWNER, DATABASE))
        .await
        .map_err(Error::Migration)?;
    let url = server.url(LOGIN, DATABASE);
    Ok((Some(server), url))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::system)
}

async fn listen(port: u16) -> Result<TcpListener, Error> {
    TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|source| Error::Listen { port, source })
}

fn read(path: &Path) -> Result<Value, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(Error::system)
}

/// The logs tell of requests: for us alone.
fn folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o700)))
        .map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })
}

fn private_file(path: &Path, text: &str) -> Result<(), Error> {
    use std::io::Write as _;
    let new = path.with_added_extension("new");
    let _ = fs::remove_file(&new);
    fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&new, path))
        .map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })
}

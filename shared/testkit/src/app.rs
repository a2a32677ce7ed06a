//! The whole product on a loopback port, over a database of its own.

use std::sync::Arc;

use auth::{Authenticator, Clock};
use axum::serve::ListenerExt;
use devserver::{Rooms, compose, work};
use domain::ids::{UserId, WorkspaceId};
use executor::outbound::{Lookup, OutboundConfig};
use reqwest::Client;
use runtime::Config;
use scripted_model::ScriptedModel;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::database::{ADMIN, ALICE, BOB, MEMBER, TestDatabase, VIEWER, email};
use crate::dns::Dns;
use crate::persona::Persona;
use crate::tokens::{Signer, Token};
use crate::{FakeUpstream, logs};

/// Signs the personas' tokens.
const JWT_SECRET: &str = "a-secret-of-the-tests-with-more-than-32-bytes";
/// Their issuer.
const ISSUER: &str = "https://project.supabase.test/auth/v1";
/// Wraps the data keys: 32 bytes of no importance.
const MASTER_KEYS: &str = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The model of requests that name none, when the app has a scripted model server.
const MODEL: &str = "gpt-scripted";

type Change = Box<dyn FnOnce(&mut Config) + Send>;

/// How an app differs from the usual one.
#[derive(Default)]
pub struct Setup {
    lookup: Lookup,
    extra_roots: Vec<Vec<u8>>,
    clock: Option<Clock>,
    egress_allow: Vec<String>,
    fenced: bool,
    scripted_model: bool,
    idle: bool,
    change: Vec<Change>,
}

impl Setup {
    /// Names lead where the table says.
    #[must_use]
    pub fn dns(mut self, dns: &Dns) -> Self {
        self.lookup = dns.lookup();
        self
    }

    /// This root certificate (PEM) is trusted for outbound calls.
    #[must_use]
    pub fn trust(mut self, root_pem: &str) -> Self {
        self.extra_roots.push(root_pem.as_bytes().to_vec());
        self
    }

    /// Tokens are judged by this clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// One more `host:port` that tools may reach.
    #[must_use]
    pub fn allow(mut self, host_port: &str) -> Self {
        self.egress_allow.push(host_port.to_owned());
        self
    }

    /// Not even the app's own fake upstream may be reached: public hosts only.
    #[must_use]
    pub fn without_private_upstreams(mut self) -> Self {
        self.fenced = true;
        self
    }

    /// The operator's model server is a scripted one: [`TestApp::model`].
    #[must_use]
    pub fn scripted_model(mut self) -> Self {
        self.scripted_model = true;
        self
    }

    /// Nobody works on the queue of the flows: runs stand still after their start.
    #[must_use]
    pub fn without_workers(mut self) -> Self {
        self.idle = true;
        self
    }

    /// The only tools are those that a test saves.
    #[must_use]
    pub fn without_built_in_tools(self) -> Self {
        self.config(|config| config.code_tools.clear())
    }

    /// Any other change of the configuration.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.change.push(Box::new(change));
        self
    }

    /// Starts the app on a database of its own.
    pub async fn start(self) -> TestApp {
        let database = Arc::new(TestDatabase::create().await);
        let upstream = Arc::new(FakeUpstream::start().await);
        let model = match self.scripted_model {
            true => Some(Arc::new(
                ScriptedModel::start().await.expect("a free loopback port"),
            )),
            false => None,
        };
        self.start_on(database, upstream, model).await
    }

    /// Starts it on the database, the upstream and the model server of another app, as a later release would be.
    pub async fn start_on_database_of(self, app: &TestApp) -> TestApp {
        let (database, upstream) = (Arc::clone(&app.database), Arc::clone(&app.upstream));
        self.start_on(database, upstream, app.model.clone()).await
    }

    async fn start_on(
        self,
        database: Arc<TestDatabase>,
        upstream: Arc<FakeUpstream>,
        model: Option<Arc<ScriptedModel>>,
    ) -> TestApp {
        logs::keep();
        let mut config = Config::with_database(database.url());
        config.database_pool_mode = database.pool_mode();
        config.database_max_connections = 4;
        config.jwt_secret = Some(JWT_SECRET.into());
        config.jwt_issuer = Some(ISSUER.to_owned());
        config.master_keys = Some(MASTER_KEYS.into());
        config.cors_origins = vec!["https://app.example.com".to_owned()];
        let mut allow = self.egress_allow;
        if !self.fenced {
            allow.push(upstream.host_port());
            // So that a workspace can name it as its own model server too.
            allow.extend(model.as_ref().map(|model| model.host_port()));
        }
        if let Some(model) = &model {
            config.model.base_url = model.base_url();
            config.model.api_key = Some(model.key().into());
            config.model.model = Some(MODEL.to_owned());
        }
        config.egress_allow = allow.join(",");
        for change in self.change {
            change(&mut config);
        }
        let outbound = OutboundConfig {
            policy: config.egress_policy().expect("a well-formed EGRESS_ALLOW"),
            lookup: self.lookup,
            extra_roots: self.extra_roots,
        };
        let app = TestApp::serve(config, outbound, self.clock, database, upstream, model).await;
        if self.idle {
            app.stops_working();
        }
        app
    }
}

/// A running app. It ends when dropped; the database goes with the last app on it.
pub struct TestApp {
    url: String,
    config: Config,
    outbound: OutboundConfig,
    clock: Option<Clock>,
    rooms: Rooms,
    upstream: Arc<FakeUpstream>,
    model: Option<Arc<ScriptedModel>>,
    client: Client,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    /// Of the flows.
    workers: Vec<JoinHandle<()>>,
    // The last field: the database is dropped after everybody who uses it.
    database: Arc<TestDatabase>,
}

impl TestApp {
    /// The usual app.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// An app that differs.
    pub fn setup() -> Setup {
        Setup::default()
    }

    /// The usual app, with the owners of its two workspaces.
    pub async fn with_two_workspaces() -> (Self, Persona, Persona) {
        let app = Self::start().await;
        let (alice, bob) = (app.alice(), app.bob());
        (app, alice, bob)
    }

    /// An app with a scripted model server, with the owner of workspace A, whose only tools are those that a test saves.
    pub async fn with_model() -> (Self, Persona) {
        let setup = Self::setup().scripted_model();
        let app = setup.without_built_in_tools().start().await;
        let alice = app.alice();
        (app, alice)
    }

    /// The usual app in workspaces whose only tools are those that a test saves.
    pub async fn with_two_empty_workspaces() -> (Self, Persona, Persona) {
        let app = Self::setup().without_built_in_tools().start().await;
        let (alice, bob) = (app.alice(), app.bob());
        (app, alice, bob)
    }

    async fn serve(
        config: Config,
        outbound: OutboundConfig,
        clock: Option<Clock>,
        database: Arc<TestDatabase>,
        upstream: Arc<FakeUpstream>,
        model: Option<Arc<ScriptedModel>>,
    ) -> Self {
        let db = config.database().expect("a well-formed DATABASE_URL");
        let rules = config.token_rules().expect("usable token rules");
        let judge = clock.clone().unwrap_or_else(Clock::system);
        let authenticator = Authenticator::with_clock(db.clone(), rules, judge);
        let rooms = Rooms::with_authenticator(&config, db, authenticator, outbound.clone())
            .expect("a usable configuration");
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free loopback port");
        let url = format!(
            "http://{}",
            listener
                .local_addr()
                .expect("a bound listener has an address")
        );
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let router = compose(&config, &rooms);
        let workers = work(&rooms);
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router)
                .with_graceful_shutdown(async move {
                    let _ = stopped.await;
                })
                .await;
        });
        // No root certificates: reading them costs more than many a test.
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([])
            .build()
            .expect("an HTTP client");
        Self {
            url,
            config,
            outbound,
            clock,
            rooms,
            upstream,
            model,
            client,
            stop: Some(stop),
            serving,
            workers,
            database,
        }
    }

    /// Another process on the same database: nothing is shared but what stands there.
    pub async fn second(&self) -> Self {
        Self::serve(
            self.config.clone(),
            self.outbound.clone(),
            self.clock.clone(),
            Arc::clone(&self.database),
            Arc::clone(&self.upstream),
            self.model.clone(),
        )
        .await
    }

    /// Stops the app and starts it again on the same database.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn restarted(mut self) -> Self {
        let next = self.second().await;
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        self.serving.abort();
        self.stops_working();
        self.rooms.db.close().await;
        next
    }

    /// Ends the workers of the flows, as if this process had been killed: what they had in hand stays where it is.
    pub fn stops_working(&self) {
        for worker in &self.workers {
            worker.abort();
        }
    }

    /// Scheme, host and port.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the app was configured with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The rooms behind the routes.
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// Does the chores of the background until there are none.
    ///
    /// # Panics
    /// When one fails.
    pub async fn sweeps(&self) {
        loop {
            let swept =
                runtime::sweep_once(&self.rooms.db, &self.rooms.vault, self.config.keep).await;
            assert!(swept.failed.is_empty(), "{swept:?}");
            let flows = self.rooms.flows.sweep().await.expect("a sweep of the runs");
            if swept.is_idle() && flows.is_idle() {
                return;
            }
        }
    }

    /// The API that tools call unless they say otherwise.
    pub fn upstream(&self) -> &FakeUpstream {
        &self.upstream
    }

    /// The scripted model server.
    ///
    /// # Panics
    /// When the app was set up without one.
    pub fn model(&self) -> &ScriptedModel {
        let model = self.model.as_deref();
        model.expect("TestApp::setup().scripted_model()")
    }

    /// The database.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// Runs statements as a superuser, past all policies; rows come as text.
    pub fn sql(&self, statements: &str) -> postgres::Rows {
        self.database.sql(statements)
    }

    /// What signs the personas' tokens.
    pub fn signer(&self) -> Signer {
        Signer::hs256(JWT_SECRET)
    }

    /// A good token of this persona, to be spoilt.
    pub fn token_of(&self, persona: &Persona) -> Token {
        let issuer = self.config.jwt_issuer.as_deref().unwrap_or(ISSUER);
        Token::of(&persona.user_id.to_string(), &email(&persona.name), issuer)
    }

    /// Owner of workspace A.
    pub fn alice(&self) -> Persona {
        self.persona("alice", ALICE, Some(self.database.tenants().a))
    }

    /// Owner of workspace B.
    pub fn bob(&self) -> Persona {
        self.persona("bob", BOB, Some(self.database.tenants().b))
    }

    /// Viewer of workspace A.
    pub fn viewer(&self) -> Persona {
        self.persona("viewer", VIEWER, Some(self.database.tenants().a))
    }

    /// Member of workspace A.
    pub fn member(&self) -> Persona {
        self.persona("member", MEMBER, Some(self.database.tenants().a))
    }

    /// Admin of workspace A.
    pub fn admin(&self) -> Persona {
        self.persona("admin", ADMIN, Some(self.database.tenants().a))
    }

    /// Somebody whom the database has never seen.
    pub fn stranger(&self) -> Persona {
        self.persona("stranger", UserId(Uuid::new_v4()), None)
    }

    /// Nobody: no token at all.
    pub fn anon(&self) -> Persona {
        let mut nobody = self.persona("anon", UserId(Uuid::nil()), None);
        nobody.token = None;
        nobody
    }

    fn persona(&self, name: &str, user_id: UserId, workspace_id: Option<WorkspaceId>) -> Persona {
        let mut persona = Persona {
            name: name.to_owned(),
            user_id,
            workspace_id,
            token: None,
            app: self.url.clone(),
            upstream: self.upstream.base_url(),
            client: self.client.clone(),
        };
        persona.token = Some(self.token_of(&persona).signed(&self.signer()));
        persona
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.serving.abort();
        self.stops_working();
    }
}

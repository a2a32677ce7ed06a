//! All functions in one router, over one database pool, one registry, one executor and one vault.

use analytics::Analytics;
use auth::Authenticator;
use axum::Router;
use executor::Executor;
use executor::outbound::{Outbound, OutboundConfig};
use flows::Flows;
use mcp::Mcp;
use orchestrate::Orchestrate;
use orchestrator::{Agent, Models};
use persistence::Db;
use registry::Registry;
use runtime::{Config, StartError};
use secrets::Secrets;
use system::System;
use tools::Tools;
use utoipa_axum::router::OpenApiRouter;
use vault::Vault;
use web::{StackConfig, serve_stack};
use workspaces::Workspaces;

/// What all functions share here; deployed, each has its own.
#[derive(Clone)]
pub struct Rooms {
    /// Postgres.
    pub db: Db,
    /// The tools.
    pub registry: Registry,
    /// The secrets.
    pub vault: Vault,
    /// Who is asking.
    pub authenticator: Authenticator,
    /// Runs tools.
    pub executor: Executor,
    /// Runs prompts.
    pub agent: Agent,
}

impl Rooms {
    /// Builds the rooms as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: &Config) -> Result<Self, StartError> {
        let outbound = OutboundConfig {
            policy: config.egress_policy()?,
            ..OutboundConfig::default()
        };
        Self::with_outbound(config, outbound)
    }

    /// The same with another way out: other names, other trusted certificates.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn with_outbound(config: &Config, outbound: OutboundConfig) -> Result<Self, StartError> {
        let db = config.database()?;
        let authenticator = config.authenticator(&db)?;
        Self::with_authenticator(config, db, authenticator, outbound)
    }

    /// The same with another way to find out who is asking: another clock.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn with_authenticator(
        config: &Config,
        db: Db,
        authenticator: Authenticator,
        outbound: OutboundConfig,
    ) -> Result<Self, StartError> {
        let registry =
            Registry::new(db.clone(), outbound.policy.clone()).with_code(&config.code_tools);
        let vault = config.vault(&db)?;
        let outbound = Outbound::new(outbound);
        let executor = Executor::new(
            db.clone(),
            registry.clone(),
            vault.clone(),
            outbound.clone(),
        );
        let agent = Agent::new(
            db.clone(),
            registry.clone(),
            executor.clone(),
            vault.clone(),
            Models::new(outbound),
            orchestrate::rules(config)?,
        );
        Ok(Self {
            db,
            registry,
            vault,
            authenticator,
            executor,
            agent,
        })
    }
}

/// One router with all functions' routes and everything that stands around them.
pub fn compose(config: &Config, rooms: &Rooms) -> Router {
    let Rooms {
        db,
        registry,
        vault,
        authenticator,
        executor,
        agent,
    } = rooms.clone();
    let system = System {
        db: db.clone(),
        public_url: config.public_url.clone(),
    };
    let tools = Tools {
        authenticator: authenticator.clone(),
        registry: registry.clone(),
        executor: executor.clone(),
        vault: vault.clone(),
    };
    let flows = Flows {
        authenticator: authenticator.clone(),
        registry: registry.clone(),
    };
    let orchestrate = Orchestrate {
        authenticator: authenticator.clone(),
        db: db.clone(),
        registry: registry.clone(),
        vault: vault.clone(),
        agent,
    };
    let mcp = Mcp::over(
        config,
        authenticator.clone(),
        registry.clone(),
        executor.clone(),
    );
    let secrets = Secrets {
        db: db.clone(),
        authenticator: authenticator.clone(),
        registry,
        vault,
        executor,
        public_url: config.public_url.clone(),
    };
    let workspaces = Workspaces {
        authenticator: authenticator.clone(),
        db: db.clone(),
    };
    let analytics = Analytics { authenticator, db };
    let router = OpenApiRouter::new()
        .merge(system::routes().with_state(system))
        .merge(tools::routes().with_state(tools))
        .merge(flows::routes().with_state(flows))
        .merge(secrets::routes().with_state(secrets))
        .merge(workspaces::routes().with_state(workspaces))
        .merge(orchestrate::routes().with_state(orchestrate))
        .merge(mcp::routes().with_state(mcp))
        .merge(analytics::routes().with_state(analytics));
    serve_stack(router.into(), &StackConfig::new(&config.cors_origins))
}

//! All functions in one router, over one database pool, one registry, one executor and one vault.

use std::sync::Arc;

use analytics::Analytics;
use auth::Authenticator;
use axum::Router;
use executor::Executor;
use executor::outbound::{Outbound, OutboundConfig};
use marketplace::Marketplace;
use mcp::Mcp;
use orchestrate::Orchestrate;
use orchestrator::{Agent, Models};
use persistence::Db;
use registry::Registry;
use runtime::{Config, StartError};
use secrets::Secrets;
use system::System;
use tokio::task::JoinHandle;
use tools::Tools;
use utoipa_axum::router::OpenApiRouter;
use vault::Vault;
use web::{StackConfig, serve_stack};
use workflow::{Flows, LocalQueue, Queue, Worker};
use workspaces::Workspaces;

use crate::serving::kept_up;

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
    /// Runs flows, and tools by their ids.
    pub flows: Flows,
    /// Carries hints to the worker: in this process, or SQS.
    pub queue: Arc<dyn Queue>,
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
        let queue: Arc<dyn Queue> = match config.flow_queue {
            Some(_) => config.flow_queue(),
            None => Arc::new(LocalQueue::default()),
        };
        let flows = Flows::new(
            db.clone(),
            registry.clone(),
            executor.clone(),
            Arc::clone(&queue),
        );
        let agent = Agent::new(
            db.clone(),
            registry.clone(),
            flows.clone(),
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
            flows,
            queue,
        })
    }
}

/// Workers of the queue in this process.
const WORKERS: usize = 4;

/// Starts the workers of the flows. They end when they are aborted, and what they had in hand is taken up by others.
pub fn work(rooms: &Rooms) -> Vec<JoinHandle<()>> {
    let worker = Worker::new(rooms.flows.clone());
    let started = (0..WORKERS).map(|_| {
        let (worker, queue) = (worker.clone(), Arc::clone(&rooms.queue));
        tokio::spawn(async move { kept_up(|| worker.serve(&queue)).await })
    });
    started.collect()
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
        flows,
        queue: _,
    } = rooms.clone();
    let system = System {
        db: db.clone(),
        public_url: config.public_url.clone(),
    };
    let tools = Tools {
        authenticator: authenticator.clone(),
        registry: registry.clone(),
        executor: executor.clone(),
        flows: flows.clone(),
        vault: vault.clone(),
    };
    let group = flows::Flows {
        authenticator: authenticator.clone(),
        registry: registry.clone(),
        runs: flows.clone(),
    };
    let orchestrate = Orchestrate {
        authenticator: authenticator.clone(),
        db: db.clone(),
        registry: registry.clone(),
        vault: vault.clone(),
        agent,
    };
    let mcp = Mcp::over(config, authenticator.clone(), registry.clone(), flows);
    let marketplace = Marketplace {
        authenticator: authenticator.clone(),
        db: db.clone(),
        registry: registry.clone(),
    };
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
    let analytics = Analytics {
        authenticator,
        db,
        keep: config.keep,
    };
    let router = OpenApiRouter::new()
        .merge(system::routes().with_state(system))
        .merge(tools::routes().with_state(tools))
        .merge(flows::routes().with_state(group))
        .merge(secrets::routes().with_state(secrets))
        .merge(workspaces::routes().with_state(workspaces))
        .merge(orchestrate::routes().with_state(orchestrate))
        .merge(mcp::routes().with_state(mcp))
        .merge(marketplace::routes().with_state(marketplace))
        .merge(analytics::routes().with_state(analytics));
    serve_stack(router.into(), &StackConfig::new(&config.cors_origins))
}

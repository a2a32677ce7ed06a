//! The group `orchestrate`: a model works with the workspace's tools; prompts for it.

use auth::Authenticator;
use axum::extract::FromRef;
use orchestrator::agent::AgentRules;
use orchestrator::{Agent, Models};
use persistence::Db;
use registry::Registry;
use runtime::{Config, StartError};
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use vault::Vault;

/// What the group's operations use.
#[derive(Clone)]
pub struct Orchestrate {
    /// Finds out who is asking.
    pub authenticator: Authenticator,
    /// Holds conversations and model settings.
    pub db: Db,
    /// Knows the tools and prompts.
    pub registry: Registry,
    /// Opens the keys of workspaces' model servers.
    pub vault: Vault,
    /// Runs prompts.
    pub agent: Agent,
}

impl Orchestrate {
    /// Wires the group as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn wire(config: &Config) -> Result<Self, StartError> {
        let db = config.database()?;
        let registry = config.registry(&db)?;
        let vault = config.vault(&db)?;
        let outbound = config.outbound()?;
        let executor = executor::Executor::new(
            db.clone(),
            registry.clone(),
            vault.clone(),
            outbound.clone(),
        );
        let agent = Agent::new(
            db.clone(),
            registry.clone(),
            executor,
            vault.clone(),
            Models::new(outbound),
            rules(config)?,
        );
        Ok(Self {
            authenticator: config.authenticator(&db)?,
            db,
            registry,
            vault,
            agent,
        })
    }
}

/// What the operator allows and provides.
///
/// # Errors
/// `OPENAI_BASE_URL` is no address.
pub fn rules(config: &Config) -> Result<AgentRules, StartError> {
    let model = &config.model;
    let base_url =
        Url::parse(&model.base_url).map_err(|why| StartError::variable("OPENAI_BASE_URL", why))?;
    Ok(AgentRules {
        base_url,
        api_key: model.api_key.clone(),
        model: model.model.clone(),
        tool_tokens: u64::from(model.tool_tokens),
        max_turns: model.max_turns,
        token_budget: u64::from(model.token_budget),
        deadline_s: model.deadline_s,
    })
}

impl FromRef<Orchestrate> for Authenticator {
    fn from_ref(group: &Orchestrate) -> Self {
        group.authenticator.clone()
    }
}

impl FromRef<Orchestrate> for Agent {
    fn from_ref(group: &Orchestrate) -> Self {
        group.agent.clone()
    }
}

impl FromRef<Orchestrate> for Db {
    fn from_ref(group: &Orchestrate) -> Self {
        group.db.clone()
    }
}

impl FromRef<Orchestrate> for Registry {
    fn from_ref(group: &Orchestrate) -> Self {
        group.registry.clone()
    }
}

impl FromRef<Orchestrate> for Vault {
    fn from_ref(group: &Orchestrate) -> Self {
        group.vault.clone()
    }
}

/// The group's operations.
pub fn routes() -> OpenApiRouter<Orchestrate> {
    OpenApiRouter::new()
}

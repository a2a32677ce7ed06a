//! The group `orchestrate`: a model works with the workspace's tools; prompts for it.

mod conversation_view;
mod events;
mod failed;
mod filled_prompt;
mod list_prompt_versions;
mod list_prompts;
mod model_view;
mod orchestrate;
mod prompt_view;
mod read_conversation;
mod read_model;
mod read_prompt;
mod remove_model;
mod render_prompt;
mod request;
mod restore_prompt;
mod retire_prompt;
mod revise_prompt;
mod save_prompt;
mod set_model;
mod stream;

use auth::Authenticator;
use axum::extract::FromRef;
use orchestrator::agent::AgentRules;
use orchestrator::{Agent, Models};
use persistence::Db;
use registry::Registry;
use runtime::{Config, StartError};
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
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
        let flows = config.flows(&db, &registry, &executor);
        let agent = Agent::new(
            db.clone(),
            registry.clone(),
            flows,
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
        output_tokens: model.output_tokens,
        max_turns: model.max_turns,
        token_budget: u64::from(model.token_budget),
        deadline_s: model.deadline_s,
        prices: model.prices.clone(),
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
        .routes(routes!(orchestrate::orchestrate))
        .routes(routes!(stream::stream))
        .routes(routes!(read_conversation::read_conversation))
        .routes(routes!(
            read_model::read_model,
            set_model::set_model,
            remove_model::remove_model
        ))
        .routes(routes!(
            save_prompt::save_prompt,
            list_prompts::list_prompts
        ))
        .routes(routes!(
            read_prompt::read_prompt,
            revise_prompt::revise_prompt,
            retire_prompt::retire_prompt
        ))
        .routes(routes!(list_prompt_versions::list_prompt_versions))
        .routes(routes!(restore_prompt::restore_prompt))
        .routes(routes!(render_prompt::render_prompt))
}

//! The group `tools`: registering, showing, running and versioning tools.

mod execute;
mod list;
mod list_saved;
mod preview;
mod read;
mod register;
mod restore;
mod retire;
mod revise;
mod save;
mod test;
mod verify;
mod versions;
mod view;

use auth::Authenticator;
use axum::extract::FromRef;
use domain::binding;
use domain::caller::{Caller, Role};
use domain::config::ToolConfig;
use executor::Executor;
use registry::Registry;
use runtime::{Config, StartError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::Vault;
use workflow::Flows;

/// What the group's operations use.
#[derive(Clone)]
pub struct Tools {
    /// Finds out who is asking.
    pub authenticator: Authenticator,
    /// Knows the tools.
    pub registry: Registry,
    /// Shows and tests their requests.
    pub executor: Executor,
    /// Runs them, and flows.
    pub flows: Flows,
    /// Binds secrets to the hosts of the tools that admins save.
    pub vault: Vault,
}

impl Tools {
    /// Wires the group as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn wire(config: &Config) -> Result<Self, StartError> {
        let db = config.database()?;
        let registry = config.registry(&db)?;
        let vault = config.vault(&db)?;
        let executor = config.executor(&db, &registry, &vault)?;
        Ok(Self {
            authenticator: config.authenticator(&db)?,
            flows: config.flows(&db, &registry, &executor),
            executor,
            registry,
            vault,
        })
    }

    /// After a save: secrets of the config that have no host yet are bound to its hosts, if an admin
    /// saved it. The tool is saved in any case; an unbound secret is refused when it is used.
    async fn bind_secrets(&self, caller: &Caller, config: &ToolConfig) {
        let named = binding::named(config);
        if caller.role < Role::Admin || named.is_empty() {
            return;
        }
        if let Err(error) = self.vault.bind_on_save(caller, &named).await {
            tracing::warn!(%error, tool_id = %config.id, "secrets were not bound to the tool's hosts");
        }
    }
}

impl FromRef<Tools> for Authenticator {
    fn from_ref(tools: &Tools) -> Self {
        tools.authenticator.clone()
    }
}

impl FromRef<Tools> for Registry {
    fn from_ref(tools: &Tools) -> Self {
        tools.registry.clone()
    }
}

impl FromRef<Tools> for Executor {
    fn from_ref(tools: &Tools) -> Self {
        tools.executor.clone()
    }
}

impl FromRef<Tools> for Flows {
    fn from_ref(tools: &Tools) -> Self {
        tools.flows.clone()
    }
}

/// The group's operations.
pub fn routes() -> OpenApiRouter<Tools> {
    OpenApiRouter::new()
        .routes(routes!(register::register, list::list))
        .routes(routes!(read::read))
        .routes(routes!(execute::execute))
        .routes(routes!(preview::preview))
        .routes(routes!(verify::verify))
        .routes(routes!(test::test))
        .routes(routes!(list_saved::list_saved, save::save))
        .routes(routes!(revise::revise, retire::retire))
        .routes(routes!(versions::versions))
        .routes(routes!(restore::restore))
}

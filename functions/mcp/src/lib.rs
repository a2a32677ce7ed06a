//! The group `mcp`: the workspace's tools and prompts for any client of the Model Context Protocol.

mod call;
mod envelope;
mod gate;
mod metadata;
mod prompts;
mod serve;
mod server;
mod splice;

use auth::Authenticator;
use axum::extract::FromRef;
use gate::Gate;
use registry::Registry;
use runtime::{Config, StartError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use workflow::Flows;

/// What the group's operations use.
#[derive(Clone)]
pub struct Mcp {
    /// Finds out who is asking.
    pub authenticator: Authenticator,
    /// Knows the tools and prompts.
    pub registry: Registry,
    /// Runs tools and flows.
    pub flows: Flows,
    /// Where callers reach this product.
    pub public_url: Option<String>,
    /// Who issues the tokens of people.
    pub jwt_issuer: Option<String>,
    /// Origins of browsers that may call.
    pub cors_origins: Vec<String>,
}

impl Mcp {
    /// Wires the group as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn wire(config: &Config) -> Result<Self, StartError> {
        let db = config.database()?;
        let registry = config.registry(&db)?;
        let vault = config.vault(&db)?;
        let executor = config.executor(&db, &registry, &vault)?;
        let flows = config.flows(&db, &registry, &executor);
        let authenticator = config.authenticator(&db)?;
        Ok(Self::over(config, authenticator, registry, flows))
    }

    /// The group over rooms that are there already.
    pub fn over(
        config: &Config,
        authenticator: Authenticator,
        registry: Registry,
        flows: Flows,
    ) -> Self {
        Self {
            authenticator,
            registry,
            flows,
            public_url: config.public_url.clone(),
            jwt_issuer: config.jwt_issuer.clone(),
            cors_origins: config.cors_origins.clone(),
        }
    }

    /// Who is let through.
    fn gate(&self) -> Gate<'_> {
        Gate {
            public_url: self.public_url.as_deref(),
            origins: &self.cors_origins,
        }
    }
}

impl FromRef<Mcp> for Authenticator {
    fn from_ref(group: &Mcp) -> Self {
        group.authenticator.clone()
    }
}

/// The group's operations.
pub fn routes() -> OpenApiRouter<Mcp> {
    OpenApiRouter::new()
        .routes(routes!(serve::serve))
        .routes(routes!(metadata::metadata))
        .routes(routes!(metadata::metadata_of_mcp))
}

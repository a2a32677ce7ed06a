//! The group `flows`: saving, showing and versioning flows.

mod list;
mod read;
mod restore;
mod retire;
mod revise;
mod save;
mod versions;
mod view;

use auth::Authenticator;
use axum::extract::FromRef;
use registry::Registry;
use runtime::{Config, StartError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the group's operations use.
#[derive(Clone)]
pub struct Flows {
    /// Finds out who is asking.
    pub authenticator: Authenticator,
    /// Knows the tools and flows.
    pub registry: Registry,
}

impl Flows {
    /// Wires the group as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn wire(config: &Config) -> Result<Self, StartError> {
        let db = config.database()?;
        Ok(Self {
            authenticator: config.authenticator(&db)?,
            registry: config.registry(&db)?,
        })
    }
}

impl FromRef<Flows> for Authenticator {
    fn from_ref(flows: &Flows) -> Self {
        flows.authenticator.clone()
    }
}

impl FromRef<Flows> for Registry {
    fn from_ref(flows: &Flows) -> Self {
        flows.registry.clone()
    }
}

/// The group's operations.
pub fn routes() -> OpenApiRouter<Flows> {
    OpenApiRouter::new()
        .routes(routes!(save::save, list::list))
        .routes(routes!(read::read, revise::revise, retire::retire))
        .routes(routes!(versions::versions))
        .routes(routes!(restore::restore))
}

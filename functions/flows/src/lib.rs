//! The group `flows`: saving, showing and versioning flows; starting, watching and steering their runs.

mod cancel;
mod execute;
mod format;
mod list;
mod list_runs;
mod read;
mod read_run;
mod restore;
mod resume;
mod retire;
mod revise;
mod run_view;
mod save;
mod signal;
mod stream_events;
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
    /// Runs flows.
    pub runs: workflow::Flows,
}

impl Flows {
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
            runs: config.flows(&db, &registry, &executor),
            registry,
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

impl FromRef<Flows> for workflow::Flows {
    fn from_ref(group: &Flows) -> Self {
        group.runs.clone()
    }
}

/// The group's operations.
pub fn routes() -> OpenApiRouter<Flows> {
    OpenApiRouter::new()
        .routes(routes!(save::save, list::list))
        .routes(routes!(read::read, revise::revise, retire::retire))
        .routes(routes!(versions::versions))
        .routes(routes!(restore::restore))
        .routes(routes!(execute::execute))
        .routes(routes!(list_runs::list_runs))
        .routes(routes!(read_run::read_run))
        .routes(routes!(stream_events::stream_events))
        .routes(routes!(cancel::cancel))
        .routes(routes!(resume::resume))
        .routes(routes!(signal::signal))
}

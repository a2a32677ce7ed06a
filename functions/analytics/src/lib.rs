//! The group `analytics`: what was executed, and how it went.

mod list_executions;
mod read_execution;
mod read_tool_analytics;
mod read_workspace_analytics;
mod report;
mod span;
mod tokens;
mod view;

use auth::Authenticator;
use axum::extract::FromRef;
use persistence::Db;
use runtime::config::Keep;
use runtime::{Config, StartError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the group's operations use.
#[derive(Clone)]
pub struct Analytics {
    /// Finds out who is asking.
    pub authenticator: Authenticator,
    /// Holds the execution log.
    pub db: Db,
    /// How long it is kept.
    pub keep: Keep,
}

impl Analytics {
    /// Wires the group as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn wire(config: &Config) -> Result<Self, StartError> {
        let db = config.database()?;
        Ok(Self {
            authenticator: config.authenticator(&db)?,
            db,
            keep: config.keep,
        })
    }
}

impl FromRef<Analytics> for Authenticator {
    fn from_ref(analytics: &Analytics) -> Self {
        analytics.authenticator.clone()
    }
}

impl FromRef<Analytics> for Db {
    fn from_ref(analytics: &Analytics) -> Self {
        analytics.db.clone()
    }
}

impl FromRef<Analytics> for Keep {
    fn from_ref(analytics: &Analytics) -> Self {
        analytics.keep
    }
}

/// The group's operations.
pub fn routes() -> OpenApiRouter<Analytics> {
    OpenApiRouter::new()
        .routes(routes!(list_executions::list_executions))
        .routes(routes!(read_execution::read_execution))
        .routes(routes!(read_tool_analytics::read_tool_analytics))
        .routes(routes!(read_workspace_analytics::read_workspace_analytics))
}

//! The group `secrets`: credentials that tools use. No operation answers a value.

mod create;
mod delete;
mod list;
mod named_by;
mod view;

use auth::Authenticator;
use axum::extract::FromRef;
use persistence::Db;
use registry::Registry;
use runtime::{Config, StartError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::Vault;

/// What the group's operations use.
#[derive(Clone)]
pub struct Secrets {
    /// Finds out who is asking.
    pub authenticator: Authenticator,
    /// Knows which tools name a secret.
    pub registry: Registry,
    /// Seals and opens values.
    pub vault: Vault,
    /// Knows who saved those tools.
    pub db: Db,
}

impl Secrets {
    /// Wires the group as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn wire(config: &Config) -> Result<Self, StartError> {
        let db = config.database()?;
        Ok(Self {
            authenticator: config.authenticator(&db)?,
            registry: config.registry(&db)?,
            vault: config.vault(&db)?,
            db,
        })
    }
}

impl FromRef<Secrets> for Authenticator {
    fn from_ref(secrets: &Secrets) -> Self {
        secrets.authenticator.clone()
    }
}

/// The group's operations.
pub fn routes() -> OpenApiRouter<Secrets> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(delete::delete))
}

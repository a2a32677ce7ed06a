//! The group `secrets`: credentials that tools use. No operation answers a value.

mod callback;
mod change;
mod confirm_connection;
mod connect;
mod connection_view;
mod create;
mod create_secret_provider;
mod delete;
mod delete_secret_provider;
mod disconnect;
mod list;
mod list_audit;
mod list_connections;
mod list_secret_providers;
mod named_by;
mod read_connection;
mod verify_audit;
mod view;

use auth::Authenticator;
use axum::extract::FromRef;
use executor::Executor;
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
    /// Gets the tokens of connections.
    pub executor: Executor,
    /// Where people come back to from a provider.
    pub public_url: Option<String>,
}

impl Secrets {
    /// Wires the group as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn wire(config: &Config) -> Result<Self, StartError> {
        let db = config.database()?;
        let registry = config.registry(&db)?;
        let vault = config.vault(&db)?;
        Ok(Self {
            authenticator: config.authenticator(&db)?,
            executor: config.executor(&db, &registry, &vault)?,
            registry,
            vault,
            db,
            public_url: config.public_url.clone(),
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
        .routes(routes!(list_audit::list_audit))
        .routes(routes!(verify_audit::verify_audit))
        .routes(routes!(change::change, delete::delete))
        .routes(routes!(
            list_secret_providers::list_secret_providers,
            create_secret_provider::create_secret_provider
        ))
        .routes(routes!(delete_secret_provider::delete_secret_provider))
        .routes(routes!(
            list_connections::list_connections,
            connect::connect
        ))
        .routes(routes!(callback::callback))
        .routes(routes!(
            read_connection::read_connection,
            disconnect::disconnect
        ))
        .routes(routes!(confirm_connection::confirm_connection))
}

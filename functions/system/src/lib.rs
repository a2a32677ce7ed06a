//! The group `system`: whether the product is well, and its documentation.

mod docs;
mod health;
mod openapi;

use axum::extract::FromRef;
use axum::routing::get;
use persistence::Db;
use runtime::{Config, StartError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the group's operations use.
#[derive(Clone)]
pub struct System {
    /// Asked whether it answers.
    pub db: Db,
    /// Where callers reach the product; the server of the API description.
    pub public_url: Option<String>,
}

impl System {
    /// Wires the group as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn wire(config: &Config) -> Result<Self, StartError> {
        Ok(Self {
            db: config.database()?,
            public_url: config.public_url.clone(),
        })
    }
}

impl FromRef<System> for Db {
    fn from_ref(system: &System) -> Self {
        system.db.clone()
    }
}

/// The group's operations.
pub fn routes() -> OpenApiRouter<System> {
    OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(openapi::openapi))
        .routes(routes!(docs::docs))
        .route("/docs/{asset}", get(docs::docs_asset))
}

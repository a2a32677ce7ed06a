//! The group `workspaces`: tenants and their API keys.

mod create;
mod create_key;
mod list;
mod list_keys;
mod read;
mod revoke_key;
mod view;

use auth::Authenticator;
use axum::extract::FromRef;
use domain::caller::Caller;
use persistence::Db;
use persistence::audit::NewAudit;
use runtime::{Config, StartError};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the group's operations use.
#[derive(Clone)]
pub struct Workspaces {
    /// Finds out who is asking.
    pub authenticator: Authenticator,
    /// Holds the workspaces.
    pub db: Db,
}

impl Workspaces {
    /// Wires the group as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn wire(config: &Config) -> Result<Self, StartError> {
        let db = config.database()?;
        Ok(Self {
            authenticator: config.authenticator(&db)?,
            db,
        })
    }
}

impl FromRef<Workspaces> for Authenticator {
    fn from_ref(workspaces: &Workspaces) -> Self {
        workspaces.authenticator.clone()
    }
}

impl FromRef<Workspaces> for Db {
    fn from_ref(workspaces: &Workspaces) -> Self {
        workspaces.db.clone()
    }
}

/// The group's operations.
pub fn routes() -> OpenApiRouter<Workspaces> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(read::read))
        .routes(routes!(create_key::create_key, list_keys::list_keys))
        .routes(routes!(revoke_key::revoke_key))
}

/// The audit's line about an API key.
fn noted<'a>(caller: &Caller, action: &'a str, key: &'a str, detail: Value) -> NewAudit<'a> {
    NewAudit {
        workspace_id: caller.workspace_id,
        actor: Some(caller.principal.user_id),
        action,
        subject_kind: "api_key",
        subject: key,
        detail,
    }
}

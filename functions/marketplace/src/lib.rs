//! The group `marketplace`: what workspaces show to everybody, copies of it, and what those who ran them say.

mod bind_install;
mod browse;
mod install;
mod install_view;
mod list_installs;
mod list_reviews;
mod needs_view;
mod publication_view;
mod publish;
mod publish_flow;
mod publish_prompt;
mod publish_tool;
mod read_install;
mod read_publication;
mod review;
mod take_back_review;
mod update_install;
mod withdraw_flow;
mod withdraw_prompt;
mod withdraw_tool;

use auth::Authenticator;
use axum::extract::FromRef;
use domain::caller::{Caller, Role};
use persistence::Db;
use registry::{Install, Registry};
use runtime::{Config, StartError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the group's operations use.
#[derive(Clone)]
pub struct Marketplace {
    /// Finds out who is asking.
    pub authenticator: Authenticator,
    /// Holds what is public.
    pub db: Db,
    /// Knows the tools, and copies them.
    pub registry: Registry,
}

impl Marketplace {
    /// Wires the group as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn wire(config: &Config) -> Result<Self, StartError> {
        let db = config.database()?;
        Ok(Self {
            authenticator: config.authenticator(&db)?,
            registry: config.registry(&db)?,
            db,
        })
    }

    /// After an install or an update by an admin: secrets that have no host yet are bound to those that its tools send them to. It
    /// is installed in any case; an unbound secret is refused when it is used.
    async fn bind_secrets(&self, caller: &Caller, install: &Install) {
        if caller.role < Role::Admin {
            return;
        }
        if let Err(error) = vault::bind_on_save(&self.db, caller, &install.named).await {
            let tool_id = &install.standing.installed.tool_id;
            tracing::warn!(%error, tool_id, "secrets were not bound to the hosts of what was installed");
        }
    }
}

impl FromRef<Marketplace> for Authenticator {
    fn from_ref(marketplace: &Marketplace) -> Self {
        marketplace.authenticator.clone()
    }
}

impl FromRef<Marketplace> for Db {
    fn from_ref(marketplace: &Marketplace) -> Self {
        marketplace.db.clone()
    }
}

impl FromRef<Marketplace> for Registry {
    fn from_ref(marketplace: &Marketplace) -> Self {
        marketplace.registry.clone()
    }
}

/// The group's operations.
pub fn routes() -> OpenApiRouter<Marketplace> {
    OpenApiRouter::new()
        .routes(routes!(browse::browse))
        .routes(routes!(read_publication::read_publication))
        .routes(routes!(install::install))
        .routes(routes!(
            list_reviews::list_reviews,
            review::review,
            take_back_review::take_back_review
        ))
        .routes(routes!(list_installs::list_installs))
        .routes(routes!(
            read_install::read_install,
            bind_install::bind_install
        ))
        .routes(routes!(update_install::update_install))
        .routes(routes!(
            publish_tool::publish_tool,
            withdraw_tool::withdraw_tool
        ))
        .routes(routes!(
            publish_flow::publish_flow,
            withdraw_flow::withdraw_flow
        ))
        .routes(routes!(
            publish_prompt::publish_prompt,
            withdraw_prompt::withdraw_prompt
        ))
}

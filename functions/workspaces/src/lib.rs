//! The group `workspaces`: tenants, their people, invitations and API keys.

mod accept_invitation;
mod change_member;
mod create;
mod create_key;
mod decline_invitation;
mod delete;
mod invite_member;
mod list;
mod list_invitations;
mod list_keys;
mod list_members;
mod list_own_invitations;
mod names;
mod read;
mod remove_member;
mod rename;
mod restore;
mod revoke_invitation;
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
        .routes(routes!(read::read, rename::rename, delete::delete))
        .routes(routes!(restore::restore))
        .routes(routes!(
            list_members::list_members,
            invite_member::invite_member
        ))
        .routes(routes!(
            change_member::change_member,
            remove_member::remove_member
        ))
        .routes(routes!(list_invitations::list_invitations))
        .routes(routes!(revoke_invitation::revoke_invitation))
        .routes(routes!(list_own_invitations::list_own_invitations))
        .routes(routes!(accept_invitation::accept_invitation))
        .routes(routes!(decline_invitation::decline_invitation))
        .routes(routes!(create_key::create_key, list_keys::list_keys))
        .routes(routes!(revoke_key::revoke_key))
}

/// The audit's line about what the caller did to a thing of this kind and name.
fn noted<'a>(
    caller: &Caller,
    action: &'a str,
    (subject_kind, subject): (&'a str, &'a str),
    detail: Value,
) -> NewAudit<'a> {
    NewAudit {
        workspace_id: caller.workspace_id,
        actor: Some(caller.principal.user_id),
        action,
        subject_kind,
        subject,
        detail,
    }
}

//! Tenants, their people, invitations and API keys, and how a request selects one.

mod accept_invitation;
mod change_member;
mod create;
mod create_key;
mod decline_invitation;
mod delete;
mod invite_member;
mod isolation;
mod list;
mod list_invitations;
mod list_keys;
mod list_members;
mod list_own_invitations;
mod read;
mod remove_member;
mod rename;
mod restore;
mod revoke_invitation;
mod revoke_key;
mod selection;

use serde_json::{Value, json};
use testkit::Persona;

const MEMBERS: &str = "/api/v1/workspaces/a/members";
const INVITATIONS: &str = "/api/v1/workspaces/a/invitations";

/// An open invitation of this person to workspace A, by their user id.
async fn invitation(by: &Persona, whom: &Persona, role: &str) -> Value {
    let body = json!({ "user_id": whom.user_id(), "role": role });
    let made = by.post(MEMBERS, &body).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    made.json()
}

/// The path at which an invitation is accepted or declined.
fn answering(invitation: &Value, verb: &str) -> String {
    format!(
        "/api/v1/invitations/{}/{verb}",
        invitation["id"].as_str().unwrap()
    )
}

/// Lets this person into workspace A.
async fn joins(by: &Persona, whom: &Persona, role: &str) {
    let invitation = invitation(by, whom, role).await;
    let accepted = whom
        .post(&answering(&invitation, "accept"), &json!({}))
        .await;
    assert_eq!(accepted.status(), 200, "{}", accepted.text());
}

/// The path of a member of workspace A.
fn member_path(who: &Persona) -> String {
    format!("{MEMBERS}/{}", who.user_id())
}

//! Workspaces, members, invitations and keys as they are answered.

use chrono::{DateTime, Utc};
use domain::ids::UserId;
use domain::rights::Scope;
use persistence::invitations::{Invitation, Invitee, OwnInvitation};
use persistence::keys::Key;
use persistence::members::Member;
use persistence::workspaces::Workspace;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A workspace as its member sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Workspace)]
pub(crate) struct WorkspaceView {
    /// Its id.
    pub(crate) id: Uuid,
    /// Its display name.
    #[schema(example = "Research")]
    pub(crate) name: String,
    /// Its unique short name, as good as the id in `X-Workspace-Id`.
    #[schema(example = "research")]
    pub(crate) slug: String,
    /// What you may do in it: `viewer`, `member`, `admin` or `owner`.
    #[schema(example = "owner")]
    pub(crate) role: &'static str,
    /// When it was made.
    pub(crate) created_at: DateTime<Utc>,
    /// Of a deleted workspace: until when an owner may restore it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) restorable_until: Option<DateTime<Utc>>,
}

impl From<Workspace> for WorkspaceView {
    fn from(workspace: Workspace) -> Self {
        Self {
            id: workspace.id.0,
            name: workspace.name,
            slug: workspace.slug,
            role: workspace.role.as_str(),
            created_at: workspace.created_at,
            restorable_until: workspace.restorable_until,
        }
    }
}

/// An API key, without its value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct KeyView {
    /// Its id.
    pub(crate) id: Uuid,
    /// What it is for.
    #[schema(example = "ci")]
    pub(crate) name: String,
    /// How its value begins, to tell keys apart by.
    #[schema(example = "dtk_3f9aB2xQ")]
    pub(crate) prefix: String,
    /// The most it may do: `viewer`, `member` or `admin`.
    #[schema(example = "member")]
    pub(crate) role: &'static str,
    /// What it is narrowed to within its role; absent: nothing less than the role.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["tools:read", "tools:run"]), required = false)]
    pub(crate) scopes: Vec<&'static str>,
    /// Who made it.
    pub(crate) created_by: Uuid,
    /// When it was made.
    pub(crate) created_at: DateTime<Utc>,
    /// When it ends; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_used_at: Option<DateTime<Utc>>,
}

impl From<Key> for KeyView {
    fn from(key: Key) -> Self {
        Self {
            id: key.id.0,
            name: key.name,
            prefix: key.prefix,
            role: key.role.as_str(),
            scopes: key.scopes.into_iter().map(Scope::as_str).collect(),
            created_by: key.created_by.0,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// Somebody in a workspace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberView {
    /// Who.
    pub(crate) user_id: Uuid,
    /// The e-mail address of the last token; absent when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "carol@example.com")]
    pub(crate) email: Option<String>,
    /// What they may do: `viewer`, `member`, `admin` or `owner`.
    #[schema(example = "member")]
    pub(crate) role: &'static str,
    /// Since when.
    pub(crate) created_at: DateTime<Utc>,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user_id.0,
            email: member.email,
            role: member.role.as_str(),
            created_at: member.created_at,
        }
    }
}

/// An open invitation, as the workspace's admins see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(crate) struct InvitationView {
    /// Its id: `POST /api/v1/invitations/{id}/accept`.
    pub(crate) id: Uuid,
    /// For whoever signs in with this address, once it is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "carol@example.com")]
    pub(crate) email: Option<String>,
    /// For this person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<Uuid>,
    /// What the invited person will be.
    #[schema(example = "member")]
    pub(crate) role: &'static str,
    /// Always `pending`: one that is answered, taken back or expired is not listed any more.
    #[schema(example = "pending")]
    pub(crate) status: &'static str,
    /// Who invited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invited_by: Option<Uuid>,
    /// When it was made.
    pub(crate) created_at: DateTime<Utc>,
    /// When it ends.
    pub(crate) expires_at: DateTime<Utc>,
}

impl From<Invitation> for InvitationView {
    fn from(invitation: Invitation) -> Self {
        let (email, user_id) = match invitation.invitee {
            Invitee::Email(email) => (Some(email), None),
            Invitee::User(UserId(user)) => (None, Some(user)),
        };
        Self {
            id: invitation.id.0,
            email,
            user_id,
            role: invitation.role.as_str(),
            status: "pending",
            invited_by: invitation.invited_by.map(|user| user.0),
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}

/// An open invitation, as the invited person sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnInvitation)]
pub(crate) struct OwnInvitationView {
    /// Its id.
    pub(crate) id: Uuid,
    /// To which workspace.
    pub(crate) workspace: InvitingWorkspace,
    /// What you would be there.
    #[schema(example = "member")]
    pub(crate) role: &'static str,
    /// When it was made.
    pub(crate) created_at: DateTime<Utc>,
    /// When it ends.
    pub(crate) expires_at: DateTime<Utc>,
}

/// What an invited person may know of a workspace.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitingWorkspace {
    /// Its id.
    pub(crate) id: Uuid,
    /// Its display name.
    #[schema(example = "Research")]
    pub(crate) name: String,
    /// Its slug.
    #[schema(example = "research")]
    pub(crate) slug: String,
}

impl From<OwnInvitation> for OwnInvitationView {
    fn from(invitation: OwnInvitation) -> Self {
        Self {
            id: invitation.id.0,
            workspace: InvitingWorkspace {
                id: invitation.workspace_id.0,
                name: invitation.workspace_name,
                slug: invitation.workspace_slug,
            },
            role: invitation.role.as_str(),
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}

//! Who is asking, in which workspace, with which rights.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{ApiKeyId, UserId, WorkspaceId};
use crate::rights::Scope;

/// What somebody may do in a workspace. Each role may do all that the roles before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Also creates, edits and runs.
    Member,
    /// Also deletes, publishes, manages secrets, keys and members.
    Admin,
    /// Also deletes the workspace.
    Owner,
}

impl Role {
    /// The role as it stands in rows and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is none of the four roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is viewer, member, admin or owner")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Viewer, Self::Member, Self::Admin, Self::Owner]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }
}

/// Somebody whose token or key was found good. Rights come from the membership, not from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The person; for an API key, the person who made it.
    pub user_id: UserId,
    /// The e-mail address of the token, if it has one.
    pub email: Option<String>,
    /// The key, when a machine is asking.
    pub key: Option<KeyGrant>,
}

/// What an API key narrows its maker's rights to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyGrant {
    /// Which key.
    pub id: ApiKeyId,
    /// The only workspace in which it acts.
    pub workspace_id: WorkspaceId,
    /// The most it may do there, however much its maker may.
    pub role: Role,
    /// What it is narrowed to within its role; empty: nothing less than the role.
    pub scopes: Vec<Scope>,
}

impl Principal {
    /// A person with a session token.
    pub fn user(user_id: UserId, email: Option<String>) -> Self {
        Self {
            user_id,
            email,
            key: None,
        }
    }

    /// The claims that row-level security reads (`request.jwt.claims`), as JSON text: `sub`, `role`,
    /// and for a key or a chosen workspace also `workspace_id`, `max_role` and `key_id`.
    pub fn claims(&self, workspace: Option<WorkspaceId>) -> String {
        let key = self.key.as_ref();
        let claims = Claims {
            sub: self.user_id,
            role: "authenticated",
            email: self.email.as_deref(),
            workspace_id: workspace.or(key.map(|key| key.workspace_id)),
            key_id: key.map(|key| key.id),
            max_role: key.map(|key| key.role.as_str()),
        };
        // Strings and ids always can be written; if they could not, no text is nobody's claims.
        serde_json::to_string(&claims).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: UserId,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace_id: Option<WorkspaceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<ApiKeyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_role: Option<&'static str>,
}

/// A principal inside one workspace: what nearly every operation needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// Where.
    pub workspace_id: WorkspaceId,
    /// With which rights there (the membership's role, capped by the key's).
    pub role: Role,
    /// The workspace's catalog revision, read in the same round trip as the membership. The registry
    /// reloads only when it moved.
    pub catalog_revision: i64,
}

/// Through which door a tool was called; recorded with each execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// `POST /api/v1/tools/{tool_id}/execute`.
    Rest,
    /// The agent loop.
    Model,
    /// An MCP client.
    Mcp,
    /// A step of a flow.
    Flow,
}

impl Door {
    /// The door as it stands in rows and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Model => "model",
            Self::Mcp => "mcp",
            Self::Flow => "flow",
        }
    }
}

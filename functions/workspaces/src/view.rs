//! Workspaces and keys as they are answered.

use chrono::{DateTime, Utc};
use persistence::keys::Key;
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
}

impl From<Workspace> for WorkspaceView {
    fn from(workspace: Workspace) -> Self {
        Self {
            id: workspace.id.0,
            name: workspace.name,
            slug: workspace.slug,
            role: workspace.role.as_str(),
            created_at: workspace.created_at,
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
            created_by: key.created_by.0,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        }
    }
}

//! Connections as they are answered: never a token, nor anything of it.

use chrono::{DateTime, Utc};
use persistence::connections::ConnectionMeta;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What may be told about a connection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connection)]
pub(crate) struct ConnectionView {
    /// Its id.
    #[schema(example = "0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11")]
    id: Uuid,
    /// The name under which tools share it; a tool's id unless the tool says otherwise.
    #[schema(example = "list_issues")]
    name: String,
    /// `auth.method` of those tools.
    #[schema(example = "oauth2_authorization_code")]
    kind: String,
    /// Whose it is; absent: the workspace's.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<Uuid>,
    /// `pending` (no consent yet), `connected`, `expired` (connect again) or `revoked`.
    #[schema(example = "connected")]
    status: String,
    /// Where its tokens come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://login.example.com/token")]
    token_url: Option<String>,
    /// What the provider granted, as far as it said so.
    #[schema(example = json!(["issues:read"]))]
    scopes: Vec<String>,
    /// The hosts that the consent was given for.
    #[schema(example = json!(["api.example.com"]))]
    allowed_hosts: Vec<String>,
    /// When the present access token ends, if the provider said so; it is refreshed by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<Uuid>,
}

impl From<ConnectionMeta> for ConnectionView {
    fn from(connection: ConnectionMeta) -> Self {
        Self {
            id: connection.id,
            name: connection.name,
            kind: connection.kind,
            user_id: connection.user_id,
            status: connection.status,
            token_url: connection.settings["token_url"].as_str().map(str::to_owned),
            scopes: connection.scopes,
            allowed_hosts: connection.allowed_hosts,
            expires_at: connection.expires_at,
            created_at: connection.created_at,
            updated_at: connection.updated_at,
            created_by: connection.created_by,
        }
    }
}

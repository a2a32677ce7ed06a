//! Secrets as they are answered: never a value, nor anything of it.

use chrono::{DateTime, Utc};
use persistence::secrets::SecretMeta;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What may be told about a secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Secret)]
pub(crate) struct SecretView {
    /// Its name, written `${NAME}` in tool configs.
    #[schema(example = "QUOTE_API_KEY")]
    name: String,
    /// Where its value lives: the name of a provider.
    #[schema(example = "builtin")]
    provider: String,
    /// The only hosts that it is sent to; empty until the first tool that an admin saves with it.
    #[schema(example = json!(["api.example.com"]))]
    allowed_hosts: Vec<String>,
    /// Grows with each new value.
    #[schema(example = 1)]
    version: i32,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<Uuid>,
    /// When a tool last used it.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<DateTime<Utc>>,
}

impl From<SecretMeta> for SecretView {
    fn from(secret: SecretMeta) -> Self {
        Self {
            name: secret.name,
            provider: secret.provider,
            allowed_hosts: secret.allowed_hosts,
            version: secret.version,
            created_at: secret.created_at,
            updated_at: secret.updated_at,
            created_by: secret.created_by,
            last_used_at: secret.last_used_at,
        }
    }
}

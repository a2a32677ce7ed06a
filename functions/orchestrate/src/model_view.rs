//! A workspace's own model server as it is answered.

use chrono::{DateTime, Utc};
use persistence::models::ModelRow;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The model server that answers this workspace's prompts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelSetting)]
pub(crate) struct ModelView {
    /// The address before `/responses`.
    #[schema(example = "https://api.openai.com/v1")]
    base_url: String,
    /// The model of requests that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "gpt-5")]
    model: Option<String>,
    /// The secret that holds its key.
    #[schema(example = "${OPENAI_KEY}")]
    api_key_ref: String,
    /// When it was first set.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
    /// Who changed it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_by: Option<Uuid>,
}

impl From<ModelRow> for ModelView {
    fn from(row: ModelRow) -> Self {
        Self {
            base_url: row.base_url,
            model: row.model,
            api_key_ref: format!("${{{}}}", row.api_key),
            created_at: row.created_at,
            updated_at: row.updated_at,
            updated_by: row.updated_by,
        }
    }
}

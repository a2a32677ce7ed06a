//! Saved prompts as they are answered: their documents as their authors wrote them.

use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use http::header::ETAG;
use persistence::prompts::{PromptVersion, SavedPrompt};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Json, Problem, etag};

/// An example for the API's description.
pub(crate) fn example_prompt() -> Value {
    json!({
        "id": "weather_report",
        "name": "Weather report",
        "description": "The weather at a place, for a kind of reader",
        "instructions": "You write weather reports for {{audience}}. Use the tools; never guess.",
        "template": "What is the weather in {{city}} in the next {{days}} days?",
        "variables": {
            "city": { "type": "string", "description": "Where", "maxLength": 80 },
            "days": { "type": "integer", "minimum": 1, "maximum": 7, "default": 3 },
            "audience": { "type": "string", "enum": ["sailors", "farmers"], "default": "farmers" },
        },
        "tools": ["get_weather"],
    })
}

/// A saved prompt in its current version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SavedPrompt)]
pub(crate) struct PromptView {
    /// Its id.
    #[schema(example = "weather_report")]
    id: String,
    /// Its display name.
    #[schema(example = "Weather report")]
    name: String,
    /// What it is for; may be empty.
    #[schema(example = "The weather at a place, for a kind of reader")]
    description: String,
    /// The current version, counted from 1.
    #[schema(example = 1)]
    version: i32,
    /// SHA-256 of the canonical document (RFC 8785), in hex; the `ETag`.
    hash: String,
    /// When the id was first saved.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
    /// Who saved it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<Uuid>,
    /// Who saved the current version.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_by: Option<Uuid>,
    /// The document as its author wrote it.
    #[schema(value_type = Object)]
    prompt: Box<RawValue>,
}

impl TryFrom<SavedPrompt> for PromptView {
    type Error = Problem;

    fn try_from(saved: SavedPrompt) -> Result<Self, Problem> {
        Ok(Self {
            id: saved.id,
            name: saved.name,
            description: saved.description,
            version: saved.version,
            hash: saved.hash,
            created_at: saved.created_at,
            updated_at: saved.updated_at,
            created_by: saved.created_by,
            updated_by: saved.updated_by,
            prompt: raw(saved.document)?,
        })
    }
}

impl PromptView {
    /// The answer with the version's `ETag`.
    pub(crate) fn tagged(self) -> Response {
        ([(ETAG, etag(&self.hash))], Json(self)).into_response()
    }
}

/// One version of a saved prompt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PromptVersion)]
pub(crate) struct PromptVersionView {
    /// Counted from 1.
    #[schema(example = 1)]
    version: i32,
    /// SHA-256 of the canonical document (RFC 8785), in hex.
    hash: String,
    /// When it was saved.
    created_at: DateTime<Utc>,
    /// Who saved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<Uuid>,
    /// The document as its author wrote it.
    #[schema(value_type = Object)]
    prompt: Box<RawValue>,
}

impl TryFrom<PromptVersion> for PromptVersionView {
    type Error = Problem;

    fn try_from(version: PromptVersion) -> Result<Self, Problem> {
        Ok(Self {
            version: version.version,
            hash: version.hash,
            created_at: version.created_at,
            created_by: version.created_by,
            prompt: raw(version.document)?,
        })
    }
}

/// The stored text, put into the answer as it stands.
fn raw(document: String) -> Result<Box<RawValue>, Problem> {
    RawValue::from_string(document).map_err(|error| Problem::internal(&error))
}

//! Saved tools as they are answered: their documents as their authors wrote them.

use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use http::header::ETAG;
use persistence::tools::{SavedTool, ToolVersion};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Json, Problem, etag};

/// An example for the API's description: the config of a tool without a key.
pub(crate) fn example_config() -> Value {
    json!({
        "name": "get_weather",
        "description": "Current weather at a place",
        "api": {
            "base_url": "https://api.open-meteo.com", "path": "/v1/forecast", "method": "GET",
            "params": { "current": "temperature_2m" },
            "auth": { "method": "none" },
        },
        "input_schema": {
            "properties": { "latitude": { "type": "number" }, "longitude": { "type": "number" } },
            "required": ["latitude", "longitude"],
        },
        "output_schema": { "properties": { "temperature": { "type": "number" } } },
        "mapping": {
            "input_to_params": { "latitude": "latitude", "longitude": "longitude" },
            "response_to_output": { "temperature": "current.temperature_2m" },
        },
    })
}

/// A saved tool in its current version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SavedTool)]
pub(crate) struct SavedView {
    /// Its id.
    #[schema(example = "get_weather")]
    id: String,
    /// Its display name.
    #[schema(example = "get_weather")]
    name: String,
    /// What it does.
    #[schema(example = "Current weather at a place")]
    description: String,
    /// Words to find it by.
    tags: Vec<String>,
    /// Whether it may be run.
    enabled: bool,
    /// The current version, counted from 1.
    #[schema(example = 1)]
    version: i32,
    /// SHA-256 of the canonical document (RFC 8785), in hex; the `ETag`.
    hash: String,
    /// Where it came from: `api`, `sample`, …
    #[schema(example = "api")]
    source: String,
    /// Whether it stands in the marketplace.
    published: bool,
    /// When the id was first saved.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
    /// Who saved it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<Uuid>,
    /// Who changed it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_by: Option<Uuid>,
    /// The document as its author wrote it.
    #[schema(value_type = Object)]
    config: Box<RawValue>,
}

impl TryFrom<SavedTool> for SavedView {
    type Error = Problem;

    fn try_from(saved: SavedTool) -> Result<Self, Problem> {
        Ok(Self {
            id: saved.id,
            name: saved.name,
            description: saved.description,
            tags: saved.tags,
            enabled: saved.enabled,
            version: saved.version,
            hash: saved.hash,
            source: saved.source,
            published: saved.published,
            created_at: saved.created_at,
            updated_at: saved.updated_at,
            created_by: saved.created_by,
            updated_by: saved.updated_by,
            config: raw(saved.document)?,
        })
    }
}

impl SavedView {
    /// The answer with the version's `ETag`.
    pub(crate) fn tagged(self) -> Response {
        ([(ETAG, etag(&self.hash))], Json(self)).into_response()
    }
}

/// One version of a saved tool.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ToolVersion)]
pub(crate) struct VersionView {
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
    config: Box<RawValue>,
}

impl TryFrom<ToolVersion> for VersionView {
    type Error = Problem;

    fn try_from(version: ToolVersion) -> Result<Self, Problem> {
        Ok(Self {
            version: version.version,
            hash: version.hash,
            created_at: version.created_at,
            created_by: version.created_by,
            config: raw(version.document)?,
        })
    }
}

/// The stored text, put into the answer as it stands.
pub(crate) fn raw(document: String) -> Result<Box<RawValue>, Problem> {
    RawValue::from_string(document).map_err(|error| Problem::internal(&error))
}

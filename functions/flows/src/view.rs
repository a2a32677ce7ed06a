//! Flows as they are answered: their definitions as their authors wrote them.

use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use http::header::ETAG;
use persistence::flows::{FlowVersion, SavedFlow};
use registry::Defined;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Json, Problem, etag};

/// An example for the API's description.
pub(crate) fn example_flow() -> Value {
    json!({
        "id": "ticker_brief",
        "name": "Ticker brief",
        "description": "Quotes of a list of tickers, and those above a price",
        "input_schema": {
            "type": "object",
            "properties": { "symbols": { "type": "array", "items": { "type": "string" } } },
            "required": ["symbols"],
        },
        "steps": [
            { "id": "quotes", "tool": "get_stock_quote", "for_each": "{{ input.symbols }}", "max_concurrency": 10,
              "input": { "symbol": "{{ item }}" }, "retry": { "max_attempts": 3, "backoff_ms": 500 } },
            { "id": "best", "transform": "{{ steps.quotes.output | selectattr('price', 'gt', 100) | list }}" },
        ],
        "output": { "best": "{{ steps.best.output }}" },
    })
}

/// A flow in one version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Flow)]
pub(crate) struct FlowView {
    /// Its id.
    #[schema(example = "ticker_brief")]
    flow_id: String,
    /// Its display name.
    #[schema(example = "Ticker brief")]
    name: String,
    /// A longer display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// What it does; may be empty.
    #[schema(example = "Quotes of a list of tickers, and those above a price")]
    description: String,
    /// Words to find it by.
    tags: Vec<String>,
    /// Whether it may be run.
    enabled: bool,
    /// Whether models and MCP clients may call it as a tool: it has an `input_schema`.
    callable: bool,
    /// The version, counted from 1.
    #[schema(example = 1)]
    version: i32,
    /// SHA-256 of the canonical document (RFC 8785), in hex; the `ETag`.
    hash: String,
    /// Why its stored definition is not accepted any more, if so; it is not run then.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantined: Option<String>,
    /// When the id was first saved.
    created_at: DateTime<Utc>,
    /// When this version was saved.
    updated_at: DateTime<Utc>,
    /// Who saved it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<Uuid>,
    /// Who saved this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_by: Option<Uuid>,
    /// The document as its author wrote it.
    #[schema(value_type = Object)]
    definition: Box<RawValue>,
}

impl TryFrom<Defined> for FlowView {
    type Error = Problem;

    fn try_from(defined: Defined) -> Result<Self, Problem> {
        let Defined {
            entry,
            created,
            updated,
        } = defined;
        let callable = entry.is_tool();
        let definition =
            RawValue::from_string(entry.document).map_err(|error| Problem::internal(&error))?;
        Ok(Self {
            flow_id: entry.id.to_string(),
            name: entry.config.name,
            title: entry.config.title,
            description: entry.config.description,
            tags: entry.config.tags,
            enabled: entry.config.enabled,
            callable,
            version: entry.version,
            hash: entry.hash,
            quarantined: entry.quarantined,
            created_at: created.at,
            updated_at: updated.at,
            created_by: created.by,
            updated_by: updated.by,
            definition,
        })
    }
}

impl FlowView {
    /// The answer with the version's `ETag`.
    pub(crate) fn tagged(self) -> Response {
        ([(ETAG, etag(&self.hash))], Json(self)).into_response()
    }

    /// Where it can be read.
    pub(crate) fn path(&self) -> String {
        format!("/api/v1/flows/{}", self.flow_id)
    }
}

/// A flow in a list, without its definition.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedFlow {
    /// Its id.
    #[schema(example = "ticker_brief")]
    flow_id: String,
    /// Its display name.
    #[schema(example = "Ticker brief")]
    name: String,
    /// What it does; may be empty.
    #[schema(example = "Quotes of a list of tickers, and those above a price")]
    description: String,
    /// Words to find it by.
    tags: Vec<String>,
    /// Whether it may be run.
    enabled: bool,
    /// Whether models and MCP clients may call it as a tool: it has an `input_schema`.
    callable: bool,
    /// The current version, counted from 1.
    #[schema(example = 1)]
    version: i32,
    /// SHA-256 of the canonical document (RFC 8785), in hex.
    hash: String,
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
}

impl From<SavedFlow> for ListedFlow {
    fn from(saved: SavedFlow) -> Self {
        Self {
            flow_id: saved.id,
            name: saved.name,
            description: saved.description,
            tags: saved.tags,
            enabled: saved.enabled,
            callable: saved.callable,
            version: saved.version,
            hash: saved.hash,
            created_at: saved.created_at,
            updated_at: saved.updated_at,
            created_by: saved.created_by,
            updated_by: saved.updated_by,
        }
    }
}

/// One version of a flow in its history; `GET /api/v1/flows/{flow_id}?version=` answers its definition.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FlowVersion)]
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
}

impl From<FlowVersion> for VersionView {
    fn from(version: FlowVersion) -> Self {
        Self {
            version: version.version,
            hash: version.hash,
            created_at: version.created_at,
            created_by: version.created_by,
        }
    }
}

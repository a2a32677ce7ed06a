//! `catalog.tool_versions`: every document that a tool has had; rows never change.

use chrono::{DateTime, Utc};
use domain::ids::{ToolId, WorkspaceId};
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Statement, row, statement};

row! {
    /// One version of a tool.
    #[derive(PartialEq, Eq)]
    pub struct ToolVersion {
        /// Counted from 1.
        pub version: i32,
        /// SHA-256 of the document's canonical form, in hex.
        pub hash: String,
        /// The document as its author wrote it.
        pub document: String,
        /// When it was saved.
        pub created_at: DateTime<Utc>,
        /// Who saved it.
        pub created_by: Option<Uuid>,
    }
}

const VERSIONS: &str = "
    select v.version, v.hash, v.document::text as document, v.created_at, v.created_by
    from catalog.tool_versions v
    where v.workspace_id = $1
      and v.tool_id = $2
      and v.version < $3
    order by v.version desc
    limit $4";

const VERSION: &str = "
    select v.version, v.hash, v.document::text as document, v.created_at, v.created_by
    from catalog.tool_versions v
    where v.workspace_id = $1
      and v.tool_id = $2
      and v.version = $3";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!(
        "tool_versions::versions",
        VERSIONS,
        Authenticated,
        ToolVersion
    ),
    statement!(
        "tool_versions::version",
        VERSION,
        Authenticated,
        ToolVersion
    ),
];

/// A tool's history, newest first, before the given version. Retired tools have one too.
///
/// # Errors
/// The database's.
pub async fn versions(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: &ToolId,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<ToolVersion>, Error> {
    tx.all(
        query_as(VERSIONS)
            .bind(workspace.0)
            .bind(id.as_str())
            .bind(before.unwrap_or(i32::MAX))
            .bind(limit),
    )
    .await
}

/// One version of a tool.
///
/// # Errors
/// The database's.
pub async fn version(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: &ToolId,
    number: i32,
) -> Result<Option<ToolVersion>, Error> {
    tx.maybe(
        query_as(VERSION)
            .bind(workspace.0)
            .bind(id.as_str())
            .bind(number),
    )
    .await
}

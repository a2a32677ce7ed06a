//! `orchestration.flow_versions`: every document that a flow has had; rows never change.

use chrono::{DateTime, Utc};
use domain::ids::{ToolId, WorkspaceId};
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Statement, row, statement};

row! {
    /// One version of a flow in its history.
    #[derive(PartialEq, Eq)]
    pub struct FlowVersion {
        /// Counted from 1.
        pub version: i32,
        /// SHA-256 of the document's canonical form, in hex.
        pub hash: String,
        /// When it was saved.
        pub created_at: DateTime<Utc>,
        /// Who saved it.
        pub created_by: Option<Uuid>,
    }
}

row! {
    /// One version of a flow with its document, and when the flow was first saved.
    #[derive(PartialEq, Eq)]
    pub struct FlowDocument {
        /// Counted from 1.
        pub version: i32,
        /// SHA-256 of the document's canonical form, in hex.
        pub hash: String,
        /// The document as its author wrote it.
        pub document: String,
        /// When the flow was first saved.
        pub created_at: DateTime<Utc>,
        /// When this version was saved.
        pub updated_at: DateTime<Utc>,
        /// Who saved the flow first.
        pub created_by: Option<Uuid>,
        /// Who saved this version.
        pub updated_by: Option<Uuid>,
    }
}

const VERSIONS: &str = "
    select v.version, v.hash, v.created_at, v.created_by
    from orchestration.flow_versions v
    where v.workspace_id = $1
      and v.flow_id = $2
      and v.version < $3
    order by v.version desc
    limit $4";

const VERSION: &str = "
    select v.version, v.hash, v.document::text as document, f.created_at, v.created_at as updated_at,
           f.created_by, v.created_by as updated_by
    from orchestration.flow_versions v
    join orchestration.flows f
      on f.workspace_id = v.workspace_id and f.id = v.flow_id
    where v.workspace_id = $1
      and v.flow_id = $2
      and v.version = $3";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!(
        "flow_versions::versions",
        VERSIONS,
        Authenticated,
        FlowVersion
    ),
    statement!(
        "flow_versions::version",
        VERSION,
        Authenticated,
        FlowDocument
    ),
];

/// A flow's history, newest first, before the given version. Retired flows have one too.
///
/// # Errors
/// The database's.
pub async fn versions(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: &ToolId,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<FlowVersion>, Error> {
    let query = query_as(VERSIONS)
        .bind(workspace.0)
        .bind(id.as_str())
        .bind(before.unwrap_or(i32::MAX))
        .bind(limit);
    tx.all(query).await
}

/// One version of a flow, of a retired one too.
///
/// # Errors
/// The database's.
pub async fn version(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: &ToolId,
    number: i32,
) -> Result<Option<FlowDocument>, Error> {
    let query = query_as(VERSION)
        .bind(workspace.0)
        .bind(id.as_str())
        .bind(number);
    tx.maybe(query).await
}

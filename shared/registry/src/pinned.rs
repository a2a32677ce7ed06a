//! Versions that runs are pinned to: from memory where they are the current ones, whatever has changed since.

use std::sync::Arc;

use domain::caller::Caller;
use domain::ids::{ToolId, WorkspaceId};
use persistence::tools::{self, CatalogKind, CatalogRow};
use persistence::{Tx, flows};
use tokio::sync::OnceCell;

use crate::error::Error;
use crate::flow_entry::FlowVersion;
use crate::live::Registry;
use crate::tool::CompiledTool;

/// Replaced versions that are kept in memory.
pub(crate) const VERSIONS: usize = 256;

/// Names one version of a tool or flow: what it is never changes.
pub(crate) type VersionKey = (WorkspaceId, i32, ToolId);

/// One version, loaded by the first who asks.
pub(crate) type Pinned = OnceCell<Arc<CompiledTool>>;

impl Registry {
    /// This version of a flow, current, replaced or retired. No query and next to no work while it is the current one
    /// and the workspace's catalog is in memory.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Quarantined`], [`Error::Database`].
    pub async fn flow_at(
        &self,
        caller: &Caller,
        id: &ToolId,
        version: i32,
    ) -> Result<Arc<FlowVersion>, Error> {
        let entry = self.at(caller, CatalogKind::Flow, id, version).await?;
        match (entry.flow_version(), &entry.quarantined) {
            (Some(flow), _) => Ok(Arc::clone(flow)),
            (None, Some(why)) => Err(Error::Quarantined(why.clone())),
            (None, None) => Err(Error::NotFound),
        }
    }

    /// This version of a tool, current, replaced or retired; a code-based tool as it is now. A quarantined one is
    /// answered too. No query and next to no work while it is the current one and the workspace's catalog is in memory.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for the id of a flow; [`Error::Database`].
    pub async fn tool_at(
        &self,
        caller: &Caller,
        id: &ToolId,
        version: i32,
    ) -> Result<Arc<CompiledTool>, Error> {
        self.at(caller, CatalogKind::Tool, id, version).await
    }

    async fn at(
        &self,
        caller: &Caller,
        kind: CatalogKind,
        id: &ToolId,
        version: i32,
    ) -> Result<Arc<CompiledTool>, Error> {
        let catalog = self.in_memory(caller.workspace_id);
        let current = catalog.as_ref().and_then(|catalog| catalog.entry(id));
        if let Some(current) = current.filter(|entry| entry.version == version) {
            return of_kind(current, kind);
        }
        let cell = self.pinned.get((caller.workspace_id, version, id.clone()));
        let load = || self.load(caller, kind, id, version);
        of_kind(cell.get_or_try_init(load).await?, kind)
    }

    async fn load(
        &self,
        caller: &Caller,
        kind: CatalogKind,
        id: &ToolId,
        version: i32,
    ) -> Result<Arc<CompiledTool>, Error> {
        let workspace = caller.workspace_id;
        let mut tx = self.db.begin_as(&caller.principal, Some(workspace)).await?;
        let row = row(&mut tx, workspace, kind, id, version).await?;
        tx.commit().await?;
        let stored = row.and_then(|row| CompiledTool::of_row(row, &self.policy));
        let built_in = || match kind {
            CatalogKind::Tool => self.built_in.get(id),
            CatalogKind::Flow => None,
        };
        stored
            .map(Arc::new)
            .or_else(built_in)
            .ok_or(Error::NotFound)
    }
}

async fn row(
    tx: &mut Tx,
    workspace: WorkspaceId,
    kind: CatalogKind,
    id: &ToolId,
    version: i32,
) -> Result<Option<CatalogRow>, persistence::Error> {
    let (hash, document) = match kind {
        CatalogKind::Tool => match tools::version(tx, workspace, id, version).await? {
            Some(found) => (found.hash, found.document),
            None => return Ok(None),
        },
        CatalogKind::Flow => match flows::version(tx, workspace, id, version).await? {
            Some(found) => (found.hash, found.document),
            None => return Ok(None),
        },
    };
    Ok(Some(CatalogRow {
        kind,
        id: id.to_string(),
        version,
        hash,
        document: Some(document),
    }))
}

fn of_kind(entry: &Arc<CompiledTool>, kind: CatalogKind) -> Result<Arc<CompiledTool>, Error> {
    match entry.is_flow() == (kind == CatalogKind::Flow) {
        true => Ok(Arc::clone(entry)),
        false => Err(Error::NotFound),
    }
}

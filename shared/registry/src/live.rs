//! The catalog that a caller is to see: from memory while nothing changed, else loaded once for all who wait.

use std::sync::{Arc, PoisonError, RwLock};

use domain::caller::Caller;
use domain::code::CodeTool;
use domain::egress::Policy;
use domain::ids::WorkspaceId;
use persistence::Db;
use persistence::tools::{self, CatalogDelta};
use tokio::sync::Mutex;

use crate::cache::Cache;
use crate::catalog::{BuiltIn, Catalog};
use crate::error::Error;
use crate::pinned::{Pinned, VERSIONS, VersionKey};

/// Workspaces whose tools are kept in memory.
const WORKSPACES: usize = 256;

/// More changed tools than this are compiled where they do not hold up other requests.
const COMPILED_IN_PLACE: usize = 16;

/// The tools of all workspaces. Cheap to clone; clones share one memory.
#[derive(Clone, Debug)]
pub struct Registry {
    pub(crate) db: Db,
    pub(crate) policy: Arc<Policy>,
    pub(crate) built_in: BuiltIn,
    workspaces: Arc<Cache<WorkspaceId, Workspace>>,
    pub(crate) pinned: Arc<Cache<VersionKey, Pinned>>,
}

/// What is known of one workspace.
#[derive(Debug, Default)]
struct Workspace {
    current: RwLock<Option<Arc<Catalog>>>,
    /// Held by the one request that loads.
    loading: Mutex<()>,
}

impl Workspace {
    /// The catalog in memory, whatever its revision.
    fn known(&self) -> Option<Arc<Catalog>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    fn at_least(&self, revision: i64) -> Option<Arc<Catalog>> {
        self.known()
            .filter(|catalog| catalog.revision() >= revision)
    }

    fn replace(&self, catalog: Arc<Catalog>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(catalog);
    }
}

impl Registry {
    /// A registry with nothing in memory. `policy` says which hosts tools may name.
    pub fn new(db: Db, policy: Policy) -> Self {
        Self {
            db,
            policy: Arc::new(policy),
            built_in: BuiltIn::default(),
            workspaces: Arc::new(Cache::new(WORKSPACES)),
            pinned: Arc::new(Cache::new(VERSIONS)),
        }
    }

    /// Which hosts tools may name.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The same with these code-based tools in every workspace. To be called before the first use.
    #[must_use]
    pub fn with_code<'c>(self, tools: impl IntoIterator<Item = &'c CodeTool>) -> Self {
        Self {
            built_in: BuiltIn::new(tools),
            ..self
        }
    }

    /// The workspace's tools, never older than the caller's own revision. Asks the database only when
    /// that revision is not in memory, then for what changed, and once for everybody who waits.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn catalog(&self, caller: &Caller) -> Result<Arc<Catalog>, Error> {
        let workspace = self.workspaces.get(caller.workspace_id);
        if let Some(catalog) = workspace.at_least(caller.catalog_revision) {
            return Ok(catalog);
        }
        let _loading = workspace.loading.lock().await;
        if let Some(catalog) = workspace.at_least(caller.catalog_revision) {
            return Ok(catalog);
        }
        let known = workspace
            .known()
            .unwrap_or_else(|| Arc::new(Catalog::of_built_in(&self.built_in)));
        let delta = self.changed_since(caller, known.revision()).await?;
        let catalog = self.compiled(known, delta).await;
        workspace.replace(Arc::clone(&catalog));
        Ok(catalog)
    }

    /// The workspace's catalog as far as it is in memory, whatever its revision.
    pub(crate) fn in_memory(&self, workspace: WorkspaceId) -> Option<Arc<Catalog>> {
        self.workspaces.get(workspace).known()
    }

    /// Puts a catalog into memory, as if it had just been loaded.
    pub fn adopt(&self, workspace: WorkspaceId, catalog: Catalog) {
        self.workspaces.get(workspace).replace(Arc::new(catalog));
    }

    async fn changed_since(&self, caller: &Caller, revision: i64) -> Result<CatalogDelta, Error> {
        let workspace = caller.workspace_id;
        let mut tx = self.db.begin_as(&caller.principal, Some(workspace)).await?;
        let delta = tools::changed_since(&mut tx, workspace, revision).await?;
        tx.commit().await?;
        Ok(delta)
    }

    async fn compiled(&self, known: Arc<Catalog>, delta: CatalogDelta) -> Arc<Catalog> {
        if delta.rows.len() <= COMPILED_IN_PLACE {
            return Arc::new(known.after(delta, &self.policy));
        }
        let policy = Arc::clone(&self.policy);
        let (base, rows) = (Arc::clone(&known), delta.clone());
        match tokio::task::spawn_blocking(move || base.after(rows, &policy)).await {
            Ok(catalog) => Arc::new(catalog),
            // The runtime is shutting down: this request may still finish.
            Err(_) => Arc::new(known.after(delta, &self.policy)),
        }
    }
}

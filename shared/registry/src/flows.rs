//! Flow definitions: saving, changing, retiring and finding them.

use chrono::{DateTime, Utc};
use domain::caller::Caller;
use domain::canonical;
use domain::fault::Fault;
use domain::flow::{self, Flow};
use domain::ids::ToolId;
use persistence::flows::{self, FlowDocument, FlowVersion, Insert, NewFlow, Revise, SavedFlow};
use persistence::tools::{CatalogKind, CatalogRow};
use persistence::{Tx, installs};
use serde_json::Value;
use uuid::Uuid;

use crate::error::Error;
use crate::live::Registry;
use crate::tool::CompiledTool;

/// What can go wrong with a workspace's flows.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The document is no flow; every fault, with pointers into the document.
    #[error("the flow has {} fault(s)", .0.len())]
    Invalid(Vec<Fault>),
    /// A flow of that id is there.
    #[error("a flow of this id exists in version {version}")]
    Exists {
        /// Its version.
        version: i32,
        /// Its hash.
        hash: String,
    },
    /// A tool has the id, or had it; tools and flows share one namespace.
    #[error("the id {0} belongs to a tool, and tools and flows share their ids")]
    TakenByTool(ToolId),
    /// A code-based tool has the id; such tools are part of the product.
    #[error("{0} is a built-in tool")]
    BuiltIn(ToolId),
    /// The flow changed since the caller read it (`If-Match`).
    #[error("the flow is in version {version} by now")]
    Conflict {
        /// The current version.
        version: i32,
        /// Its hash.
        hash: String,
    },
    /// It was installed from the marketplace: only its updates change it.
    #[error("the flow is an installed copy, which is changed by its updates only")]
    InstalledCopy,
    /// No such flow or version in the workspace.
    #[error("no such flow")]
    NotFound,
    /// The catalog, against which a flow is checked.
    #[error(transparent)]
    Catalog(#[from] Error),
    /// The database.
    #[error(transparent)]
    Database(#[from] persistence::Error),
}

/// A flow as it was saved or read: what its document means, and when it was written.
#[derive(Debug)]
pub struct Defined {
    /// The flow with its document; quarantined when the document is not accepted any more.
    pub entry: CompiledTool,
    /// When the id was first saved, and by whom.
    pub created: Written,
    /// When this version was saved, and by whom.
    pub updated: Written,
}

/// When something was written, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// When.
    pub at: DateTime<Utc>,
    /// By whom, while that person is known.
    pub by: Option<Uuid>,
}

/// The flow definitions of all workspaces.
#[derive(Clone, Copy, Debug)]
pub struct Flows<'r> {
    registry: &'r Registry,
}

impl Registry {
    /// The flows beside the tools.
    pub const fn flows(&self) -> Flows<'_> {
        Flows { registry: self }
    }
}

/// A document that was found good, with what is stored beside it.
struct Checked {
    id: ToolId,
    flow: Flow,
    text: String,
    hash: String,
}

impl Checked {
    fn row<'a>(&'a self, caller: &Caller) -> NewFlow<'a> {
        NewFlow {
            workspace_id: caller.workspace_id,
            id: &self.id,
            name: &self.flow.name,
            description: &self.flow.description,
            tags: &self.flow.tags,
            enabled: self.flow.enabled,
            callable: self.flow.input_schema.is_some(),
            document: &self.text,
            hash: &self.hash,
        }
    }

    fn defined(self, saved: &SavedFlow) -> Defined {
        let hash = saved.hash.clone();
        Defined {
            entry: CompiledTool::of_flow(self.id, saved.version, hash, self.text, self.flow),
            created: Written {
                at: saved.created_at,
                by: saved.created_by,
            },
            updated: Written {
                at: saved.updated_at,
                by: saved.updated_by,
            },
        }
    }
}

impl Flows<'_> {
    async fn begin(&self, caller: &Caller) -> Result<Tx, persistence::Error> {
        let workspace = Some(caller.workspace_id);
        self.registry
            .db
            .begin_as(&caller.principal, workspace)
            .await
    }

    /// Reads a document and checks it against the tools and flows that the caller has now. `of` is the flow whose next
    /// version it is to be.
    async fn checked(
        &self,
        caller: &Caller,
        document: &Value,
        of: Option<&ToolId>,
    ) -> Result<Checked, FlowError> {
        let catalog = self.registry.catalog(caller).await?;
        if let Some(id) = of
            && !catalog.entry(id).is_some_and(|entry| entry.is_flow())
        {
            return Err(FlowError::NotFound);
        }
        let mut flow = flow::read(document).map_err(FlowError::Invalid)?;
        let own = flow.id.take().or_else(|| ToolId::from_name(&flow.name));
        let id = match (of, own) {
            (Some(id), own) => {
                if document.get("id").is_some() && own.as_ref() != Some(id) {
                    return Err(FlowError::Invalid(vec![id_changed(id)]));
                }
                id.clone()
            }
            (None, Some(id)) => id,
            (None, None) => return Err(FlowError::Invalid(vec![id_required()])),
        };
        flow.id = Some(id.clone());
        let faults = flow::check(&flow, &*catalog);
        if !faults.is_empty() {
            return Err(FlowError::Invalid(faults));
        }
        Ok(Checked {
            id,
            flow,
            text: document.to_string(),
            hash: canonical::hash(document),
        })
    }

    /// Saves a new flow; an id that was retired is taken up again as its next version.
    ///
    /// # Errors
    /// [`FlowError::Invalid`], [`FlowError::Exists`], [`FlowError::TakenByTool`], [`FlowError::BuiltIn`],
    /// [`FlowError::Database`].
    pub async fn save(&self, caller: &Caller, document: &Value) -> Result<Defined, FlowError> {
        let checked = self.checked(caller, document, None).await?;
        if self.registry.built_in.has(&checked.id) {
            return Err(FlowError::BuiltIn(checked.id));
        }
        let mut tx = self.begin(caller).await?;
        let inserted = flows::insert(&mut tx, &checked.row(caller)).await;
        let inserted = match inserted {
            Ok(Insert::Created(saved)) => tx.commit().await.map(|()| Insert::Created(saved)),
            other => other,
        };
        match inserted {
            Ok(Insert::Created(saved)) => Ok(checked.defined(&saved)),
            Ok(Insert::Exists { version, hash }) => Err(FlowError::Exists { version, hash }),
            Err(error) if error.is_conflict_on("names_pkey") => {
                Err(FlowError::TakenByTool(checked.id))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Saves the next version of a flow. `if_match` is the hash that the caller last read; without it the last write
    /// wins. A document without an `id` keeps this one; another `id` is a fault. Runs that are under way stay on
    /// the version with which they began.
    ///
    /// # Errors
    /// [`FlowError::Invalid`], [`FlowError::Conflict`], [`FlowError::NotFound`], [`FlowError::Database`].
    pub async fn revise(
        &self,
        caller: &Caller,
        id: &ToolId,
        document: &Value,
        if_match: Option<&str>,
    ) -> Result<Defined, FlowError> {
        let checked = self.checked(caller, document, Some(id)).await?;
        let mut tx = self.begin(caller).await?;
        match flows::revise(&mut tx, &checked.row(caller), if_match).await? {
            Revise::Done(saved) => {
                tx.commit().await.map_err(pinned)?;
                Ok(checked.defined(&saved))
            }
            Revise::Conflict { version, hash } => Err(FlowError::Conflict { version, hash }),
            Revise::NotFound => Err(FlowError::NotFound),
        }
    }

    /// Takes a flow out of use; its history and its runs stay.
    ///
    /// # Errors
    /// [`FlowError::NotFound`], [`FlowError::Database`].
    pub async fn retire(&self, caller: &Caller, id: &ToolId) -> Result<(), FlowError> {
        let mut tx = self.begin(caller).await?;
        let retired = flows::retire(&mut tx, caller.workspace_id, id).await;
        if !retired.map_err(pinned)? {
            return Err(FlowError::NotFound);
        }
        Ok(tx.commit().await?)
    }

    /// Makes an earlier version the next one.
    ///
    /// # Errors
    /// [`FlowError::NotFound`] without that version of a live flow; [`FlowError::Invalid`] when it would not be
    /// accepted today; [`FlowError::Database`].
    pub async fn restore(
        &self,
        caller: &Caller,
        id: &ToolId,
        version: i32,
    ) -> Result<Defined, FlowError> {
        let mut tx = self.begin(caller).await?;
        let found = flows::version(&mut tx, caller.workspace_id, id, version).await?;
        tx.commit().await?;
        let document = found.ok_or(FlowError::NotFound)?.document;
        let document = serde_json::from_str(&document)
            .map_err(|error| persistence::Error::Corrupt(error.to_string()))?;
        self.revise(caller, id, &document, None).await
    }

    /// One flow: its current version, or the one that is named, which may be that of a retired flow.
    ///
    /// # Errors
    /// [`FlowError::NotFound`], [`FlowError::Database`].
    pub async fn read(
        &self,
        caller: &Caller,
        id: &ToolId,
        version: Option<i32>,
    ) -> Result<Defined, FlowError> {
        let workspace = caller.workspace_id;
        let mut tx = self.begin(caller).await?;
        let version = match version {
            Some(version) => Some(version),
            None => {
                let current = flows::by_id(&mut tx, workspace, id).await?;
                current.map(|current| current.version)
            }
        };
        let found = match version {
            Some(version) => flows::version(&mut tx, workspace, id, version).await?,
            None => None,
        };
        tx.commit().await?;
        found
            .and_then(|found| self.defined(id, found))
            .ok_or(FlowError::NotFound)
    }

    fn defined(&self, id: &ToolId, found: FlowDocument) -> Option<Defined> {
        let row = CatalogRow {
            kind: CatalogKind::Flow,
            id: id.to_string(),
            version: found.version,
            hash: found.hash,
            document: Some(found.document),
        };
        Some(Defined {
            entry: CompiledTool::of_row(row, &self.registry.policy)?,
            created: Written {
                at: found.created_at,
                by: found.created_by,
            },
            updated: Written {
                at: found.updated_at,
                by: found.updated_by,
            },
        })
    }

    /// The workspace's flows in the order of their ids, after the given one, without their documents.
    ///
    /// # Errors
    /// [`FlowError::Database`].
    pub async fn page(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<SavedFlow>, FlowError> {
        let mut tx = self.begin(caller).await?;
        let page = flows::page(&mut tx, caller.workspace_id, after, limit).await?;
        tx.commit().await?;
        Ok(page)
    }

    /// A flow's versions, the latest first, below `before`, without their documents; of a retired flow too.
    ///
    /// # Errors
    /// [`FlowError::NotFound`], [`FlowError::Database`].
    pub async fn versions(
        &self,
        caller: &Caller,
        id: &ToolId,
        before: Option<i32>,
        limit: i64,
    ) -> Result<Vec<FlowVersion>, FlowError> {
        let workspace = caller.workspace_id;
        let mut tx = self.begin(caller).await?;
        let versions = flows::versions(&mut tx, workspace, id, before, limit).await?;
        let there = !versions.is_empty() || flows::by_id(&mut tx, workspace, id).await?.is_some();
        tx.commit().await?;
        match there {
            true => Ok(versions),
            false => Err(FlowError::NotFound),
        }
    }
}

/// The rule that an installed copy is changed by its updates only, checked at commit.
fn pinned(error: persistence::Error) -> FlowError {
    match error.is_conflict_on(installs::PINNED) {
        true => FlowError::InstalledCopy,
        false => error.into(),
    }
}

fn id_changed(id: &ToolId) -> Fault {
    let fault = Fault::new("/id", "id_changed", "the id of a saved flow cannot change");
    let hint = format!("write {:?}, leave it out, or save a new flow", id.as_str());
    fault.hint(hint)
}

fn id_required() -> Fault {
    let message = "no id can be made of this name";
    Fault::new("/id", "required", message).hint("state an id of a-z, 0-9, _ and -")
}

//! The persistent view: saving, changing, retiring and finding tools.

use domain::caller::Caller;
use domain::config::{self, ToolConfig};
use domain::egress::Policy;
use domain::fault::Fault;
use domain::ids::ToolId;
use domain::schema::Compiled;
use domain::{canonical, output, request};
use persistence::installs;
use persistence::tools::{self, Insert, NewTool, Revise, SavedTool, ToolVersion};
use serde_json::Value;

use crate::error::Error;
use crate::live::Registry;
use crate::search;

/// Where a tool comes from that a person saved.
const BY_HAND: &str = "api";

/// What was saved: by this call, whatever others have saved since.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The tool's id.
    pub tool_id: ToolId,
    /// The version as it was saved.
    pub saved: SavedTool,
    /// What its document means.
    pub config: ToolConfig,
}

/// A document that was found good, with what is stored beside it.
struct Checked {
    config: ToolConfig,
    text: String,
    hash: String,
}

impl Checked {
    fn new(document: &Value, policy: &Policy) -> Result<Self, Error> {
        let config = checked(document, policy).map_err(Error::Invalid)?;
        Ok(Self {
            config,
            text: document.to_string(),
            hash: canonical::hash(document),
        })
    }

    fn row<'a>(&'a self, caller: &Caller, source: &'a str) -> NewTool<'a> {
        NewTool {
            workspace_id: caller.workspace_id,
            id: &self.config.id,
            name: &self.config.name,
            description: &self.config.description,
            tags: &self.config.tags,
            enabled: self.config.enabled,
            document: &self.text,
            hash: &self.hash,
            source,
        }
    }

    fn registered(self, saved: SavedTool) -> Registered {
        Registered {
            tool_id: self.config.id.clone(),
            saved,
            config: self.config,
        }
    }
}

/// Reads a document, compiles both schemas and both plans.
pub(crate) fn checked(document: &Value, policy: &Policy) -> Result<ToolConfig, Vec<Fault>> {
    let config = config::read(document, policy)?;
    let mut faults = Vec::new();
    for (pointer, schema) in [
        ("/input_schema", &config.input_schema),
        ("/output_schema", &config.output_schema),
    ] {
        let found = Compiled::new(schema).err().into_iter().flatten();
        faults.extend(found.map(|fault| Fault {
            pointer: format!("{pointer}{}", fault.pointer),
            ..fault
        }));
    }
    let _ = request::Plan::compile(&config);
    let _ = output::Plan::compile(&config);
    if faults.is_empty() {
        Ok(config)
    } else {
        Err(faults)
    }
}

impl Registry {
    /// Saves a new tool; an id that was retired is taken up again as its next version.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::TakenByFlow`], [`Error::BuiltIn`], [`Error::Database`].
    pub async fn register(&self, caller: &Caller, document: Value) -> Result<Registered, Error> {
        self.register_from(caller, document, BY_HAND).await
    }

    /// As [`register`](Self::register), for a tool of another origin than a person's own document:
    /// `sample`, `marketplace`.
    ///
    /// # Errors
    /// As there.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a document is handed over, as in register"
    )]
    pub async fn register_from(
        &self,
        caller: &Caller,
        document: Value,
        source: &str,
    ) -> Result<Registered, Error> {
        let checked = Checked::new(&document, &self.policy)?;
        if self.built_in.has(&checked.config.id) {
            return Err(Error::BuiltIn(checked.config.id));
        }
        let mut tx = self
            .db
            .begin_as(&caller.principal, Some(caller.workspace_id))
            .await?;
        let inserted = tools::insert(&mut tx, &checked.row(caller, source)).await;
        match inserted.map_err(told)? {
            Insert::Created(saved) => {
                tx.commit().await.map_err(told)?;
                Ok(checked.registered(saved))
            }
            Insert::Exists { version, hash } => Err(Error::Exists { version, hash }),
        }
    }

    /// Saves the next version of a tool. `if_match` is the hash that the caller last read; without
    /// it the last write wins. A document without an `id` keeps this one; another `id` is a fault.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Conflict`], [`Error::NotFound`], [`Error::BuiltIn`], [`Error::Database`].
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a document is handed over, as in register"
    )]
    pub async fn revise(
        &self,
        caller: &Caller,
        id: &ToolId,
        document: Value,
        if_match: Option<&str>,
    ) -> Result<Registered, Error> {
        let mut checked = Checked::new(&document, &self.policy)?;
        if document.get("id").is_some() && checked.config.id != *id {
            let fault = Fault::new("/id", "id_changed", "the id of a saved tool cannot change");
            let hint = format!("write {:?}, leave it out, or save a new tool", id.as_str());
            return Err(Error::Invalid(vec![fault.hint(hint)]));
        }
        checked.config.id = id.clone();
        let mut tx = self
            .db
            .begin_as(&caller.principal, Some(caller.workspace_id))
            .await?;
        let row = checked.row(caller, BY_HAND);
        match tools::revise(&mut tx, &row, if_match).await? {
            Revise::Done(saved) => {
                tx.commit().await.map_err(told)?;
                Ok(checked.registered(saved))
            }
            Revise::Conflict { version, hash } => Err(Error::Conflict { version, hash }),
            Revise::NotFound => Err(self.not_saved(id)),
        }
    }

    /// Why an id that nothing was saved under cannot be changed.
    fn not_saved(&self, id: &ToolId) -> Error {
        if self.built_in.has(id) {
            Error::BuiltIn(id.clone())
        } else {
            Error::NotFound
        }
    }

    /// Takes a tool out of use; its history stays.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BuiltIn`], [`Error::Database`].
    pub async fn retire(&self, caller: &Caller, id: &ToolId) -> Result<(), Error> {
        let mut tx = self
            .db
            .begin_as(&caller.principal, Some(caller.workspace_id))
            .await?;
        let retired = tools::retire(&mut tx, caller.workspace_id, id).await;
        if !retired.map_err(told)? {
            return Err(self.not_saved(id));
        }
        Ok(tx.commit().await?)
    }

    /// Makes an earlier version the next one.
    ///
    /// # Errors
    /// [`Error::NotFound`] without that version of a live tool; [`Error::Invalid`] when it would not
    /// be accepted today; [`Error::Database`].
    pub async fn restore(
        &self,
        caller: &Caller,
        id: &ToolId,
        version: i32,
    ) -> Result<Registered, Error> {
        let workspace = caller.workspace_id;
        let mut tx = self.db.begin_as(&caller.principal, Some(workspace)).await?;
        let found = tools::version(&mut tx, workspace, id, version).await?;
        tx.commit().await?;
        let document = found.ok_or_else(|| self.not_saved(id))?.document;
        let document = serde_json::from_str(&document)
            .map_err(|error| persistence::Error::Corrupt(error.to_string()))?;
        self.revise(caller, id, document, None).await
    }

    /// One saved tool.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Database`].
    pub async fn saved(&self, caller: &Caller, id: &ToolId) -> Result<SavedTool, Error> {
        let mut tx = self
            .db
            .begin_as(&caller.principal, Some(caller.workspace_id))
            .await?;
        let saved = tools::by_id(&mut tx, caller.workspace_id, id).await?;
        tx.commit().await?;
        saved.ok_or(Error::NotFound)
    }

    /// Saved tools in the order of their ids, after the given one.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn saved_page(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<SavedTool>, Error> {
        let mut tx = self
            .db
            .begin_as(&caller.principal, Some(caller.workspace_id))
            .await?;
        let page = tools::page(&mut tx, caller.workspace_id, after, limit).await?;
        tx.commit().await?;
        Ok(page)
    }

    /// A live tool's versions, the latest first, below `before`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Database`].
    pub async fn versions(
        &self,
        caller: &Caller,
        id: &ToolId,
        before: Option<i32>,
        limit: i64,
    ) -> Result<Vec<ToolVersion>, Error> {
        let workspace = caller.workspace_id;
        let mut tx = self.db.begin_as(&caller.principal, Some(workspace)).await?;
        let versions = tools::versions(&mut tx, workspace, id, before, limit).await?;
        let there = !versions.is_empty() || tools::by_id(&mut tx, workspace, id).await?.is_some();
        tx.commit().await?;
        if there {
            Ok(versions)
        } else {
            Err(Error::NotFound)
        }
    }

    /// Ids of the tools that match a text, best first, code-based ones last; see
    /// [`Catalog::listing_of`](crate::Catalog::listing_of).
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn search(&self, caller: &Caller, q: &str, limit: i64) -> Result<Vec<String>, Error> {
        let mut tx = self
            .db
            .begin_as(&caller.principal, Some(caller.workspace_id))
            .await?;
        let mut ids = tools::search(&mut tx, caller.workspace_id, q, limit).await?;
        tx.commit().await?;
        let catalog = self.catalog(caller).await?;
        let found = self.built_in.tools().filter(|tool| {
            // A saved tool in its place was searched for in the database.
            let current = catalog.tool(&tool.id);
            current.is_some_and(|current| current.code.is_some()) && search::matches(q, &tool.view)
        });
        ids.extend(found.map(|tool| tool.id.to_string()));
        ids.truncate(usize::try_from(limit).unwrap_or(0));
        Ok(ids)
    }
}

/// What a constraint that refused the tool says: tools and flows share one namespace, an installed copy is changed by its updates
/// only.
fn told(error: persistence::Error) -> Error {
    if error.is_conflict_on("names_pkey") {
        Error::TakenByFlow
    } else if error.is_conflict_on(installs::PINNED) {
        Error::InstalledCopy
    } else {
        error.into()
    }
}

//! Prompt templates: saving, changing, retiring, finding them, and filling them in.

use domain::caller::Caller;
use domain::canonical;
use domain::fault::Fault;
use domain::ids::PromptId;
use domain::prompt::{self, Filled, Prompt};
use persistence::prompts::{self, Insert, NewPrompt, PromptVersion, Revise, SavedPrompt};
use persistence::{Db, installs};
use serde_json::{Map, Value};

use crate::live::Registry;

/// What can go wrong with a workspace's prompts.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The document is no prompt; every fault, with pointers into the document.
    #[error("the prompt has {} fault(s)", .0.len())]
    Invalid(Vec<Fault>),
    /// The variables do not fit; every fault, with pointers such as `/variables/city`.
    #[error("the variables have {} fault(s)", .0.len())]
    Variables(Vec<Fault>),
    /// A prompt of that id is there.
    #[error("a prompt of this id exists in version {version}")]
    Exists {
        /// Its version.
        version: i32,
        /// Its hash.
        hash: String,
    },
    /// The prompt changed since the caller read it (`If-Match`).
    #[error("the prompt is in version {version} by now")]
    Conflict {
        /// The current version.
        version: i32,
        /// Its hash.
        hash: String,
    },
    /// It was installed from the marketplace: only its updates change it.
    #[error("the prompt is an installed copy, which is changed by its updates only")]
    InstalledCopy,
    /// No such prompt or version in the workspace.
    #[error("no such prompt")]
    NotFound,
    /// The database.
    #[error(transparent)]
    Database(#[from] persistence::Error),
}

/// A prompt with its variables filled in, and which version of it that is.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// What a person calls it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The version.
    pub version: i32,
    /// SHA-256 of the document's canonical form, in hex.
    pub hash: String,
    /// Its texts and settings.
    pub filled: Filled,
}

/// A prompt as a list offers it to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The id, by which it is asked for.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// What is filled in.
    pub arguments: Vec<Argument>,
}

/// One variable of an [`Offered`] prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether a value must be given.
    pub required: bool,
}

/// The prompts of all workspaces. Cheap to clone; nothing is kept in memory.
#[derive(Clone, Debug)]
pub struct Prompts {
    db: Db,
}

impl Registry {
    /// The prompts beside the tools.
    pub fn prompts(&self) -> Prompts {
        Prompts {
            db: self.db.clone(),
        }
    }
}

/// A document that was found good, with what is stored beside it.
struct Checked {
    prompt: Prompt,
    text: String,
    hash: String,
}

impl Checked {
    fn new(document: &Value) -> Result<Self, PromptError> {
        Ok(Self {
            prompt: prompt::read(document).map_err(PromptError::Invalid)?,
            text: document.to_string(),
            hash: canonical::hash(document),
        })
    }

    fn row<'a>(&'a self, caller: &Caller, id: &'a PromptId) -> NewPrompt<'a> {
        NewPrompt {
            workspace_id: caller.workspace_id,
            id,
            name: &self.prompt.name,
            description: &self.prompt.description,
            document: &self.text,
            hash: &self.hash,
        }
    }
}

impl Prompts {
    async fn begin(&self, caller: &Caller) -> Result<persistence::Tx, persistence::Error> {
        let workspace = caller.workspace_id;
        self.db.begin_as(&caller.principal, Some(workspace)).await
    }

    /// Saves a new prompt; an id that was retired is taken up again as its next version.
    ///
    /// # Errors
    /// [`PromptError::Invalid`], [`PromptError::Exists`], [`PromptError::Database`].
    pub async fn save(
        &self,
        caller: &Caller,
        document: &Value,
    ) -> Result<SavedPrompt, PromptError> {
        let checked = Checked::new(document)?;
        let mut tx = self.begin(caller).await?;
        let row = checked.row(caller, &checked.prompt.id);
        match prompts::insert(&mut tx, &row).await? {
            Insert::Created(saved) => {
                tx.commit().await?;
                Ok(saved)
            }
            Insert::Exists { version, hash } => Err(PromptError::Exists { version, hash }),
        }
    }

    /// Saves the next version of a prompt. `if_match` is the hash that the caller last read; without
    /// it the last write wins. A document without an `id` keeps this one; another `id` is a fault.
    ///
    /// # Errors
    /// [`PromptError::Invalid`], [`PromptError::Conflict`], [`PromptError::NotFound`],
    /// [`PromptError::Database`].
    pub async fn revise(
        &self,
        caller: &Caller,
        id: &PromptId,
        document: &Value,
        if_match: Option<&str>,
    ) -> Result<SavedPrompt, PromptError> {
        let checked = Checked::new(document)?;
        if document.get("id").is_some() && checked.prompt.id != *id {
            let message = "the id of a saved prompt cannot change";
            let hint = format!(
                "write {:?}, leave it out, or save a new prompt",
                id.as_str()
            );
            let fault = Fault::new("/id", "id_changed", message).hint(hint);
            return Err(PromptError::Invalid(vec![fault]));
        }
        let mut tx = self.begin(caller).await?;
        match prompts::revise(&mut tx, &checked.row(caller, id), if_match).await? {
            Revise::Done(saved) => {
                tx.commit().await.map_err(pinned)?;
                Ok(saved)
            }
            Revise::Conflict { version, hash } => Err(PromptError::Conflict { version, hash }),
            Revise::NotFound => Err(PromptError::NotFound),
        }
    }

    /// Takes a prompt out of use; its history stays.
    ///
    /// # Errors
    /// [`PromptError::NotFound`], [`PromptError::Database`].
    pub async fn retire(&self, caller: &Caller, id: &PromptId) -> Result<(), PromptError> {
        let mut tx = self.begin(caller).await?;
        if !prompts::retire(&mut tx, caller.workspace_id, id).await? {
            return Err(PromptError::NotFound);
        }
        Ok(tx.commit().await?)
    }

    /// Makes an earlier version the next one.
    ///
    /// # Errors
    /// [`PromptError::NotFound`] without that version of a live prompt; [`PromptError::Invalid`] when
    /// it would not be accepted today; [`PromptError::Database`].
    pub async fn restore(
        &self,
        caller: &Caller,
        id: &PromptId,
        version: i32,
    ) -> Result<SavedPrompt, PromptError> {
        let mut tx = self.begin(caller).await?;
        let found = prompts::version(&mut tx, caller.workspace_id, id, version).await?;
        tx.commit().await?;
        let found = found.ok_or(PromptError::NotFound)?;
        let document = parsed(&found.document)?;
        self.revise(caller, id, &document, None).await
    }

    /// One saved prompt.
    ///
    /// # Errors
    /// [`PromptError::NotFound`], [`PromptError::Database`].
    pub async fn saved(&self, caller: &Caller, id: &PromptId) -> Result<SavedPrompt, PromptError> {
        let mut tx = self.begin(caller).await?;
        let saved = prompts::by_id(&mut tx, caller.workspace_id, id).await?;
        tx.commit().await?;
        saved.ok_or(PromptError::NotFound)
    }

    /// Saved prompts in the order of their ids, after the given one.
    ///
    /// # Errors
    /// [`PromptError::Database`].
    pub async fn page(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<SavedPrompt>, PromptError> {
        let mut tx = self.begin(caller).await?;
        let page = prompts::page(&mut tx, caller.workspace_id, after, limit).await?;
        tx.commit().await?;
        Ok(page)
    }

    /// The same as clients are offered them. A prompt whose stored document is not accepted any more
    /// is offered without arguments; filling it in says why.
    ///
    /// # Errors
    /// [`PromptError::Database`].
    pub async fn offered(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Offered>, PromptError> {
        let page = self.page(caller, after, limit).await?;
        page.into_iter().map(offered).collect()
    }

    /// A live prompt's versions, the latest first, below `before`.
    ///
    /// # Errors
    /// [`PromptError::NotFound`], [`PromptError::Database`].
    pub async fn versions(
        &self,
        caller: &Caller,
        id: &PromptId,
        before: Option<i32>,
        limit: i64,
    ) -> Result<Vec<PromptVersion>, PromptError> {
        let workspace = caller.workspace_id;
        let mut tx = self.begin(caller).await?;
        let versions = prompts::versions(&mut tx, workspace, id, before, limit).await?;
        let there = !versions.is_empty() || prompts::by_id(&mut tx, workspace, id).await?.is_some();
        tx.commit().await?;
        if there {
            Ok(versions)
        } else {
            Err(PromptError::NotFound)
        }
    }

    /// Fills a prompt in.
    ///
    /// # Errors
    /// [`PromptError::NotFound`]; [`PromptError::Variables`]; [`PromptError::Invalid`] when its stored
    /// document is not accepted any more; [`PromptError::Database`].
    pub async fn render(
        &self,
        caller: &Caller,
        id: &PromptId,
        variables: &Map<String, Value>,
    ) -> Result<Rendered, PromptError> {
        self.fill(caller, id, |prompt| prompt.fill(variables)).await
    }

    /// The same with values that came as texts, as MCP sends them: `"3"` of a number is 3.
    ///
    /// # Errors
    /// As there.
    pub async fn render_texts(
        &self,
        caller: &Caller,
        id: &PromptId,
        arguments: Map<String, Value>,
    ) -> Result<Rendered, PromptError> {
        self.fill(caller, id, |prompt| prompt.fill(&prompt.typed(arguments)))
            .await
    }

    async fn fill(
        &self,
        caller: &Caller,
        id: &PromptId,
        fill: impl FnOnce(&Prompt) -> Result<Filled, Vec<Fault>>,
    ) -> Result<Rendered, PromptError> {
        let saved = self.saved(caller, id).await?;
        let prompt = prompt::read(&parsed(&saved.document)?).map_err(PromptError::Invalid)?;
        Ok(Rendered {
            filled: fill(&prompt).map_err(PromptError::Variables)?,
            name: saved.name,
            description: saved.description,
            version: saved.version,
            hash: saved.hash,
        })
    }
}

/// The rule that an installed copy is changed by its updates only, checked at commit.
fn pinned(error: persistence::Error) -> PromptError {
    match error.is_conflict_on(installs::PINNED) {
        true => PromptError::InstalledCopy,
        false => error.into(),
    }
}

fn offered(saved: SavedPrompt) -> Result<Offered, PromptError> {
    let prompt = prompt::read(&parsed(&saved.document)?);
    let variables = prompt.map(|prompt| prompt.variables).unwrap_or_default();
    let argument = |variable: prompt::Variable| Argument {
        name: variable.name,
        description: variable.description,
        required: variable.required,
    };
    Ok(Offered {
        id: saved.id,
        name: saved.name,
        description: saved.description,
        arguments: variables.into_iter().map(argument).collect(),
    })
}

fn parsed(document: &str) -> Result<Value, persistence::Error> {
    serde_json::from_str(document).map_err(|error| persistence::Error::Corrupt(error.to_string()))
}

//! What the engine tells a worker: whose run it is, what it is about, and which steps are the worker's now.

use std::collections::BTreeMap;

use domain::caller::{Caller, Door, KeyGrant, Principal, Role};
use domain::flow::StepView;
use domain::ids::{ApiKeyId, ToolId, UserId, WorkspaceId};
use domain::run::{Effect, Kind, storable};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Hint;

/// A run, as far as all of its steps share it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RunContext {
    pub(crate) id: Uuid,
    pub(crate) workspace_id: WorkspaceId,
    /// Absent: a tool's execution that was owed to the queue.
    pub(crate) flow_id: Option<ToolId>,
    pub(crate) flow_version: Option<i32>,
    pub(crate) pinned: BTreeMap<ToolId, i32>,
    pub(crate) input: Value,
    pub(crate) door: Door,
    pub(crate) depth: u16,
    pub(crate) idempotency_key: Option<String>,
    #[serde(default)]
    pub(crate) output_reads: Vec<String>,
    started_at: String,
    user_id: Option<UserId>,
    role: Option<Role>,
    revision: Option<i64>,
    key_id: Option<ApiKeyId>,
    key_role: Option<Role>,
}

impl RunContext {
    /// The person on whose behalf the run acts, with the rights that they have now; none when they may not run tools here any
    /// more.
    pub(crate) fn caller(&self) -> Option<Caller> {
        let (user_id, role) = (self.user_id?, self.role?);
        let (role, key) = match self.key_id {
            None => (role, None),
            Some(id) => {
                let most = self.key_role?;
                let key = KeyGrant {
                    id,
                    workspace_id: self.workspace_id,
                    role: most,
                    // They say which doors the key opens; the run is behind one.
                    scopes: Vec::new(),
                };
                (role.min(most), Some(key))
            }
        };
        (role >= Role::Member).then(|| Caller {
            principal: Principal {
                user_id,
                email: None,
                key,
            },
            workspace_id: self.workspace_id,
            role,
            catalog_revision: self.revision.unwrap_or_default(),
        })
    }

    /// Whoever reads the definition: the person, or where they may not run tools any more, nobody, who reads what is in memory; the
    /// run's steps then say why they fail.
    pub(crate) fn reader(&self) -> Caller {
        self.caller().unwrap_or_else(|| Caller {
            principal: Principal::user(self.user_id.unwrap_or(UserId(Uuid::nil())), None),
            workspace_id: self.workspace_id,
            role: Role::Viewer,
            catalog_revision: self.revision.unwrap_or_default(),
        })
    }

    /// What expressions see as `run`.
    pub(crate) fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "flow_id": self.flow_id,
            "version": self.flow_version,
            "started_at": self.started_at,
        })
    }
}

/// A step that this worker has.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claimed {
    pub(crate) step_id: String,
    pub(crate) kind: Kind,
    pub(crate) attempt: u32,
    pub(crate) max_attempts: u32,
    pub(crate) effect: Effect,
    pub(crate) tool_id: Option<ToolId>,
    pub(crate) call_key: Option<Uuid>,
    pub(crate) timeout_ms: u64,
    pub(crate) parent_step_id: Option<String>,
    pub(crate) input: Option<Value>,
    reads: Option<BTreeMap<String, StepView>>,
    pub(crate) undoes: Option<Undone>,
}

impl Claimed {
    /// The results that its expressions read.
    pub(crate) fn reads(&mut self) -> BTreeMap<String, StepView> {
        self.reads.take().unwrap_or_default()
    }
}

/// The step that a compensation undoes.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Undone {
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) output: Value,
    pub(crate) item: Option<Value>,
    pub(crate) index: Option<u64>,
    /// As the definition calls it.
    pub(crate) step_id: String,
}

/// A message that is owed, and when it is due.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Owed {
    pub(crate) run_id: Uuid,
    pub(crate) step_id: String,
    #[serde(default)]
    pub(crate) delay_ms: u64,
}

impl From<Owed> for Hint {
    fn from(owed: Owed) -> Self {
        Self::new(owed.run_id, owed.step_id)
    }
}

/// Reads what a door of the engine answered.
///
/// # Errors
/// A row says something that this build cannot read.
pub(crate) fn read<T: for<'d> Deserialize<'d>>(
    what: &str,
    text: &str,
) -> Result<T, persistence::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    T::deserialize(&mut reader)
        .map_err(|error| persistence::Error::Corrupt(format!("{what} of a run: {error}")))
}

/// Writes what a door of the engine is told, as text that the database takes.
///
/// # Errors
/// It cannot be written as JSON.
pub(crate) fn write(value: &(impl Serialize + ?Sized)) -> Result<String, persistence::Error> {
    serde_json::to_string(value)
        .map(storable)
        .map_err(|error| persistence::Error::Corrupt(error.to_string()))
}

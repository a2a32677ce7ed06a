//! Starting a run: its input checked, every version pinned, all rows written in one commit, its first steps sent.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use domain::caller::{Caller, Door};
use domain::flow::{Action, Flow};
use domain::ids::ToolId;
use domain::run::{self, Callee, Effect};
use persistence::run_keys::{self, KeyedRun};
use persistence::runs::{self, NewRun, Started};
use registry::CompiledTool;
use serde_json::Value;
use uuid::Uuid;

use crate::{FlowError, Flows, Hint, context};

/// How a run is asked for.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// Through which door.
    pub door: Door,
    /// The same key answers the same run.
    pub idempotency_key: Option<String>,
}

/// A run that was started, now or before with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartedRun {
    /// Its id.
    pub id: Uuid,
    /// The flow's version that it follows.
    pub version: i32,
    /// It was started before.
    pub existing: bool,
    /// It waits for other runs of its flow.
    pub held: bool,
}

/// The step that starts a run.
pub(crate) struct Parent<'a> {
    pub(crate) run: Uuid,
    pub(crate) step: &'a str,
    pub(crate) depth: u16,
    /// What the run above pinned holds below it.
    pub(crate) pinned: &'a BTreeMap<ToolId, i32>,
    /// The run to be started.
    pub(crate) child: Uuid,
}

impl Flows {
    /// Starts a run of a flow, in its current version and with the current versions of everything that it calls.
    ///
    /// # Errors
    /// [`FlowError`].
    pub async fn start(
        &self,
        caller: &Caller,
        flow: &ToolId,
        input: Value,
        options: StartOptions,
    ) -> Result<StartedRun, FlowError> {
        self.begin(caller, flow, input, options, None).await
    }

    /// Starts the run of a step, with the versions that the run above pinned.
    pub(crate) async fn start_below(
        &self,
        caller: &Caller,
        flow: &ToolId,
        input: Value,
        options: StartOptions,
        parent: Parent<'_>,
    ) -> Result<StartedRun, FlowError> {
        self.begin(caller, flow, input, options, Some(parent)).await
    }

    async fn begin(
        &self,
        caller: &Caller,
        id: &ToolId,
        mut input: Value,
        options: StartOptions,
        parent: Option<Parent<'_>>,
    ) -> Result<StartedRun, FlowError> {
        // Of what was sent, before anything is filled in: a flow may have other defaults by now.
        let input_hash = run::input_hash(id.as_str(), &input);
        if let (Some(key), None) = (&options.idempotency_key, &parent)
            && let Some(before) = self.started_before(caller, key, input_hash).await?
        {
            return Ok(before);
        }
        let pinned = parent.as_ref().map(|parent| parent.pinned);
        let (entry, flow) = self.to_start(caller, id, pinned).await?;
        executor::accept(&entry, &mut input, options.door).map_err(FlowError::InvalidInput)?;
        let run = parent
            .as_ref()
            .map_or_else(Uuid::now_v7, |parent| parent.child);
        let (callees, versions) = self.callees(caller, &flow, pinned).await?;
        let plan = run::plan(run, &flow, &|id| callees.get(id).copied())?;
        let output_reads: Vec<String> = plan.output_reads.iter().map(ToString::to_string).collect();
        let new = NewRun {
            id: run,
            flow: Some((id.as_str(), entry.version)),
            pinned: &context::write(&versions)?,
            input: &context::write(&input)?,
            door: options.door,
            idempotency_key: options.idempotency_key.as_deref(),
            input_hash,
            timeout: Duration::from_millis(flow.timeout_ms),
            // A run below another would wait for its own parent.
            max_concurrency: match parent {
                None => flow.max_concurrency,
                Some(_) => None,
            },
            parent: parent.as_ref().map(|parent| (parent.run, parent.step)),
            depth: parent.as_ref().map_or(0, |parent| parent.depth + 1),
            output_reads: &output_reads,
            steps: &context::write(&plan.steps)?,
        };
        let (principal, workspace) = (&caller.principal, caller.workspace_id);
        let started = runs::start(&self.db, principal, workspace, &new, self.resend).await?;
        let started = match started {
            Started::New { held } => StartedRun {
                id: run,
                version: entry.version,
                existing: false,
                held,
            },
            Started::Existing(id) if parent.is_some() => StartedRun {
                id,
                version: entry.version,
                existing: true,
                held: false,
            },
            Started::Existing(id) => self.found(caller, id, run).await?,
            Started::Reused => return Err(FlowError::KeyReused),
            Started::Over => return Err(FlowError::ParentStopped),
        };
        if !started.existing && !started.held {
            let roots = plan.steps.iter().filter(|step| step.needs == 0);
            self.send(roots.map(|step| Hint::new(run, step.step_id.to_string())))
                .await;
        }
        Ok(started)
    }

    /// The run that was started with a key, whatever has become of its flow since.
    pub(crate) async fn started_before(
        &self,
        caller: &Caller,
        key: &str,
        input_hash: [u8; 32],
    ) -> Result<Option<StartedRun>, FlowError> {
        match self.keyed(caller, key).await? {
            None => Ok(None),
            Some(found) if found.asks(input_hash) => Ok(Some(StartedRun {
                id: found.id,
                version: found.flow_version.unwrap_or_default(),
                existing: true,
                held: found.held,
            })),
            Some(_) => Err(FlowError::KeyReused),
        }
    }

    /// The run or the owed execution that a key belongs to.
    pub(crate) async fn keyed(
        &self,
        caller: &Caller,
        key: &str,
    ) -> Result<Option<KeyedRun>, persistence::Error> {
        let workspace = caller.workspace_id;
        let mut tx = self.db.begin_as(&caller.principal, Some(workspace)).await?;
        let found = run_keys::by_key(&mut tx, workspace, key).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// A run that was there when it was to be started. It is a new one all the same when it has the id that was proposed: the
    /// answer was lost, and the statement made twice.
    async fn found(
        &self,
        caller: &Caller,
        id: Uuid,
        proposed: Uuid,
    ) -> Result<StartedRun, FlowError> {
        let workspace = caller.workspace_id;
        let mut tx = self.db.begin_as(&caller.principal, Some(workspace)).await?;
        let found = run_keys::by_id(&mut tx, workspace, id).await?;
        tx.commit().await?;
        let found = found.ok_or(FlowError::RunNotFound)?;
        Ok(StartedRun {
            id,
            version: found.flow_version.unwrap_or_default(),
            existing: id != proposed,
            held: found.held,
        })
    }

    /// The flow as the catalog has it, or in the version that the run above pinned.
    async fn to_start(
        &self,
        caller: &Caller,
        id: &ToolId,
        pinned: Option<&BTreeMap<ToolId, i32>>,
    ) -> Result<(Arc<CompiledTool>, Arc<Flow>), FlowError> {
        let entry = match pinned.and_then(|pinned| pinned.get(id)) {
            Some(version) => self.registry.flow_entry_at(caller, id, *version).await?,
            None => {
                let catalog = self.registry.catalog(caller).await?;
                catalog.entry(id).cloned().ok_or(FlowError::NotFound)?
            }
        };
        if !entry.is_flow() {
            return Err(FlowError::NotFound);
        }
        if let Some(why) = &entry.quarantined {
            return Err(FlowError::Disabled(format!(
                "The stored definition of this flow is no longer valid: {why}"
            )));
        }
        if !entry.config.enabled {
            return Err(FlowError::Disabled("The flow is disabled.".to_owned()));
        }
        let flow = entry.flow.clone().ok_or(FlowError::NotFound)?;
        Ok((entry, flow))
    }

    /// What a flow calls, as it is now or was pinned; and the versions of that and of everything below it.
    async fn callees(
        &self,
        caller: &Caller,
        flow: &Flow,
        pinned: Option<&BTreeMap<ToolId, i32>>,
    ) -> Result<(HashMap<ToolId, Callee>, BTreeMap<ToolId, i32>), FlowError> {
        let mut callees = HashMap::new();
        let mut versions = pinned.cloned().unwrap_or_default();
        let mut to_look_at: Vec<Called> = called(flow, Level::Own).collect();
        let catalog = self.registry.catalog(caller).await?;
        while let Some(Called { id, kind, level }) = to_look_at.pop() {
            let is_own = level == Level::Own;
            if callees.contains_key(&id) || (!is_own && versions.contains_key(&id)) {
                continue;
            }
            let found = match versions.get(&id) {
                Some(version) => self.version(caller, &id, *version, kind).await?,
                None => catalog.entry(&id).cloned(),
            };
            let Some(found) = found else {
                continue;
            };
            versions.insert(id.clone(), found.version);
            if is_own {
                callees.insert(id, callee(&found));
            }
            if let Some(below) = &found.flow {
                to_look_at.extend(called(below, Level::Below));
            }
        }
        Ok((callees, versions))
    }

    async fn version(
        &self,
        caller: &Caller,
        id: &ToolId,
        version: i32,
        kind: Calls,
    ) -> Result<Option<Arc<CompiledTool>>, FlowError> {
        let found = match kind {
            Calls::Flow => self.registry.flow_entry_at(caller, id, version).await,
            Calls::Tool => self.registry.tool_at(caller, id, version).await,
        };
        match found {
            Ok(found) => Ok(Some(found)),
            Err(registry::Error::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// What a flow calls.
struct Called {
    id: ToolId,
    kind: Calls,
    level: Level,
}

#[derive(Clone, Copy)]
enum Calls {
    Tool,
    Flow,
}

/// Whether the flow itself calls it, or one that it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Own,
    Below,
}

/// Every tool and flow that a flow calls, some more than once.
fn called(flow: &Flow, level: Level) -> impl Iterator<Item = Called> {
    flow.steps.iter().flat_map(move |step| {
        let own = match &step.action {
            Action::Tool { tool, .. } => Some((tool, Calls::Tool)),
            Action::Flow { flow, .. } => Some((flow, Calls::Flow)),
            Action::Transform(_) | Action::Wait(_) => None,
        };
        let undo = step
            .compensate
            .as_ref()
            .map(|undo| (&undo.tool, Calls::Tool));
        own.into_iter().chain(undo).map(move |(id, kind)| Called {
            id: id.clone(),
            kind,
            level,
        })
    })
}

fn callee(found: &CompiledTool) -> Callee {
    if found.flow.is_some() {
        // Starting a run again is starting it once.
        return Callee {
            version: found.version,
            effect: Effect::Read,
            timeout_ms: None,
        };
    }
    Callee {
        version: found.version,
        effect: executor::effect(found),
        timeout_ms: Some(executor::timeout_ms(found)),
    }
}

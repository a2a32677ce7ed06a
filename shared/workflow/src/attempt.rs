//! One attempt of one step: its input from the definition, its call, and what the engine is told of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::caller::{Caller, Door, Role};
use domain::failure::{Failure, FailureCode};
use domain::flow::{self, Action, Flow, MAX_SUB_FLOWS, Scope, Step, StepView, Unrendered, Work};
use domain::ids::ToolId;
use domain::run::{Effect, Kind, OUTPUT_STEP, Undo, call_key, child_run, pause_ms};
use executor::{Asked, ExecuteError, ExecuteOptions};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::context::{Claimed, RunContext};
use crate::outcome::{Child, ChildRules, Outcome, StepResult, error};
use crate::start::{Parent, StartOptions};
use crate::{FlowError, Flows};

/// Attempts that a step has besides its own when it was not at fault: the database or a store of secrets was away.
const SPARE_ATTEMPTS: u32 = 10;
/// Pause before such an attempt, in milliseconds, at most and doubled each time.
const SPARE_BACKOFF_MS: u64 = 500;
/// Leases last ten seconds longer than their step; of these, what may go by before it begins.
const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// Less time than this is not worth a beginning, unless the step has no more.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// What all steps of a run share on this worker. Cheap to clone: each attempt is a task of its own, which goes on while others are
/// written down. (A future that nobody polls would keep the connection that it was given.)
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) flows: Flows,
    pub(crate) known: Arc<Known>,
}

/// What has been learnt of a run.
pub(crate) struct Known {
    pub(crate) context: RunContext,
    /// The definition; none for a tool's execution that was owed to the queue.
    pub(crate) flow: Option<Arc<Flow>>,
    /// What expressions see as `run`.
    pub(crate) shown: Value,
}

/// When steps were claimed, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    /// Before the claim was asked for, which is before its lease began.
    pub(crate) asked: Instant,
    /// The worker's time for one step, as the engine was told it.
    pub(crate) left: Duration,
}

impl Claim {
    /// Time for a step that begins now, so that it is written down before its lease ends; `None` when that is over, or as good as.
    fn time(self, timeout: Duration) -> Option<Duration> {
        let wanted = timeout.min(self.left);
        let late = self.asked.elapsed().saturating_sub(LEASE_MARGIN);
        let time = wanted.saturating_sub(late);
        (time >= wanted.min(LEAST_TIME)).then_some(time)
    }
}

/// An attempt that ended, and with which view others will see it.
pub(crate) struct Ended {
    pub(crate) result: StepResult,
    /// Results that it read.
    pub(crate) reads: BTreeMap<String, StepView>,
}

/// The outcome, with what the step was called with and the execution that it made.
struct Made {
    outcome: Outcome,
    input: Option<Value>,
    execution_id: Option<Uuid>,
}

impl From<Outcome> for Made {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            input: None,
            execution_id: None,
        }
    }
}

impl Scene {
    /// Runs a claimed step for as long as its claim lasts.
    pub(crate) async fn attempt(self, mut step: Claimed, claim: Claim) -> Ended {
        let reads = step.reads();
        let made = match claim.time(Duration::from_millis(step.timeout_ms)) {
            Some(time) => self.made(&step, &reads, time).await,
            // Another worker may have it by now.
            None => later("Its worker came to it too late.", step.attempt).into(),
        };
        Ended {
            result: StepResult {
                step_id: step.step_id,
                attempt: step.attempt,
                outcome: made.outcome,
                input: made.input,
                execution_id: made.execution_id,
            },
            reads,
        }
    }

    async fn made(
        &self,
        step: &Claimed,
        reads: &BTreeMap<String, StepView>,
        time: Duration,
    ) -> Made {
        let scope = self.scope(reads);
        let Some(flow) = self.known.flow.as_deref() else {
            return self.owed(step, reads, time).await;
        };
        if step.kind == Kind::Output {
            return match flow::output(flow, &scope) {
                Ok(output) => Outcome::Succeeded { output }.into(),
                Err(unrendered) => expression_failed(&unrendered, "output").into(),
            };
        }
        let name = match (&step.undoes, &step.parent_step_id) {
            (Some(undone), _) => &undone.step_id,
            (None, Some(parent)) => parent,
            (None, None) => &step.step_id,
        };
        let Some(defined) = flow.step(name) else {
            return Outcome::failed(
                "step_missing",
                format!("The flow's definition has no step {name}."),
                "Start a new run.",
            )
            .into();
        };
        if step.undoes.is_some() {
            return self.undo(step, defined, reads, time).await;
        }
        // An item's input was made when its for_each was.
        if let (Some(_), Some(input)) = (&step.parent_step_id, &step.input) {
            return match &defined.action {
                Action::Flow { flow, .. } => self.delegate(step, flow, input.clone()).await,
                Action::Tool { .. } | Action::Transform(_) | Action::Wait(_) => {
                    self.call(step, Some(defined), input.clone(), time).await
                }
            };
        }
        match flow::work(defined, &scope) {
            Ok(work) => self.worked(step, defined, work, time).await,
            Err(unrendered) => expression_failed(&unrendered, &step.step_id).into(),
        }
    }

    fn scope<'s>(&'s self, reads: &'s BTreeMap<String, StepView>) -> Scope<'s> {
        Scope {
            input: &self.known.context.input,
            run: &self.known.shown,
            steps: reads,
            item: None,
            index: None,
        }
    }

    async fn worked(&self, step: &Claimed, defined: &Step, work: Work, time: Duration) -> Made {
        match work {
            Work::Skip => Outcome::Skipped.into(),
            Work::Done(output) => Outcome::Succeeded { output }.into(),
            Work::Call { input, .. } => self.call(step, Some(defined), input, time).await,
            Work::Run { flow, input } => self.delegate(step, &flow, input).await,
            Work::Sleep(duration) => Outcome::Sleep {
                output: json!({ "waited_ms": duration.as_millis() }),
                delay_ms: millis(duration),
            }
            .into(),
            Work::Await => Outcome::Await {
                delay_ms: defined.timeout_ms,
            }
            .into(),
            Work::Expand(items) => self.expand(step, defined, items).await.into(),
        }
    }

    /// The items of a `for_each`, as steps of their own.
    async fn expand(&self, step: &Claimed, defined: &Step, items: Vec<flow::Item>) -> Outcome {
        let rules = match self.child_rules(defined, step.attempt).await {
            Ok(rules) => rules,
            Err(outcome) => return outcome,
        };
        let keeps_item = rules.undo.is_some();
        let children = (0_u64..).zip(items).map(|(index, item)| Child {
            item: keeps_item.then_some(item.item),
            input: item.input,
            call_key: call_key(self.known.context.id, &step.step_id, Some(index)),
        });
        Outcome::Expand {
            children: children.collect(),
            window: defined
                .for_each
                .as_ref()
                .map_or(1, |for_each| for_each.max_concurrency),
            child: rules,
        }
    }

    async fn child_rules(&self, defined: &Step, attempt: u32) -> Result<ChildRules, Outcome> {
        let (kind, effect) = match &defined.action {
            Action::Flow { .. } => (Kind::Flow, Effect::Read),
            Action::Tool { tool, .. } => {
                let tool = self.pinned_tool(tool, attempt).await?;
                (Kind::Tool, executor::effect(&tool))
            }
            Action::Transform(_) | Action::Wait(_) => (Kind::Transform, Effect::Read),
        };
        let undo = match &defined.compensate {
            None => None,
            Some(compensation) => {
                let tool = self.pinned_tool(&compensation.tool, attempt).await?;
                Some(Undo::of(
                    compensation,
                    executor::effect(&tool),
                    Some(executor::timeout_ms(&tool)),
                ))
            }
        };
        Ok(ChildRules {
            kind,
            effect,
            max_attempts: defined.retry.max_attempts,
            undo,
        })
    }

    /// The call that undoes a step.
    async fn undo(
        &self,
        step: &Claimed,
        defined: &Step,
        reads: &BTreeMap<String, StepView>,
        time: Duration,
    ) -> Made {
        let Some(undone) = &step.undoes else {
            return Outcome::Skipped.into();
        };
        let mut seen = reads.clone();
        let own = StepView {
            status: undone.status.clone(),
            output: undone.output.clone(),
            error: Value::Null,
        };
        seen.insert(undone.step_id.clone(), own);
        let scope = Scope {
            item: undone.item.as_ref(),
            index: undone.index,
            ..self.scope(&seen)
        };
        match flow::undo(defined, &scope) {
            Ok(input) => self.call(step, None, input, time).await,
            Err(unrendered) => expression_failed(&unrendered, &step.step_id).into(),
        }
    }

    /// A tool's execution that was owed to the queue.
    async fn owed(
        &self,
        step: &Claimed,
        reads: &BTreeMap<String, StepView>,
        time: Duration,
    ) -> Made {
        if step.step_id == OUTPUT_STEP {
            let call = reads.values().next();
            let output = call.map_or(Value::Null, |call| call.output.clone());
            return Outcome::Succeeded { output }.into();
        }
        let input = step.input.clone().unwrap_or_else(|| json!({}));
        self.call(step, None, input, time).await
    }

    /// A call of a tool, in the version that the run pinned.
    async fn call(
        &self,
        step: &Claimed,
        defined: Option<&Step>,
        input: Value,
        time: Duration,
    ) -> Made {
        let made = |outcome: Outcome, execution_id| Made {
            outcome,
            input: Some(input.clone()),
            execution_id,
        };
        let Some(caller) = self.known.context.caller() else {
            return made(not_permitted(), None);
        };
        let Some(id) = &step.tool_id else {
            return made(Outcome::Skipped, None);
        };
        let tool = match self.pinned_tool_as(&caller, id, step.attempt).await {
            Ok(tool) => tool,
            Err(outcome) => return made(outcome, None),
        };
        let options = ExecuteOptions {
            idempotency_key: self.key(step),
            deadline: Some(time),
            asked: Some(Asked {
                run_id: Some(self.known.context.id),
                call_id: step.step_id.clone(),
            }),
            ..ExecuteOptions::through(self.door())
        };
        let backoff_ms = defined.map_or(1_000, |defined| defined.retry.backoff_ms);
        match self
            .flows
            .executor
            .execute_version(&caller, &tool, input.clone(), options)
            .await
        {
            Ok(execution) => {
                let id = Some(execution.execution_id.0);
                match execution.outcome {
                    Ok(output) => made(Outcome::Succeeded { output }, id),
                    Err(failure) => made(judged(step, backoff_ms, &failure), id),
                }
            }
            Err(error) => made(refused(step, &error), None),
        }
    }

    /// Through which door the call is recorded: a step's is `flow`; an owed execution keeps its caller's.
    fn door(&self) -> Door {
        match self.known.flow {
            Some(_) => Door::Flow,
            None => self.known.context.door,
        }
    }

    /// The key of a call: none where twice is as good as once without it, which spares the ledger's round trip.
    fn key(&self, step: &Claimed) -> Option<String> {
        if self.known.flow.is_none()
            && let Some(key) = &self.known.context.idempotency_key
        {
            return Some(key.clone());
        }
        match step.effect {
            Effect::Read => None,
            Effect::Keyed | Effect::Unsafe => step.call_key.map(|key| key.to_string()),
        }
    }

    async fn pinned_tool(
        &self,
        id: &ToolId,
        attempt: u32,
    ) -> Result<Arc<registry::CompiledTool>, Outcome> {
        let caller = self.known.context.caller().ok_or_else(not_permitted)?;
        self.pinned_tool_as(&caller, id, attempt).await
    }

    async fn pinned_tool_as(
        &self,
        caller: &Caller,
        id: &ToolId,
        attempt: u32,
    ) -> Result<Arc<registry::CompiledTool>, Outcome> {
        let Some(version) = self.known.context.pinned.get(id) else {
            return Err(gone(id));
        };
        match self.flows.registry.tool_at(caller, id, *version).await {
            Ok(tool) => Ok(tool),
            Err(registry::Error::NotFound) => Err(gone(id)),
            Err(error) => Err(later(&error.to_string(), attempt)),
        }
    }

    /// Starts the run of another flow; however often, it is one run.
    async fn delegate(&self, step: &Claimed, flow: &ToolId, input: Value) -> Made {
        let made = |outcome| Made {
            outcome,
            input: Some(input.clone()),
            execution_id: None,
        };
        if usize::from(self.known.context.depth) >= MAX_SUB_FLOWS {
            return made(Outcome::failed(
                "flows_too_deep",
                format!("Flows call one another more than {MAX_SUB_FLOWS} deep."),
                "Let fewer flows call one another.",
            ));
        }
        let Some(caller) = self.known.context.caller() else {
            return made(not_permitted());
        };
        let Some(key) = step.call_key else {
            return made(Outcome::Skipped);
        };
        let child = child_run(key);
        let options = StartOptions {
            door: Door::Flow,
            idempotency_key: None,
        };
        let parent = Parent {
            run: self.known.context.id,
            step: &step.step_id,
            depth: self.known.context.depth,
            pinned: &self.known.context.pinned,
            child,
        };
        let started = self
            .flows
            .start_below(&caller, flow, input.clone(), options, parent)
            .await;
        made(match started {
            Ok(_) => Outcome::Delegate { child_run: child },
            Err(FlowError::InvalidInput(faults)) => Outcome::Failed {
                error: with_faults(&faults),
            },
            Err(FlowError::ParentStopped) => Outcome::Stopped,
            Err(FlowError::Database(error)) => later(&error.to_string(), step.attempt),
            Err(error) => Outcome::failed(
                "flow_not_started",
                format!("The flow {flow} was not started: {error}."),
                "Look at that flow; start a new run of this one.",
            ),
        })
    }
}

/// A failed call: whether it is worth another attempt, and when.
fn judged(step: &Claimed, backoff_ms: u64, failure: &Failure) -> Outcome {
    let told = serde_json::to_value(failure).unwrap_or_default();
    if failure.code == FailureCode::UnknownOutcome {
        return Outcome::Unknown { error: told };
    }
    if !failure.retryable || step.attempt >= step.max_attempts {
        return Outcome::Failed { error: told };
    }
    let wanted_ms = told["details"]["retry_after_s"]
        .as_f64()
        .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
        .map(millis);
    Outcome::Retry {
        delay_ms: pause_ms(backoff_ms, step.attempt, wanted_ms, chance()),
        error: told,
        spare: 0,
    }
}

/// A call that was not made.
fn refused(step: &Claimed, refusal: &ExecuteError) -> Outcome {
    match refusal {
        ExecuteError::InvalidInput(faults) => Outcome::Failed {
            error: with_faults(faults),
        },
        ExecuteError::ToolNotFound => Outcome::failed(
            "tool_not_found",
            "The tool is not there any more.",
            "Start a new run after mending the flow.",
        ),
        ExecuteError::ToolDisabled(why) => Outcome::failed(
            "tool_disabled",
            why.clone(),
            "Save the tool with enabled: true.",
        ),
        ExecuteError::KeyReused => Outcome::failed(
            "idempotency_key_reused",
            refusal.to_string(),
            "Start a new run.",
        ),
        ExecuteError::InProgress { retry_after } => {
            not_yet("call_in_progress", step, refusal, *retry_after)
        }
        ExecuteError::QuotaExceeded { retry_after, .. } => {
            not_yet("quota_exceeded", step, refusal, *retry_after)
        }
        ExecuteError::NothingToShow
        | ExecuteError::NothingToVerify
        | ExecuteError::Database(_)
        | ExecuteError::AuditUnavailable(_)
        | ExecuteError::SecretStoreUnavailable(_) => later(&refusal.to_string(), step.attempt),
    }
}

/// Nothing was sent, and it is known when it may be.
fn not_yet(code: &str, step: &Claimed, refusal: &ExecuteError, after: Duration) -> Outcome {
    Outcome::Retry {
        error: error(code, refusal.to_string(), "It is tried again.", true),
        delay_ms: pause_ms(1_000, step.attempt, Some(millis(after)), chance()),
        spare: SPARE_ATTEMPTS,
    }
}

/// Nothing was sent, and it is none of the step's doing.
pub(crate) fn later(why: &str, attempt: u32) -> Outcome {
    Outcome::Retry {
        error: error("unavailable", why.to_owned(), "It is tried again.", true),
        delay_ms: pause_ms(SPARE_BACKOFF_MS, attempt, None, chance()),
        spare: SPARE_ATTEMPTS,
    }
}

fn gone(id: &ToolId) -> Outcome {
    Outcome::failed(
        "tool_not_found",
        format!("The version of {id} that this run began with is not there any more."),
        "Start a new run.",
    )
}

pub(crate) fn not_permitted() -> Outcome {
    Outcome::failed(
        "not_permitted",
        format!(
            "Whoever started this run is no {} of the workspace any more, or its API key is revoked.",
            Role::Member
        ),
        "Let a member start a new run.",
    )
}

fn with_faults(faults: &[domain::fault::Fault]) -> Value {
    let mut told = error(
        "invalid_input",
        "The input does not fit the input_schema.".to_owned(),
        "Mend the step's input; each pointer is into that.",
        false,
    );
    told["details"] = json!({ "errors": faults });
    told
}

fn expression_failed(unrendered: &Unrendered, place: &str) -> Outcome {
    Outcome::failed(
        "expression_failed",
        format!("{place}: {unrendered}"),
        "Mend the expression and start a new run, or give it a default.",
    )
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Uniform in 0..1, from a fresh random id.
fn chance() -> f64 {
    let bits = u32::try_from(Uuid::new_v4().as_u128() & 0xffff_ffff).unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

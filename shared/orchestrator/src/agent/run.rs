//! The loop: ask the model, make its calls, ask again, until it answers or something ends the run.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use domain::caller::Caller;
use domain::model::{ModelFailure, ModelFailureCode, Usage};
use domain::tokens;
use futures_util::FutureExt as _;
use serde_json::Value;
use telemetry::Metric;
use tokio::sync::oneshot;

use super::calls::Made;
use super::ears::Mouth;
use super::plan::Plan;
use super::repetition::Repetition;
use super::{Answer, Ending, Event, Inner, OrchestrateError, ToolCall, ask};
use crate::endpoint;
use crate::model::{Endpoint, Incomplete, Turn};

/// A run under way.
pub(super) struct Run {
    pub(super) rooms: Arc<Inner>,
    pub(super) caller: Caller,
    pub(super) plan: Plan,
    /// Who hears what happens; none: only the end is waited for.
    mouth: Option<Arc<Mouth>>,
    /// Items of the conversation that are kept otherwise than they were sent.
    pub(super) instead: BTreeMap<usize, Value>,
    pub(super) repetition: Repetition,
    /// The calls of the turn that is under way.
    pub(super) turn: Made,
    pub(super) calls: Vec<ToolCall>,
    /// The same, as they are kept.
    pub(super) kept_calls: Vec<ToolCall>,
    pub(super) warnings: Vec<String>,
    pub(super) usage: Usage,
    /// Requests to the model so far.
    pub(super) turns: u32,
}

impl Run {
    pub(super) fn new(rooms: Arc<Inner>, caller: Caller, plan: Plan, mouth: Option<Mouth>) -> Self {
        Self {
            rooms,
            caller,
            plan,
            mouth: mouth.map(Arc::new),
            instead: BTreeMap::new(),
            repetition: Repetition::default(),
            turn: Made::default(),
            calls: Vec::new(),
            kept_calls: Vec::new(),
            warnings: Vec::new(),
            usage: Usage::default(),
            turns: 0,
        }
    }

    /// Runs until there is an answer, a failure, or nobody who waits, and writes that down.
    pub(super) async fn until_it_ends(mut self, cancelled: oneshot::Receiver<()>) -> Ending {
        let running = AssertUnwindSafe(self.until_answered(cancelled)).catch_unwind();
        // What panicked has been logged; the conversation is ended like any other.
        let outcome = running.await.unwrap_or(Err(OrchestrateError::Broken));
        self.keep_what_was_done();
        let outcome = self.written_down(outcome).await;
        tracing::info!(
            conversation_id = %self.plan.id,
            turns = self.turns,
            tool_calls = self.calls.len(),
            tokens = self.usage.total_tokens,
            succeeded = outcome.is_ok(),
            "a run of the agent loop ended"
        );
        let Self {
            plan,
            calls,
            warnings,
            usage,
            ..
        } = self;
        Ending {
            id: plan.id,
            usage,
            outcome: outcome.map(|response| Answer {
                response,
                tool_calls: calls,
                withheld: plan.offer.withheld().to_vec(),
                warnings,
            }),
        }
    }

    /// The answer, unless nobody waits for it any more: the handle is gone, or its reader fell too far behind.
    async fn until_answered(
        &mut self,
        cancelled: oneshot::Receiver<()>,
    ) -> Result<String, OrchestrateError> {
        let mouth = self.mouth.clone();
        let stalled = async {
            match &mouth {
                Some(mouth) => mouth.overflow().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            outcome = self.answer() => outcome,
            _ = cancelled => Err(OrchestrateError::Cancelled),
            () = stalled => Err(OrchestrateError::Cancelled),
        }
    }

    /// Tells an event to whoever hears it.
    pub(super) fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(mouth) = &self.mouth {
            mouth.tell(event());
        }
    }

    async fn answer(&mut self) -> Result<String, OrchestrateError> {
        let rooms = Arc::clone(&self.rooms);
        let source = &self.plan.source;
        let endpoint = endpoint::open(source, &rooms.vault, &self.caller, self.plan.id).await?;
        loop {
            let turn = self.ask(&endpoint).await?;
            if let Some(incomplete) = turn.incomplete {
                return Err(OrchestrateError::Model(self.cut(incomplete)));
            }
            if turn.calls.is_empty() {
                return self.answered(turn);
            }
            if !self.plan.request.may_call {
                return Err(OrchestrateError::Model(self.too_many_turns()));
            }
            self.plan.request.input.extend(turn.items);
            self.work(turn.calls).await?;
        }
    }

    /// One request to the model and its answer.
    async fn ask(&mut self, endpoint: &Endpoint) -> Result<Turn, OrchestrateError> {
        self.turns += 1;
        if self.turns >= self.plan.max_turns && self.plan.request.may_call {
            // The last turn is for the answer: results of further calls could not be told any more.
            self.plan.request.may_call = false;
            if self.turns > 1 || !self.plan.request.tools.is_empty() {
                let most = self.plan.max_turns;
                let note = format!(
                    "The run reached its {most} turns (max_turns), so the model had to answer without further tools."
                );
                self.warnings.push(note);
            }
        }
        let limit = self
            .plan
            .budget
            .reserve()
            .map_err(OrchestrateError::Model)?;
        self.plan.request.max_output_tokens = limit;
        let mouth = self.mouth.clone();
        let mut on_text = |text: &str| {
            if let Some(mouth) = &mouth {
                let text = text.to_owned();
                mouth.tell(Event::Delta { text });
            }
        };
        let (models, workspace) = (&self.rooms.models, self.caller.workspace_id);
        let (request, deadline) = (&self.plan.request, self.plan.deadline);
        let turn = models.turn(workspace, endpoint, request, deadline, &mut on_text);
        let turn = telemetry::outside(turn).await;
        let turn = turn.map_err(OrchestrateError::Model)?;
        tracing::debug!(
            provider_id = turn.provider_id,
            turn = self.turns,
            "the model answered"
        );
        let answer: u64 = turn.items.iter().map(tokens::estimate).sum();
        self.plan.budget.settle(turn.usage, answer);
        self.usage += turn.usage;
        count(turn.usage);
        Ok(turn)
    }

    fn answered(&mut self, turn: Turn) -> Result<String, OrchestrateError> {
        if turn.text.is_empty() {
            let failure = ModelFailure::new(
                ModelFailureCode::InvalidAnswer,
                "The model's answer has neither text nor calls.",
                "Ask again, or ask in other words.",
            );
            return Err(OrchestrateError::Model(failure));
        }
        if let Some(format) = &self.plan.request.text_format {
            self.warnings.extend(ask::mismatch(format, &turn.text));
        }
        self.plan.request.input.extend(turn.items);
        Ok(turn.text)
    }

    /// Why an answer is not whole: our own budget, or the model's limits.
    fn cut(&self, incomplete: Incomplete) -> ModelFailure {
        match (incomplete, self.plan.request.max_output_tokens) {
            (Incomplete::MaxOutputTokens, Some(_)) => self.plan.budget.exceeded(),
            (Incomplete::MaxOutputTokens, None) | (Incomplete::ContentFilter, _) => {
                incomplete.failure()
            }
        }
    }

    fn too_many_turns(&self) -> ModelFailure {
        let turns = self.turns;
        ModelFailure::new(
            ModelFailureCode::TooManyTurns,
            format!("After {turns} turns the model still called tools though it had to answer."),
            "Ask for less at once, raise max_turns, or use a model that obeys tool_choice.",
        )
    }
}

/// For the line of the request.
fn count(usage: Usage) {
    if let Some(facts) = telemetry::current() {
        facts.count(Metric::ModelInputTokens, usage.input_tokens);
        facts.count(Metric::ModelOutputTokens, usage.output_tokens);
    }
}

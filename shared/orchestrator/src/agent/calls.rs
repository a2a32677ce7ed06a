//! The calls of one turn: understood in order, made together, told in order.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use domain::binding;
use domain::caller::Door;
use domain::config::ToolConfig;
use domain::failure::Failure;
use domain::ids::ToolId;
use executor::{Asked, Cut, ExecuteError, ExecuteOptions, Execution};
use futures_util::{StreamExt as _, stream};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;
use tokio::time::Instant;

use super::refusals::{left_alone, refused};
use super::repetition::Key;
use super::run::Run;
use super::{Event, OrchestrateError, ToolCall, history, told};
use crate::model::FunctionCall;
use crate::offer::Resolved;

/// Calls of one turn that are under way together.
const TOGETHER: usize = 16;

/// Most bytes of arguments that are told when they make no sense.
const MAX_SHOWN: usize = 4_096;

/// A call as it was understood.
struct Understood {
    call_id: String,
    tool: String,
    input: Value,
    key: Key,
    what: What,
}

enum What {
    Run(ToolId),
    Answer(Value),
    Refuse(Failure),
}

/// The calls of one turn, by their places in it: what was begun is kept whatever ends the run.
#[derive(Default)]
pub(super) struct Made(Mutex<BTreeMap<usize, State>>);

/// How far a call is.
enum State {
    Begun(Box<ToolCall>),
    Over(Box<Done>),
}

impl Made {
    fn set(&self, place: usize, state: State) {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.insert(place, state);
    }

    fn take(&mut self) -> BTreeMap<usize, State> {
        let made = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(made)
    }
}

/// A call that is over.
struct Done {
    call: ToolCall,
    call_id: String,
    key: Key,
    /// It was not refused.
    made: bool,
    /// The same call may be made once more.
    again: bool,
    /// It does not count as made.
    forget: bool,
    cut: Option<Cut>,
    notes: Vec<String>,
    /// Why the run cannot go on.
    stopped: Option<ExecuteError>,
}

impl Run {
    /// Makes the calls of a turn, and puts their outputs into the next request, in the model's order.
    ///
    /// # Errors
    /// That this product cannot work now. What was done is in the run's calls all the same.
    pub(super) async fn work(&mut self, calls: Vec<FunctionCall>) -> Result<(), OrchestrateError> {
        let understood: Vec<Understood> = calls
            .into_iter()
            .map(|call| self.understand(call))
            .collect();
        let run = &*self;
        let made = understood.into_iter().enumerate();
        let made = stream::iter(made.map(|(place, call)| run.make(place, call)));
        made.for_each_concurrent(TOGETHER, |call| call).await;
        let mut idle = true;
        let mut stopped = None;
        for state in self.turn.take().into_values() {
            // All have ended: none is under way.
            if let State::Over(mut done) = state {
                idle &= !done.made;
                stopped = stopped.or(done.stopped.take());
                self.take(*done);
            }
        }
        if self.repetition.turn_ended(idle) && self.plan.request.may_call {
            self.plan.request.may_call = false;
            self.warnings.push(
                "The model asked three times in a row for calls that are not made, so it had to answer without further tools."
                    .to_owned(),
            );
        }
        match stopped {
            Some(error) => Err(OrchestrateError::Execute(error)),
            None => Ok(()),
        }
    }

    fn understand(&mut self, call: FunctionCall) -> Understood {
        let FunctionCall {
            call_id,
            name,
            arguments,
        } = call;
        let (tool, input, what) = match self.plan.offer.resolve(&name, &arguments) {
            Resolved::Run { tool, input } => (tool.to_string(), input, What::Run(tool)),
            Resolved::Answer(answer) => (name, shown(&arguments), What::Answer(answer)),
            Resolved::Refuse(failure) => {
                let name = name.chars().take(64).collect();
                (name, shown(&arguments), What::Refuse(failure))
            }
        };
        let key = Key::of(&tool, &input);
        let what = match what {
            What::Refuse(failure) => What::Refuse(failure),
            what @ (What::Run(_) | What::Answer(_)) => {
                match self.repetition.ask(&tool, key, self.turns) {
                    Ok(()) => what,
                    Err(failure) => What::Refuse(failure),
                }
            }
        };
        Understood {
            call_id,
            tool,
            input,
            key,
            what,
        }
    }

    /// Puts what was done of a turn that did not come to its end into the conversation; calls that were under way are left, and what
    /// became of them stands in their executions.
    pub(super) fn keep_what_was_done(&mut self) {
        for state in self.turn.take().into_values() {
            match state {
                State::Over(done) => self.take(*done),
                State::Begun(call) => self.kept_calls.push(*call),
            }
        }
    }

    async fn make(&self, place: usize, understood: Understood) {
        let Understood {
            call_id,
            tool,
            input,
            key,
            what,
        } = understood;
        self.tell(|| Event::ToolCall {
            tool: tool.clone(),
            call_id: call_id.clone(),
            input: input.clone(),
        });
        let made = !matches!(what, What::Refuse(_));
        let call = ToolCall {
            tool,
            input,
            outcome: Err(left_alone()),
            execution_time_ms: 0,
        };
        self.turn.set(place, State::Begun(Box::new(call.clone())));
        let mut done = Done {
            call,
            call_id,
            key,
            made,
            again: true,
            forget: false,
            cut: None,
            notes: Vec::new(),
            stopped: None,
        };
        match what {
            What::Answer(answer) => done.call.outcome = Ok(answer),
            What::Refuse(failure) => done.call.outcome = Err(failure),
            What::Run(id) => self.execute(&id, &mut done).await,
        }
        self.tell(|| Event::ToolResult {
            tool: done.call.tool.clone(),
            call_id: done.call_id.clone(),
            outcome: done.call.outcome.clone(),
        });
        self.turn.set(place, State::Over(Box::new(done)));
    }

    async fn execute(&self, id: &ToolId, done: &mut Done) {
        let options = ExecuteOptions {
            deadline: Some(
                self.plan
                    .deadline
                    .saturating_duration_since(Instant::now())
                    .min(executor::MAX_DEADLINE),
            ),
            asked: Some(Asked {
                run_id: Some(self.plan.id.0),
                call_id: done.call_id.clone(),
            }),
            max_output_tokens: Some(self.rooms.rules.output_tokens),
            ..ExecuteOptions::through(Door::Model)
        };
        let input = done.call.input.clone();
        let executed = self
            .rooms
            .flows
            .call(&self.caller, id, input, options)
            .await;
        match executed {
            Ok(Execution {
                execution_time_ms,
                outcome,
                cut,
                warnings,
                ..
            }) => {
                let reads = self
                    .plan
                    .catalog
                    .tool(id)
                    .is_some_and(|tool| tool.config.effects.read_only);
                done.again = match &outcome {
                    Ok(_) => reads,
                    Err(failure) => failure.retryable,
                };
                done.call.execution_time_ms = execution_time_ms;
                done.call.outcome = outcome;
                done.cut = cut;
                done.notes = warnings;
            }
            Err(error) => {
                let (failure, stopped) = refused(error);
                // Nothing was called: with other arguments, or later, it is a call like any other.
                done.made = false;
                done.forget = true;
                done.call.outcome = Err(failure);
                done.stopped = stopped;
            }
        }
    }

    /// Puts a call's output into the next request, and the call into the answer.
    fn take(&mut self, done: Done) {
        let Done {
            call,
            call_id,
            key,
            made,
            again,
            forget,
            cut,
            notes,
            stopped: _,
        } = done;
        if forget {
            self.repetition.forget(key);
        } else if made {
            self.repetition.settle(key, again);
        }
        let tool = call.tool.parse::<ToolId>().ok();
        let tool = tool.and_then(|id| self.plan.catalog.tool(&id));
        let most = self.rooms.rules.output_tokens;
        let (text, kept) = match &call.outcome {
            Ok(output) => {
                let redact = tool
                    .as_ref()
                    .map_or(&[][..], |tool| &tool.config.output.redact);
                let kept = executor::redacted(output, redact);
                let text = told::output(&call.tool, output, cut.as_ref(), &notes, most);
                let kept = match kept {
                    std::borrow::Cow::Borrowed(_) => None,
                    std::borrow::Cow::Owned(kept) => Some(kept),
                };
                (text, kept)
            }
            Err(failure) => {
                let hosts = tool
                    .as_ref()
                    .map(|tool| hosts(&tool.config))
                    .unwrap_or_default();
                (told::failure(&call.tool, failure, &hosts), None)
            }
        };
        let item = history::output(&call_id, &text);
        self.plan.budget.add(domain::tokens::estimate(&item));
        if let Some(kept) = &kept {
            let text = told::output(&call.tool, kept, cut.as_ref(), &notes, most);
            let place = self.plan.request.input.len();
            self.instead.insert(place, history::output(&call_id, &text));
        }
        self.plan.request.input.push(item);
        self.kept_calls.push(match kept {
            Some(kept) => ToolCall {
                outcome: Ok(kept),
                ..call.clone()
            },
            None => call.clone(),
        });
        self.calls.push(call);
    }
}

/// Arguments as they are told when no tool is run with them.
fn shown(arguments: &str) -> Value {
    if arguments.len() > MAX_SHOWN {
        let end = arguments.floor_char_boundary(MAX_SHOWN);
        return format!("{}…", &arguments[..end]).into();
    }
    match domain::json::parse_request(arguments.as_bytes()) {
        Ok(value) => value,
        Err(_) => arguments.replace('\0', "\u{fffd}").into(),
    }
}

/// The hosts of a tool and of those that give it tokens, with port and without; longer ones first, so that no part of one stays.
fn hosts(config: &ToolConfig) -> Vec<String> {
    let named = binding::named(config).into_iter();
    let with_ports = named.filter_map(|named| named.hosts).flatten();
    let mut hosts: Vec<String> = with_ports.chain(binding::host(config)).collect();
    for at in 0..hosts.len() {
        let port = |(_, port): &(&str, &str)| port.bytes().all(|b| b.is_ascii_digit());
        if let Some((name, _)) = hosts[at].rsplit_once(':').filter(port) {
            let name = name.to_owned();
            hosts.push(name);
        }
    }
    hosts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    hosts.dedup();
    hosts
}

/// As the answer tells it: `{tool, input, output | error, execution_time_ms}`.
impl Serialize for ToolCall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("tool", &self.tool)?;
        map.serialize_entry("input", &self.input)?;
        match &self.outcome {
            Ok(output) => map.serialize_entry("output", output)?,
            Err(failure) => map.serialize_entry("error", failure)?,
        }
        map.serialize_entry("execution_time_ms", &self.execution_time_ms)?;
        map.end()
    }
}

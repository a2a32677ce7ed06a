//! How an execution ends: masked, and written to the log in one round trip.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use domain::failure::{Failure, FailureCode};
use domain::ids::{ExecutionId, ToolId};
use persistence::executions::{self, NewExecution};
use persistence::idempotency::{self, Asking};
use serde_json::Value;
use tokio::time::Instant;

use super::admission::Admission;
use super::{Given, Run};
use crate::cut::Cut;
use crate::error::ExecuteError;
use crate::execute::{Asked, Execution, Origin};
use crate::ledger::{self, Kept, Outcome, Purpose};
use crate::timeline::micros;
use crate::{credentials, record, repetition};

/// Told with an answer that was kept without what its tool's author keeps out of storage.
const REDACTED: &str = "Members that output.redact names were not kept with this answer.";

impl Run<'_> {
    /// Masks, cuts and records the outcome.
    pub(crate) async fn finish(mut self, mut outcome: Result<Value, Failure>) -> Execution {
        self.gather();
        let masker = self.trace.masker();
        if !masker.is_idle() {
            credentials::mask(&masker, &mut outcome);
            masker.value(&mut self.input);
            for warning in &mut self.warnings {
                if let Cow::Owned(masked) = masker.text(warning) {
                    *warning = masked;
                }
            }
        }
        let mut cut = match &mut outcome {
            Ok(output) => self.cut(output).await,
            Err(_) => None,
        };
        let took = millis(self.timeline.total());
        let kept = self.kept(&mut outcome, cut.as_ref(), took);
        self.tell(&outcome, kept.as_ref()).await;
        if let Ok(output) = &mut outcome {
            self.cut_for_caller(output, &mut cut).await;
        }
        Execution {
            execution_id: self.id,
            execution_time_ms: took,
            outcome,
            cut,
            warnings: std::mem::take(&mut self.warnings),
            origin: Origin::Made,
        }
    }

    /// Ends with an answer that was there already.
    pub(crate) async fn given_away(mut self, given: Given) -> Execution {
        match given {
            Given::Replayed(execution_id, kept) => {
                self.closed = true;
                let mut cut = kept.cut;
                let mut outcome = kept.outcome.into();
                self.warnings = kept.warnings;
                if let Ok(output) = &mut outcome {
                    self.cut_for_caller(output, &mut cut).await;
                }
                Execution {
                    execution_id,
                    execution_time_ms: kept.execution_time_ms,
                    outcome,
                    cut,
                    warnings: std::mem::take(&mut self.warnings),
                    origin: Origin::Replayed,
                }
            }
            Given::Unknown(execution_id) => {
                // It did not live to be recorded: that is done now, under its own id.
                self.id = execution_id;
                let execution = self.finish(Err(repetition::died())).await;
                Execution {
                    // How long it took is not known either; each time the same is told.
                    execution_time_ms: 0,
                    origin: Origin::Replayed,
                    ..execution
                }
            }
            Given::Cached(kept) => {
                self.warnings.clone_from(&kept.warnings);
                let mut outcome = kept.outcome.clone().into();
                self.tell(&outcome, None).await;
                let mut cut = kept.cut.clone();
                if let Ok(output) = &mut outcome {
                    self.cut_for_caller(output, &mut cut).await;
                }
                Execution {
                    execution_id: self.id,
                    execution_time_ms: millis(self.timeline.total()),
                    outcome,
                    cut,
                    warnings: std::mem::take(&mut self.warnings),
                    origin: Origin::Cached,
                }
            }
        }
    }

    /// Tells those who wait for the outcome, and says what of it stays under the execution's key.
    fn kept(
        &mut self,
        outcome: &mut Result<Value, Failure>,
        cut: Option<&Cut>,
        took: u64,
    ) -> Option<(String, Duration)> {
        let key = self.admission.key.as_ref()?;
        let uncertain = self.trace.is_uncertain();
        let mut warnings = self.warnings.clone();
        let told = match outcome {
            Ok(output) => match record::redacted(output, &self.tool.config.output.redact) {
                Cow::Borrowed(output) => Outcome::Output(output.clone()),
                Cow::Owned(redacted) => {
                    warnings.push(REDACTED.to_owned());
                    Outcome::Output(redacted)
                }
            },
            Err(failure) => {
                let kept = ledger::kept_for(key, &Outcome::Error(failure.clone()), uncertain);
                if key.purpose == Purpose::Once && kept.is_some() {
                    // The same call with the same key is answered the same.
                    failure.retryable = false;
                }
                Outcome::Error(failure.clone())
            }
        };
        let kept = Kept {
            outcome: told,
            execution_time_ms: took,
            cut: cut.cloned(),
            warnings,
        };
        let stored = ledger::stored(key, &kept, uncertain);
        if let Some(flight) = self.admission.flight.take() {
            let (bytes, until) = match &stored {
                Some((text, ttl)) => (text.len(), Some(Instant::now() + *ttl)),
                None => (0, None),
            };
            flight.land(&Arc::new(kept), bytes, until);
        }
        stored
    }

    /// Records an outcome.
    async fn tell(&mut self, outcome: &Result<Value, Failure>, kept: Option<&(String, Duration)>) {
        match outcome {
            Ok(output) => {
                let redacted = record::redacted(output, &self.tool.config.output.redact);
                self.record(None, Some(&redacted), None, kept).await;
            }
            Err(failure) => {
                let error = record::error(failure);
                self.record(Some(failure.code), None, Some(&error), kept)
                    .await;
            }
        }
    }

    /// Records a call that was refused. When the database is what failed, there is nothing to write to.
    pub(crate) async fn refused(mut self, error: &ExecuteError) {
        self.gather();
        self.trace.masker().value(&mut self.input);
        let (code, error) = match error {
            ExecuteError::InvalidInput(faults) => {
                (FailureCode::InvalidInput, record::input_error(faults))
            }
            ExecuteError::ToolDisabled(why) => (FailureCode::ToolDisabled, record::disabled(why)),
            ExecuteError::QuotaExceeded { why, retry_after } => {
                (FailureCode::QuotaExceeded, record::over(why, *retry_after))
            }
            ExecuteError::KeyReused
            | ExecuteError::InProgress { .. }
            | ExecuteError::ToolNotFound
            | ExecuteError::NothingToShow
            | ExecuteError::NothingToVerify
            | ExecuteError::Database(_)
            | ExecuteError::AuditUnavailable(_)
            | ExecuteError::SecretStoreUnavailable(_) => {
                self.closed = true;
                self.leave();
                return;
            }
        };
        // A code-based tool may find its input wrong after it has called somebody.
        let kept = abandoned(&self.admission, self.trace.is_uncertain());
        self.record(Some(code), None, Some(&error), kept.as_ref())
            .await;
    }

    /// One round trip. The answer is worth more than its record: a failure to write is told, not raised.
    async fn record(
        &mut self,
        code: Option<FailureCode>,
        output: Option<&Value>,
        error: Option<&Value>,
        kept: Option<&(String, Duration)>,
    ) {
        self.closed = true;
        let input = record::stored(&self.input);
        let output = output.map(record::stored);
        let error = error.map(record::stored);
        let timeline = self.timeline.to_json();
        let warnings = (!self.warnings.is_empty()).then(|| Value::from(self.warnings.as_slice()));
        let asked = self.options.asked.as_ref();
        let call_id = asked.map(Asked::stored);
        let row = NewExecution {
            id: self.id,
            workspace_id: self.caller.workspace_id,
            tool_id: self.tool.id.as_str(),
            tool_version: Some(self.tool.version),
            door: self.options.door,
            success: code.is_none(),
            error_code: code.map(FailureCode::as_str),
            input: &input,
            output: output.as_deref(),
            error: error.as_deref(),
            timeline: &timeline,
            warnings: warnings.as_ref(),
            started_at: self.started_at,
            duration_us: micros(self.timeline.total()),
            run_id: asked.and_then(|asked| asked.run_id),
            call_id: call_id.as_deref(),
        };
        let (db, principal) = (&self.executor.db, &self.caller.principal);
        let recorded = if self.admission.is_held() {
            let settlement = self.admission.settlement(kept);
            idempotency::settle(db, principal, &row, &settlement).await
        } else {
            executions::record(db, principal, &row).await
        };
        self.admission = Admission::default();
        if let Err(error) = recorded {
            not_recorded(self.id, &self.tool.id, &error);
            self.warnings
                .push("This execution could not be recorded.".to_owned());
        }
    }
}

impl Run<'_> {
    /// Gives back what was taken, without a word in the log and without waiting: what failed was the database. What
    /// cannot be given back is over when its lease is.
    fn leave(&mut self) {
        let admission = std::mem::take(&mut self.admission);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if !admission.is_held() {
            return;
        }
        let kept = abandoned(&admission, self.trace.is_uncertain());
        let (db, principal) = (self.executor.db.clone(), self.caller.principal.clone());
        let (execution_id, workspace_id) = (self.id, self.caller.workspace_id);
        runtime.spawn(telemetry::carried(async move {
            let asking = Asking {
                principal: &principal,
                workspace_id,
                execution_id,
            };
            let left = idempotency::leave(&db, asking, &admission.settlement(kept.as_ref())).await;
            if let Err(error) = left {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(%execution_id, error, "a key or place was not given back");
            }
        }));
    }
}

/// What stays under the key of an execution that nobody waits for any more.
fn abandoned(admission: &Admission, uncertain: bool) -> Option<(String, Duration)> {
    let key = admission.key.as_ref()?;
    if key.purpose == Purpose::Cache {
        return None;
    }
    let kept = Kept {
        outcome: Outcome::Error(repetition::abandoned(uncertain)),
        execution_time_ms: 0,
        cut: None,
        warnings: Vec::new(),
    };
    ledger::stored(key, &kept, uncertain)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Drop for Run<'_> {
    /// Dropped before its end: the caller hung up (or a panic passes through). The row is written all the same,
    /// because the upstream may have acted.
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        self.gather();
        self.trace.masker().value(&mut self.input);
        let uncertain = self.trace.is_uncertain();
        let failure = if std::thread::panicking() {
            repetition::broken_down(uncertain)
        } else {
            repetition::abandoned(uncertain)
        };
        let admission = std::mem::take(&mut self.admission);
        let kept = abandoned(&admission, uncertain);
        let (db, principal) = (self.executor.db.clone(), self.caller.principal.clone());
        let (id, workspace_id) = (self.id, self.caller.workspace_id);
        let (tool_id, tool_version) = (self.tool.id.clone(), self.tool.version);
        let (door, started_at) = (self.options.door, self.started_at);
        let input = record::stored(&self.input).into_owned();
        let timeline = self.timeline.to_json();
        let duration_us = micros(self.timeline.total());
        let asked = self.options.asked.take();
        let call_id = asked.as_ref().map(Asked::stored);
        runtime.spawn(telemetry::carried(async move {
            let row = NewExecution {
                id,
                workspace_id,
                tool_id: tool_id.as_str(),
                tool_version: Some(tool_version),
                door,
                success: false,
                error_code: Some(failure.code.as_str()),
                input: &input,
                output: None,
                error: Some(&record::error(&failure)),
                timeline: &timeline,
                warnings: None,
                started_at,
                duration_us,
                run_id: asked.as_ref().and_then(|asked| asked.run_id),
                call_id: call_id.as_deref(),
            };
            let recorded = if admission.is_held() {
                let settlement = admission.settlement(kept.as_ref());
                idempotency::settle(&db, &principal, &row, &settlement).await
            } else {
                executions::record(&db, &principal, &row).await
            };
            if let Err(error) = recorded {
                not_recorded(id, &tool_id, &error);
            }
        }));
    }
}

fn not_recorded(id: ExecutionId, tool_id: &ToolId, error: &persistence::Error) {
    tracing::error!(
        execution_id = %id,
        %tool_id,
        error = error as &dyn std::error::Error,
        "execution not recorded"
    );
}

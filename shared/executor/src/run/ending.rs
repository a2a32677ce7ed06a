//! How an execution ends: masked, and written to the log in one round trip.

use std::borrow::Cow;

use domain::failure::{Failure, FailureCode};
use domain::ids::{ExecutionId, ToolId};
use persistence::executions::{self, NewExecution};
use serde_json::Value;

use super::Run;
use crate::error::ExecuteError;
use crate::execute::Execution;
use crate::timeline::micros;
use crate::{credentials, record, repetition};

impl Run<'_> {
    /// Masks and records the outcome.
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
        let took = self.timeline.total();
        match &outcome {
            Ok(output) => {
                let redacted = record::redacted(output, &self.tool.config.output.redact);
                self.record(None, Some(&redacted), None).await;
            }
            Err(failure) => {
                let error = record::error(failure);
                self.record(Some(failure.code), None, Some(&error)).await;
            }
        }
        Execution {
            execution_id: self.id,
            execution_time_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            outcome,
            warnings: std::mem::take(&mut self.warnings),
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
            ExecuteError::ToolNotFound
            | ExecuteError::NothingToShow
            | ExecuteError::Database(_)
            | ExecuteError::AuditUnavailable(_) => {
                self.closed = true;
                return;
            }
        };
        self.record(Some(code), None, Some(&error)).await;
    }

    /// One round trip. The answer is worth more than its record: a failure to write is told, not raised.
    async fn record(
        &mut self,
        code: Option<FailureCode>,
        output: Option<&Value>,
        error: Option<&Value>,
    ) {
        self.closed = true;
        let input = record::stored(&self.input);
        let output = output.map(record::stored);
        let error = error.map(record::stored);
        let timeline = self.timeline.to_json();
        let warnings = (!self.warnings.is_empty()).then(|| Value::from(self.warnings.as_slice()));
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
        };
        let recorded = executions::record(&self.executor.db, &self.caller.principal, &row).await;
        if let Err(error) = recorded {
            not_recorded(self.id, &self.tool.id, &error);
            self.warnings
                .push("This execution could not be recorded.".to_owned());
        }
    }
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
        let failure = repetition::abandoned(self.trace.is_uncertain());
        let (db, principal) = (self.executor.db.clone(), self.caller.principal.clone());
        let (id, workspace_id) = (self.id, self.caller.workspace_id);
        let (tool_id, tool_version) = (self.tool.id.clone(), self.tool.version);
        let (door, started_at) = (self.options.door, self.started_at);
        let input = record::stored(&self.input).into_owned();
        let timeline = self.timeline.to_json();
        let duration_us = micros(self.timeline.total());
        runtime.spawn(async move {
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
            };
            if let Err(error) = executions::record(&db, &principal, &row).await {
                not_recorded(id, &tool_id, &error);
            }
        });
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

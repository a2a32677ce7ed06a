//! An execution of a code-based tool: the function runs within the deadline, and what it did outside is gathered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::code::{CodeTool, ToolContext, ToolError};
use domain::failure::{Failure, FailureCode};
use serde_json::Value;
use vault::mask::Masker;

use super::{Ended, MAX_DEADLINE, Run};
use crate::code::{Outside, State};
use crate::repetition;

impl Run<'_> {
    /// Runs the function.
    pub(super) async fn code(&mut self, code: &CodeTool) -> Result<Value, Ended> {
        let timeout = Duration::from_millis(code.definition.timeout_ms);
        let deadline =
            self.timeline.started() + timeout.min(self.options.deadline.unwrap_or(MAX_DEADLINE));
        let outside = Arc::new(Outside {
            executor: self.executor.clone(),
            caller: self.caller.clone(),
            tool_id: self.tool.id.clone(),
            effects: code.definition.effects,
            execution_id: self.id,
            deadline,
            idempotency_key: self.options.idempotency_key.clone(),
            state: Mutex::new(State::default()),
        });
        self.outside = Some(Arc::clone(&outside));
        let way_out = Arc::clone(&outside);
        let context = ToolContext::new(self.started_at, move |request| {
            Box::pin(Arc::clone(&way_out).call(request))
        });
        let running = code.run(context, self.input.clone());
        let ended = tokio::time::timeout_at(deadline, running).await;
        self.gather();
        self.timeline.mark("run");
        if let Some(error) = outside.state().refused.take() {
            return Err(Ended::Refused(error));
        }
        match ended {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(ToolError::Input(faults))) => Err(faults.into()),
            Ok(Err(ToolError::Failed(failure))) => Err(Ended::Failed(failure)),
            Err(_) if self.uncertain => Err(repetition::abandoned(true).into()),
            Err(_) => Err(Failure::new(
                FailureCode::Timeout,
                "The tool did not end before its deadline.",
                "Call again, with less to do if the tool can be given less.",
            )
            .into()),
        }
    }

    /// Ends what is outside, and takes over what must be known of it: the secrets, to be masked, the phases,
    /// and whether something may have had an effect.
    pub(super) fn gather(&mut self) {
        let Some(outside) = self.outside.take() else {
            return;
        };
        let mut state = outside.state();
        state.closed = true;
        for timeline in state.timelines.drain(..) {
            self.timeline.adopt(timeline);
        }
        self.uncertain |= state.unsafe_calls > 0;
        if !state.secrets.is_empty() {
            let values: Vec<_> = state
                .secrets
                .iter()
                .map(|(_, value)| value.clone())
                .collect();
            self.masker = Some(Masker::new(&values));
        }
    }
}

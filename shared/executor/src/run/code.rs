//! An execution of a code-based tool: the function runs within the deadline, and what it did outside is gathered.

use std::sync::{Arc, Mutex};

use domain::code::{CodeTool, ToolContext, ToolError};
use domain::failure::{Failure, FailureCode};
use serde_json::Value;

use super::{Ended, Run};
use crate::code::{Outside, State};
use crate::repetition;

impl Run<'_> {
    /// Runs the function.
    pub(super) async fn code(&mut self, code: &CodeTool) -> Result<Value, Ended> {
        let deadline = self.ends_at();
        let outside = Arc::new(Outside {
            executor: self.executor.clone(),
            caller: self.caller.clone(),
            tool_id: self.tool.id.clone(),
            effects: code.definition.effects,
            execution_id: self.id,
            deadline,
            idempotency_key: self.key_text.clone(),
            trace: self.trace.clone(),
            state: Mutex::new(State::default()),
        });
        self.outside = Some(Arc::clone(&outside));
        let way_out = Arc::clone(&outside);
        let context = ToolContext::new(self.started_at, move |request| {
            Box::pin(Arc::clone(&way_out).call(request))
        });
        let keeper = Arc::clone(&outside);
        let context = context.with_kept(move |id| Box::pin(Arc::clone(&keeper).kept(id)));
        let running = code.run(context, self.input.clone());
        let running = tokio::time::timeout_at(deadline, running);
        let ended = telemetry::outside(running).await;
        self.gather();
        self.timeline.mark("run");
        if let Some(error) = outside.state().refused.take() {
            return Err(Ended::Refused(error));
        }
        match ended {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(ToolError::Input(faults))) => Err(faults.into()),
            Ok(Err(ToolError::Failed(failure))) => Err(Ended::Failed(failure)),
            Err(_) if self.trace.is_uncertain() => Err(repetition::abandoned(true).into()),
            Err(_) => Err(Failure::new(
                FailureCode::Timeout,
                "The tool did not end before its deadline.",
                "Call again, with less to do if the tool can be given less.",
            )
            .into()),
        }
    }

    /// Ends what is outside, and takes over the phases of its calls.
    pub(super) fn gather(&mut self) {
        let Some(outside) = self.outside.take() else {
            return;
        };
        let mut state = outside.state();
        state.closed = true;
        for timeline in state.timelines.drain(..) {
            self.timeline.adopt(timeline);
        }
    }
}

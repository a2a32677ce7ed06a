//! How a run ends in its conversation: written down whatever happened.

use domain::price::NanoUsd;
use persistence::conversations::{self, Ending, Status};
use serde_json::{Value, json};

use super::run::Run;
use super::{OrchestrateError, history};
use crate::endpoint::Source;

impl Run {
    /// Writes the end down and hands the outcome on. An answer whose conversation could not be kept is a failure: its id would lead
    /// nowhere.
    pub(super) async fn written_down(
        &self,
        outcome: Result<String, OrchestrateError>,
    ) -> Result<String, OrchestrateError> {
        let written = self.write(&outcome).await;
        match (outcome, written) {
            (Ok(_), Err(error)) => Err(OrchestrateError::Database(error)),
            (outcome, Ok(())) => outcome,
            (Err(first), Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(conversation_id = %self.plan.id, error, "the end of a run was not written down");
                Err(first)
            }
        }
    }

    async fn write(
        &self,
        outcome: &Result<String, OrchestrateError>,
    ) -> Result<(), persistence::Error> {
        let items = match outcome {
            Ok(_) => history::kept(&self.plan.request.input, &self.instead),
            // Only what ended well is continued.
            Err(_) => "[]".to_owned(),
        };
        let calls = self.kept_calls.iter();
        let calls = calls.map(|call| serde_json::to_value(call).unwrap_or_default());
        let tool_calls = history::kept_calls(calls.collect());
        let (status, error) = match outcome {
            Ok(_) => (Status::Succeeded, None),
            Err(OrchestrateError::Cancelled) => (Status::Cancelled, None),
            Err(error) => (Status::Failed, Some(stored(error))),
        };
        let withheld = self.plan.offer.withheld().iter();
        let withheld: Value = withheld
            .map(|it| json!({ "tool": it.tool, "reason": it.reason }))
            .collect();
        let ending = Ending {
            status,
            response: outcome.as_deref().ok(),
            items: &items,
            tool_calls: &tool_calls,
            error: error.as_ref(),
            usage: self.usage,
            cost_nano_usd: self.cost(),
            turns: self.turns,
            withheld: &withheld,
            warnings: &Value::from(self.warnings.as_slice()),
        };
        let (workspace, id) = (self.caller.workspace_id, self.plan.id);
        let mut tx = self
            .rooms
            .db
            .begin_as(&self.caller.principal, Some(workspace))
            .await?;
        let finished = conversations::finish(&mut tx, workspace, id, &ending).await?;
        tx.commit().await?;
        if finished {
            return Ok(());
        }
        // Whoever asked may not write here any more: a member who was let go meanwhile. What was done is kept all the same.
        let lost = json!({
            "code": "interrupted", "message": "Whoever asked may not write here any more.", "hint": "Ask again.",
        });
        let ending = Ending {
            status: Status::Failed,
            response: None,
            items: "[]",
            error: Some(&lost),
            ..ending
        };
        let mut tx = self.rooms.db.begin_system().await?;
        conversations::finish(&mut tx, workspace, id, &ending).await?;
        tx.commit().await?;
        Err(persistence::Error::Forbidden)
    }
}

impl Run {
    /// What the tokens cost by the operator's prices of now. A workspace's own server sends its bill to the workspace, by prices that
    /// nobody here knows.
    fn cost(&self) -> Option<i64> {
        match self.plan.source {
            Source::Operator(_) => {
                let prices = &self.rooms.rules.prices;
                let cost = prices.cost(&self.plan.request.model, self.usage);
                cost.map(|NanoUsd(cost)| cost)
            }
            Source::Workspace(_) => None,
        }
    }
}

/// Why there is no answer, as it stands in the conversation.
fn stored(error: &OrchestrateError) -> Value {
    match error {
        OrchestrateError::Model(failure) => json!({
            "code": failure.code, "message": failure.message, "hint": failure.hint, "details": failure.details,
        }),
        OrchestrateError::Invalid(_)
        | OrchestrateError::ConversationNotFound
        | OrchestrateError::Registry(_)
        | OrchestrateError::Database(_)
        | OrchestrateError::Vault(_)
        | OrchestrateError::Execute(_)
        | OrchestrateError::Cancelled
        | OrchestrateError::Broken => json!({
            "code": "interrupted", "message": format!("The run could not go on: {error}."), "hint": "Ask again.",
        }),
    }
}

//! What people do to a run: cancel it, resume it, answer a step that waits.

use domain::caller::Caller;
use domain::fault::Fault;
use domain::flow::{Action, Wait};
use domain::ids::ToolId;
use domain::schema::Compiled;
use persistence::{Tx, runs};
use serde_json::Value;
use uuid::Uuid;

use crate::told::count_end;
use crate::{FlowError, Flows, context};

/// An answer to a step that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// To a signal: what is sent. To an approval: a comment.
    pub payload: Option<Value>,
    /// To an approval: yes or no.
    pub approved: Option<bool>,
}

/// What an answer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The step has it.
    Taken,
    /// The step had the same answer already.
    Repeated,
}

impl Flows {
    /// Cancels a run and the runs below it: after this no step of them starts; what runs finishes. One that has ended stays as it
    /// is. The run's state.
    ///
    /// # Errors
    /// [`FlowError::RunNotFound`]; the database's.
    pub async fn cancel(
        &self,
        caller: &Caller,
        flow: &ToolId,
        run: Uuid,
    ) -> Result<String, FlowError> {
        let before = self.run_of(caller, flow, run).await?;
        let principal = &caller.principal;
        let changed =
            runs::cancel(&self.db, principal, caller.workspace_id, run, self.resend).await?;
        self.send_owed(changed.owed.as_deref()).await?;
        if changed.admits == Some(true) {
            self.admit(caller.workspace_id, flow.as_str()).await?;
        }
        match changed.outcome.as_deref() {
            None | Some("not_found") => Err(FlowError::RunNotFound),
            Some(state) => {
                if state != before.status {
                    count_end(state);
                }
                Ok(state.to_owned())
            }
        }
    }

    /// Lets a failed or cancelled run go on from where it stopped, on the versions pinned at its start. Steps whose outcome is
    /// unknown are called again only when they are `confirmed` by name: `mail`, or `sub/mail` in the run of the step `sub`.
    ///
    /// # Errors
    /// [`FlowError`].
    pub async fn resume(
        &self,
        caller: &Caller,
        flow: &ToolId,
        run: Uuid,
        confirmed: &[String],
    ) -> Result<(), FlowError> {
        self.run_of(caller, flow, run).await?;
        let (principal, workspace) = (&caller.principal, caller.workspace_id);
        let resumed =
            runs::resume(&self.db, principal, workspace, run, confirmed, self.resend).await?;
        self.send_owed(resumed.owed.as_deref()).await?;
        match resumed.outcome.as_deref() {
            Some("resumed") => Ok(()),
            Some("not_stopped") => Err(FlowError::NotStopped(resumed.state.unwrap_or_default())),
            Some("compensated") => Err(FlowError::Compensated),
            Some("has_parent") => Err(FlowError::HasParent),
            Some("unconfirmed") => Err(FlowError::Unconfirmed(resumed.unknown.unwrap_or_default())),
            _ => Err(FlowError::RunNotFound),
        }
    }

    /// Answers a step that waits, or will wait: a signal with a payload, an approval with yes or no. The first answer counts;
    /// the same again changes nothing.
    ///
    /// # Errors
    /// [`FlowError`].
    pub async fn signal(
        &self,
        caller: &Caller,
        flow: &ToolId,
        run: Uuid,
        step: &str,
        answer: &Answer,
    ) -> Result<Answered, FlowError> {
        let row = self.run_of(caller, flow, run).await?;
        let version = row.flow_version.ok_or(FlowError::RunNotFound)?;
        let defined = self.registry.flow_at(caller, flow, version).await?;
        let wait = match defined.flow.step(step).map(|step| &step.action) {
            None => return Err(FlowError::StepNotFound),
            Some(Action::Wait(wait)) => wait,
            Some(Action::Tool { .. } | Action::Transform(_) | Action::Flow { .. }) => {
                return Err(FlowError::NotWaiting);
            }
        };
        fits(wait, answer).map_err(|fault| match fault {
            Some(faults) => FlowError::InvalidInput(faults),
            None => FlowError::NotWaiting,
        })?;
        let payload = answer.payload.as_ref().map(context::write).transpose()?;
        let signal = runs::Signal {
            payload: payload.as_deref(),
            approved: answer.approved,
        };
        let (principal, workspace) = (&caller.principal, caller.workspace_id);
        let named = (run, step);
        let changed =
            runs::signal(&self.db, principal, workspace, named, signal, self.resend).await?;
        self.send_owed(changed.owed.as_deref()).await?;
        match changed.outcome.as_deref() {
            Some("taken") => Ok(Answered::Taken),
            Some("repeated") => Ok(Answered::Repeated),
            Some("answered") => Err(FlowError::Answered),
            Some("over") => Err(FlowError::NotWaiting),
            Some("no_step") => Err(FlowError::StepNotFound),
            _ => Err(FlowError::RunNotFound),
        }
    }

    /// The run, if it is this flow's and the caller may see it.
    pub(crate) async fn run_of(
        &self,
        caller: &Caller,
        flow: &ToolId,
        run: Uuid,
    ) -> Result<runs::RunRow, FlowError> {
        let workspace = caller.workspace_id;
        let mut tx = self.db.begin_as(&caller.principal, Some(workspace)).await?;
        let row = run_in(&mut tx, caller, flow, run).await?;
        tx.commit().await?;
        Ok(row)
    }
}

/// The same within a transaction.
pub(crate) async fn run_in(
    tx: &mut Tx,
    caller: &Caller,
    flow: &ToolId,
    run: Uuid,
) -> Result<runs::RunRow, FlowError> {
    let row = runs::by_id(tx, caller.workspace_id, run).await?;
    row.filter(|row| row.flow_id.as_deref() == Some(flow.as_str()))
        .ok_or(FlowError::RunNotFound)
}

/// Whether an answer is of the kind that a step waits for; `None`: it waits for nobody's answer.
fn fits(wait: &Wait, answer: &Answer) -> Result<(), Option<Vec<Fault>>> {
    match wait {
        Wait::Duration(_) => Err(None),
        Wait::Approval { .. } if answer.approved.is_some() => Ok(()),
        Wait::Approval { .. } => Err(Some(vec![
            Fault::new("/approved", "required", "The step waits for an approval.")
                .hint("Send {\"approved\": true} or {\"approved\": false}."),
        ])),
        Wait::Signal { .. } if answer.approved.is_some() => Err(Some(vec![
            Fault::new(
                "/approved",
                "unknown_field",
                "The step waits for a signal, not for an approval.",
            )
            .hint("Send {\"payload\": …}."),
        ])),
        Wait::Signal { schema: None, .. } => Ok(()),
        Wait::Signal {
            schema: Some(schema),
            ..
        } => {
            let payload = answer.payload.as_ref().unwrap_or(&Value::Null);
            let mut faults = match Compiled::new(schema) {
                Ok(compiled) => compiled.faults_to_author(payload),
                Err(faults) => faults,
            };
            for fault in &mut faults {
                fault.pointer = format!("/payload{}", fault.pointer);
            }
            if faults.is_empty() {
                Ok(())
            } else {
                Err(Some(faults))
            }
        }
    }
}

//! A workspace's own model server: set, read and removed.

use domain::binding::Named;
use domain::caller::Caller;
use domain::fault::Fault;
use domain::ids::SecretName;
use persistence::audit::{self, NewAudit};
use persistence::models::{self, ModelRow};
use serde_json::{Value, json};

use crate::agent::{Agent, OrchestrateError, model_fault};
use crate::endpoint::checked_base_url;

/// What an admin says about the server.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The address before `/responses`.
    pub base_url: String,
    /// The model of requests that name none.
    pub model: Option<String>,
    /// The secret that holds its key.
    pub api_key: SecretName,
}

impl Agent {
    /// The workspace's own server, if it has one.
    ///
    /// # Errors
    /// The database's.
    pub async fn model(&self, caller: &Caller) -> Result<Option<ModelRow>, OrchestrateError> {
        let workspace = caller.workspace_id;
        let mut tx = self
            .db()
            .begin_as(&caller.principal, Some(workspace))
            .await?;
        let own = models::of_workspace(&mut tx, workspace).await?;
        tx.commit().await?;
        Ok(own)
    }

    /// Sets it. A key that has no host yet is bound to the server's, as when an admin saves a tool.
    ///
    /// # Errors
    /// Every fault of the setting; below admin that it is forbidden.
    pub async fn set_model(
        &self,
        caller: &Caller,
        setting: &Setting,
    ) -> Result<ModelRow, OrchestrateError> {
        let mut faults: Vec<Fault> = setting
            .model
            .as_deref()
            .and_then(model_fault)
            .into_iter()
            .collect();
        let checked = checked_base_url(&setting.base_url, self.policy());
        let endpoint = match checked {
            Ok(endpoint) if faults.is_empty() => endpoint,
            Ok(_) => return Err(OrchestrateError::Invalid(faults)),
            Err(more) => {
                faults.extend(more);
                return Err(OrchestrateError::Invalid(faults));
            }
        };
        let base_url = endpoint.url().as_str().trim_end_matches('/');
        let host = endpoint.bound_host();
        // First the binding: a key that could not be bound leaves the setting as it was.
        let binding = Named {
            name: setting.api_key.clone(),
            hosts: Some(vec![host.clone()]),
        };
        self.vault().bind_on_save(caller, &[binding]).await?;
        let workspace = caller.workspace_id;
        let mut tx = self
            .db()
            .begin_as(&caller.principal, Some(workspace))
            .await?;
        let (model, key) = (setting.model.as_deref(), &setting.api_key);
        let set = models::set(&mut tx, workspace, base_url, model, key).await?;
        let detail = json!({ "host": host, "model": model, "secret": key.as_str() });
        audit::append(&mut tx, &entry(caller, "model.set", detail)).await?;
        tx.commit().await?;
        Ok(set)
    }

    /// Removes it: the operator's server answers again. False when there was none.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove_model(&self, caller: &Caller) -> Result<bool, OrchestrateError> {
        let workspace = caller.workspace_id;
        let mut tx = self
            .db()
            .begin_as(&caller.principal, Some(workspace))
            .await?;
        let removed = models::remove(&mut tx, workspace).await?;
        if removed.is_some() {
            audit::append(&mut tx, &entry(caller, "model.remove", json!({}))).await?;
        }
        tx.commit().await?;
        Ok(removed.is_some())
    }
}

fn entry<'a>(caller: &Caller, action: &'a str, detail: Value) -> NewAudit<'a> {
    NewAudit {
        workspace_id: caller.workspace_id,
        actor: Some(caller.principal.user_id),
        action,
        subject_kind: "model",
        subject: "own",
        detail,
    }
}

//! Which model server answers a workspace, and with which key.

use domain::caller::Caller;
use domain::egress::Policy;
use domain::ids::{ConversationId, ExecutionId, SecretName, WorkspaceId};
use domain::model::{ModelFailure, ModelFailureCode};
use domain::{canonical, config};
use persistence::Tx;
use persistence::models;
use persistence::models::ModelRow;
use serde_json::Value;
use url::Url;
use vault::{Use, Vault};

use crate::agent::{AgentRules, OrchestrateError};
use crate::model::Endpoint;

/// What stands in the audit in the place of a tool when the key of a model server is used; no tool can be called so.
const IN_AUDIT: &str = "(model)";

/// Who answers.
pub enum Source {
    /// The operator's server.
    Operator(Endpoint),
    /// The workspace's own; its key is still sealed.
    Workspace(ModelRow),
}

impl Source {
    /// Tells servers apart, and accounts at them: what one has sealed, another cannot open.
    pub fn name(&self) -> String {
        let (address, key) = match self {
            Self::Operator(endpoint) => (endpoint.base_url.as_str(), ""),
            Self::Workspace(own) => (own.base_url.as_str(), own.api_key.as_str()),
        };
        canonical::hash(&Value::from(vec![address, key]))
    }
}

/// The workspace's own server if it has one, else the operator's; and its model for requests that name none.
///
/// # Errors
/// That there is neither; the database's.
pub async fn source(
    tx: &mut Tx,
    workspace: WorkspaceId,
    rules: &AgentRules,
) -> Result<(Source, Option<String>), OrchestrateError> {
    match models::of_workspace(tx, workspace).await? {
        Some(mut own) => {
            let model = own.model.take();
            Ok((Source::Workspace(own), model))
        }
        None => {
            let operators =
                operators(rules).ok_or_else(|| OrchestrateError::Model(not_configured()))?;
            Ok((Source::Operator(operators), rules.model.clone()))
        }
    }
}

/// The server with its key. The use of a workspace's key stands in the audit, with the run as its execution, before the key is read.
///
/// # Errors
/// That the key's secret is missing or may not be sent there; the vault's and the database's.
pub async fn open(
    source: &Source,
    vault: &Vault,
    caller: &Caller,
    run: ConversationId,
) -> Result<Endpoint, OrchestrateError> {
    match source {
        Source::Operator(endpoint) => Ok(endpoint.clone()),
        Source::Workspace(own) => own_server(vault, caller, own, run).await,
    }
}

/// The failure of a run for which nobody named a model.
pub fn no_model() -> ModelFailure {
    ModelFailure::new(
        ModelFailureCode::NotConfigured,
        "No model is named: not in the request, not in the setting of the model server.",
        "Name one as \"model\" in the request, or for the whole workspace with PUT /api/v1/model (the operator: OPENAI_MODEL).",
    )
}

fn operators(rules: &AgentRules) -> Option<Endpoint> {
    let key = rules.api_key.clone()?;
    Some(Endpoint {
        base_url: rules.base_url.clone(),
        key,
        guarded: false,
    })
}

async fn own_server(
    vault: &Vault,
    caller: &Caller,
    own: &ModelRow,
    run: ConversationId,
) -> Result<Endpoint, OrchestrateError> {
    let corrupt = |what: &str| {
        persistence::Error::Corrupt(format!("the {what} of a workspace's model server"))
    };
    let base_url = Url::parse(&own.base_url).map_err(|_| corrupt("address"))?;
    let name: SecretName = own.api_key.parse().map_err(|_| corrupt("key's name"))?;
    let host = config::bound_host(&base_url);
    let purpose = Use {
        tool_id: IN_AUDIT,
        execution_id: ExecutionId(run.0),
        host: &host,
    };
    let names = std::slice::from_ref(&name);
    let opened = vault.open_for_use(caller, names, purpose).await;
    let mut opened = opened.map_err(|error| untold(error, &name))?;
    let (_, key) = opened.pop().ok_or_else(|| corrupt("key"))?;
    Ok(Endpoint {
        base_url,
        key,
        guarded: true,
    })
}

/// A key that cannot be used is a matter of the setting, which the caller can mend.
fn untold(error: vault::Error, name: &SecretName) -> OrchestrateError {
    use vault::Error;
    match error {
        Error::Missing { .. } => OrchestrateError::Model(ModelFailure::new(
            ModelFailureCode::NotConfigured,
            format!("The workspace's model server needs the secret {name}, which does not exist."),
            "Store it with POST /api/v1/secrets, or name another one with PUT /api/v1/model.",
        )),
        Error::HostNotAllowed { host, .. } => OrchestrateError::Model(ModelFailure::new(
            ModelFailureCode::EgressBlocked,
            format!("The secret {name} may not be sent to {host}, the workspace's model server."),
            "An admin can add the host to its allowed_hosts with PUT /api/v1/secrets.",
        )),
        error @ (Error::Invalid(_)
        | Error::Exists
        | Error::Busy
        | Error::ProviderInUse { .. }
        | Error::StoreUnavailable(_)
        | Error::NotFound
        | Error::Forbidden
        | Error::Unavailable(_)
        | Error::Database(_)
        | Error::Sealed(_)) => OrchestrateError::Vault(error),
    }
}

fn not_configured() -> ModelFailure {
    ModelFailure::new(
        ModelFailureCode::NotConfigured,
        "No model server is set up for this workspace, and the operator has configured none.",
        "An admin sets the workspace's own with PUT /api/v1/model; the operator sets OPENAI_API_KEY (and OPENAI_BASE_URL for a server of another provider).",
    )
}

/// Judges the address of a workspace's own server as tools' addresses are judged when they are saved.
///
/// # Errors
/// What is wrong with it, at `/base_url`.
pub fn checked_base_url(
    text: &str,
    policy: &Policy,
) -> Result<config::Endpoint, Vec<domain::fault::Fault>> {
    let text = text.trim_end_matches('/');
    let read = config::Endpoint::read(text, "base_url", policy);
    read.map_err(|mut faults| {
        for fault in &mut faults {
            let elsewhere = |hint: &String| hint.contains("api.auth");
            if fault.hint.as_ref().is_some_and(elsewhere) {
                fault.hint = Some("the key is a secret: name it as \"api_key_ref\"".to_owned());
            }
        }
        faults
    })
}

//! The secrets of one call: which are named, where they may go, and how they are hidden again.

use domain::failure::{Failure, FailureCode};
use domain::ids::SecretName;
use domain::request::Draft;
use secrecy::SecretString;
use serde_json::Value;
use vault::mask::Masker;

use crate::error::ExecuteError;
use crate::render;
use crate::run::Ended;

/// The secrets that a draft names, each once.
pub(crate) fn names(draft: &Draft) -> Vec<SecretName> {
    let mut names: Vec<SecretName> = draft.secrets().cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The host as secrets are bound to it: with its port unless that is 443.
pub(crate) fn host_and_port(draft: &Draft) -> String {
    match draft.port {
        443 => draft.host.clone(),
        port => format!("{}:{port}", draft.host),
    }
}

/// Hides every value, and the pair that Basic joins.
pub(crate) fn masker(secrets: &[(SecretName, SecretString)], draft: &Draft) -> Masker {
    let values: Vec<SecretString> = secrets.iter().map(|(_, value)| value.clone()).collect();
    let pair = draft.basic.as_ref().and_then(|(username, password)| {
        let username = render::fill(username, secrets).ok()?;
        let password = render::fill(password, secrets).ok()?;
        Some((username.into(), password.into()))
    });
    Masker::with_basic(&values, pair.as_slice())
}

/// Hides the secrets in an outcome.
pub(crate) fn mask(masker: &Masker, outcome: &mut Result<Value, Failure>) {
    match outcome {
        Ok(output) => masker.value(output),
        Err(failure) => {
            failure.message = masker.text(&failure.message).into_owned();
            failure.hint = masker.text(&failure.hint).into_owned();
            failure
                .details
                .values_mut()
                .for_each(|detail| masker.value(detail));
        }
    }
}

/// What a call ends with when its secrets cannot be had.
pub(crate) fn refused(error: vault::Error) -> Ended {
    match error {
        vault::Error::Missing { names } => {
            let listed: Vec<String> = names.iter().map(|name| format!("${{{name}}}")).collect();
            let listed = listed.join(", ");
            Failure::new(
                FailureCode::SecretMissing,
                format!("The workspace has no secret {listed}."),
                "Store it with POST /api/v1/secrets, then call again.",
            )
            .detail(
                "secrets",
                names.iter().map(SecretName::as_str).collect::<Vec<_>>(),
            )
            .into()
        }
        vault::Error::HostNotAllowed { name, host } => Failure::new(
            FailureCode::EgressBlocked,
            format!("The secret ${{{name}}} may not be sent to {host}."),
            "An admin can add the host to the secret's allowed_hosts.",
        )
        .detail("secret", name.as_str())
        .detail("host", host)
        .into(),
        vault::Error::Sealed(why) => {
            tracing::error!(why, "a stored secret cannot be opened");
            Failure::new(
                FailureCode::SecretMissing,
                "A secret of this tool is stored but cannot be opened.",
                "Store it again; the operator's log says why.",
            )
            .into()
        }
        error @ (vault::Error::Invalid(_)
        | vault::Error::Exists
        | vault::Error::NotFound
        | vault::Error::Forbidden
        | vault::Error::Unavailable(_)
        | vault::Error::Database(_)) => Ended::Refused(ExecuteError::AuditUnavailable(error)),
    }
}

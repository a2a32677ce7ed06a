//! Why the vault did not do what it was asked.

use domain::fault::Fault;
use domain::ids::SecretName;

use crate::stores::StoreError;

/// Why the vault did not do what it was asked. No text holds any part of a value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The value or the hosts are not acceptable; every fault, with pointers into the request.
    #[error("the secret cannot be stored so")]
    Invalid(Vec<Fault>),
    /// A secret of this name is there already.
    #[error("a secret of this name exists already")]
    Exists,
    /// There is no secret of this name.
    #[error("there is no secret of this name")]
    NotFound,
    /// Somebody else is changing this secret right now.
    #[error("this secret is being changed by another request")]
    Busy,
    /// The store where a value lives gives no answer: nothing was sent, nothing is lost.
    #[error("the store of secrets does not answer")]
    StoreUnavailable(#[source] StoreError),
    /// A provider cannot be deleted: it is built in, or these secrets live in it.
    #[error("{}", in_use(secrets))]
    ProviderInUse {
        /// The secrets, the first 20; none when it is built in.
        secrets: Vec<String>,
    },
    /// The caller's role does not suffice.
    #[error("this needs another role")]
    Forbidden,
    /// Names without a secret.
    #[error("not all secrets exist: {}", listed(names))]
    Missing {
        /// Which.
        names: Vec<SecretName>,
    },
    /// The secret may not be sent to this host.
    #[error("the secret {name} may not be sent to {host}")]
    HostNotAllowed {
        /// Which secret.
        name: SecretName,
        /// Where it was about to be sent.
        host: String,
    },
    /// The audit or the values cannot be reached: nothing was fetched, nothing may be sent.
    #[error("the secrets are not available at the moment")]
    Unavailable(#[source] persistence::Error),
    /// A stored value cannot be opened: a master key is missing, or the row was changed.
    #[error("a stored secret cannot be opened: {0}")]
    Sealed(String),
    /// Anything else of the database's.
    #[error("the secrets could not be read or written")]
    Database(#[source] persistence::Error),
}

impl From<persistence::Error> for Error {
    fn from(error: persistence::Error) -> Self {
        match error {
            persistence::Error::Forbidden => Self::Forbidden,
            unavailable if unavailable.is_unavailable() => Self::Unavailable(unavailable),
            other => Self::Database(other),
        }
    }
}

fn in_use(secrets: &[String]) -> String {
    if secrets.is_empty() {
        "the provider is built in".to_owned()
    } else {
        format!("secrets live in this provider: {}", secrets.join(", "))
    }
}

fn listed(names: &[SecretName]) -> String {
    let names: Vec<&str> = names.iter().map(SecretName::as_str).collect();
    names.join(", ")
}

//! AWS Secrets Manager as a store. Every name is `<prefix>/<workspace>/…`: no workspace can name another's value.

mod request;

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use domain::ids::{SecretName, WorkspaceId};
use persistence::secrets::SealedSecret;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use self::request::{Told, patiently};
use super::{Store, StoreError};
use crate::value;

/// What is deleted can be restored at AWS for so many days, by the operator alone. The fewest that AWS allows.
const RECOVERY_DAYS: i64 = 7;
/// What a reading may take, repetitions included.
const READ: Duration = Duration::from_secs(6);
/// What a change may take. Less than a row is held for whoever makes it.
const WRITE: Duration = Duration::from_secs(12);
/// What one request may take.
const REQUEST: Duration = Duration::from_secs(4);
/// What connecting may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How often a change looks again at a name whose state another one changed meanwhile.
const TURNS: usize = 6;

/// How AWS Secrets Manager is reached.
#[derive(Clone)]
pub struct AwsConfig {
    /// The first part of every name: what the function's role may reach.
    pub prefix: String,
    /// The region.
    pub region: String,
    /// Another address than the region's own: an emulator, a VPC endpoint.
    pub endpoint_url: Option<String>,
    /// The access key's id.
    pub access_key_id: String,
    /// The access key.
    pub secret_access_key: SecretString,
    /// The session token of temporary credentials.
    pub session_token: Option<SecretString>,
}

impl fmt::Debug for AwsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsConfig")
            .field("prefix", &self.prefix)
            .field("region", &self.region)
            .field("endpoint_url", &self.endpoint_url)
            .finish_non_exhaustive()
    }
}

/// The store. Its client is built when first used.
pub(crate) struct AwsStore {
    config: AwsConfig,
    client: OnceLock<Client>,
}

/// What is to be done next about a name.
#[derive(Clone, Copy)]
enum Step {
    /// Make it, with its first value.
    Create,
    /// Give it its next value.
    Put,
    /// It is marked for deletion: take that back.
    Restore,
}

impl AwsStore {
    pub(crate) const fn new(config: AwsConfig) -> Self {
        Self {
            config,
            client: OnceLock::new(),
        }
    }

    /// What a workspace's secret is called here.
    pub(crate) fn reference(
        &self,
        workspace: WorkspaceId,
        folder: Option<&str>,
        name: &SecretName,
    ) -> String {
        let prefix = &self.config.prefix;
        match folder {
            Some(folder) => format!("{prefix}/{workspace}/{folder}/{name}"),
            None => format!("{prefix}/{workspace}/{name}"),
        }
    }

    /// Whatever a row says: never a name outside the workspace's own.
    fn check(&self, workspace: WorkspaceId, reference: &str) -> Result<(), StoreError> {
        let own = format!("{}/{workspace}/", self.config.prefix);
        if reference.starts_with(&own) {
            Ok(())
        } else {
            let why = "a stored name at AWS is none of its workspace's".to_owned();
            Err(StoreError::Unusable(why))
        }
    }

    /// Stores the value of a new secret, whatever stands under its name still. The same attempt made again
    /// changes nothing.
    pub(crate) async fn add(
        &self,
        workspace: WorkspaceId,
        reference: &str,
        value: &SecretString,
        attempt: Uuid,
    ) -> Result<(), StoreError> {
        self.check(workspace, reference)?;
        self.store(Step::Create, reference, value, attempt).await
    }

    /// Stores the next value of a secret, even if its name was deleted at AWS. The same attempt made again
    /// changes nothing.
    pub(crate) async fn replace(
        &self,
        workspace: WorkspaceId,
        reference: &str,
        value: &SecretString,
        attempt: Uuid,
    ) -> Result<(), StoreError> {
        self.check(workspace, reference)?;
        self.store(Step::Put, reference, value, attempt).await
    }

    async fn store(
        &self,
        mut step: Step,
        reference: &str,
        value: &SecretString,
        attempt: Uuid,
    ) -> Result<(), StoreError> {
        let deadline = Instant::now() + WRITE;
        for _ in 0..TURNS {
            let done = match step {
                Step::Create => self.first(reference, value, attempt, deadline).await,
                Step::Put => self.next_version(reference, value, attempt, deadline).await,
                Step::Restore => self.restore(reference, deadline).await,
            };
            step = match (step, done) {
                (Step::Create | Step::Put, Ok(())) => return Ok(()),
                (Step::Restore, Ok(()) | Err(Told::Marked | Told::Exists)) => Step::Put,
                // Whether a name that is taken is marked for deletion, not every answer says.
                (Step::Create, Err(Told::Exists | Told::Marked))
                | (Step::Put, Err(Told::Marked)) => Step::Restore,
                (Step::Create | Step::Put | Step::Restore, Err(Told::NotFound)) => Step::Create,
                (Step::Put, Err(told @ Told::Exists))
                | (
                    Step::Create | Step::Put | Step::Restore,
                    Err(told @ (Told::Passing(..) | Told::Refused(_))),
                ) => return Err(told.into()),
            };
        }
        Err(StoreError::Unavailable(
            "AWS did not settle on whether the name exists".to_owned(),
        ))
    }

    /// Deletes a name; one that is not there is deleted. The operator can restore it for some days.
    pub(crate) async fn remove(
        &self,
        workspace: WorkspaceId,
        reference: &str,
    ) -> Result<(), StoreError> {
        self.check(workspace, reference)?;
        let call = || {
            let request = self.client().delete_secret().secret_id(reference);
            request.recovery_window_in_days(RECOVERY_DAYS).send()
        };
        match patiently(call, Instant::now() + WRITE).await {
            Ok(_) | Err(Told::NotFound | Told::Marked) => Ok(()),
            Err(told) => Err(told.into()),
        }
    }

    async fn next_version(
        &self,
        reference: &str,
        value: &SecretString,
        attempt: Uuid,
        deadline: Instant,
    ) -> Result<(), Told> {
        let call = || {
            let request = self.client().put_secret_value().secret_id(reference);
            let request = request.client_request_token(attempt.to_string());
            request.secret_string(value.expose_secret()).send()
        };
        patiently(call, deadline).await.map(drop)
    }

    async fn first(
        &self,
        reference: &str,
        value: &SecretString,
        attempt: Uuid,
        deadline: Instant,
    ) -> Result<(), Told> {
        let call = || {
            let request = self.client().create_secret().name(reference);
            let request = request.client_request_token(attempt.to_string());
            request.secret_string(value.expose_secret()).send()
        };
        patiently(call, deadline).await.map(drop)
    }

    async fn restore(&self, reference: &str, deadline: Instant) -> Result<(), Told> {
        let call = || self.client().restore_secret().secret_id(reference).send();
        patiently(call, deadline).await.map(drop)
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let AwsConfig {
                region,
                endpoint_url,
                access_key_id,
                secret_access_key,
                session_token,
                ..
            } = &self.config;
            let token = session_token.as_ref();
            let credentials = Credentials::new(
                access_key_id,
                secret_access_key.expose_secret(),
                token.map(|token| token.expose_secret().to_owned()),
                None,
                "configuration",
            );
            let timeouts = TimeoutConfig::builder()
                .connect_timeout(CONNECT)
                .operation_attempt_timeout(REQUEST);
            let mut config = Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(region.clone()))
                .credentials_provider(credentials)
                // One place decides about repetition: `patiently`.
                .retry_config(RetryConfig::disabled())
                .timeout_config(timeouts.build());
            config.set_endpoint_url(endpoint_url.clone());
            Client::from_conf(config.build())
        })
    }
}

impl Store for AwsStore {
    async fn read(
        &self,
        workspace: WorkspaceId,
        row: &SealedSecret,
    ) -> Result<SecretString, StoreError> {
        let reference = row.reference.as_deref().unwrap_or_default();
        self.check(workspace, reference)?;
        let call = || self.client().get_secret_value().secret_id(reference).send();
        let read = patiently(call, Instant::now() + READ).await?;
        let text = read.secret_string.map(SecretString::from).ok_or_else(|| {
            StoreError::Unusable(format!("the value of {} at AWS is no text", row.name))
        })?;
        // It may have been changed there, past our rules.
        match value::fault(&text) {
            None => Ok(text),
            Some(fault) => Err(StoreError::Unusable(format!(
                "the value of {} at AWS: {}",
                row.name, fault.message
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> AwsStore {
        AwsStore::new(AwsConfig {
            prefix: "api-to-tools".to_owned(),
            region: "eu-central-1".to_owned(),
            endpoint_url: None,
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "hunter22".into(),
            session_token: Some("hunter22".into()),
        })
    }

    #[test]
    fn names_stand_under_their_workspace() {
        let workspace = WorkspaceId(Uuid::from_u128(1));
        let name: SecretName = "API_KEY".parse().unwrap();
        let store = store();
        assert_eq!(
            store.reference(workspace, None, &name),
            "api-to-tools/00000000-0000-0000-0000-000000000001/API_KEY"
        );
        assert_eq!(
            store.reference(workspace, Some("billing"), &name),
            "api-to-tools/00000000-0000-0000-0000-000000000001/billing/API_KEY"
        );
    }

    #[test]
    fn names_of_others_are_never_asked_for() {
        let (store, workspace) = (store(), WorkspaceId(Uuid::from_u128(1)));
        let own = "api-to-tools/00000000-0000-0000-0000-000000000001/API_KEY";
        assert_eq!(store.check(workspace, own), Ok(()));
        for foreign in [
            "",
            "api-to-tools/00000000-0000-0000-0000-000000000002/API_KEY",
            "api-to-tools/00000000-0000-0000-0000-0000000000012/API_KEY",
            "other/api-to-tools/00000000-0000-0000-0000-000000000001/API_KEY",
            "api-to-tools/config",
        ] {
            assert!(store.check(workspace, foreign).is_err(), "{foreign}");
        }
    }

    #[test]
    fn credentials_are_not_printed() {
        assert!(!format!("{:?}", store().config).contains("hunter22"));
    }
}

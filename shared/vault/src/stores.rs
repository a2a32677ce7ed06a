//! Where secret values live: sealed in Postgres, in AWS Secrets Manager, or in the operator's environment.

mod aws;
mod builtin;
mod environment;
mod kept;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use domain::ids::{SecretId, WorkspaceId};
use persistence::secrets::SealedSecret;
use secrecy::SecretString;

pub use aws::AwsConfig;
pub(crate) use aws::AwsStore;
pub(crate) use builtin::Builtin;
pub(crate) use environment::Environment;
use kept::Kept;

use crate::master_keys::MasterKeys;

/// The longest that a value is kept in memory; a change at the store is seen within it.
pub const MAX_CACHE: Duration = Duration::from_secs(60);

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreKind {
    /// Sealed in Postgres.
    Builtin,
    /// AWS Secrets Manager.
    AwsSecretsManager,
    /// The operator's environment, for local development.
    Environment,
}

impl StoreKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Builtin, Self::AwsSecretsManager, Self::Environment];

    /// Its name in the API and in Postgres.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::AwsSecretsManager => "aws_secrets_manager",
            Self::Environment => "environment",
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StoreKind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or("must be builtin, aws_secrets_manager or environment")
    }
}

/// Which stores this installation has; the builtin one is always there.
#[derive(Clone)]
pub struct StoresConfig {
    /// Where a secret goes whose creator names no provider.
    pub default: StoreKind,
    /// AWS Secrets Manager.
    pub aws: Option<AwsConfig>,
    /// The variables on the operator's allow-list that were set, with their values.
    pub environment: BTreeMap<String, SecretString>,
    /// How long values of AWS are kept in memory, [`MAX_CACHE`] at most. Zero keeps none.
    pub cache: Duration,
}

impl Default for StoresConfig {
    fn default() -> Self {
        Self {
            default: StoreKind::Builtin,
            aws: None,
            environment: BTreeMap::new(),
            cache: MAX_CACHE,
        }
    }
}

impl fmt::Debug for StoresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoresConfig")
            .field("default", &self.default)
            .field("aws", &self.aws)
            .field("environment", &self.environment.keys())
            .field("cache", &self.cache)
            .finish()
    }
}

/// Why a store gave no value, or took none. No text holds any part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It does not answer, is throttling, or refuses us: the same call may succeed later.
    #[error("{0}")]
    Unavailable(String),
    /// There is no such value (any more).
    #[error("the store has no such value")]
    Gone,
    /// The value is there and cannot be used; the text says why.
    #[error("{0}")]
    Unusable(String),
}

/// How fresh a value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// One that was kept will do.
    Kept,
    /// Read anew: the upstream refused the kept one.
    Anew,
}

/// A store that values are read from.
pub(crate) trait Store {
    /// The value that a row of this workspace stands for.
    fn read(
        &self,
        workspace: WorkspaceId,
        row: &SealedSecret,
    ) -> impl Future<Output = Result<SecretString, StoreError>> + Send;
}

/// All stores of this installation.
pub(crate) struct Stores {
    pub(crate) default: StoreKind,
    pub(crate) builtin: Builtin,
    aws: Option<AwsStore>,
    environment: Environment,
    kept: Kept,
}

impl Stores {
    pub(crate) fn new(masters: MasterKeys, config: StoresConfig) -> Self {
        Self {
            default: config.default,
            builtin: Builtin::new(masters),
            aws: config.aws.map(AwsStore::new),
            environment: Environment(config.environment),
            kept: Kept::new(config.cache.min(MAX_CACHE)),
        }
    }

    /// Whether this installation has the store.
    pub(crate) fn has(&self, kind: StoreKind) -> bool {
        match kind {
            StoreKind::Builtin => true,
            StoreKind::AwsSecretsManager => self.aws.is_some(),
            StoreKind::Environment => !self.environment.0.is_empty(),
        }
    }

    /// AWS Secrets Manager.
    pub(crate) fn aws(&self) -> Result<&AwsStore, StoreError> {
        self.aws
            .as_ref()
            .ok_or_else(|| absent("aws_secrets_manager"))
    }

    /// The operator's environment.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The value of a row, from wherever it lives. Of AWS the kept one, unless it has to be read anew.
    pub(crate) async fn read(
        &self,
        workspace: WorkspaceId,
        row: &SealedSecret,
        freshness: Freshness,
    ) -> Result<SecretString, StoreError> {
        match row.provider.parse() {
            Ok(StoreKind::Builtin) => self.builtin.read(workspace, row).await,
            Ok(StoreKind::Environment) => self.environment.read(workspace, row).await,
            Ok(StoreKind::AwsSecretsManager) => {
                let aws = self.aws()?;
                let key = (workspace, SecretId(row.id.0), row.version);
                let read = || aws.read(workspace, row);
                self.kept.get(key, freshness, read).await
            }
            Err(_) => Err(absent(&row.provider)),
        }
    }
}

fn absent(kind: &str) -> StoreError {
    StoreError::Unavailable(format!("this installation has no store {kind}"))
}

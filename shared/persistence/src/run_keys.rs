//! `orchestration.runs` by their idempotency keys: whether somebody asks for what was started before.

use domain::ids::WorkspaceId;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Statement, row, statement};

row! {
    /// The run that a key belongs to.
    #[derive(PartialEq, Eq)]
    pub struct KeyedRun {
        /// Its id.
        pub id: Uuid,
        /// The flow's version that it follows; absent of a tool's execution.
        pub flow_version: Option<i32>,
        /// SHA-256 of what was asked for.
        pub input_hash: Option<Vec<u8>>,
        /// It waits for other runs of its flow.
        pub held: bool,
    }
}

impl KeyedRun {
    /// Whether it was started for this.
    pub fn asks(&self, input_hash: [u8; 32]) -> bool {
        self.input_hash.as_deref() == Some(input_hash.as_slice())
    }
}

const BY_KEY: &str = "
    select r.id, r.flow_version, r.input_hash, not r.admitted as held
    from orchestration.runs r
    where r.workspace_id = $1
      and r.idempotency_key = $2";

const BY_ID: &str = "
    select r.id, r.flow_version, r.input_hash, not r.admitted as held
    from orchestration.runs r
    where r.workspace_id = $1
      and r.id = $2";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("run_keys::by_key", BY_KEY, Authenticated, KeyedRun),
    statement!("run_keys::by_id", BY_ID, Authenticated, KeyedRun),
];

/// The run of a key.
///
/// # Errors
/// The database's.
pub async fn by_key(
    tx: &mut Tx,
    workspace: WorkspaceId,
    key: &str,
) -> Result<Option<KeyedRun>, Error> {
    tx.maybe(query_as(BY_KEY).bind(workspace.0).bind(key)).await
}

/// The same of a run whose id is known.
///
/// # Errors
/// The database's.
pub async fn by_id(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: Uuid,
) -> Result<Option<KeyedRun>, Error> {
    tx.maybe(query_as(BY_ID).bind(workspace.0).bind(id)).await
}

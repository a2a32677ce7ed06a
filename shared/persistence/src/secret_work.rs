//! `secrets.secrets`, the columns that say how far a secret got whose value lives outside Postgres.
//!
//! Whoever works on such a secret holds its row by an `attempt` of its own for half a minute. When it
//! is killed, the row is free again after that, and whoever comes next finishes the work.

use domain::ids::{SecretId, SecretName, WorkspaceId};
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Affected, Statement, row, statement};

row! {
    /// A secret as its store outside knows it.
    #[derive(PartialEq, Eq)]
    pub struct Place {
        /// The id.
        pub id: Uuid,
        /// Whose.
        pub workspace_id: Uuid,
        /// The name.
        pub name: String,
        /// Where the value lives.
        pub kind: String,
        /// What the store calls it.
        pub reference: Option<String>,
    }
}

row! {
    /// How far a secret got.
    #[derive(PartialEq, Eq)]
    pub struct Progress {
        /// The id.
        pub id: Uuid,
        /// Where the value lives.
        pub kind: String,
        /// `pending`, `ready` or `deleting`.
        pub state: String,
        /// Whether somebody is at work on it.
        pub busy: bool,
    }
}

row! {
    struct Version {
        version: i32,
    }
}

const PROGRESS: &str = "
    select s.id, s.provider as kind, s.state, coalesce(s.settling_until > now(), false) as busy
    from secrets.secrets s
    where s.workspace_id = $1
      and s.name = $2";

const CONFIRM: &str = "
    update secrets.secrets s
    set state = 'ready',
        attempt = null,
        settling_until = null
    where s.workspace_id = $1
      and s.id = $2
      and s.attempt = $3
      and s.state = 'pending'
    returning s.name as id";

const HOLD: &str = "
    update secrets.secrets s
    set attempt = $3,
        settling_until = now() + interval '30 seconds'
    where s.workspace_id = $1
      and s.name = $2
      and s.state = 'ready'
      and (s.settling_until is null or s.settling_until <= now())
    returning s.id, s.workspace_id, s.name, s.provider as kind, s.reference";

const ROTATED: &str = "
    update secrets.secrets s
    set version = s.version + 1,
        attempt = null,
        settling_until = null
    where s.workspace_id = $1
      and s.id = $2
      and s.attempt = $3
      and s.state = 'ready'
    returning s.version";

const BEGIN_REMOVAL: &str = "
    update secrets.secrets s
    set state = 'deleting',
        attempt = $3,
        settling_until = now() + interval '30 seconds'
    where s.workspace_id = $1
      and s.name = $2
      and (s.settling_until is null or s.settling_until <= now())
    returning s.id, s.workspace_id, s.name, s.provider as kind, s.reference";

const LET_GO: &str = "
    update secrets.secrets s
    set attempt = case when s.state <> 'ready' then s.attempt end,
        settling_until = case when s.state <> 'ready' then now() end
    where s.workspace_id = $1
      and s.id = $2
      and s.attempt = $3
    returning s.name as id";

const FINISH_REMOVAL: &str = "
    delete from secrets.secrets s
    where s.workspace_id = $1
      and s.id = $2
      and s.attempt = $3
      and s.state = 'deleting'
    returning s.name as id";

const CLAIM_UNFINISHED: &str = "
    update secrets.secrets s
    set state = 'deleting',
        attempt = $2,
        settling_until = now() + interval '30 seconds'
    where s.id in (
        select x.id
        from secrets.secrets x
        where x.state <> 'ready'
          and x.settling_until <= now()
        order by x.settling_until
        limit $1
        for update skip locked
    )
    returning s.id, s.workspace_id, s.name, s.provider as kind, s.reference";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("secret_work::progress", PROGRESS, Authenticated, Progress),
    statement!("secret_work::confirm", CONFIRM, Authenticated, Affected),
    statement!("secret_work::hold", HOLD, Authenticated, Place),
    statement!("secret_work::rotated", ROTATED, Authenticated, Version),
    statement!(
        "secret_work::begin_removal",
        BEGIN_REMOVAL,
        Authenticated,
        Place
    ),
    statement!("secret_work::let_go", LET_GO, Authenticated, Affected),
    statement!(
        "secret_work::let_go (system)",
        LET_GO,
        ServiceRole,
        Affected
    ),
    statement!(
        "secret_work::finish_removal",
        FINISH_REMOVAL,
        Authenticated,
        Affected
    ),
    statement!(
        "secret_work::finish_removal (system)",
        FINISH_REMOVAL,
        ServiceRole,
        Affected
    ),
    statement!(
        "secret_work::claim_unfinished",
        CLAIM_UNFINISHED,
        ServiceRole,
        Place
    ),
];

/// How far the secret of this name got, whatever its state.
///
/// # Errors
/// The database's.
pub async fn progress(
    tx: &mut Tx,
    workspace: WorkspaceId,
    name: &SecretName,
) -> Result<Option<Progress>, Error> {
    tx.maybe(query_as(PROGRESS).bind(workspace.0).bind(name.as_str()))
        .await
}

/// The value is stored outside: the secret can be used. False when somebody else took the work over.
///
/// # Errors
/// The database's.
pub async fn confirm(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: SecretId,
    attempt: Uuid,
) -> Result<bool, Error> {
    changed(tx, CONFIRM, workspace, id, attempt).await
}

/// Holds a ready secret in order to replace its value outside. `None` when there is none of that name,
/// somebody else is at work on it, or the asking person is no admin.
///
/// # Errors
/// The database's.
pub async fn hold(
    tx: &mut Tx,
    workspace: WorkspaceId,
    name: &SecretName,
    attempt: Uuid,
) -> Result<Option<Place>, Error> {
    let query = query_as(HOLD).bind(workspace.0).bind(name.as_str());
    tx.maybe(query.bind(attempt)).await
}

/// The value outside was replaced: answers the new version. `None` when somebody else took the work over.
///
/// # Errors
/// The database's.
pub async fn rotated(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: SecretId,
    attempt: Uuid,
) -> Result<Option<i32>, Error> {
    let query = query_as::<_, Version>(ROTATED)
        .bind(workspace.0)
        .bind(id.0)
        .bind(attempt);
    Ok(tx.maybe(query).await?.map(|row| row.version))
}

/// From now on nobody can use the secret; its value outside is still to be removed. `None` when there is
/// none of that name, somebody else is at work on it, or the asking person is no admin.
///
/// # Errors
/// The database's.
pub async fn begin_removal(
    tx: &mut Tx,
    workspace: WorkspaceId,
    name: &SecretName,
    attempt: Uuid,
) -> Result<Option<Place>, Error> {
    let query = query_as(BEGIN_REMOVAL)
        .bind(workspace.0)
        .bind(name.as_str());
    tx.maybe(query.bind(attempt)).await
}

/// Gives up: a ready secret stays as it was, another waits for whoever comes next.
///
/// # Errors
/// The database's.
pub async fn let_go(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: SecretId,
    attempt: Uuid,
) -> Result<bool, Error> {
    changed(tx, LET_GO, workspace, id, attempt).await
}

/// The value outside is gone: so is the row. False when somebody else took the work over.
///
/// # Errors
/// The database's.
pub async fn finish_removal(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: SecretId,
    attempt: Uuid,
) -> Result<bool, Error> {
    changed(tx, FINISH_REMOVAL, workspace, id, attempt).await
}

/// As the system: takes over secrets whose creation or deletion nobody works on any more. All of them
/// are to be removed.
///
/// # Errors
/// The database's.
pub async fn claim_unfinished(tx: &mut Tx, limit: i64, attempt: Uuid) -> Result<Vec<Place>, Error> {
    tx.all(query_as(CLAIM_UNFINISHED).bind(limit).bind(attempt))
        .await
}

async fn changed(
    tx: &mut Tx,
    statement: &'static str,
    workspace: WorkspaceId,
    id: SecretId,
    attempt: Uuid,
) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(statement)
        .bind(workspace.0)
        .bind(id.0)
        .bind(attempt);
    Ok(tx.maybe(query).await?.is_some())
}

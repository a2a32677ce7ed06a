//! `secrets.audit`: who used or changed what; rows are only ever added.

use chrono::{DateTime, Utc};
use domain::ids::{UserId, WorkspaceId};
use serde_json::Value;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Nothing, Statement, row, statement};

/// Something worth remembering. Holds no secret value.
#[derive(Clone, Debug)]
pub struct NewAudit<'a> {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// Who; must be the transaction's principal. `None` for the system.
    pub actor: Option<UserId>,
    /// What was done: `secret.create`.
    pub action: &'a str,
    /// To what kind of thing: `secret`.
    pub subject_kind: &'a str,
    /// To which one: its name.
    pub subject: &'a str,
    /// Facts.
    pub detail: Value,
}

row! {
    /// One line of the audit.
    #[derive(PartialEq)]
    pub struct AuditRow {
        /// Grows with time; the cursor.
        pub id: i64,
        /// When.
        pub at: DateTime<Utc>,
        /// Who.
        pub actor: Option<Uuid>,
        /// With which API key.
        pub key_id: Option<Uuid>,
        /// What was done.
        pub action: String,
        /// To what kind of thing.
        pub subject_kind: String,
        /// To which one.
        pub subject: String,
        /// Facts.
        pub detail: Value,
    }
}

const APPEND: &str = "
    insert into secrets.audit (workspace_id, actor, action, subject_kind, subject, detail)
    values ($1, $2, $3, $4, $5, $6::text::json)";

const PAGE: &str = "
    select a.id, a.at, a.actor, a.key_id, a.action, a.subject_kind, a.subject, a.detail
    from secrets.audit a
    where a.workspace_id = $1
      and a.id < $2
    order by a.id desc
    limit $3";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("audit::append", APPEND, Authenticated, Nothing),
    statement!("audit::append (system)", APPEND, ServiceRole, Nothing),
    statement!("audit::page", PAGE, Authenticated, AuditRow),
];

/// Adds a line, in the transaction of what it tells about.
///
/// # Errors
/// [`Error::Forbidden`] when the actor is somebody else, or no member.
pub async fn append(tx: &mut Tx, entry: &NewAudit<'_>) -> Result<(), Error> {
    tx.all(
        query_as::<_, Nothing>(APPEND)
            .bind(entry.workspace_id.0)
            .bind(entry.actor.map(|user| user.0))
            .bind(entry.action)
            .bind(entry.subject_kind)
            .bind(entry.subject)
            .bind(entry.detail.to_string()),
    )
    .await
    .map(drop)
}

/// The workspace's audit, newest first; admins only.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<AuditRow>, Error> {
    tx.all(
        query_as(PAGE)
            .bind(workspace.0)
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit),
    )
    .await
}

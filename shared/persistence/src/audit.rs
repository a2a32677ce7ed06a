//! `secrets.audit`: who used or changed what; rows are only ever added.

use chrono::{DateTime, Utc};
use domain::ids::{UserId, WorkspaceId};
use serde_json::Value;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::{Query, Tx};
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
        /// Grows with time, except that a row may commit after one with a greater id; the cursor.
        pub id: i64,
        /// When its transaction began.
        pub at: DateTime<Utc>,
        /// Who; nobody when it was the system.
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
        /// Its place in the workspace's chain; none while it is not linked.
        pub seq: Option<i64>,
        /// The hash of the row before it in the chain; none for the first.
        pub previous: Option<Vec<u8>>,
        /// Its own hash.
        pub hash: Option<Vec<u8>>,
    }
}

/// Which lines to list. Empty: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this action only.
    pub action: Option<String>,
    /// About this subject only, by its name or id.
    pub subject: Option<String>,
    /// By this person only.
    pub actor: Option<UserId>,
    /// Not before this time.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub to: Option<DateTime<Utc>>,
    /// Older than the row of this id.
    pub before: Option<i64>,
}

const APPEND: &str = "
    insert into secrets.audit (workspace_id, actor, action, subject_kind, subject, detail)
    values ($1, $2, $3, $4, $5, $6::text::json)";

/// One statement per set of conditions, so that each is planned with the index that fits it.
macro_rules! page {
    ($condition:literal) => {
        concat!(
            "
    select a.id, a.at, a.actor, a.key_id, a.action, a.subject_kind, a.subject, a.detail, a.seq,
           a.previous, a.hash
    from secrets.audit a
    where a.workspace_id = $1
      and a.id < $2
      and ($4::timestamptz is null or a.at >= $4)
      and ($5::timestamptz is null or a.at < $5)",
            $condition,
            "
    order by a.id desc
    limit $3"
        )
    };
}

const PAGE: &str = page!("");
const PAGE_OF_ACTION: &str = page!(" and a.action = $6");
const PAGE_OF_SUBJECT: &str = page!(" and a.subject = $6");
const PAGE_OF_ACTOR: &str = page!(" and a.actor = $6");
const PAGE_OF_ACTION_SUBJECT: &str = page!(" and a.action = $6 and a.subject = $7");
const PAGE_OF_ACTION_ACTOR: &str = page!(" and a.action = $6 and a.actor = $7");
const PAGE_OF_SUBJECT_ACTOR: &str = page!(" and a.subject = $6 and a.actor = $7");
const PAGE_OF_ALL: &str = page!(" and a.action = $6 and a.subject = $7 and a.actor = $8");

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("audit::append", APPEND, Authenticated, Nothing),
    statement!("audit::append (system)", APPEND, ServiceRole, Nothing),
    statement!("audit::page", PAGE, Authenticated, AuditRow),
    statement!("audit::page (a)", PAGE_OF_ACTION, Authenticated, AuditRow),
    statement!("audit::page (s)", PAGE_OF_SUBJECT, Authenticated, AuditRow),
    statement!("audit::page (p)", PAGE_OF_ACTOR, Authenticated, AuditRow),
    statement!(
        "audit::page (a, s)",
        PAGE_OF_ACTION_SUBJECT,
        Authenticated,
        AuditRow
    ),
    statement!(
        "audit::page (a, p)",
        PAGE_OF_ACTION_ACTOR,
        Authenticated,
        AuditRow
    ),
    statement!(
        "audit::page (s, p)",
        PAGE_OF_SUBJECT_ACTOR,
        Authenticated,
        AuditRow
    ),
    statement!(
        "audit::page (a, s, p)",
        PAGE_OF_ALL,
        Authenticated,
        AuditRow
    ),
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
    filter: &Filter,
    limit: i64,
) -> Result<Vec<AuditRow>, Error> {
    let sql = match (&filter.action, &filter.subject, filter.actor) {
        (None, None, None) => PAGE,
        (Some(_), None, None) => PAGE_OF_ACTION,
        (None, Some(_), None) => PAGE_OF_SUBJECT,
        (None, None, Some(_)) => PAGE_OF_ACTOR,
        (Some(_), Some(_), None) => PAGE_OF_ACTION_SUBJECT,
        (Some(_), None, Some(_)) => PAGE_OF_ACTION_ACTOR,
        (None, Some(_), Some(_)) => PAGE_OF_SUBJECT_ACTOR,
        (Some(_), Some(_), Some(_)) => PAGE_OF_ALL,
    };
    let mut query: Query<'_, AuditRow> = query_as(sql)
        .bind(workspace.0)
        .bind(filter.before.unwrap_or(i64::MAX))
        .bind(limit)
        .bind(filter.from)
        .bind(filter.to);
    for text in [&filter.action, &filter.subject].into_iter().flatten() {
        query = query.bind(text.as_str());
    }
    if let Some(actor) = filter.actor {
        query = query.bind(actor.0);
    }
    tx.all(query).await
}

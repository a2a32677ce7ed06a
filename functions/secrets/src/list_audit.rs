//! `GET /api/v1/audit`: who used or changed what, newest first.

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::UserId;
use persistence::audit::{self, AuditRow, Filter};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::{Allowed, FromQuery, Json, Page, Params, Problem, Query};

use crate::Secrets;

const LIST: &str = "audit";

/// Which lines are listed.
#[derive(Debug)]
pub(crate) struct Wanted {
    filter: Filter,
    limit: u16,
}

/// As the API's description tells [`Wanted`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query")]
pub(crate) struct WantedParams {
    /// Of this action only.
    #[param(example = "secret.use")]
    action: Option<String>,
    /// About this subject only: the name of a secret, the id of a key.
    #[param(example = "QUOTE_API_KEY")]
    subject: Option<String>,
    /// By this person only.
    actor: Option<Uuid>,
    /// Not before this time (RFC 3339).
    #[param(example = "2026-01-31T00:00:00Z")]
    from: Option<DateTime<Utc>>,
    /// Before this time (RFC 3339).
    to: Option<DateTime<Utc>>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl FromQuery for Wanted {
    fn from_query(params: &mut Params) -> Result<Self, Problem> {
        let filter = Filter {
            action: params.text("action"),
            subject: params.text("subject"),
            actor: params.parsed::<Uuid>("actor").map(UserId),
            from: time(params, "from"),
            to: time(params, "to"),
            before: None,
        };
        let page = params.page(LIST)?;
        Ok(Self {
            filter: Filter {
                before: page.after,
                ..filter
            },
            limit: page.limit,
        })
    }
}

fn time(params: &mut Params, name: &'static str) -> Option<DateTime<Utc>> {
    let text = params.text(name)?;
    let time = DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc());
    if time.is_err() {
        let message = format!("{name} must be a time by RFC 3339");
        params.refuse(name, message, "such as 2026-01-31T00:00:00Z");
    }
    time.ok()
}

/// One line of the audit. What its hash is made of: docs/audit.md.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct EntryView {
    /// Its id.
    #[schema(example = 4711)]
    id: i64,
    /// When.
    #[schema(value_type = DateTime<Utc>, example = "2026-01-31T09:00:00.000000Z")]
    at: String,
    /// Who; absent: the system itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Uuid>,
    /// With which API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<Uuid>,
    /// What was done.
    #[schema(example = "secret.use")]
    action: String,
    /// To what kind of thing.
    #[schema(example = "secret")]
    subject_kind: String,
    /// To which one: the name of a secret, the id of a key.
    #[schema(example = "QUOTE_API_KEY")]
    subject: String,
    /// Facts; never a value.
    #[schema(example = json!({ "tool_id": "get_quote", "host": "api.example.com", "version": 1 }))]
    detail: Value,
    /// Its place in the workspace's chain; absent for a moment after it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 812)]
    seq: Option<i64>,
    /// The hash of the line before it in the chain, in hex; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    /// Its own hash, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "43f9fbaa660e1f8939a9a9b6aca70a6c311e39b59e5223419a21c77fd2e3cae2")]
    hash: Option<String>,
}

impl From<AuditRow> for EntryView {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.id,
            at: domain::audit::time(row.at),
            actor: row.actor,
            key_id: row.key_id,
            action: row.action,
            subject_kind: row.subject_kind,
            subject: row.subject,
            detail: row.detail,
            seq: row.seq,
            previous: row.previous.map(hex::encode),
            hash: row.hash.map(hex::encode),
        }
    }
}

/// A page of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditList {
    /// Whose audit it is; part of what is hashed.
    workspace_id: Uuid,
    entries: Vec<EntryView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Read the audit
///
/// Who used or changed which secret, key or member, newest first. Nothing in it can be changed or removed.
#[utoipa::path(
    get, path = "/api/v1/audit", operation_id = "list_audit", tag = "secrets",
    params(WantedParams),
    responses((status = 200, description = "A page of the audit.", body = AuditList))
)]
pub(crate) async fn list_audit(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<AuditList>, Problem> {
    let Wanted { filter, limit } = wanted;
    let workspace = caller.workspace_id;
    let mut tx = secrets
        .db
        .begin_as(&caller.principal, Some(workspace))
        .await?;
    let rows = audit::page(&mut tx, workspace, &filter, i64::from(limit) + 1).await?;
    tx.commit().await?;
    let page = Page::cut(rows, limit, LIST, |row| row.id);
    Ok(Json(AuditList {
        workspace_id: workspace.0,
        entries: page.items.into_iter().map(EntryView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

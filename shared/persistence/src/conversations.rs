//! `orchestration.conversations`: every run of the agent loop, and the history that the next one continues.

use chrono::{DateTime, Utc};
use domain::ids::{ConversationId, WorkspaceId};
use domain::model::Usage;
use serde_json::Value;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Affected, Statement, row, statement};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is under way, or its process died and the sweep did not come by yet.
    Running,
    /// With an answer. Only such a conversation is continued.
    Succeeded,
    /// Without an answer.
    Failed,
    /// Nobody waited for it any more.
    Cancelled,
}

impl Status {
    /// The status as it stands in rows and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A run that begins.
#[derive(Clone, Copy, Debug)]
pub struct NewConversation<'a> {
    /// Its id, version 7.
    pub id: ConversationId,
    /// Where.
    pub workspace_id: WorkspaceId,
    /// What it continues.
    pub previous_id: Option<ConversationId>,
    /// Which model server answers it, as a hash.
    pub server: &'a str,
    /// The model's name at its provider; 1 to 256 characters.
    pub model: &'a str,
    /// What was asked.
    pub prompt: &'a str,
}

/// What a run has at its end. Texts hold no U+0000.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// How it ended.
    pub status: Status,
    /// The model's answer, or as much as there is.
    pub response: Option<&'a str>,
    /// The whole history in the model server's form, as JSON text; `null`: it is too large to be continued.
    pub items: &'a str,
    /// Every call, as the answer tells it, as JSON text.
    pub tool_calls: &'a str,
    /// Why there is no answer: code, message, hint, details.
    pub error: Option<&'a Value>,
    /// All turns together.
    pub usage: Usage,
    /// What they cost, in billionths of a US dollar; none: they have no price.
    pub cost_nano_usd: Option<i64>,
    /// Requests to the model.
    pub turns: u32,
    /// Tools that were not offered.
    pub withheld: &'a Value,
    /// What was odd but no failure.
    pub warnings: &'a Value,
}

row! {
    /// A conversation as it is read.
    #[derive(PartialEq)]
    pub struct ConversationRow {
        /// The id.
        pub id: Uuid,
        /// What it continues; absent too when that is gone.
        pub previous_id: Option<Uuid>,
        /// The model's name at its provider.
        pub model: String,
        /// `running`, `succeeded`, `failed` or `cancelled`.
        pub status: String,
        /// What was asked.
        pub prompt: String,
        /// The model's answer.
        pub response: Option<String>,
        /// Every call, as the answer tells it.
        pub tool_calls: Value,
        /// Why there is no answer: code, message, hint, details.
        pub error: Option<Value>,
        /// Tokens of everything sent.
        pub input_tokens: i64,
        /// Those of them that the provider had cached.
        pub cached_input_tokens: i64,
        /// Tokens of everything written.
        pub output_tokens: i64,
        /// Those of them that were reasoning.
        pub reasoning_tokens: i64,
        /// Both together.
        pub total_tokens: i64,
        /// Requests to the model.
        pub turns: i32,
        /// Tools that were not offered.
        pub withheld: Value,
        /// What was odd but no failure.
        pub warnings: Value,
        /// Who asked.
        pub created_by: Option<Uuid>,
        /// With which API key.
        pub key_id: Option<Uuid>,
        /// When it began.
        pub created_at: DateTime<Utc>,
        /// When it ended.
        pub finished_at: Option<DateTime<Utc>>,
    }
}

row! {
    /// What a run needs of the conversation that it continues.
    #[derive(PartialEq)]
    pub struct History {
        /// Which model server answered it, as a hash.
        pub server: Option<String>,
        /// The model that wrote it.
        pub model: String,
        /// `running`, `succeeded`, `failed` or `cancelled`.
        pub status: String,
        /// Every item so far; `null`: they were too large to be kept.
        pub items: Value,
    }
}

/// The beginning does not wait for the disk: a crash of the database that loses it ends the run as well.
const START: &str = "
    with quickly as (select set_config('synchronous_commit', 'off', true))
    insert into orchestration.conversations as c (id, workspace_id, previous_id, model, prompt, server)
    select $1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, $6::text
    from quickly
    returning c.id::text as id";

const FINISH: &str = "
    update orchestration.conversations c
    set status = $3, response = $4, items = $5::text::json, tool_calls = $6::text::json, error = $7::text::json,
        input_tokens = $8, cached_input_tokens = $9, output_tokens = $10, reasoning_tokens = $11, total_tokens = $12,
        turns = $13, withheld = $14::text::json, warnings = $15::text::json, cost_nano_usd = $16,
        finished_at = now()
    where c.workspace_id = $1
      and c.id = $2
      and c.status = 'running'
    returning c.id::text as id";

const BY_ID: &str = "
    select c.id, c.previous_id, c.model, c.status, c.prompt, c.response, c.tool_calls, c.error, c.input_tokens,
           c.cached_input_tokens, c.output_tokens, c.reasoning_tokens, c.total_tokens, c.turns, c.withheld, c.warnings,
           c.created_by, c.key_id, c.created_at, c.finished_at
    from orchestration.conversations c
    where c.workspace_id = $1
      and c.id = $2";

const HISTORY: &str = "
    select c.server, c.model, c.status, c.items
    from orchestration.conversations c
    where c.workspace_id = $1
      and c.id = $2";

/// Two sweeps at once take different rows.
const ABANDON: &str = r#"
    update orchestration.conversations c
    set status = 'failed', finished_at = now(),
        error = '{"code":"interrupted","message":"The process that ran it ended before it did.","hint":"Ask again."}'
    where c.id in (
        select x.id
        from orchestration.conversations x
        where x.status = 'running'
          and x.created_at < now() - interval '1 hour'
        order by x.created_at
        limit $1
        for update skip locked
    )
    returning c.id::text as id"#;

/// Two sweeps at once take different rows.
const EXPIRE: &str = "
    delete from orchestration.conversations c
    where c.id in (
        select x.id
        from orchestration.conversations x
        where x.created_at < now() - make_interval(days => $1)
          and x.status <> 'running'
        order by x.created_at
        limit $2
        for update skip locked
    )
    returning c.id::text as id";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("conversations::start", START, Authenticated, Affected),
    statement!("conversations::finish", FINISH, Authenticated, Affected),
    statement!(
        "conversations::by_id",
        BY_ID,
        Authenticated,
        ConversationRow
    ),
    statement!("conversations::history", HISTORY, Authenticated, History),
    statement!("conversations::abandon", ABANDON, ServiceRole, Affected),
    statement!(
        "conversations::finish_as_system",
        FINISH,
        ServiceRole,
        Affected
    ),
    statement!("conversations::expire", EXPIRE, ServiceRole, Affected),
];

/// Writes down that a run begins.
///
/// # Errors
/// [`Error::Forbidden`] below member; [`Error::Conflict`] when what it continues is not of this workspace.
pub async fn start(tx: &mut Tx, new: &NewConversation<'_>) -> Result<(), Error> {
    let query = query_as::<_, Affected>(START)
        .bind(new.id.0)
        .bind(new.workspace_id.0)
        .bind(new.previous_id.map(|id| id.0))
        .bind(new.model)
        .bind(new.prompt)
        .bind(new.server);
    tx.one(query).await.map(drop)
}

/// Writes down how a run ended. False when it is not running any more, or not of the one who asks; as the system when that
/// one may not write here any more.
///
/// # Errors
/// The database's.
pub async fn finish(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: ConversationId,
    ending: &Ending<'_>,
) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(FINISH)
        .bind(workspace.0)
        .bind(id.0)
        .bind(ending.status.as_str())
        .bind(ending.response)
        .bind(ending.items)
        .bind(ending.tool_calls)
        .bind(ending.error.map(ToString::to_string))
        .bind(count(ending.usage.input_tokens))
        .bind(count(ending.usage.cached_input_tokens))
        .bind(count(ending.usage.output_tokens))
        .bind(count(ending.usage.reasoning_tokens))
        .bind(count(ending.usage.total_tokens))
        .bind(i32::try_from(ending.turns).unwrap_or(i32::MAX))
        .bind(ending.withheld.to_string())
        .bind(ending.warnings.to_string())
        .bind(ending.cost_nano_usd);
    Ok(tx.maybe(query).await?.is_some())
}

/// One conversation, without its history.
///
/// # Errors
/// The database's.
pub async fn by_id(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: ConversationId,
) -> Result<Option<ConversationRow>, Error> {
    tx.maybe(query_as(BY_ID).bind(workspace.0).bind(id.0)).await
}

/// The history of a conversation that is to be continued.
///
/// # Errors
/// The database's.
pub async fn history(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: ConversationId,
) -> Result<Option<History>, Error> {
    tx.maybe(query_as(HISTORY).bind(workspace.0).bind(id.0))
        .await
}

/// Ends runs that have been under way for more than an hour, `most` at once; as the system. Answers how many.
///
/// # Errors
/// The database's.
pub async fn abandon(tx: &mut Tx, most: i64) -> Result<usize, Error> {
    let ended: Vec<Affected> = tx.all(query_as(ABANDON).bind(most)).await?;
    Ok(ended.len())
}

/// Removes conversations that are so many days old, `most` at once; as the system. Answers how many.
///
/// # Errors
/// The database's.
pub async fn expire(tx: &mut Tx, days: i32, most: i64) -> Result<usize, Error> {
    let query = query_as::<_, Affected>(EXPIRE).bind(days).bind(most);
    Ok(tx.all(query).await?.len())
}

/// As the database counts.
fn count(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}

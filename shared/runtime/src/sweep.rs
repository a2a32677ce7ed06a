//! What nobody waits for: one round of every chore in the background, safe to run anywhere and any number of times at once.

use std::fmt::Display;

use persistence::analytics::Grain;
use persistence::{Db, installs, outputs, retention, workspaces};
use vault::{Vault, chain};

use crate::config::Keep;

/// Rows of the audit that one round links.
const LINK: usize = 5_000;

/// Data keys that one round wraps anew, or retires.
const KEYS: i64 = 100;

/// Secrets that one round settles between Postgres and the store outside.
const SECRETS: i64 = 20;

/// A data key seals new values for so many days.
const DATA_KEY_DAYS: i32 = 90;

/// Rows of the ledger and of the limits that one round forgets.
const KEYED: i64 = 1_000;

/// Runs of the agent loop that one round ends because their process died.
const RUNS: i64 = 100;

/// Conversations that one round removes, and after how many days.
const CONVERSATIONS: i64 = 50;
const CONVERSATION_DAYS: i32 = 90;

/// Calls are counted so many seconds after they began: by then all of them are in the log, even the slowest.
const COUNT_AFTER_S: i32 = 20 * 60;
/// How old the numbers of a publication's health may be, in seconds, and of how many one round counts them anew.
const HEALTH_S: i32 = 15 * 60;
const HEALTHS: i32 = 20;
/// Calls that one round counts, more or less. Those that differ in everything take a tenth of a millisecond each, and a statement
/// that takes ten seconds is ended: a round that counts too much would count nothing.
const COUNTED: i64 = 20_000;

/// Parts of the log are made for so many days ahead.
const PARTS_AHEAD_DAYS: i32 = 60;
/// Counts of hours and of days that one round removes of each kind.
const THINNED: i64 = 10_000;

/// Workspaces that one round removes, and executions of theirs beforehand.
const WORKSPACES: i64 = 1;
const WORKSPACE_ROWS: i64 = 5_000;

/// What one round did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows of the audit that were linked into their chains.
    pub linked: u64,
    /// Data keys that an older master key wrapped and the current one wraps now.
    pub rewrapped: u64,
    /// Data keys that seal nothing new any more, because of their age.
    pub retired: u64,
    /// Secrets whose creation or deletion was killed between two stores, and is undone or finished now.
    pub settled: u64,
    /// Rests of large outputs whose day is over.
    pub expired_outputs: u64,
    /// Keys, places within limits, consents and conversations whose time is over.
    pub forgotten: u64,
    /// Runs of the agent loop whose process died, and which are marked as failed now.
    pub interrupted: u64,
    /// Calls that were counted into the hours and days of the analytics.
    pub counted: u64,
    /// Publications whose health was counted anew.
    pub healths: u64,
    /// Parts of the log of calls that were made, or dropped because their time is over.
    pub parts: u64,
    /// Counts of hours and of days whose time is over.
    pub thinned: u64,
    /// Workspaces that were deleted and whose time to be restored is over: they are removed now, or what is in them.
    pub purged: u64,
    /// Chores that failed; why is in the log.
    pub failed: Vec<&'static str>,
}

impl Swept {
    /// Whether there was nothing to do.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }

    fn settle<T: TryInto<u64>>(
        &mut self,
        chore: &'static str,
        result: Result<T, impl Display>,
    ) -> u64 {
        match result {
            Ok(count) => count.try_into().unwrap_or(u64::MAX),
            Err(error) => {
                tracing::warn!(chore, %error, "a chore failed");
                self.failed.push(chore);
                0
            }
        }
    }
}

/// One round: links the audit, wraps data keys with the current master key, retires old ones. What fails
/// does not keep the rest from being done. Repeat until it is [idle](Swept::is_idle), or a second later.
pub async fn sweep_once(db: &Db, vault: &Vault, keep: Keep) -> Swept {
    let mut swept = Swept::default();
    let rewrapped = vault.rewrap(KEYS).await;
    swept.rewrapped = swept.settle("rewrap", rewrapped);
    let retired = vault.retire_data_keys(DATA_KEY_DAYS, KEYS).await;
    swept.retired = swept.settle("retire", retired);
    // Before the secrets: what is let go of here is removed there.
    let purged = purge(db).await;
    swept.purged = swept.settle("workspaces", purged);
    let settled = vault.settle_unfinished(SECRETS).await;
    swept.settled = swept.settle("secrets", settled);
    let expired = expired_outputs(db).await;
    swept.expired_outputs = swept.settle("outputs", expired);
    let interrupted = interrupted(db).await;
    swept.interrupted = swept.settle("runs", interrupted);
    let forgotten = forget(db).await;
    swept.forgotten = swept.settle("ledger", forgotten);
    let old = old_conversations(db).await;
    swept.forgotten += swept.settle("conversations", old);
    let counted = count(db).await;
    swept.counted = swept.settle("analytics", counted);
    let healths = healths(db).await;
    swept.healths = swept.settle("marketplace", healths);
    let made = add_parts(db).await;
    swept.parts = swept.settle("parts of the log", made);
    // After the counting: only what is counted is dropped.
    let dropped = drop_parts(db, keep).await;
    swept.parts += swept.settle("old parts of the log", dropped);
    let thinned = thin(db, keep).await;
    swept.thinned = swept.settle("old counts", thinned);
    // Last: what was just done is in the audit too.
    let linked = chain::link(db, LINK).await;
    swept.linked = swept.settle("link", linked);
    swept
}

/// Removes a thousand rests of outputs whose day is over.
async fn expired_outputs(db: &Db) -> Result<u64, persistence::Error> {
    let mut tx = db.begin_system().await?;
    let expired = outputs::expire(&mut tx).await?;
    tx.commit().await?;
    Ok(expired)
}

/// Ends runs of the agent loop that nobody ends any more: none takes an hour.
async fn interrupted(db: &Db) -> Result<usize, persistence::Error> {
    let mut tx = db.begin_system().await?;
    let interrupted = persistence::conversations::abandon(&mut tx, RUNS).await?;
    tx.commit().await?;
    Ok(interrupted)
}

/// Removes conversations whose time is over; a few at once, since each may be megabytes.
async fn old_conversations(db: &Db) -> Result<usize, persistence::Error> {
    let mut tx = db.begin_system().await?;
    let gone =
        persistence::conversations::expire(&mut tx, CONVERSATION_DAYS, CONVERSATIONS).await?;
    tx.commit().await?;
    Ok(gone)
}

/// Counts calls into hours and days.
async fn count(db: &Db) -> Result<u64, persistence::Error> {
    let mut tx = db.begin_system().await?;
    let counted = persistence::analytics::roll_up(&mut tx, COUNT_AFTER_S, COUNTED).await?;
    tx.commit().await?;
    Ok(counted)
}

/// Counts anew how well publications do.
async fn healths(db: &Db) -> Result<u64, persistence::Error> {
    let mut tx = db.begin_system().await?;
    let refreshed = installs::refresh_health(&mut tx, HEALTH_S, HEALTHS).await?;
    tx.commit().await?;
    Ok(refreshed)
}

/// Makes the parts of the log that are written next.
async fn add_parts(db: &Db) -> Result<u64, persistence::Error> {
    let mut tx = db.begin_system().await?;
    let made = retention::add_parts(&mut tx, PARTS_AHEAD_DAYS).await?;
    tx.commit().await?;
    Ok(made.unwrap_or_default())
}

/// Drops the parts of the log whose time is over.
async fn drop_parts(db: &Db, keep: Keep) -> Result<u64, persistence::Error> {
    let mut tx = db.begin_system().await?;
    let dropped = retention::drop_parts(&mut tx, days(keep.executions_days)).await?;
    tx.commit().await?;
    if dropped.is_none() {
        tracing::debug!("the log is in use: its old parts are dropped another time");
    }
    Ok(dropped.unwrap_or_default())
}

/// Removes what calls came to in hours and days that nobody reads any more.
async fn thin(db: &Db, keep: Keep) -> Result<u64, persistence::Error> {
    let mut tx = db.begin_system().await?;
    let hours = retention::thin(&mut tx, Grain::Hour, days(keep.hours_days), THINNED).await?;
    let days = retention::thin(&mut tx, Grain::Day, days(keep.days_days), THINNED).await?;
    tx.commit().await?;
    Ok(hours + days)
}

/// As the database counts.
fn days(days: u32) -> i32 {
    i32::try_from(days).unwrap_or(i32::MAX)
}

/// Forgets what the ledger remembers and the limits count no more, and consents that were not finished.
async fn forget(db: &Db) -> Result<usize, persistence::Error> {
    let mut tx = db.begin_system().await?;
    let keys = persistence::idempotency::expire(&mut tx, KEYED).await?;
    let slots = persistence::limits::expire(&mut tx, KEYED).await?;
    let consents = persistence::authorizations::expire(&mut tx, KEYED).await?;
    tx.commit().await?;
    Ok(keys + slots + consents)
}

/// Removes workspaces for good that were deleted long ago; one with much in it takes several rounds.
async fn purge(db: &Db) -> Result<usize, persistence::Error> {
    let mut tx = db.begin_system().await?;
    let secrets = workspaces::release_secrets(&mut tx, SECRETS).await?;
    let rows = workspaces::empty(&mut tx, WORKSPACE_ROWS).await?;
    let gone = match rows {
        0 => workspaces::purge(&mut tx, WORKSPACES).await?,
        _ => 0,
    };
    tx.commit().await?;
    Ok(secrets + rows + gone)
}

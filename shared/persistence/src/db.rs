//! The database as the rest of the product sees it: transactions that begin as somebody, and the few
//! calls that are one statement.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::caller::Principal;
use domain::ids::WorkspaceId;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::query::QueryAs;
use sqlx::query_as;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, FromRow, Postgres, SqlSafeStr as _,
    SqlStr, raw_sql,
};
use tokio::time::timeout;

use crate::error::Error;
use crate::pool::{Lease, Pool};
use crate::statements::Nothing;

/// How connections are shared on the way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PoolMode {
    /// Directly, or through a pooler in session mode: statements are prepared once per connection.
    #[default]
    Session,
    /// Through a transaction pooler (Supavisor on port 6543, PgBouncer): the next transaction may be
    /// on another server connection, so no statement keeps a name and each is inside a transaction.
    Transaction,
}

/// Where the database is and how to speak to it.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// `postgres://authenticator:…@host:port/database`; `?host=/directory` for a unix socket.
    pub url: String,
    /// How connections are shared on the way to the server.
    pub pool_mode: PoolMode,
    /// Connections that this process may hold at once. One is right for a Lambda function.
    pub max_connections: u32,
}

impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("pool_mode", &self.pool_mode)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

const SYSTEM: &str = "set local role service_role";
const PERSON: &str = "set local role authenticated";

/// Each statement of a transaction sees what was committed before it.
const EACH_STATEMENT: &str = "";
/// All statements of a transaction see what was committed before the first.
const ONE_MOMENT: &str = "isolation level repeatable read, read only";

/// The port on which Supabase's pooler is in transaction mode.
const TRANSACTION_POOLER_PORT: u16 = 6543;
/// What a statement may take inside a transaction; the login role has the same as its own default.
const STATEMENT_TIMEOUT_MS: u32 = 10_000;
/// What a single-statement call may take, as seen from here.
const ONCE: Duration = Duration::from_secs(12);
/// The same on a connection that may have died unnoticed: after this, it is replaced.
const ONCE_ON_REUSED: Duration = Duration::from_secs(3);
/// What a health check may take.
const PING: Duration = Duration::from_millis(900);

pub(crate) type Query<'q, R> = QueryAs<'q, Postgres, R, PgArguments>;

/// Rows that a statement is read into.
pub(crate) trait Record: for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<R: for<'r> FromRow<'r, PgRow> + Send + Unpin> Record for R {}

/// The database. Cheap to clone; connects when first used.
#[derive(Clone)]
pub struct Db {
    pool: Arc<Pool>,
    mode: PoolMode,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// Options without a word to log and with what every pooler accepts at start-up.
pub(crate) fn connect_options(url: &str) -> Result<PgConnectOptions, Error> {
    let options: PgConnectOptions = url.parse().map_err(|error| {
        Error::Configuration(format!("the database URL cannot be read: {error}"))
    })?;
    Ok(options
        .application_name("dynamic-tools")
        .extra_float_digits(None)
        .disable_statement_logging())
}

impl Db {
    /// Reads the settings; does not connect yet.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a URL that cannot be read, and for the port of a transaction pooler
    /// without [`PoolMode::Transaction`]: with named statements such a pooler answers with other
    /// clients' rows, without any error.
    pub fn open(config: &DatabaseConfig) -> Result<Self, Error> {
        let options = connect_options(&config.url)?;
        if options.get_port() == TRANSACTION_POOLER_PORT
            && options.get_socket().is_none()
            && config.pool_mode != PoolMode::Transaction
        {
            return Err(Error::Configuration(format!(
                "port {TRANSACTION_POOLER_PORT} is a transaction pooler: set \
                 DATABASE_POOL_MODE=transaction, because with named statements it would answer with \
                 other clients' rows"
            )));
        }
        let options = match config.pool_mode {
            PoolMode::Session => options,
            PoolMode::Transaction => options.statement_cache_capacity(0),
        };
        Ok(Self {
            pool: Arc::new(Pool::new(options, config.max_connections)),
            mode: config.pool_mode,
        })
    }

    /// Asks the server for a sign of life; answers within a second either way.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<(), Error> {
        let answer = async {
            let mut lease = self.pool.lease().await?;
            if lease.connection()?.ping().await.is_err() && lease.reused() {
                lease.replace().await?;
                lease.connection()?.ping().await?;
            }
            lease.settled();
            Ok(())
        };
        timeout(PING, answer)
            .await
            .map_err(|_| Error::timed_out("no answer within a second"))?
    }

    /// Gives all connections back to the server. Calls after this are [`Error::Unavailable`].
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction as this principal: role `authenticated`, its claims, and only the given
    /// workspace in reach (all of its workspaces without one).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin_as(
        &self,
        principal: &Principal,
        workspace: Option<WorkspaceId>,
    ) -> Result<Tx, Error> {
        self.begin(
            EACH_STATEMENT,
            "authenticated",
            &principal.claims(workspace),
        )
        .await
    }

    /// The same, for reading only, and all of its statements see the same moment: what they answer together fits together.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn snapshot_as(
        &self,
        principal: &Principal,
        workspace: Option<WorkspaceId>,
    ) -> Result<Tx, Error> {
        self.begin(ONE_MOMENT, "authenticated", &principal.claims(workspace))
            .await
    }

    /// A transaction as nobody: role `anon`, which sees what is public.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin_anonymous(&self) -> Result<Tx, Error> {
        self.begin(EACH_STATEMENT, "anon", r#"{"role":"anon"}"#)
            .await
    }

    /// A transaction as the system itself: role `service_role`, which policies let see all tenants.
    /// For named places only (a step claim, the sweeper, setting up a development user).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin_system(&self) -> Result<Tx, Error> {
        self.begin(EACH_STATEMENT, "service_role", r#"{"role":"service_role"}"#)
            .await
    }

    /// One round trip. The claims travel as hex digits: whatever stands in them, it is no SQL.
    async fn begin(
        &self,
        sees: &'static str,
        role: &'static str,
        claims: &str,
    ) -> Result<Tx, Error> {
        let claims = hex::encode(claims);
        let opening = AssertSqlSafe(format!(
            "begin {sees}; select set_config('role', '{role}', true), \
             set_config('request.jwt.claims', convert_from(decode('{claims}', 'hex'), 'UTF8'), true), \
             set_config('statement_timeout', '{STATEMENT_TIMEOUT_MS}', true)"
        ))
        .into_sql_str();
        let mut lease = self.pool.lease().await?;
        let limit = if lease.reused() { ONCE_ON_REUSED } else { ONCE };
        let begun = timeout(limit, plain(lease.connection()?, opening.clone())).await;
        match begun {
            Ok(Ok(())) => {}
            Ok(Err(error)) if !(lease.reused() && is_broken(&error)) => return Err(error.into()),
            Err(_) if !lease.reused() => return Err(Error::timed_out("no answer to begin")),
            _ => {
                lease.replace().await?;
                plain(lease.connection()?, opening).await?;
            }
        }
        Ok(Tx {
            lease: Some(lease),
            failed: false,
            named: self.mode == PoolMode::Session,
        })
    }

    /// Runs a call that is one statement and commits by itself: one round trip in session mode. On a
    /// connection that died unnoticed it is repeated once, so the statement must bear that.
    pub(crate) async fn once<'q, R: Record>(
        &self,
        build: impl Fn() -> Query<'q, R>,
    ) -> Result<Vec<R>, Error> {
        let mut lease = self.pool.lease().await?;
        let limit = if lease.reused() { ONCE_ON_REUSED } else { ONCE };
        let rows = match timeout(limit, self.attempt(&mut lease, build())).await {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) if !(lease.reused() && is_broken(&error)) => {
                // The server refused; the conversation itself is sound outside a transaction.
                if matches!(error, sqlx::Error::Database(_)) && self.mode == PoolMode::Session {
                    lease.settled();
                }
                return Err(error.into());
            }
            Err(_) if !lease.reused() => return Err(Error::timed_out("no answer in time")),
            _ => {
                tracing::debug!("replacing a stale database connection");
                lease.replace().await?;
                timeout(ONCE, self.attempt(&mut lease, build()))
                    .await
                    .map_err(|_| Error::timed_out("no answer in time"))??
            }
        };
        lease.settled();
        Ok(rows)
    }

    /// The same for a call that always answers one row.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it answers none.
    pub(crate) async fn once_row<'q, R: Record>(
        &self,
        build: impl Fn() -> Query<'q, R>,
    ) -> Result<R, Error> {
        let rows = self.once(build).await?;
        rows.into_iter()
            .next()
            .ok_or_else(|| Error::Corrupt("a row that must be there is not".to_owned()))
    }

    async fn attempt<R: Record>(
        &self,
        lease: &mut Lease,
        query: Query<'_, R>,
    ) -> Result<Vec<R>, sqlx::Error> {
        let connection = lease.connection().map_err(|_| sqlx::Error::WorkerCrashed)?;
        match self.mode {
            PoolMode::Session => query.fetch_all(connection).await,
            PoolMode::Transaction => {
                plain(connection, SqlStr::from_static("begin")).await?;
                let rows = query.persistent(false).fetch_all(&mut *connection).await?;
                plain(connection, SqlStr::from_static("commit")).await?;
                Ok(rows)
            }
        }
    }
}

/// A statement of ours by the simple protocol: no name, no parameters, one round trip.
async fn plain(connection: &mut PgConnection, sql: SqlStr) -> Result<(), sqlx::Error> {
    raw_sql(sql).execute(connection).await.map(drop)
}

/// Whether the connection itself is gone, rather than the statement refused.
fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        // The server ends the session: shutdown, crash, idle timeout.
        sqlx::Error::Database(database) => database
            .code()
            .is_some_and(|code| matches!(&*code, "57P01" | "57P02" | "57P03" | "57P05" | "08P01")),
        _ => false,
    }
}

/// An open transaction. Dropped without [`Tx::commit`], it is rolled back.
pub struct Tx {
    lease: Option<Lease>,
    /// A statement failed, so all the server will do at the end is roll back.
    failed: bool,
    named: bool,
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").finish_non_exhaustive()
    }
}

impl Tx {
    /// Makes what was done durable. Reading transactions too should end with it: a roll-back has to
    /// be sent as well.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: it is unknown whether the commit happened. [`Error::Conflict`] from a
    /// deferred constraint.
    pub async fn commit(mut self) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Query(
                "a transaction in which a statement failed cannot be committed".into(),
            ));
        }
        let Some(mut lease) = self.lease.take() else {
            return Ok(());
        };
        plain(lease.connection()?, SqlStr::from_static("commit")).await?;
        lease.settled();
        Ok(())
    }

    /// The rest of the transaction, until [`Self::as_person`], as the system, with the claims of whoever began it: for rows that only the
    /// product writes. The statement itself asks what the person may (`identity.reach`).
    pub(crate) async fn as_system(&mut self) -> Result<(), Error> {
        self.all(query_as::<_, Nothing>(SYSTEM)).await.map(drop)
    }

    /// The rest of the transaction as the person who began it.
    pub(crate) async fn as_person(&mut self) -> Result<(), Error> {
        self.all(query_as::<_, Nothing>(PERSON)).await.map(drop)
    }

    /// Every row.
    pub(crate) async fn all<R: Record>(&mut self, query: Query<'_, R>) -> Result<Vec<R>, Error> {
        let Some(lease) = self.lease.as_mut() else {
            return Err(Error::timed_out("the transaction is over"));
        };
        // Until the answer is here; a call that is cut short leaves it so.
        self.failed = true;
        let query = query.persistent(self.named);
        let rows = query.fetch_all(lease.connection()?).await?;
        self.failed = false;
        Ok(rows)
    }

    /// The first row, if any. All are read: a constraint checked at the statement's end speaks last.
    pub(crate) async fn maybe<R: Record>(
        &mut self,
        query: Query<'_, R>,
    ) -> Result<Option<R>, Error> {
        Ok(self.all(query).await?.into_iter().next())
    }

    /// The one row that the statement always answers.
    pub(crate) async fn one<R: Record>(&mut self, query: Query<'_, R>) -> Result<R, Error> {
        self.maybe(query)
            .await?
            .ok_or_else(|| Error::Corrupt("a row that must be there is not".to_owned()))
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.roll_back_in_background();
        }
    }
}

/// A duration as the database's functions take it, in milliseconds.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

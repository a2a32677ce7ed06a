//! Brings a database to the schema that this build knows.

use std::fmt;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqlSafeStr as _, raw_sql};

use crate::db::connect_options;
use crate::error::Error;

macro_rules! embed {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../infra/migrations/", $name)))),*]
    };
}

/// The migrations in `infra/migrations`, by file name, in order. A test compares this list with the
/// directory.
pub const MIGRATIONS: &[(&str, &str)] = embed![
    "0001_roles.sql",
    "0002_auth.sql",
    "0003_schemas.sql",
    "0004_workspaces.sql",
    "0005_invitations.sql",
    "0006_api_keys.sql",
    "0007_catalog.sql",
    "0008_tools.sql",
    "0009_prompts.sql",
    "0010_publications.sql",
    "0011_secrets.sql",
    "0012_audit.sql",
    "0013_flows.sql",
    "0014_runs.sql",
    "0015_conversations.sql",
    "0016_limits.sql",
    "0017_executions.sql",
    "0018_marketplace.sql",
    "0019_entry.sql",
    "0020_outputs.sql",
    "0021_connections.sql",
    "0022_providers.sql",
    "0023_audit_chain.sql",
    "0024_semantics.sql",
    "0025_calls.sql",
    "0026_conversations.sql",
    "0027_models.sql",
    "0028_flow_definitions.sql",
    "0029_flow_engine.sql",
    "0030_flow_doors.sql",
    "0031_workspace_deletion.sql",
    "0032_members.sql",
    "0033_key_scopes.sql",
    "0034_rollups.sql",
    "0035_marketplace_whole.sql",
    "0036_retention.sql",
    "0037_costs.sql",
    "0038_begun_runs.sql",
];

/// Where it is recorded what was applied: a schema of ours, because `public` may be anybody's.
const SCHEMA: &str = "migration";
const TABLE: &str = "migration.applied";
/// Of the advisory lock: any number that nobody else takes.
const LOCK: i64 = 0x6479_6e74_6f6f_6c73;

/// What [`migrate`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationReport {
    /// The versions that were applied now; empty when the schema was current.
    pub applied: Vec<i64>,
    /// The version at which the schema is.
    pub current: i64,
}

impl fmt::Display for MigrationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.applied.len() {
            0 => write!(f, "The schema is current (version {}).", self.current),
            applied => write!(
                f,
                "Applied {applied} migrations; the schema is at version {}.",
                self.current
            ),
        }
    }
}

/// Applies what is missing, as the role of the URL: a superuser, or on Supabase its `postgres` role.
///
/// Safe to race: an advisory lock of the session lets one process work while the others wait. For
/// that the URL must lead to the server itself or a pooler in session mode, never to a transaction
/// pooler.
///
/// # Errors
/// [`Error::Configuration`] when a migration that was applied has another text now, or the database
/// is newer than this build; otherwise the database's.
pub async fn migrate(url: &str) -> Result<MigrationReport, Error> {
    let mut connection = connect_options(url)?.connect().await?;
    let migrator = migrator()?;
    // Ends with the session; others wait here, however long this takes.
    raw_sql("set statement_timeout = 0")
        .execute(&mut connection)
        .await?;
    sqlx::query("select pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut connection)
        .await?;
    let before = applied(&mut connection).await?;
    migrator
        .run_direct(None, &mut connection, false)
        .await
        .map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error)
            | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => Error::from(error),
            other => Error::Configuration(other.to_string()),
        })?;
    let after = applied(&mut connection).await?;
    let current = after.last().copied().unwrap_or_default();
    say_version(&mut connection, current).await?;
    let _ = connection.close().await;
    Ok(MigrationReport {
        current,
        applied: after
            .into_iter()
            .filter(|version| !before.contains(version))
            .collect(),
    })
}

fn migrator() -> Result<Migrator, Error> {
    let migrations = MIGRATIONS
        .iter()
        .map(|(name, sql)| {
            let (version, subject) = name
                .trim_end_matches(".sql")
                .split_once('_')
                .and_then(|(number, subject)| Some((number.parse().ok()?, subject)))
                .ok_or_else(|| Error::Configuration(format!("a migration is called {name}")))?;
            Ok(Migration::new(
                version,
                subject.into(),
                MigrationType::Simple,
                sql.into_sql_str(),
                false,
            ))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let mut migrator = Migrator::with_migrations(migrations);
    migrator.dangerous_set_table_name(TABLE);
    migrator.create_schema(SCHEMA);
    // Ours is held already, since before the report's first look.
    migrator.set_locking(false);
    Ok(migrator)
}

/// Tells the version to programs that may not read the table ([`crate::Found`]).
async fn say_version(connection: &mut PgConnection, version: i64) -> Result<(), Error> {
    let comment = format!("comment on schema migration is '{version}'");
    raw_sql(AssertSqlSafe(comment)).execute(connection).await?;
    Ok(())
}

async fn applied(connection: &mut PgConnection) -> Result<Vec<i64>, Error> {
    let there: bool = sqlx::query_scalar("select to_regclass('migration.applied') is not null")
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        return Ok(Vec::new());
    }
    Ok(
        sqlx::query_scalar("select version from migration.applied where success order by version")
            .fetch_all(connection)
            .await?,
    )
}

//! Which database is used: the operator's, or an embedded Postgres in the data directory.

use std::path::Path;

use persistence::{DatabaseConfig, Db, PoolMode};
use postgres::{OWNER, Search, Server};
use url::Url;

use crate::error::{Error, causes};

/// The application's login role; it has no rights of its own.
const LOGIN: &str = "authenticator";

/// The folder of the embedded database in the data directory.
pub(crate) const FOLDER: &str = "postgres";

/// Said when the schema was taken as it is.
const UNMIGRATED: &str = "the connection of DATABASE_URL cannot migrate, so the schema was taken as \
                          it is; start once with the owner's direct URL to migrate it";

/// A migrated database.
pub(crate) struct Database {
    /// As whom the application connects.
    pub(crate) url: String,
    /// As whom migrations are applied and rows are looked at.
    pub(crate) owner_url: String,
    /// The embedded server, kept running as long as this lives.
    pub(crate) server: Option<Server>,
    /// What the user should know about it.
    pub(crate) notice: Option<String>,
}

impl Database {
    /// Starts the embedded server and migrates its database.
    pub(crate) async fn embedded(dir: &Path, search: Search) -> Result<Self, Error> {
        let folder = dir.join(FOLDER);
        let server = blocking(move || Server::start(&folder, &search)).await??;
        let owner_url = server.url(OWNER, OWNER);
        migrate(&owner_url).await?;
        Ok(Self {
            url: server.url(LOGIN, OWNER),
            owner_url,
            notice: server.notice().map(str::to_owned),
            server: Some(server),
        })
    }

    /// Migrates the operator's database.
    pub(crate) async fn given(url: &str, mode: PoolMode) -> Result<Self, Error> {
        ping(url, mode).await.map_err(|error| Error::NoDatabase {
            reason: causes(&error),
        })?;
        let notice = match mode {
            PoolMode::Session => migrate_if_allowed(url).await?,
            PoolMode::Transaction => Some(UNMIGRATED.to_owned()),
        };
        let login = match as_login(url) {
            Some(login) if ping(&login, mode).await.is_ok() => login,
            Some(_) | None => url.to_owned(),
        };
        Ok(Self {
            url: login,
            owner_url: url.to_owned(),
            server: None,
            notice,
        })
    }
}

/// Removes the embedded database with all its data.
pub(crate) async fn erase(dir: &Path) -> Result<(), Error> {
    let folder = dir.join(FOLDER);
    blocking(move || Server::erase(&folder)).await??;
    Ok(())
}

/// Runs what waits for files and processes away from the tasks that answer requests.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::System(error.to_string()))
}

/// The application's own role may not change the schema; then it must be current already.
async fn migrate_if_allowed(url: &str) -> Result<Option<String>, Error> {
    match persistence::migrate(url).await {
        Ok(_) => Ok(None),
        Err(persistence::Error::Forbidden) => Ok(Some(UNMIGRATED.to_owned())),
        Err(error) => Err(Error::Migration {
            reason: causes(&error),
        }),
    }
}

async fn migrate(url: &str) -> Result<(), Error> {
    persistence::migrate(url)
        .await
        .map(drop)
        .map_err(|error| Error::Migration {
            reason: causes(&error),
        })
}

async fn ping(url: &str, pool_mode: PoolMode) -> Result<(), persistence::Error> {
    let db = Db::open(&DatabaseConfig {
        url: url.to_owned(),
        pool_mode,
        max_connections: 1,
    })?;
    let answer = db.ping().await;
    db.close().await;
    answer
}

/// The same database through the application's own role, where no password is needed: on the
/// private socket of an embedded server, whose URL another local server was given.
fn as_login(url: &str) -> Option<String> {
    let mut parsed = Url::parse(url).ok()?;
    let pairs: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
    let socket = pairs
        .iter()
        .any(|(name, value)| name == "host" && value.starts_with('/'));
    let owner = pairs
        .iter()
        .any(|(name, value)| name == "user" && value == OWNER);
    if !(socket && owner) {
        return None;
    }
    parsed
        .query_pairs_mut()
        .clear()
        .extend_pairs(pairs.iter().map(|(name, value)| match name.as_str() {
            "user" => ("user", LOGIN),
            other => (other, value.as_str()),
        }));
    Some(parsed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_on_a_private_socket_is_swapped_for_the_login() {
        assert_eq!(
            as_login("postgres:///x?host=/run/x&user=postgres").as_deref(),
            Some("postgres:///x?host=%2Frun%2Fx&user=authenticator")
        );
        assert_eq!(as_login("postgres:///x?host=/run/x&user=me"), None);
        assert_eq!(as_login("postgres://postgres:secret@db.example/x"), None);
    }
}

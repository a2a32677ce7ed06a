//! The same process for others: `serve`, with a database, keys and a way to check tokens that are given to it, and nothing of
//! its own making. No user, no workspace, no sample, no file.

use std::net::{IpAddr, SocketAddr};

use persistence::{Db, Found};
use runtime::{Config, StartError};
use secrecy::ExposeSecret as _;

use crate::compose::{Rooms, compose};
use crate::error::{Error, causes};
use crate::serving::{Serving, listen};
use crate::{keys, people};

/// Connections of one process to the database, unless the environment says otherwise.
const CONNECTIONS: u32 = 16;

/// A running server. [`Server::stop`] ends it.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    db: Db,
    serving: Serving,
}

impl Server {
    /// Starts and answers when requests are served.
    ///
    /// # Errors
    /// Each says what to do.
    pub async fn start(config: &Config, host: IpAddr, port: u16) -> Result<Self, Error> {
        let rooms = Rooms::new(config)?;
        let wanted = SocketAddr::new(host, port);
        let (listener, address) = listen(wanted).await.map_err(|source| Error::Listen {
            address: wanted,
            source,
        })?;
        check(&rooms.db).await?;
        let mut serving = Serving::new();
        serving.work(&rooms, config.keep);
        serving.serve(listener, compose(config, &rooms));
        Ok(Self {
            address,
            db: rooms.db,
            serving,
        })
    }

    /// Lets requests in flight finish.
    pub async fn stop(self) {
        self.serving.stop(&self.db).await;
    }
}

/// What the environment says, with everything that is missing told at once.
///
/// # Errors
/// [`StartError::Config`].
pub fn configure(environment: impl Fn(&str) -> Option<String>) -> Result<Config, StartError> {
    let set = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
    let read = Config::from_lookup(|name| match name {
        "DATABASE_MAX_CONNECTIONS" => set(name).or_else(|| Some(CONNECTIONS.to_string())),
        other => set(other),
    });
    let mut faults = missing(|name| set(name).is_some());
    let mut config = match read {
        Ok(config) if faults.is_empty() => config,
        Ok(_) => return Err(StartError::Config(faults)),
        Err(StartError::Config(found)) => {
            faults.splice(0..0, found);
            return Err(StartError::Config(faults));
        }
        Err(other) => return Err(other),
    };
    // Where tokens are signed with a secret of the installation's own, the installation is who signs.
    if config.jwt_issuer.is_none() {
        config.jwt_issuer.clone_from(&config.public_url);
    }
    Ok(config)
}

/// What a server for others cannot make up by itself.
fn missing(is_set: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    if !is_set("MASTER_KEYS") {
        faults.push(
            "MASTER_KEYS: is required, id:base64 of 32 random bytes; keep a copy, for without it no stored secret can be opened again"
                .to_owned(),
        );
    }
    if !is_set("PUBLIC_URL") {
        faults.push(
            "PUBLIC_URL: is required, where callers reach this server, such as https://tools.example.com"
                .to_owned(),
        );
    }
    let keys = ["SUPABASE_URL", "JWKS_URL", "SUPABASE_JWT_SECRET"];
    if !keys.into_iter().any(&is_set) {
        faults.push(format!(
            "{}: one of them is required, to check session tokens with",
            keys.join(", ")
        ));
    }
    if is_set("JWKS_URL") && !is_set("SUPABASE_URL") && !is_set("JWT_ISSUER") {
        faults.push("JWT_ISSUER: is required with JWKS_URL".to_owned());
    }
    faults
}

/// Refuses a login that the policies do not bind, and a schema that this build does not know.
async fn check(db: &Db) -> Result<(), Error> {
    let found = db.find_schema().await.map_err(|error| Error::Unreachable {
        reason: causes(&error),
    })?;
    if found.unbound {
        return Err(Error::Unbound { login: found.login });
    }
    if !found.is_current() {
        return Err(Error::NotMigrated {
            found: found.version,
            wanted: Found::wanted(),
        });
    }
    Ok(())
}

/// A session token for the person of this address, signed with `SUPABASE_JWT_SECRET` and good for seven days: how people get in where
/// nobody else signs tokens. The same address is always the same person.
///
/// # Errors
/// Somebody else signs, or there is no secret.
pub fn token_for(config: &Config, email: &str) -> Result<String, Error> {
    if let Some(keys) = &config.jwks_url {
        return Err(Error::SignedElsewhere { keys: keys.clone() });
    }
    let user = people::user_of(email)?;
    let secret = config.jwt_secret.as_ref();
    let secret = secret.filter(|secret| !secret.expose_secret().is_empty());
    keys::token(
        secret.ok_or(Error::NoSigningKey)?,
        config.jwt_issuer.as_deref().unwrap_or_default(),
        &config.jwt_audience,
        &user.to_string(),
        email,
    )
}

/// Applies the migrations, as the owner of the database.
///
/// # Errors
/// The database does not answer, its role may not migrate, or it was migrated by another build.
pub async fn migrate(url: &str) -> Result<String, Error> {
    persistence::migrate(url)
        .await
        .map(|report| report.to_string())
        .map_err(|error| Error::NotApplied {
            reason: causes(&error),
        })
}

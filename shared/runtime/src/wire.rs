//! What is built from the configuration: the rooms that functions are wired with.

use std::sync::Arc;

use auth::{Authenticator, TokenRules};
use domain::egress::Policy;
use executor::Executor;
use executor::outbound::{Outbound, OutboundConfig};
use persistence::{DatabaseConfig, Db};
use registry::Registry;
use secrecy::ExposeSecret as _;
use url::Url;
use vault::{MasterKeys, Vault};
use workflow::{Flows, NoQueue, Queue, SqsQueue};

use crate::{Config, StartError};

impl Config {
    /// The database. Nothing is connected yet.
    ///
    /// # Errors
    /// `DATABASE_URL` cannot work as it is.
    pub fn database(&self) -> Result<Db, StartError> {
        let config = DatabaseConfig {
            url: self.database_url.expose_secret().to_owned(),
            pool_mode: self.database_pool_mode,
            max_connections: self.database_max_connections,
        };
        Db::open(&config).map_err(|why| StartError::variable("DATABASE_URL", why))
    }

    /// Which tokens are accepted.
    ///
    /// # Errors
    /// No token could ever be accepted, or a rule is malformed.
    pub fn token_rules(&self) -> Result<TokenRules, StartError> {
        let rules = TokenRules {
            issuer: self.jwt_issuer.clone().unwrap_or_default(),
            audience: self.jwt_audience.clone(),
            hs256_secret: self.jwt_secret.clone(),
            jwks_url: self.jwks_url.clone(),
            max_lifetime: auth::DEFAULT_MAX_LIFETIME,
        };
        rules.check().map_err(|why| {
            StartError::variable(
                "SUPABASE_URL, SUPABASE_JWT_SECRET, JWKS_URL, JWT_ISSUER",
                why,
            )
        })?;
        Ok(rules)
    }

    /// What finds out who is asking.
    ///
    /// # Errors
    /// As [`Config::token_rules`].
    pub fn authenticator(&self, db: &Db) -> Result<Authenticator, StartError> {
        Ok(Authenticator::new(db.clone(), self.token_rules()?))
    }

    /// Where tools may go.
    ///
    /// # Errors
    /// `EGRESS_ALLOW` is malformed.
    pub fn egress_policy(&self) -> Result<Policy, StartError> {
        let allow = Policy::parse_allow(&self.egress_allow)
            .map_err(|fault| StartError::variable("EGRESS_ALLOW", fault.message))?;
        let own = [&self.public_url, &self.supabase_url];
        Ok(Policy {
            allow,
            own_hosts: own
                .into_iter()
                .flatten()
                .filter_map(|url| host(url))
                .collect(),
        })
    }

    /// The keys that wrap the data keys of secrets.
    ///
    /// # Errors
    /// `MASTER_KEYS` is missing or malformed.
    pub fn master_keys(&self) -> Result<MasterKeys, StartError> {
        let keys = self.master_keys.as_ref().ok_or_else(|| {
            StartError::variable("MASTER_KEYS", "is required by functions that use secrets")
        })?;
        MasterKeys::from_base64(keys.expose_secret())
            .map_err(|why| StartError::variable("MASTER_KEYS", why))
    }

    /// What seals and opens secrets.
    ///
    /// # Errors
    /// As [`Config::master_keys`].
    pub fn vault(&self, db: &Db) -> Result<Vault, StartError> {
        let (masters, stores) = (self.master_keys()?, self.secret_stores.clone());
        Ok(Vault::with_stores(db.clone(), masters, stores))
    }

    /// What knows the tools.
    ///
    /// # Errors
    /// As [`Config::egress_policy`].
    pub fn registry(&self, db: &Db) -> Result<Registry, StartError> {
        Ok(Registry::new(db.clone(), self.egress_policy()?).with_code(&self.code_tools))
    }

    /// The way out for tools and for the model servers of workspaces.
    ///
    /// # Errors
    /// As [`Config::egress_policy`].
    pub fn outbound(&self) -> Result<Outbound, StartError> {
        Ok(Outbound::new(OutboundConfig {
            policy: self.egress_policy()?,
            ..OutboundConfig::default()
        }))
    }

    /// What carries hints to the worker: SQS, or nothing (then the sweep of a function that has a queue sends them). The
    /// local server, which has a worker of its own, uses a [`workflow::LocalQueue`] instead of nothing.
    pub fn flow_queue(&self) -> Arc<dyn Queue> {
        match &self.flow_queue {
            Some(config) => Arc::new(SqsQueue::new(config.clone())),
            None => Arc::new(NoQueue),
        }
    }

    /// What runs flows, and tools by their ids.
    pub fn flows(&self, db: &Db, registry: &Registry, executor: &Executor) -> Flows {
        Flows::new(
            db.clone(),
            registry.clone(),
            executor.clone(),
            self.flow_queue(),
        )
    }

    /// What runs tools.
    ///
    /// # Errors
    /// As [`Config::egress_policy`].
    pub fn executor(
        &self,
        db: &Db,
        registry: &Registry,
        vault: &Vault,
    ) -> Result<Executor, StartError> {
        Ok(Executor::new(
            db.clone(),
            registry.clone(),
            vault.clone(),
            self.outbound()?,
        ))
    }
}

/// `host`, with the port when it is not the scheme's own.
fn host(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_may_not_call_us() {
        let mut config = Config::with_database("postgres://localhost/x");
        config.public_url = Some("https://api.example.com".to_owned());
        config.supabase_url = Some("http://localhost:54321".to_owned());
        config.egress_allow = "localhost:9000".to_owned();
        let policy = config.egress_policy().unwrap();
        assert_eq!(policy.own_hosts, ["api.example.com", "localhost:54321"]);
        assert!(policy.exempt("localhost", 9000));
    }

    #[test]
    fn faults_name_their_variable() {
        let mut config = Config::with_database("postgres://localhost/x");
        config.egress_allow = "nonsense".to_owned();
        let told = config.egress_policy().unwrap_err().to_string();
        assert!(told.contains("EGRESS_ALLOW"), "{told}");
        let told = config.token_rules().err().unwrap().to_string();
        assert!(told.contains("SUPABASE_JWT_SECRET"), "{told}");
    }
}

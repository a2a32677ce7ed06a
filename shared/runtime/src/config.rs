//! Every environment variable of the product, with its meaning and default; read once, at start.

use std::fmt;

use domain::egress;
use persistence::PoolMode;
use secrecy::SecretString;

use crate::start::StartError;

/// One environment variable, for the documentation and for error messages.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub meaning: &'static str,
    /// What applies when it is not set.
    pub default: &'static str,
}

/// Every variable that the product reads. An empty value counts as not set.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "DATABASE_URL",
        meaning: "Postgres, as the application's login role: postgres://authenticator:…@host:5432/postgres",
        default: "none: required",
    },
    Variable {
        name: "DATABASE_POOL_MODE",
        meaning: "session (a direct connection or a session pooler) or transaction (Supavisor's port 6543, PgBouncer)",
        default: "session",
    },
    Variable {
        name: "DATABASE_MAX_CONNECTIONS",
        meaning: "connections of one process, 1 to 1000",
        default: "1: a Lambda instance serves one request at a time",
    },
    Variable {
        name: "SUPABASE_URL",
        meaning: "the Supabase project (https://….supabase.co); gives JWT_ISSUER and JWKS_URL their defaults",
        default: "none",
    },
    Variable {
        name: "SUPABASE_JWT_SECRET",
        meaning: "the project's legacy HS256 secret; without it HS256 tokens are refused",
        default: "none",
    },
    Variable {
        name: "JWKS_URL",
        meaning: "where the keys of ES256 and RS256 tokens are published",
        default: "SUPABASE_URL/auth/v1/.well-known/jwks.json",
    },
    Variable {
        name: "JWT_ISSUER",
        meaning: "the iss claim that every token must have",
        default: "SUPABASE_URL/auth/v1",
    },
    Variable {
        name: "JWT_AUDIENCE",
        meaning: "the aud claim that every token must have",
        default: "authenticated",
    },
    Variable {
        name: "MASTER_KEYS",
        meaning: "id:base64 of 32 bytes, the current key first, older ones after a comma; wraps the data keys of secrets",
        default: "none: required by functions that use secrets",
    },
    Variable {
        name: "EGRESS_ALLOW",
        meaning: "host:port,… of private upstreams that tools may reach, over http as well",
        default: "none: public https hosts only",
    },
    Variable {
        name: "CORS_ORIGINS",
        meaning: "origins that browsers may call from, separated by commas, or *",
        default: "none",
    },
    Variable {
        name: "LOG_LEVEL",
        meaning: "error, warn, info, debug or trace; or a tracing filter such as info,executor=debug",
        default: "info",
    },
    Variable {
        name: "PUBLIC_URL",
        meaning: "where callers reach this product; stands in the API description, and no tool may call it",
        default: "none",
    },
    Variable {
        name: "AWS_LAMBDA_RUNTIME_API",
        meaning: "set by Lambda (with AWS_LAMBDA_FUNCTION_NAME, _VERSION and _MEMORY_SIZE): where events come from",
        default: "none: the program says that it is a Lambda function and ends",
    },
    Variable {
        name: "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH",
        meaning: "true on every function behind a REST API (read by lambda_http): otherwise the stage is part of every path",
        default: "none",
    },
];

/// What Lambda, or an emulator of it, sets for every function.
const SET_BY_LAMBDA: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
];

/// Which of Lambda's own variables are not set.
pub(crate) fn missing_of_lambda() -> Vec<&'static str> {
    let missing = |name: &&str| std::env::var_os(name).is_none();
    SET_BY_LAMBDA.into_iter().filter(missing).collect()
}

/// What an operator configures: plain data, so that a test or the local server can fill it by hand.
#[derive(Clone)]
pub struct Config {
    /// `DATABASE_URL`.
    pub database_url: SecretString,
    /// `DATABASE_POOL_MODE`.
    pub database_pool_mode: PoolMode,
    /// `DATABASE_MAX_CONNECTIONS`.
    pub database_max_connections: u32,
    /// `SUPABASE_URL`, without a slash at the end.
    pub supabase_url: Option<String>,
    /// `SUPABASE_JWT_SECRET`.
    pub jwt_secret: Option<SecretString>,
    /// `JWKS_URL`, or the project's.
    pub jwks_url: Option<String>,
    /// `JWT_ISSUER`, or the project's.
    pub jwt_issuer: Option<String>,
    /// `JWT_AUDIENCE`.
    pub jwt_audience: String,
    /// `MASTER_KEYS`.
    pub master_keys: Option<SecretString>,
    /// `EGRESS_ALLOW`: `host:port,…`.
    pub egress_allow: String,
    /// `CORS_ORIGINS`.
    pub cors_origins: Vec<String>,
    /// `LOG_LEVEL`.
    pub log_level: String,
    /// `PUBLIC_URL`, without a slash at the end.
    pub public_url: Option<String>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("database_pool_mode", &self.database_pool_mode)
            .field("jwt_issuer", &self.jwt_issuer)
            .field("jwks_url", &self.jwks_url)
            .field("egress_allow", &self.egress_allow)
            .field("cors_origins", &self.cors_origins)
            .field("log_level", &self.log_level)
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// A config with every default and this database: the start for one that is filled by hand.
    pub fn with_database(url: impl Into<String>) -> Self {
        Self {
            database_url: SecretString::from(url.into()),
            database_pool_mode: PoolMode::Session,
            database_max_connections: 1,
            supabase_url: None,
            jwt_secret: None,
            jwks_url: None,
            jwt_issuer: None,
            jwt_audience: "authenticated".to_owned(),
            master_keys: None,
            egress_allow: String::new(),
            cors_origins: Vec::new(),
            log_level: "info".to_owned(),
            public_url: None,
        }
    }

    /// Reads the process environment.
    ///
    /// # Errors
    /// [`StartError::Config`] with everything that is wrong.
    pub fn from_env() -> Result<Self, StartError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads variables through `lookup`; pure.
    ///
    /// # Errors
    /// [`StartError::Config`] with everything that is wrong.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, StartError> {
        let mut reader = Reader {
            lookup,
            faults: Vec::new(),
        };
        let config = reader.config();
        if reader.faults.is_empty() {
            Ok(config)
        } else {
            Err(StartError::Config(reader.faults))
        }
    }
}

struct Reader<L> {
    lookup: L,
    faults: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn config(&mut self) -> Config {
        let supabase_url = self.origin("SUPABASE_URL");
        let derived = |path: &str| supabase_url.as_ref().map(|url| format!("{url}{path}"));
        let jwks_url = derived("/auth/v1/.well-known/jwks.json");
        let jwt_issuer = derived("/auth/v1");
        Config {
            database_url: self.database_url(),
            database_pool_mode: self.pool_mode(),
            database_max_connections: self.max_connections(),
            jwt_secret: self.jwt_secret(),
            jwks_url: self.text("JWKS_URL").or(jwks_url),
            jwt_issuer: self.text("JWT_ISSUER").or(jwt_issuer),
            jwt_audience: self
                .text("JWT_AUDIENCE")
                .unwrap_or_else(|| "authenticated".to_owned()),
            supabase_url,
            master_keys: self.master_keys(),
            egress_allow: self.egress_allow(),
            cors_origins: self.cors_origins(),
            log_level: self.text("LOG_LEVEL").unwrap_or_else(|| "info".to_owned()),
            public_url: self.origin("PUBLIC_URL"),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    fn fault(&mut self, name: &str, why: impl fmt::Display) {
        self.faults.push(format!("{name}: {why}"));
    }

    fn database_url(&mut self) -> SecretString {
        let text = self.text("DATABASE_URL").unwrap_or_default();
        if text.is_empty() {
            self.fault(
                "DATABASE_URL",
                "is required, such as postgres://authenticator:password@host:5432/postgres",
            );
        } else if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
            self.fault(
                "DATABASE_URL",
                "must start with postgres:// or postgresql://",
            );
        }
        text.into()
    }

    fn pool_mode(&mut self) -> PoolMode {
        match self.text("DATABASE_POOL_MODE").as_deref() {
            None | Some("session") => PoolMode::Session,
            Some("transaction") => PoolMode::Transaction,
            Some(other) => {
                self.fault(
                    "DATABASE_POOL_MODE",
                    format!("must be session or transaction, not {other:?}"),
                );
                PoolMode::Session
            }
        }
    }

    fn max_connections(&mut self) -> u32 {
        let Some(text) = self.text("DATABASE_MAX_CONNECTIONS") else {
            return 1;
        };
        match text.parse() {
            Ok(number @ 1..=1000) => number,
            Ok(_) | Err(_) => {
                self.fault(
                    "DATABASE_MAX_CONNECTIONS",
                    "must be a number from 1 to 1000",
                );
                1
            }
        }
    }

    /// HS256 needs a key of at least 256 bits (RFC 7518, section 3.2).
    fn jwt_secret(&mut self) -> Option<SecretString> {
        let secret = self.text("SUPABASE_JWT_SECRET")?;
        if secret.len() < 32 {
            self.fault("SUPABASE_JWT_SECRET", "must have at least 32 bytes");
        }
        Some(secret.into())
    }

    fn master_keys(&mut self) -> Option<SecretString> {
        let keys = self.text("MASTER_KEYS")?;
        if let Err(why) = vault::MasterKeys::from_base64(&keys) {
            self.fault("MASTER_KEYS", why);
        }
        Some(keys.into())
    }

    fn egress_allow(&mut self) -> String {
        let text = self.text("EGRESS_ALLOW").unwrap_or_default();
        if let Err(fault) = egress::Policy::parse_allow(&text) {
            self.fault("EGRESS_ALLOW", fault.message);
        }
        text
    }

    fn cors_origins(&mut self) -> Vec<String> {
        let text = self.text("CORS_ORIGINS").unwrap_or_default();
        let origins: Vec<String> = text
            .split(',')
            .map(|origin| origin.trim().trim_end_matches('/').to_owned())
            .filter(|origin| !origin.is_empty())
            .collect();
        for origin in &origins {
            if origin != "*" && !is_origin(origin) {
                self.fault(
                    "CORS_ORIGINS",
                    format!("{origin:?} is no origin such as https://app.example.com"),
                );
            }
        }
        origins
    }

    fn origin(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?.trim_end_matches('/').to_owned();
        if !text.starts_with("https://") && !text.starts_with("http://") {
            self.fault(name, "must start with https:// (or http:// locally)");
        }
        Some(text)
    }
}

/// `scheme://host[:port]` and nothing else (RFC 6454).
fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, StartError> {
        Config::from_lookup(|name| {
            assert!(
                VARIABLES.iter().any(|variable| variable.name == name),
                "{name} is not documented"
            );
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_database_is_enough() {
        let config = read(&[("DATABASE_URL", "postgres://localhost/x"), ("JWKS_URL", "")]).unwrap();
        assert_eq!(config.database_pool_mode, PoolMode::Session);
        assert_eq!(config.database_max_connections, 1);
        assert_eq!(config.jwt_audience, "authenticated");
        assert_eq!(config.jwks_url, None);
    }

    #[test]
    fn a_supabase_project_gives_issuer_and_keys() {
        let config = read(&[
            ("DATABASE_URL", "postgres://localhost/x"),
            ("SUPABASE_URL", "https://abc.supabase.co/"),
        ])
        .unwrap();
        assert_eq!(
            config.jwt_issuer.as_deref(),
            Some("https://abc.supabase.co/auth/v1")
        );
        assert_eq!(
            config.jwks_url.as_deref(),
            Some("https://abc.supabase.co/auth/v1/.well-known/jwks.json")
        );
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let error = read(&[
            ("DATABASE_POOL_MODE", "both"),
            ("DATABASE_MAX_CONNECTIONS", "0"),
            ("SUPABASE_JWT_SECRET", "short"),
            ("CORS_ORIGINS", "https://a.example, ftp://b"),
            ("EGRESS_ALLOW", "nonsense"),
            ("MASTER_KEYS", "k1:AAAA"),
        ])
        .unwrap_err()
        .to_string();
        for name in [
            "DATABASE_URL",
            "DATABASE_POOL_MODE",
            "DATABASE_MAX_CONNECTIONS",
            "SUPABASE_JWT_SECRET",
            "CORS_ORIGINS",
            "EGRESS_ALLOW",
            "MASTER_KEYS",
        ] {
            assert!(error.contains(name), "{name} in {error}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let mut config = Config::with_database("postgres://u:hunter22@localhost/x");
        config.jwt_secret = Some("hunter22".into());
        config.master_keys = Some("hunter22".into());
        assert!(!format!("{config:?}").contains("hunter22"));
    }
}

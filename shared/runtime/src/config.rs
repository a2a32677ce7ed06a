//! Every environment variable of the product, with its meaning and default; read once, at start.

mod keep;
mod model;
mod queue;
mod read;
mod stores;
mod variables;

use std::fmt;

use domain::code::CodeTool;
use domain::price::PriceList;
use persistence::PoolMode;
use secrecy::SecretString;
use telemetry::Origin;
use vault::StoresConfig;
use workflow::SqsConfig;

pub use variables::{VARIABLES, Variable};

use crate::start::StartError;
use read::Reader;
use variables::SET_BY_LAMBDA;

/// Which of Lambda's own variables are not set.
pub(crate) fn missing_of_lambda() -> Vec<&'static str> {
    let missing = |name: &&str| std::env::var_os(name).is_none();
    SET_BY_LAMBDA.into_iter().filter(missing).collect()
}

/// The operator's model server and the limits of runs.
#[derive(Clone)]
pub struct ModelConfig {
    /// `OPENAI_BASE_URL`, without a slash at the end.
    pub base_url: String,
    /// `OPENAI_API_KEY`.
    pub api_key: Option<SecretString>,
    /// `OPENAI_MODEL`.
    pub model: Option<String>,
    /// `MODEL_TOOL_TOKENS`.
    pub tool_tokens: u32,
    /// `MODEL_OUTPUT_TOKENS`.
    pub output_tokens: u32,
    /// `MODEL_MAX_TURNS`.
    pub max_turns: u32,
    /// `MODEL_TOKEN_BUDGET`.
    pub token_budget: u32,
    /// `MODEL_DEADLINE_SECONDS`.
    pub deadline_s: u32,
    /// `MODEL_PRICES`.
    pub prices: PriceList,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            api_key: None,
            model: None,
            tool_tokens: 8_000,
            output_tokens: 8_000,
            max_turns: 10,
            token_budget: 200_000,
            deadline_s: 120,
            prices: PriceList::default(),
        }
    }
}

/// For how many days is kept what is not kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// `EXECUTIONS_KEEP_DAYS`: the log of calls.
    pub executions_days: u32,
    /// `ANALYTICS_HOURS_KEEP_DAYS`: what calls came to, by the hour.
    pub hours_days: u32,
    /// `ANALYTICS_DAYS_KEEP_DAYS`: the same by the day.
    pub days_days: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            executions_days: 90,
            hours_days: 90,
            days_days: 800,
        }
    }
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
    /// `SECRET_PROVIDER`, `SECRET_AWS_PREFIX`, `SECRET_CACHE_SECONDS`, `SECRET_ENV_ALLOW` and what they name.
    pub secret_stores: StoresConfig,
    /// `FLOW_QUEUE_URL` and what it needs.
    pub flow_queue: Option<SqsConfig>,
    /// `OPENAI_…` and `MODEL_…`.
    pub model: ModelConfig,
    /// `…_KEEP_DAYS`.
    pub keep: Keep,
    /// `EGRESS_ALLOW`: `host:port,…`.
    pub egress_allow: String,
    /// `CORS_ORIGINS`.
    pub cors_origins: Vec<String>,
    /// `LOG_LEVEL`.
    pub log_level: String,
    /// `METRICS_SERVICE`.
    pub metrics_service: Option<String>,
    /// `AWS_LAMBDA_FUNCTION_NAME`.
    pub function_name: Option<String>,
    /// `PUBLIC_URL`, without a slash at the end.
    pub public_url: Option<String>,
    /// The code-based tools of every workspace: those compiled in, unless a program says otherwise.
    pub code_tools: Vec<CodeTool>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("database_pool_mode", &self.database_pool_mode)
            .field("jwt_issuer", &self.jwt_issuer)
            .field("jwks_url", &self.jwks_url)
            .field("secret_stores", &self.secret_stores)
            .field("flow_queue", &self.flow_queue)
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
            secret_stores: StoresConfig::default(),
            flow_queue: None,
            model: ModelConfig::default(),
            keep: Keep::default(),
            egress_allow: String::new(),
            cors_origins: Vec::new(),
            log_level: "info".to_owned(),
            metrics_service: None,
            function_name: None,
            public_url: None,
            code_tools: builtin::tools(),
        }
    }

    /// Whose metrics this process writes; none: it writes none.
    pub fn origin(&self) -> Option<Origin> {
        let function = self.function_name.as_deref().unwrap_or("local");
        self.metrics_service.clone().map(|service| Origin {
            service,
            function: function.to_owned(),
        })
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
            ("SECRET_PROVIDER", "vault"),
            ("SECRET_CACHE_SECONDS", "61"),
            ("SECRET_AWS_PREFIX", "api tools"),
            ("EXECUTIONS_KEEP_DAYS", "6"),
            ("ANALYTICS_HOURS_KEEP_DAYS", "30"),
            ("ANALYTICS_DAYS_KEEP_DAYS", "for ever"),
            ("MODEL_PRICES", r#"{"gpt-5":{"input":"1.25"}}"#),
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
            "SECRET_PROVIDER",
            "SECRET_CACHE_SECONDS",
            "SECRET_AWS_PREFIX",
            "AWS_REGION",
            "AWS_ACCESS_KEY_ID",
            "EXECUTIONS_KEEP_DAYS",
            "ANALYTICS_HOURS_KEEP_DAYS",
            "ANALYTICS_DAYS_KEEP_DAYS",
            "MODEL_PRICES: \"gpt-5\": \"input\" must be US dollars",
            "MODEL_PRICES: \"gpt-5\": \"output\" is missing",
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

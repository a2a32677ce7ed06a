//! Every environment variable of the product, with its meaning and default; read once, at start.

mod model;
mod queue;
mod read;
mod stores;

use std::fmt;

use domain::code::CodeTool;
use persistence::PoolMode;
use secrecy::SecretString;
use vault::StoresConfig;
use workflow::SqsConfig;

use crate::start::StartError;
use read::Reader;

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
        name: "SECRET_PROVIDER",
        meaning: "where secrets go whose creator names no provider: builtin (sealed in Postgres), aws_secrets_manager or environment",
        default: "builtin; the template sets aws_secrets_manager",
    },
    Variable {
        name: "SECRET_AWS_PREFIX",
        meaning: "turns AWS Secrets Manager on: the first part of every name there, PREFIX/WORKSPACE/NAME, and what the function's role may reach",
        default: "none: secrets do not live at AWS",
    },
    Variable {
        name: "SECRET_CACHE_SECONDS",
        meaning: "how long values of AWS are kept in memory, 0 to 60: a rotation at AWS is seen within it",
        default: "60",
    },
    Variable {
        name: "SECRET_ENV_ALLOW",
        meaning: "variables, separated by commas, that secrets of the provider environment may stand for; for local development",
        default: "none: the environment cannot be reached",
    },
    Variable {
        name: "AWS_REGION",
        meaning: "the region of AWS Secrets Manager and SQS; set by Lambda",
        default: "none: required with SECRET_AWS_PREFIX or FLOW_QUEUE_URL",
    },
    Variable {
        name: "AWS_ACCESS_KEY_ID",
        meaning: "whose permissions AWS is asked with (with AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN); set by Lambda",
        default: "none: required with SECRET_AWS_PREFIX or FLOW_QUEUE_URL",
    },
    Variable {
        name: "AWS_SECRET_ACCESS_KEY",
        meaning: "belongs to AWS_ACCESS_KEY_ID",
        default: "none: required with SECRET_AWS_PREFIX or FLOW_QUEUE_URL",
    },
    Variable {
        name: "AWS_SESSION_TOKEN",
        meaning: "belongs to AWS_ACCESS_KEY_ID when that is temporary",
        default: "none",
    },
    Variable {
        name: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        meaning: "another address of Secrets Manager: an emulator, a VPC endpoint",
        default: "the region's own",
    },
    Variable {
        name: "FLOW_QUEUE_URL",
        meaning: "the SQS queue that carries hints about steps of flows to the worker",
        default: "none: locally a queue in the process; a deployed function leaves its hints to the sweep",
    },
    Variable {
        name: "AWS_ENDPOINT_URL_SQS",
        meaning: "another address of SQS: an emulator, a VPC endpoint",
        default: "the region's own",
    },
    Variable {
        name: "OPENAI_API_KEY",
        meaning: "the key of the model server that serves every workspace without one of its own",
        default: "none: only workspaces with a model server of their own can ask a model",
    },
    Variable {
        name: "OPENAI_BASE_URL",
        meaning: "a server that speaks the OpenAI Responses API; the address before /responses",
        default: "https://api.openai.com/v1",
    },
    Variable {
        name: "OPENAI_MODEL",
        meaning: "the model of requests that name none",
        default: "none: then a request, or the workspace's setting, must name one",
    },
    Variable {
        name: "MODEL_TOOL_TOKENS",
        meaning: "most estimated tokens of the function definitions of one request to a model, 500 to 1000000; beyond it the model searches for tools",
        default: "8000",
    },
    Variable {
        name: "MODEL_OUTPUT_TOKENS",
        meaning: "most estimated tokens of one tool's output as a model gets it, 500 to 1000000; the tool read_more reads the rest",
        default: "8000",
    },
    Variable {
        name: "MODEL_MAX_TURNS",
        meaning: "requests to the model in one run that names no number, 1 to 50",
        default: "10",
    },
    Variable {
        name: "MODEL_TOKEN_BUDGET",
        meaning: "most tokens of one run, all its turns together, 1000 to 100000000",
        default: "200000",
    },
    Variable {
        name: "MODEL_DEADLINE_SECONDS",
        meaning: "seconds after which a run is ended, 5 to 840; below the function's Timeout",
        default: "120",
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
    /// `EGRESS_ALLOW`: `host:port,…`.
    pub egress_allow: String,
    /// `CORS_ORIGINS`.
    pub cors_origins: Vec<String>,
    /// `LOG_LEVEL`.
    pub log_level: String,
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
            egress_allow: String::new(),
            cors_origins: Vec::new(),
            log_level: "info".to_owned(),
            public_url: None,
            code_tools: builtin::tools(),
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

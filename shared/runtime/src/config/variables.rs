//! The list of every environment variable that the product reads, for documentation, tests and error messages.

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
        name: "MODEL_PRICES",
        meaning: "what tokens of the operator's model server cost: JSON, by model US dollars for a million tokens, such as {\"gpt-5\":{\"input\":1.25,\"cached_input\":0.125,\"output\":10}}",
        default: "none: reports tell tokens and no cost",
    },
    Variable {
        name: "EXECUTIONS_KEEP_DAYS",
        meaning: "days for which the log of calls is kept, 7 to 1100, and until its month is over; read by the sweep",
        default: "90",
    },
    Variable {
        name: "ANALYTICS_HOURS_KEEP_DAYS",
        meaning: "days for which is kept what calls came to by the hour, 31 to 3660; read by the sweep and by reports",
        default: "90",
    },
    Variable {
        name: "ANALYTICS_DAYS_KEEP_DAYS",
        meaning: "days for which is kept what calls came to by the day, 31 to 36600; read by the sweep and by reports",
        default: "800",
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
        name: "METRICS_SERVICE",
        meaning: "turns metrics on: the deployment's name among them (CloudWatch Embedded Metric Format, in the log lines of requests, runs and sweeps)",
        default: "none: no metrics; the template sets the stack's name",
    },
    Variable {
        name: "AWS_LAMBDA_FUNCTION_NAME",
        meaning: "set by Lambda: the function's name among the metrics",
        default: "none: local",
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
pub(super) const SET_BY_LAMBDA: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
];

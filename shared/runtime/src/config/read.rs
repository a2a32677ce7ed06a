//! Variables become a [`Config`]; every fault is collected. Pure.

use std::fmt;

use domain::egress;
use persistence::PoolMode;
use secrecy::SecretString;

use super::Config;

/// Collects what is wrong while the variables are read.
pub(super) struct Reader<L> {
    pub(super) lookup: L,
    pub(super) faults: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// The configuration, with defaults where something is wrong.
    pub(super) fn config(&mut self) -> Config {
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
            secret_stores: self.secret_stores(),
            flow_queue: self.flow_queue(),
            model: self.model(),
            keep: self.keep(),
            egress_allow: self.egress_allow(),
            cors_origins: self.cors_origins(),
            log_level: self.text("LOG_LEVEL").unwrap_or_else(|| "info".to_owned()),
            metrics_service: self.text("METRICS_SERVICE"),
            function_name: self.text("AWS_LAMBDA_FUNCTION_NAME"),
            public_url: self.origin("PUBLIC_URL"),
            code_tools: builtin::tools(),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    /// A variable that another one needs.
    pub(super) fn required(&mut self, name: &str, by: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.fault(name, format!("is required with {by}"));
            String::new()
        })
    }

    pub(super) fn fault(&mut self, name: &str, why: impl fmt::Display) {
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

    pub(super) fn origin(&mut self, name: &str) -> Option<String> {
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

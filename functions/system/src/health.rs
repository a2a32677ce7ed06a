//! `GET /health`: whether this process answers, and the database behind it.

use std::error::Error as _;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use persistence::Db;
use serde::Serialize;
use utoipa::ToSchema;
use web::Json;

/// Longer than this the database counts as down.
const PATIENCE: Duration = Duration::from_secs(1);

/// The state of the product.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or `degraded` when a dependency does not answer.
    #[schema(example = "ok")]
    status: &'static str,
    /// When it was asked (UTC).
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    timestamp: String,
    checks: Checks,
}

/// Each dependency's state.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checks {
    /// `ok` or `unavailable`.
    #[schema(example = "ok")]
    database: &'static str,
}

impl Health {
    fn new(database_answers: bool, now: DateTime<Utc>) -> Self {
        let (status, database) = if database_answers {
            ("ok", "ok")
        } else {
            ("degraded", "unavailable")
        };
        Self {
            status,
            timestamp: now.to_rfc3339_opts(SecondsFormat::Millis, true),
            checks: Checks { database },
        }
    }
}

/// Whether the product is well
///
/// 503 when the database does not answer within a second.
#[utoipa::path(
    get, path = "/health", operation_id = "health", tag = "system",
    responses(
        (status = 200, description = "All is well.", body = Health),
        (status = 503, description = "The database does not answer.", body = Health,
         example = json!({ "status": "degraded", "timestamp": "2026-01-31T12:00:00.000Z",
                           "checks": { "database": "unavailable" } })),
    )
)]
pub(crate) async fn health(State(db): State<Db>) -> Response {
    let answers = match tokio::time::timeout(PATIENCE, db.ping()).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            let cause = error.source().map(ToString::to_string);
            tracing::warn!(%error, cause, "the database does not answer");
            false
        }
        Err(_) => {
            tracing::warn!("the database does not answer within a second");
            false
        }
    };
    let health = Json(Health::new(answers, Utc::now()));
    if answers {
        health.into_response()
    } else {
        web::problem::degraded(health)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_degraded() {
        let health = Health::new(false, DateTime::UNIX_EPOCH);
        assert_eq!(
            serde_json::to_value(&health).unwrap(),
            serde_json::json!({ "status": "degraded", "timestamp": "1970-01-01T00:00:00.000Z",
                                "checks": { "database": "unavailable" } })
        );
    }
}

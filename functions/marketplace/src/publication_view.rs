//! What is public, as it is answered.

use chrono::{DateTime, Utc};
use domain::publication::Needs;
use persistence::marketplace::Listed;
use serde::Serialize;
use utoipa::ToSchema;

use crate::needs_view::NeedsView;

/// Something in the marketplace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Publication)]
pub(crate) struct PublicationView {
    /// Its public id: its publisher, `_`, and the rest.
    #[schema(example = "research_get_quote")]
    id: String,
    /// `tool`, `flow` or `prompt`.
    #[schema(example = "tool")]
    kind: String,
    /// Who publishes it: the slug of a workspace.
    #[schema(example = "research")]
    publisher: String,
    /// Its display name.
    #[schema(example = "Get a quote")]
    name: String,
    /// What it does, as its publisher says.
    description: String,
    /// Words to find it by.
    tags: Vec<String>,
    /// The publisher's version.
    #[schema(example = 3)]
    version: i32,
    /// SHA-256 over the whole content, in hex: what an install pins.
    hash: String,
    /// Workspaces that have it installed.
    #[schema(example = 12)]
    installs: i64,
    rating: RatingView,
    health: HealthView,
    /// Recorded fixtures that passed when it was published.
    fixtures: i32,
    /// What an install has to bind and what it allows.
    needs: NeedsView,
    /// Since when it is public.
    published_at: DateTime<Utc>,
    /// When its content last changed.
    updated_at: DateTime<Utc>,
}

/// What those who ran it say.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RatingView {
    /// What lists are sorted by: the average as if five people had given 3.5 before, so that few votes move it little.
    #[schema(example = 4.1)]
    score: f64,
    /// The plain average, 1 to 5; absent without reviews.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 4.6)]
    average: Option<f64>,
    /// Reviews.
    #[schema(example = 7)]
    reviews: i64,
}

/// What the calls of those who installed it came to within seven days. Nothing is said below ten calls.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthView {
    /// `healthy` (95 % succeed), `degraded` (80 %), `failing`, or `unknown`.
    #[schema(example = "healthy")]
    status: String,
    /// Calls, without those that failed because of their input, a missing secret or a limit.
    #[schema(example = 1250)]
    calls: i64,
    /// Those that succeeded, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.992)]
    success_rate: Option<f64>,
    /// 95 of 100 that succeeded took no longer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 420)]
    p95_ms: Option<i64>,
    /// In which hour one last succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success_at: Option<DateTime<Utc>>,
}

impl TryFrom<Listed> for PublicationView {
    type Error = persistence::Error;

    fn try_from(listed: Listed) -> Result<Self, persistence::Error> {
        let needs: Needs = serde_json::from_str(&listed.needs)
            .map_err(|error| persistence::Error::Corrupt(error.to_string()))?;
        Ok(Self {
            id: listed.slug,
            kind: listed.kind,
            publisher: listed.publisher,
            name: listed.name,
            description: listed.description,
            tags: listed.tags,
            version: listed.version,
            hash: listed.hash,
            installs: listed.installs,
            rating: RatingView {
                score: rounded(listed.score, 100.0),
                average: listed.average,
                reviews: listed.ratings,
            },
            health: HealthView {
                status: listed.health,
                calls: listed.calls,
                success_rate: rate(listed.successes, listed.calls),
                p95_ms: listed.p95_ms,
                last_success_at: listed.last_success_at,
            },
            fixtures: listed.fixtures,
            needs: NeedsView::new(needs, None),
            published_at: listed.published_at,
            updated_at: listed.updated_at,
        })
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn rate(successes: i64, calls: i64) -> Option<f64> {
    (calls > 0).then(|| rounded(successes as f64 / calls as f64, 1000.0))
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

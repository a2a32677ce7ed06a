//! `registry.marketplace` and `registry.marketplace_reviews`: what everybody may read, asked as nobody.

use chrono::{DateTime, Utc};
use domain::publication::Kind;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Statement, row, statement};

/// In which order publications are listed; the greatest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// How well they fit the words that are searched for.
    Relevance,
    /// The average of reviews, which few votes move little.
    Rating,
    /// How many workspaces have them.
    Installs,
    /// When they were first published.
    New,
}

impl Sort {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Relevance => "relevance",
            Self::Rating => "rating",
            Self::Installs => "installs",
            Self::New => "new",
        }
    }
}

/// Which publications to list.
#[derive(Clone, Debug)]
pub struct Browse<'a> {
    /// Words, as people type them.
    pub q: Option<&'a str>,
    /// With this tag only.
    pub tag: Option<&'a str>,
    /// Of this kind only.
    pub kind: Option<Kind>,
    /// In this order.
    pub sort: Sort,
    /// After the one with this value (a decimal number) and id.
    pub after: Option<(&'a str, Uuid)>,
    /// At most so many.
    pub limit: i32,
}

row! {
    /// A publication as a list shows it.
    #[derive(PartialEq)]
    pub struct Listed {
        /// Its row.
        pub id: Uuid,
        /// What it was sorted by, as a decimal number.
        pub value: String,
        /// What it is.
        pub kind: String,
        /// The public id.
        pub slug: String,
        /// Who publishes it: the slug of a workspace.
        pub publisher: String,
        /// The display name.
        pub name: String,
        /// What it does.
        pub description: String,
        /// Words to find it by.
        pub tags: Vec<String>,
        /// The publisher's version.
        pub version: i32,
        /// Over the whole manifest.
        pub hash: String,
        /// What an install has to bind, as JSON text.
        pub needs: String,
        /// Fixtures that passed when it was published.
        pub fixtures: i32,
        /// Workspaces that have it.
        pub installs: i64,
        /// Reviews.
        pub ratings: i64,
        /// Their plain average.
        pub average: Option<f64>,
        /// The average that few votes move little.
        pub score: f64,
        /// `unknown`, `healthy`, `degraded` or `failing`.
        pub health: String,
        /// Calls of the last days that count for it.
        pub calls: i64,
        /// Those of them that succeeded.
        pub successes: i64,
        /// 95 of 100 of them took no longer, in milliseconds.
        pub p95_ms: Option<i64>,
        /// In which hour one last succeeded.
        pub last_success_at: Option<DateTime<Utc>>,
        /// Since when it is public.
        pub published_at: DateTime<Utc>,
        /// When its content last changed.
        pub updated_at: DateTime<Utc>,
    }
}

row! {
    struct ManifestRow {
        manifest: String,
    }
}

row! {
    /// A review as everybody sees it.
    #[derive(PartialEq, Eq)]
    pub struct PublicReview {
        /// Its row.
        pub id: Uuid,
        /// 1 to 5.
        pub rating: i16,
        /// What was said.
        pub body: String,
        /// Of which version.
        pub version: i32,
        /// When.
        pub created_at: DateTime<Utc>,
        /// When it was last changed.
        pub updated_at: DateTime<Utc>,
    }
}

/// The columns of [`Listed`] from `m`, after the value that it is sorted by.
macro_rules! listed {
    ($value:literal) => {
        concat!(
            "m.id, ",
            $value,
            " as value, m.kind, m.slug, m.publisher, m.name, m.description, m.tags, m.version, m.hash,
             m.needs::text as needs, m.fixtures, m.installs, m.ratings, m.rating::float8 as average,
             m.score::float8 as score, m.health, m.calls, m.successes, m.p95_ms, m.last_success_at,
             m.published_at, m.updated_at"
        )
    };
}

const BROWSE: &str = concat!(
    "
    select ",
    listed!("b.value::text"),
    "
    from registry.browse($1, $2, $3, $4, $5::text::numeric, $6, $7) as b
    join registry.marketplace m on m.id = b.id
    order by b.value desc, b.id desc"
);

const BY_SLUG: &str = concat!(
    "
    select ",
    listed!("''"),
    "
    from registry.marketplace m
    where m.slug = $1"
);

const MANIFEST: &str = "
    select m.manifest::text as manifest
    from registry.marketplace m
    where m.id = $1";

const REVIEWS: &str = "
    select r.id, r.rating, r.body, r.version, r.created_at, r.updated_at
    from registry.marketplace_reviews r
    where r.publication_id = $1
      and ($2::timestamptz is null or (r.created_at, r.id) < ($2, $3::uuid))
    order by r.created_at desc, r.id desc
    limit $4";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("marketplace::browse", BROWSE, Anonymous, Listed),
    statement!("marketplace::by_slug", BY_SLUG, Anonymous, Listed),
    statement!("marketplace::manifest", MANIFEST, Anonymous, ManifestRow),
    statement!("marketplace::reviews", REVIEWS, Anonymous, PublicReview),
];

/// A page of what is public.
///
/// # Errors
/// The database's.
pub async fn browse(tx: &mut Tx, wanted: &Browse<'_>) -> Result<Vec<Listed>, Error> {
    let query = query_as(BROWSE)
        .bind(wanted.q)
        .bind(wanted.tag)
        .bind(wanted.kind.map(Kind::as_str))
        .bind(wanted.sort.as_str())
        .bind(wanted.after.map(|(value, _)| value))
        .bind(wanted.after.map(|(_, id)| id))
        .bind(wanted.limit);
    tx.all(query).await
}

/// One publication, by its public id.
///
/// # Errors
/// The database's.
pub async fn by_slug(tx: &mut Tx, slug: &str) -> Result<Option<Listed>, Error> {
    tx.maybe(query_as(BY_SLUG).bind(slug)).await
}

/// Its whole content, as JSON text.
///
/// # Errors
/// The database's.
pub async fn manifest(tx: &mut Tx, publication: Uuid) -> Result<Option<String>, Error> {
    let query = query_as::<_, ManifestRow>(MANIFEST).bind(publication);
    Ok(tx.maybe(query).await?.map(|row| row.manifest))
}

/// Its reviews, the latest first, before the one made then of that id.
///
/// # Errors
/// The database's.
pub async fn reviews(
    tx: &mut Tx,
    publication: Uuid,
    before: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<PublicReview>, Error> {
    let query = query_as(REVIEWS)
        .bind(publication)
        .bind(before.map(|(made, _)| made))
        .bind(before.map(|(_, id)| id))
        .bind(limit);
    tx.all(query).await
}

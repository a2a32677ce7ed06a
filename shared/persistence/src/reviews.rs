//! `registry.reviews`: what those who ran a publication say of it.

use chrono::{DateTime, Utc};
use domain::ids::WorkspaceId;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Affected, Statement, row, statement};

/// What somebody says of the version that is installed.
#[derive(Clone, Debug)]
pub struct NewReview<'a> {
    /// Of which publication.
    pub publication_id: Uuid,
    /// In which workspace it was run.
    pub workspace_id: WorkspaceId,
    /// 1 to 5.
    pub rating: i16,
    /// What is said; may be empty.
    pub body: &'a str,
}

row! {
    /// A review as its author sees it.
    #[derive(PartialEq, Eq)]
    pub struct OwnReview {
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

const SAY: &str = "
    insert into registry.reviews as r (publication_id, workspace_id, version, hash, rating, body)
    select i.publication_id, i.workspace_id, i.version, i.hash, $3, $4
    from catalog.installs i
    where i.publication_id = $1
      and i.workspace_id = $2
      and i.part_of is null
      and registry.has_run($1, $2, i.hash)
      and not registry.is_publisher($1)
    order by i.version desc
    limit 1
    on conflict on constraint reviews_one_per_user do update
    set workspace_id = excluded.workspace_id,
        version = excluded.version,
        hash = excluded.hash,
        rating = excluded.rating,
        body = excluded.body
    returning r.id, r.rating, r.body, r.version, r.created_at, r.updated_at";

const TAKE_BACK: &str = "
    delete from registry.reviews r
    where r.publication_id = $1
      and r.user_id = (select auth.uid())
    returning r.id::text as id";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("reviews::say", SAY, Authenticated, OwnReview),
    statement!("reviews::take_back", TAKE_BACK, Authenticated, Affected),
];

/// Says it, or says it anew: there is one review a person. `None` where this workspace did not run what it has installed with
/// success, and for whoever belongs to the publisher.
///
/// # Errors
/// [`Error::Forbidden`] below member.
pub async fn say(tx: &mut Tx, new: &NewReview<'_>) -> Result<Option<OwnReview>, Error> {
    let query = query_as(SAY)
        .bind(new.publication_id)
        .bind(new.workspace_id.0)
        .bind(new.rating)
        .bind(new.body);
    tx.maybe(query).await
}

/// Takes the asking person's review back. False when there is none.
///
/// # Errors
/// The database's.
pub async fn take_back(tx: &mut Tx, publication: Uuid) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(TAKE_BACK).bind(publication);
    Ok(tx.maybe(query).await?.is_some())
}

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
    insert into registry.reviews as r (publication_id, workspace_id, user_id, version, hash, rating, body)
    select i.publication_id, i.workspace_id, auth.uid(), i.version, i.hash, $3, $4
    from catalog.installs i
    where i.publication_id = $1
      and i.workspace_id = $2
      and i.workspace_id = any (identity.reach('member'))
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

/// What was said of an earlier version is changed as what was said of that.
const AMEND: &str = "
    update registry.reviews r
    set rating = $2, body = $3
    where r.publication_id = $1
      and r.user_id = auth.uid()
      and not registry.is_publisher($1)
    returning r.id, r.rating, r.body, r.version, r.created_at, r.updated_at";

/// Of what is withdrawn too.
const TAKE_BACK: &str = "
    delete from registry.reviews r
    using catalog.publications p
    where p.slug = $1
      and r.publication_id = p.id
      and r.user_id = auth.uid()
    returning r.id::text as id";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("reviews::say", SAY, ServiceRole, OwnReview),
    statement!("reviews::amend", AMEND, ServiceRole, OwnReview),
    statement!("reviews::take_back", TAKE_BACK, ServiceRole, Affected),
];

/// Says it, or says it anew: there is one review a person. `None` from who never said anything where this workspace did not run what
/// it has installed with success, and for whoever belongs to the publisher.
///
/// # Errors
/// The database's.
pub async fn say(tx: &mut Tx, new: &NewReview<'_>) -> Result<Option<OwnReview>, Error> {
    let query = query_as(SAY)
        .bind(new.publication_id)
        .bind(new.workspace_id.0)
        .bind(new.rating)
        .bind(new.body);
    tx.as_system().await?;
    let mut said = tx.maybe(query).await?;
    if said.is_none() {
        let amend = query_as(AMEND)
            .bind(new.publication_id)
            .bind(new.rating)
            .bind(new.body);
        said = tx.maybe(amend).await?;
    }
    tx.as_person().await?;
    Ok(said)
}

/// Takes the asking person's review back, by the public id. False when there is none.
///
/// # Errors
/// The database's.
pub async fn take_back(tx: &mut Tx, slug: &str) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(TAKE_BACK).bind(slug);
    tx.as_system().await?;
    let gone = tx.maybe(query).await?;
    tx.as_person().await?;
    Ok(gone.is_some())
}

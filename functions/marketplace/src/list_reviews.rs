//! `GET /api/v1/marketplace/{tool_id}/reviews`: what those who ran it say.

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::publication::PublicId;
use persistence::Db;
use persistence::marketplace::{self, PublicReview};
use persistence::reviews::OwnReview;
use registry::MarketError;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::cursor::Made;
use web::openapi::Missing;
use web::{Allowed, FromQuery, Json, Page, PageOf, Params, Path, Problem, Query};

const LIST: &str = "reviews";

/// Which page is listed.
#[derive(Debug)]
pub(crate) struct Wanted(PageOf<Made>);

/// As the API's description tells [`Wanted`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query")]
pub(crate) struct WantedParams {
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl FromQuery for Wanted {
    fn from_query(params: &mut Params) -> Result<Self, Problem> {
        params.page(LIST).map(Self)
    }
}

/// A review. Who wrote it is not told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Review)]
pub(crate) struct ReviewView {
    /// Its id.
    id: Uuid,
    /// 1 to 5.
    #[schema(example = 5)]
    rating: i16,
    /// What was said.
    text: String,
    /// The publisher's version that it is about.
    #[schema(example = 3)]
    version: i32,
    /// When it was written.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<PublicReview> for ReviewView {
    fn from(review: PublicReview) -> Self {
        Self {
            id: review.id,
            rating: review.rating,
            text: review.body,
            version: review.version,
            created_at: review.created_at,
            updated_at: review.updated_at,
        }
    }
}

impl From<OwnReview> for ReviewView {
    fn from(review: OwnReview) -> Self {
        Self {
            id: review.id,
            rating: review.rating,
            text: review.body,
            version: review.version,
            created_at: review.created_at,
            updated_at: review.updated_at,
        }
    }
}

/// A page of reviews.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReviewList {
    reviews: Vec<ReviewView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List reviews
///
/// The latest first.
#[utoipa::path(
    get, path = "/api/v1/marketplace/{tool_id}/reviews", operation_id = "list_reviews", tag = "marketplace",
    params(("tool_id" = String, Path, description = "The public id.", example = "research_get_quote"), WantedParams),
    responses((status = 200, description = "A page of reviews.", body = ReviewList), Missing)
)]
pub(crate) async fn list_reviews(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    Path(id): Path<PublicId>,
    Query(Wanted(wanted)): Query<Wanted>,
) -> Result<Json<ReviewList>, Problem> {
    let workspace = Some(caller.workspace_id);
    let mut tx = db.begin_as(&caller.principal, workspace).await?;
    let listed = marketplace::by_slug(&mut tx, id.as_str()).await?;
    let listed = listed.ok_or(MarketError::NotPublic)?;
    let before = wanted.after.map(|made| (made.at, made.id));
    let limit = i64::from(wanted.limit) + 1;
    let rows = marketplace::reviews(&mut tx, listed.id, before, limit).await?;
    tx.commit().await?;
    let page = Page::cut(rows, wanted.limit, LIST, |review| Made {
        at: review.created_at,
        id: review.id,
    });
    Ok(Json(ReviewList {
        reviews: page.items.into_iter().map(ReviewView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

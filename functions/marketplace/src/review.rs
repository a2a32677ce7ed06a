//! `POST /api/v1/marketplace/{tool_id}/reviews`: what somebody who ran it says.

use axum::extract::State;
use domain::publication::PublicId;
use domain::text::hidden_character;
use persistence::reviews::{self, NewReview};
use persistence::{Db, marketplace};
use registry::MarketError;
use utoipa::ToSchema;
use web::openapi::Missing;
use web::{Allowed, Fields, FromFields, Json, Path, Problem};

use crate::list_reviews::ReviewView;

/// Longest text, in characters.
const MAX_TEXT: usize = 4_000;

/// A review.
#[derive(Debug, ToSchema)]
pub(crate) struct ReviewRequest {
    /// 1 (poor) to 5.
    #[schema(minimum = 1, maximum = 5, example = 5)]
    rating: i16,
    /// What there is to say: at most 4,000 characters.
    #[schema(required = false, example = "Fast, and its errors say what to do.")]
    text: String,
}

impl FromFields for ReviewRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let rating: Option<u64> = fields.required("rating");
        let text: String = fields.optional("text").unwrap_or_default();
        let text = text.trim().to_owned();
        if text.chars().count() > MAX_TEXT {
            let message = format!("a review has at most {MAX_TEXT} characters");
            fields.refuse("text", message, "say it shorter");
        }
        if let Some((character, kind)) = hidden_character(&text) {
            let message = format!(
                "U+{:04X} is {kind}, which nobody sees",
                u32::from(character)
            );
            fields.refuse("text", message, "remove it");
        }
        let rating = rating?;
        if !(1..=5).contains(&rating) {
            fields.refuse(
                "rating",
                "a rating is 1 to 5",
                "send a whole number from 1 to 5",
            );
        }
        Some(Self {
            rating: i16::try_from(rating).ok()?,
            text,
        })
    }
}

/// Review a publication
///
/// Of the version that is installed here, after it ran here with success. One a person: again, it takes the place of the first. Not for
/// members of its publisher.
#[utoipa::path(
    post, path = "/api/v1/marketplace/{tool_id}/reviews", operation_id = "review", tag = "marketplace",
    params(("tool_id" = String, Path, description = "The public id.", example = "research_get_quote")),
    request_body(content = ReviewRequest, example = json!({ "rating": 5, "text": "Fast, and its errors say what to do." })),
    responses((status = 200, description = "The review.", body = ReviewView), Missing)
)]
pub(crate) async fn review(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    Path(id): Path<PublicId>,
    Json(request): Json<ReviewRequest>,
) -> Result<Json<ReviewView>, Problem> {
    let workspace = caller.workspace_id;
    let mut tx = db.begin_as(&caller.principal, Some(workspace)).await?;
    let listed = marketplace::by_slug(&mut tx, id.as_str()).await?;
    let listed = listed.ok_or(MarketError::NotPublic)?;
    let review = NewReview {
        publication_id: listed.id,
        workspace_id: workspace,
        rating: request.rating,
        body: &request.text,
    };
    let review = reviews::say(&mut tx, &review).await?;
    let review = review.ok_or(MarketError::MayNotReview)?;
    tx.commit().await?;
    Ok(Json(review.into()))
}

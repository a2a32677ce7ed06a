//! `GET /api/v1/marketplace/{tool_id}`: one publication with its whole content.

use axum::extract::State;
use domain::publication::PublicId;
use registry::Registry;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use web::openapi::Missing;
use web::{Json, Path, Problem};

use crate::publication_view::PublicationView;

/// Something in the marketplace, with its whole content.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholePublication {
    #[serde(flatten)]
    publication: PublicationView,
    /// `{kind, id, document, with: [{kind, id, document}]}`: every document that an install copies, to the letter.
    #[schema(value_type = Object)]
    manifest: Value,
}

/// Read a publication
///
/// With every document that an install would copy: read what models would be told before you install it. Nobody has to sign in.
#[utoipa::path(
    get, path = "/api/v1/marketplace/{tool_id}", operation_id = "read_publication", tag = "marketplace",
    params(("tool_id" = String, Path, description = "Its public id.", example = "research_get_quote")),
    responses((status = 200, description = "The publication.", body = WholePublication), Missing)
)]
pub(crate) async fn read_publication(
    State(registry): State<Registry>,
    Path(id): Path<PublicId>,
) -> Result<Json<WholePublication>, Problem> {
    let public = registry.market().public(id.as_str()).await?;
    Ok(Json(WholePublication {
        manifest: public.manifest.to_value(),
        publication: public.listed.try_into()?,
    }))
}

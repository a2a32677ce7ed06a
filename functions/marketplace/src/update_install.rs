//! `POST /api/v1/installs/{kind}/{tool_id}/update`: the public content in the place of the installed one.

use std::collections::BTreeMap;

use axum::extract::State;
use domain::publication::{Bindings, Kind, PublicId};
use registry::Update;
use utoipa::ToSchema;
use web::openapi::{Conflict, Missing, words};
use web::{Allowed, Fields, FromFields, Json, PathPair, Problem};

use crate::Marketplace;
use crate::install_view::WholeInstall;

/// Which content is taken, and that its changes are wanted.
#[derive(Debug, ToSchema)]
pub(crate) struct UpdateRequest {
    /// `latest.hash` as it was read with the changes: another content is not installed.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    hash: String,
    /// That the changes which must be accepted are.
    #[schema(required = false, default = false)]
    accept: bool,
    /// Which of the workspace's secrets stands for which of the publisher's names, beside what is bound.
    #[schema(value_type = Object, required = false, example = json!({ "API_KEY": "QUOTE_API_KEY" }))]
    secrets: BTreeMap<String, String>,
    /// Values of connection variables, beside what is bound.
    #[schema(value_type = Object, required = false, example = json!({ "region": "eu" }))]
    variables: BTreeMap<String, String>,
}

impl FromFields for UpdateRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let hash = fields.required("hash");
        let accept = fields.optional("accept").unwrap_or(false);
        let secrets = fields.optional("secrets").unwrap_or_default();
        let variables = fields.optional("variables").unwrap_or_default();
        Some(Self {
            hash: hash?,
            accept,
            secrets,
            variables,
        })
    }
}

/// Update an install
///
/// Takes the content that is public now, under the same ids and with what is bound. What allows more, breaks callers or tells models
/// something else (`GET` of the install lists it) is refused with `changes_unaccepted` until `accept` is true.
#[utoipa::path(
    post, path = "/api/v1/installs/{kind}/{tool_id}/update", operation_id = "update_install", tag = "marketplace",
    params(
        ("kind" = inline(words::Kind), Path, description = "What it is.", example = "tool"),
        ("tool_id" = String, Path, description = "Its id in the workspace.", example = "get_quote"),
    ),
    request_body(content = UpdateRequest,
        example = json!({ "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "accept": true })),
    responses((status = 200, description = "How it stands now.", body = WholeInstall), Missing, Conflict)
)]
pub(crate) async fn update_install(
    Allowed(caller): Allowed,
    State(marketplace): State<Marketplace>,
    PathPair(kind, id): PathPair<Kind, PublicId>,
    Json(request): Json<UpdateRequest>,
) -> Result<Json<WholeInstall>, Problem> {
    let update = Update {
        hash: request.hash,
        accept: request.accept,
        bindings: Bindings {
            secrets: request.secrets,
            variables: request.variables,
        },
    };
    let market = marketplace.registry.market();
    let updated = market.update(&caller, kind, id.as_str(), &update).await?;
    marketplace.bind_secrets(&caller, &updated).await;
    Ok(Json(updated.standing.into()))
}

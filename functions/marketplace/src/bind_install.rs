//! `PATCH /api/v1/installs/{kind}/{tool_id}`: other bindings of something installed.

use std::collections::BTreeMap;

use axum::extract::State;
use domain::publication::{Bindings, Kind, PublicId};
use utoipa::ToSchema;
use web::openapi::{Conflict, Missing, words};
use web::{Allowed, Fields, FromFields, Json, PathPair, Problem};

use crate::Marketplace;
use crate::install_view::WholeInstall;

/// What is bound; what is not named stays as it is.
#[derive(Debug, ToSchema)]
#[schema(min_properties = 1)]
pub(crate) struct BindingsRequest {
    /// Which of the workspace's secrets stands for which of the publisher's names.
    #[schema(value_type = Object, required = false, example = json!({ "API_KEY": "QUOTE_API_KEY" }))]
    secrets: BTreeMap<String, String>,
    /// Values of connection variables.
    #[schema(value_type = Object, required = false, example = json!({ "region": "eu" }))]
    variables: BTreeMap<String, String>,
}

impl FromFields for BindingsRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let secrets: BTreeMap<_, _> = fields.optional("secrets").unwrap_or_default();
        let variables: BTreeMap<_, _> = fields.optional("variables").unwrap_or_default();
        if secrets.is_empty() && variables.is_empty() {
            let hint = "send secrets, variables or both";
            fields.refuse("secrets", "nothing would change", hint);
        }
        Some(Self { secrets, variables })
    }
}

/// Bind an install
///
/// Names other secrets of the workspace or sets connection variables; the content stays the installed one.
#[utoipa::path(
    patch, path = "/api/v1/installs/{kind}/{tool_id}", operation_id = "bind_install", tag = "marketplace",
    params(
        ("kind" = inline(words::Kind), Path, description = "What it is.", example = "tool"),
        ("tool_id" = String, Path, description = "Its id in the workspace.", example = "get_quote"),
    ),
    request_body(content = BindingsRequest, example = json!({ "variables": { "region": "eu" } })),
    responses((status = 200, description = "How it stands now.", body = WholeInstall), Missing, Conflict)
)]
pub(crate) async fn bind_install(
    Allowed(caller): Allowed,
    State(marketplace): State<Marketplace>,
    PathPair(kind, id): PathPair<Kind, PublicId>,
    Json(request): Json<BindingsRequest>,
) -> Result<Json<WholeInstall>, Problem> {
    let market = marketplace.registry.market();
    let bindings = Bindings {
        secrets: request.secrets,
        variables: request.variables,
    };
    let bound = market.bind(&caller, kind, id.as_str(), &bindings).await?;
    marketplace.bind_secrets(&caller, &bound).await;
    Ok(Json(bound.standing.into()))
}

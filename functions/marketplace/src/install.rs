//! `POST /api/v1/marketplace/{tool_id}/install`: a pinned copy in the workspace.

use std::collections::BTreeMap;

use axum::extract::State;
use domain::publication::{Bindings, PublicId};
use registry::Asked;
use utoipa::ToSchema;
use web::openapi::{Conflict, Missing};
use web::{Allowed, Created, Fields, FromFields, MaybeJson, Path, Problem};

use crate::Marketplace;
use crate::install_view::WholeInstall;

/// How it is installed. All of it may be left out, the body too.
#[derive(Debug, ToSchema)]
pub(crate) struct InstallRequest {
    /// The id that it gets here. Absent: its own, or with its publisher's name before it where that is taken.
    #[schema(example = "get_quote")]
    id: Option<String>,
    /// The hash that was read: another content is not installed.
    hash: Option<String>,
    /// Which of the workspace's secrets stands for which of the publisher's names; a name that is not here stands for itself.
    #[schema(value_type = Object, required = false, example = json!({ "API_KEY": "QUOTE_API_KEY" }))]
    secrets: BTreeMap<String, String>,
    /// Values of connection variables.
    #[schema(value_type = Object, required = false, example = json!({ "region": "eu" }))]
    variables: BTreeMap<String, String>,
}

impl FromFields for InstallRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            id: fields.optional("id"),
            hash: fields.optional("hash"),
            secrets: fields.optional("secrets").unwrap_or_default(),
            variables: fields.optional("variables").unwrap_or_default(),
        })
    }
}

/// Install from the marketplace
///
/// Copies a tool, a flow or a prompt, and what it calls, into the workspace, pinned by its hash: whatever its publisher does later, the
/// copy stays as it is. The answer says which secrets and variables have to be bound. Tools use the workspace's own secrets.
#[utoipa::path(
    post, path = "/api/v1/marketplace/{tool_id}/install", operation_id = "install", tag = "marketplace",
    params(("tool_id" = String, Path, description = "The public id.", example = "research_get_quote")),
    request_body(content = Option<InstallRequest>, example = json!({ "secrets": { "API_KEY": "QUOTE_API_KEY" } })),
    responses((status = 201, description = "It is installed.", body = WholeInstall), Missing, Conflict)
)]
pub(crate) async fn install(
    Allowed(caller): Allowed,
    State(marketplace): State<Marketplace>,
    Path(id): Path<PublicId>,
    MaybeJson(request): MaybeJson<InstallRequest>,
) -> Result<Created<WholeInstall>, Problem> {
    let asked = Asked {
        id: request.id,
        hash: request.hash,
        bindings: Bindings {
            secrets: request.secrets,
            variables: request.variables,
        },
    };
    let market = marketplace.registry.market();
    let installed = market.install(&caller, id.as_str(), asked).await?;
    marketplace.bind_secrets(&caller, &installed).await;
    Ok(Created(installed.standing.into()))
}

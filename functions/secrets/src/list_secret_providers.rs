//! `GET /api/v1/secret-providers`: the places that secrets may live in.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use vault::Provider;
use web::{Allowed, Json, Problem};

use crate::Secrets;

/// A place for secrets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SecretProvider)]
pub(crate) struct ProviderView {
    /// What secrets are created with as their `provider`.
    #[schema(example = "builtin")]
    name: String,
    /// `builtin`, `aws_secrets_manager` or `environment`.
    #[schema(example = "builtin")]
    kind: &'static str,
    /// What the kind was told.
    #[schema(value_type = Object, example = json!({}))]
    config: Value,
    /// Whether the installation has it by itself; such a one cannot be deleted.
    built_in: bool,
    /// Whether secrets go there whose creator names no provider.
    default: bool,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<DateTime<Utc>>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<Uuid>,
}

impl From<Provider> for ProviderView {
    fn from(provider: Provider) -> Self {
        Self {
            name: provider.name,
            kind: provider.kind.as_str(),
            config: provider.config,
            built_in: provider.built_in,
            default: provider.default,
            created_at: provider.created_at,
            created_by: provider.created_by,
        }
    }
}

/// All places for secrets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderList {
    providers: Vec<ProviderView>,
}

/// List secret providers
///
/// The stores of this installation, then the workspace's own configurations of them.
#[utoipa::path(
    get, path = "/api/v1/secret-providers", operation_id = "list_secret_providers", tag = "secrets",
    responses((status = 200, description = "All of them.", body = ProviderList))
)]
pub(crate) async fn list_secret_providers(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
) -> Result<Json<ProviderList>, Problem> {
    let providers = secrets.vault.providers(&caller).await?;
    let providers = providers.into_iter().map(ProviderView::from).collect();
    Ok(Json(ProviderList { providers }))
}

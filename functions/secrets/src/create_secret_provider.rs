//! `POST /api/v1/secret-providers`: a named configuration of one of the installation's stores.

use axum::extract::State;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use vault::StoreKind;
use web::openapi::Conflict;
use web::{Allowed, Created, Fields, FromFields, Json, Problem};

use crate::Secrets;
use crate::list_secret_providers::ProviderView;

/// A provider to be made.
#[derive(Debug, ToSchema)]
pub(crate) struct NewProvider {
    /// 1 to 64 characters of a-z, 0-9, _ and -.
    #[schema(example = "billing")]
    name: String,
    /// `builtin`, `aws_secrets_manager` or `environment`.
    #[schema(value_type = KindName)]
    kind: StoreKind,
    /// For `aws_secrets_manager`: `folder`, a part of the names there, below the workspace's own.
    #[schema(value_type = Option<Object>, example = json!({ "folder": "billing" }))]
    config: Map<String, Value>,
}

/// Where values live, as the API's description tells it.
#[derive(ToSchema)]
#[schema(as = SecretStoreKind, rename_all = "snake_case")]
#[allow(dead_code, reason = "describes the body")]
enum KindName {
    Builtin,
    AwsSecretsManager,
    Environment,
}

impl FromFields for NewProvider {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name");
        let kind = fields.required_as("kind");
        let config = match fields.optional("config") {
            None => Some(Map::new()),
            Some(Value::Object(config)) => Some(config),
            Some(
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_),
            ) => {
                fields.refuse(
                    "config",
                    "\"config\" must be an object",
                    "send {} or leave it out",
                );
                None
            }
        };
        Some(Self {
            name: name?,
            kind: kind?,
            config: config?,
        })
    }
}

/// Create a secret provider
///
/// A name for one of the stores that this installation has. A tenant's names at AWS always stand under its
/// own workspace, whatever the configuration says.
#[utoipa::path(
    post, path = "/api/v1/secret-providers", operation_id = "create_secret_provider", tag = "secrets",
    request_body(content = NewProvider,
        example = json!({ "name": "billing", "kind": "aws_secrets_manager", "config": { "folder": "billing" } })),
    responses((status = 201, description = "It is made.", body = ProviderView), Conflict)
)]
pub(crate) async fn create_secret_provider(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
    Json(new): Json<NewProvider>,
) -> Result<Created<ProviderView>, Problem> {
    let NewProvider { name, kind, config } = new;
    let made = secrets
        .vault
        .create_provider(&caller, &name, kind, &config)
        .await?;
    Ok(Created(made.into()))
}

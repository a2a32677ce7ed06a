//! `POST /api/v1/secrets`: stores a value under a name.

use axum::extract::State;
use domain::ids::SecretName;
use secrecy::SecretString;
use utoipa::ToSchema;
use web::openapi::Conflict;
use web::{Allowed, Created, Fields, FromFields, Json, Problem};

use crate::Secrets;
use crate::named_by::named_by;
use crate::view::SecretView;

/// A secret to be stored.
#[derive(Debug, ToSchema)]
pub(crate) struct NewSecret {
    /// 1 to 64 characters of A-Z, 0-9 and _, the first a letter.
    #[schema(value_type = String, example = "QUOTE_API_KEY")]
    name: SecretName,
    /// The value: at least 8 bytes. It is never answered again. Left out for the provider kind `environment`.
    #[schema(value_type = Option<String>, format = Password, example = "not-a-real-key-0001", write_only)]
    value: Option<SecretString>,
    /// The only hosts that it may be sent to, `host` or `host:port`. Absent: the hosts of the tools that
    /// name it, or of the first tool that an admin saves with it.
    #[schema(example = json!(["api.example.com"]), required = false)]
    allowed_hosts: Vec<String>,
    /// Where the value lives: one of `GET /api/v1/secret-providers`. Absent: the default one.
    #[schema(example = "builtin")]
    provider: Option<String>,
    /// For the provider kind `environment`: the variable, when it is not called as the secret is.
    #[schema(example = "LOCAL_QUOTE_KEY")]
    reference: Option<String>,
}

impl FromFields for NewSecret {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.required_as("name");
        let value = fields.optional("value");
        let allowed_hosts = fields.optional("allowed_hosts").unwrap_or_default();
        let provider = fields.optional("provider");
        let reference = fields.optional("reference");
        Some(Self {
            name: name?,
            value,
            allowed_hosts,
            provider,
            reference,
        })
    }
}

/// Store a secret
///
/// It is sent only to its hosts. The answer, like every other, does not hold the value.
#[utoipa::path(
    post, path = "/api/v1/secrets", operation_id = "create_secret", tag = "secrets",
    request_body(content = NewSecret,
        example = json!({ "name": "QUOTE_API_KEY", "value": "not-a-real-key-0001", "allowed_hosts": ["api.example.com"] })),
    responses((status = 201, description = "It is stored.", body = SecretView), Conflict)
)]
pub(crate) async fn create(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
    Json(new): Json<NewSecret>,
) -> Result<Created<SecretView>, Problem> {
    let tools = if new.allowed_hosts.is_empty() {
        named_by(&secrets, &caller, &new.name).await?
    } else {
        Vec::new()
    };
    let new = vault::NewSecret {
        name: &new.name,
        value: new.value.as_ref(),
        provider: new.provider.as_deref(),
        reference: new.reference.as_deref(),
        allowed_hosts: &new.allowed_hosts,
        named_by: &tools,
    };
    let stored = secrets.vault.create_in(&caller, &new).await?;
    Ok(Created(stored.into()))
}

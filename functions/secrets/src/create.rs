//! `POST /api/v1/secrets`: seals a value under a name.

use axum::extract::State;
use domain::ids::SecretName;
use secrecy::SecretString;
use utoipa::ToSchema;
use web::openapi::Conflict;
use web::{AsAdmin, Created, Fields, FromFields, Json, Problem};

use crate::Secrets;
use crate::named_by::named_by;
use crate::view::SecretView;

/// The only provider so far.
const BUILTIN: &str = "builtin";

/// A secret to be stored.
#[derive(Debug, ToSchema)]
pub(crate) struct NewSecret {
    /// 1 to 64 characters of A-Z, 0-9 and _, the first a letter.
    #[schema(value_type = String, example = "QUOTE_API_KEY")]
    name: SecretName,
    /// The value: at least 8 bytes. It is never answered again.
    #[schema(value_type = String, format = Password, example = "not-a-real-key-0001", write_only)]
    value: SecretString,
    /// The only hosts that it may be sent to, `host` or `host:port`. Absent: the host of the tools that
    /// name it, or of the first tool that an admin saves with it.
    #[schema(example = json!(["api.example.com"]), required = false)]
    allowed_hosts: Vec<String>,
    /// Where the value lives: `builtin`.
    #[schema(value_type = Option<String>, example = "builtin")]
    #[allow(dead_code, reason = "checked while it is read")]
    provider: (),
}

impl FromFields for NewSecret {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.required_as("name");
        let value = fields.required("value");
        let allowed_hosts = fields.optional("allowed_hosts").unwrap_or_default();
        let provider: Option<String> = fields.optional("provider");
        if provider.is_some_and(|provider| provider != BUILTIN) {
            fields.refuse(
                "provider",
                "there is no such provider",
                "leave it out, or use builtin",
            );
        }
        Some(Self {
            name: name?,
            value: value?,
            allowed_hosts,
            provider: (),
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
    AsAdmin(caller): AsAdmin,
    State(secrets): State<Secrets>,
    Json(new): Json<NewSecret>,
) -> Result<Created<SecretView>, Problem> {
    let tools = if new.allowed_hosts.is_empty() {
        named_by(&secrets, &caller, &new.name).await?
    } else {
        Vec::new()
    };
    let stored = secrets
        .vault
        .create(&caller, &new.name, &new.value, &new.allowed_hosts, &tools)
        .await?;
    Ok(Created(stored.into()))
}

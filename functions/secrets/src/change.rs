//! `PUT /api/v1/secrets/{name}`: another value, other hosts, or both.

use axum::extract::State;
use domain::ids::SecretName;
use secrecy::SecretString;
use utoipa::ToSchema;
use vault::Change;
use web::openapi::{Conflict, Missing};
use web::{Allowed, Fields, FromFields, Json, Path, Problem};

use crate::Secrets;
use crate::view::SecretView;

/// What is to become of a secret; what is absent stays as it is.
#[derive(Debug, ToSchema)]
pub(crate) struct SecretChange {
    /// The next value: at least 8 bytes. It is never answered again.
    #[schema(value_type = Option<String>, format = Password, example = "not-a-real-key-0002", write_only)]
    value: Option<SecretString>,
    /// All hosts that it may be sent to from now on. None at all: the next tool that an admin saves with
    /// it binds it again.
    #[schema(example = json!(["api.example.com", "eu.api.example.com"]))]
    allowed_hosts: Option<Vec<String>>,
}

impl FromFields for SecretChange {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            value: fields.optional("value"),
            allowed_hosts: fields.optional("allowed_hosts"),
        })
    }
}

/// Change a secret
///
/// A new value counts for every call that begins from now on. `allowed_hosts` replaces the whole list: so
/// an admin approves another host.
#[utoipa::path(
    put, path = "/api/v1/secrets/{name}", operation_id = "change_secret", tag = "secrets",
    params(("name" = String, Path, description = "Its name.", example = "QUOTE_API_KEY")),
    request_body(content = SecretChange,
        example = json!({ "value": "not-a-real-key-0002", "allowed_hosts": ["api.example.com", "eu.api.example.com"] })),
    responses((status = 200, description = "It is changed.", body = SecretView), Missing, Conflict)
)]
pub(crate) async fn change(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
    Path(name): Path<SecretName>,
    Json(change): Json<SecretChange>,
) -> Result<Json<SecretView>, Problem> {
    let change = Change {
        value: change.value.as_ref(),
        allowed_hosts: change.allowed_hosts.as_deref(),
    };
    let changed = secrets.vault.change(&caller, &name, change).await?;
    Ok(Json(changed.into()))
}

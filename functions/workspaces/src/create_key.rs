//! `POST /api/v1/workspaces/{workspace_id}/keys`: a new API key; its value is answered this once.

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::caller::Role;
use persistence::keys::{self, NewKey};
use persistence::{Db, audit};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use web::openapi::Missing;
use web::{Allowed, Created, Fields, FromFields, Json, Problem};

use crate::noted;
use crate::view::KeyView;

/// Longest name, in characters.
const MAX_NAME: usize = 100;

/// An API key to be made.
#[derive(Debug, ToSchema)]
pub(crate) struct ApiKeyRequest {
    /// What it is for: 1 to 100 characters.
    #[schema(example = "ci")]
    name: String,
    /// The most it may do: `viewer`, `member` (default) or `admin`.
    #[schema(value_type = String, example = "member", default = "member", required = false)]
    role: Role,
    /// When it ends (RFC 3339); absent: never.
    #[schema(example = "2027-01-31T00:00:00Z")]
    expires_at: Option<DateTime<Utc>>,
}

impl FromFields for ApiKeyRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name: Option<String> = fields.required("name");
        let role = fields.optional_as("role").unwrap_or(Role::Member);
        let expires_at = expires_at(fields);
        if role == Role::Owner {
            fields.refuse("role", "a key cannot be an owner", "use admin or less");
        }
        if expires_at.is_some_and(|end| end <= Utc::now()) {
            fields.refuse(
                "expires_at",
                "this time is past",
                "name one that is to come",
            );
        }
        let name = name?.trim().to_owned();
        let visible = domain::text::hidden_character(&name).is_none();
        if !(1..=MAX_NAME).contains(&name.chars().count()) || !visible {
            fields.refuse(
                "name",
                "a name has 1 to 100 visible characters",
                "such as ci",
            );
        }
        Some(Self {
            name,
            role,
            expires_at,
        })
    }
}

fn expires_at(fields: &mut Fields) -> Option<DateTime<Utc>> {
    let text: String = fields.optional("expires_at")?;
    let time = DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc());
    if time.is_err() {
        let message = "expires_at must be a time by RFC 3339";
        fields.refuse("expires_at", message, "such as 2027-01-31T00:00:00Z");
    }
    time.ok()
}

/// A key that was just made, with its value.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewApiKey {
    #[serde(flatten)]
    key: KeyView,
    /// The key itself. It is not stored: keep it now.
    #[schema(example = "dtk_3f9aB2xQ0123456789abcdefghijklmnopqrstuvwxyzABCDE")]
    value: String,
}

/// Make an API key
///
/// For machines and MCP clients. The answer holds its value, which is never shown again.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace_id}/keys", operation_id = "create_key", tag = "workspaces",
    params(("workspace_id" = String, Path, description = "Id or slug of the workspace.", example = "research")),
    request_body(content = ApiKeyRequest, example = json!({ "name": "ci", "role": "member" })),
    responses((status = 201, description = "The key, with its value.", body = NewApiKey), Missing)
)]
pub(crate) async fn create_key(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    Json(request): Json<ApiKeyRequest>,
) -> Result<Created<NewApiKey>, Problem> {
    let made = auth::api_key::generate().map_err(|error| Problem::internal(&error))?;
    let new = NewKey {
        workspace_id: caller.workspace_id,
        name: &request.name,
        prefix: &made.prefix,
        hash: &made.hash,
        role: request.role,
        scopes: &[],
        expires_at: request.expires_at,
    };
    let mut tx = db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    let key = keys::insert(&mut tx, &new).await?;
    let (id, detail) = (
        key.id.to_string(),
        json!({ "name": key.name, "role": request.role, "expires_at": key.expires_at }),
    );
    audit::append(&mut tx, &noted(&caller, "key.create", &id, detail)).await?;
    tx.commit().await?;
    Ok(Created(NewApiKey {
        key: key.into(),
        value: made.value.expose_secret().to_owned(),
    }))
}

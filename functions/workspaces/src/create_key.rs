//! `POST /api/v1/workspaces/{workspace_id}/keys`: a new API key; its value is answered this once.

use std::collections::BTreeSet;

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::caller::{Caller, Role};
use domain::rights::Scope;
use persistence::keys::{self, NewKey};
use persistence::{Db, audit};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use web::openapi::Missing;
use web::openapi::words::{KeyRole, ScopeName};
use web::{Allowed, Code, Created, Fields, FromFields, Json, Problem};

use crate::view::KeyView;
use crate::{names, noted};

/// An API key to be made.
#[derive(Debug, ToSchema)]
pub(crate) struct ApiKeyRequest {
    /// What it is for: 1 to 100 characters.
    #[schema(example = "ci")]
    name: String,
    /// The most it may do: `viewer`, `member` (default) or `admin`.
    #[schema(value_type = KeyRole, required = false)]
    role: Role,
    /// What it is narrowed to within its role, such as `tools:run`; absent or empty: nothing less than the role.
    #[schema(inline, value_type = Vec<ScopeName>, example = json!(["tools:read", "tools:run"]), required = false)]
    scopes: Vec<Scope>,
    /// When it ends (RFC 3339); absent: never.
    #[schema(example = "2027-01-31T00:00:00Z")]
    expires_at: Option<DateTime<Utc>>,
}

impl FromFields for ApiKeyRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name: Option<String> = fields.required("name");
        let role = fields.optional_as("role").unwrap_or(Role::Member);
        let scopes = scopes(fields);
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
        let name = names::kept(fields, &name?, "such as ci");
        Some(Self {
            name,
            role,
            scopes,
            expires_at,
        })
    }
}

fn scopes(fields: &mut Fields) -> Vec<Scope> {
    let texts: Vec<String> = fields.optional("scopes").unwrap_or_default();
    let mut scopes = BTreeSet::new();
    for (place, text) in texts.iter().enumerate() {
        match text.parse::<Scope>() {
            Ok(scope) => drop(scopes.insert(scope)),
            Err(unknown) => {
                let known: Vec<&str> = Scope::all().into_iter().map(Scope::as_str).collect();
                let hint = domain::text::did_you_mean(text, &known);
                let hint = hint.unwrap_or_else(|| format!("the scopes are {}", known.join(", ")));
                fields.refuse_at(&format!("/scopes/{place}"), unknown.to_string(), hint);
            }
        }
    }
    scopes.into_iter().collect()
}

/// A key makes no key that may more than itself.
fn narrower(caller: &Caller, scopes: &[Scope]) -> Result<(), Problem> {
    let own = caller.principal.key.as_ref().map(|key| &key.scopes);
    match own.filter(|own| !own.is_empty()) {
        Some(own) if scopes.is_empty() || !scopes.iter().all(|scope| own.contains(scope)) => {
            let detail = "an API key with scopes makes only keys with scopes of its own";
            Err(Problem::new(Code::ScopeRequired, detail))
        }
        Some(_) | None => Ok(()),
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
    narrower(&caller, &request.scopes)?;
    let made = auth::api_key::generate().map_err(|error| Problem::internal(&error))?;
    let new = NewKey {
        workspace_id: caller.workspace_id,
        name: &request.name,
        prefix: &made.prefix,
        hash: &made.hash,
        role: request.role,
        scopes: &request.scopes,
        expires_at: request.expires_at,
    };
    let mut tx = db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    let key = keys::insert(&mut tx, &new).await?;
    let id = key.id.to_string();
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let detail = json!({ "name": key.name, "role": request.role, "scopes": scopes, "expires_at": key.expires_at });
    let line = noted(&caller, "key.create", ("api_key", &id), detail);
    audit::append(&mut tx, &line).await?;
    tx.commit().await?;
    Ok(Created(NewApiKey {
        key: key.into(),
        value: made.value.expose_secret().to_owned(),
    }))
}

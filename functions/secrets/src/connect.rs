//! `POST /api/v1/connections`: begins a person's consent to what a tool does at its provider.

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::config::ConnectionOwner;
use domain::ids::ToolId;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use web::openapi::Missing;
use web::{Allowed, Code, Created, Fields, FromFields, Json, Problem};

use crate::Secrets;

/// The way back, below `PUBLIC_URL`.
const CALLBACK: &str = "/api/v1/connections/callback";

/// What is to be connected.
#[derive(Debug, ToSchema)]
pub(crate) struct NewConnection {
    /// A tool whose `auth.method` is `oauth2_authorization_code`.
    #[schema(value_type = String, example = "list_issues")]
    tool_id: ToolId,
    /// Whose connection it is: `user` or `workspace`. Absent: as the tool says; anything else is refused.
    #[schema(inline, value_type = Option<OwnerName>)]
    r#for: Option<ConnectionOwner>,
}

/// Whose a connection is, as the API's description tells it.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "describes the body")]
enum OwnerName {
    User,
    Workspace,
}

impl FromFields for NewConnection {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let tool_id = fields.required_as("tool_id");
        let owner: Option<String> = fields.optional("for");
        let owner = match owner.as_deref() {
            None => None,
            Some("user") => Some(ConnectionOwner::User),
            Some("workspace") => Some(ConnectionOwner::Workspace),
            Some(_) => {
                fields.refuse("for", "this is neither user nor workspace", "leave it out");
                None
            }
        };
        Some(Self {
            tool_id: tool_id?,
            r#for: owner,
        })
    }
}

/// A consent that has begun.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BegunConnection {
    /// The connection.
    #[schema(example = "0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11")]
    id: Uuid,
    /// What the person opens in a browser. The page at its end shows a code for `…/confirm`.
    #[schema(example = "https://login.example.com/authorize?response_type=code&client_id=abc")]
    connect_url: String,
    /// Until when.
    expires_at: DateTime<Utc>,
}

/// Connect a tool
///
/// The person opens `connect_url`, consents at the provider, and is shown a code; `POST …/{connection_id}/confirm` with it
/// ends the consent. A connection of the whole workspace is for admins. Connecting again replaces the tokens.
#[utoipa::path(
    post, path = "/api/v1/connections", operation_id = "connect", tag = "secrets",
    request_body(content = NewConnection, example = json!({ "tool_id": "list_issues" })),
    responses((status = 201, description = "The consent has begun.", body = BegunConnection), Missing)
)]
pub(crate) async fn connect(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
    Json(new): Json<NewConnection>,
) -> Result<Created<BegunConnection>, Problem> {
    let public_url = secrets
        .public_url
        .as_deref()
        .ok_or_else(|| Problem::new(Code::PublicUrlMissing, "PUBLIC_URL is not configured"))?;
    let back = format!("{public_url}{CALLBACK}");
    let executor = &secrets.executor;
    let link = executor
        .connect(&caller, &new.tool_id, new.r#for, &back)
        .await?;
    Ok(Created(BegunConnection {
        id: link.connection_id.0,
        connect_url: link.url,
        expires_at: link.expires_at,
    }))
}

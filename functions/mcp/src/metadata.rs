//! `GET /.well-known/oauth-protected-resource`: where clients learn who signs people in (RFC 9728).

use axum::extract::State;
use http::HeaderMap;
use http::uri::Authority;
use serde::Serialize;
use utoipa::ToSchema;
use web::openapi::Strange;
use web::{Json, Problem};

use crate::Mcp;
use crate::gate::is_loopback;

/// Where the metadata of `/mcp` stands (RFC 9728, 3.1: the resource's path behind the well-known one).
const PATH: &str = "/.well-known/oauth-protected-resource/mcp";

/// OAuth 2.0 Protected Resource Metadata (RFC 9728).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProtectedResource {
    /// The resource: the URL that MCP clients are given.
    #[schema(example = "https://api.example.com/mcp")]
    resource: String,
    /// Who issues the tokens of people. Empty: API keys only.
    #[schema(example = json!(["https://project.supabase.co/auth/v1"]))]
    authorization_servers: Vec<String>,
    /// How a token is sent: in the header only.
    #[schema(example = json!(["header"]))]
    bearer_methods_supported: [&'static str; 1],
    /// None: rights follow from the role in the workspace.
    scopes_supported: [&'static str; 0],
    /// For people to read.
    #[schema(example = "Tools of a workspace")]
    resource_name: &'static str,
}

impl ProtectedResource {
    fn new(mcp: &Mcp, base: &str) -> Self {
        Self {
            resource: format!("{base}/mcp"),
            authorization_servers: mcp.jwt_issuer.iter().cloned().collect(),
            bearer_methods_supported: ["header"],
            scopes_supported: [],
            resource_name: "Tools of a workspace",
        }
    }
}

/// Where callers reach this product: as the operator says, else as this request came.
fn base(mcp: &Mcp, host: &Authority) -> String {
    match &mcp.public_url {
        Some(url) => url.clone(),
        None if is_loopback(&host.host().to_ascii_lowercase()) => format!("http://{host}"),
        None => format!("https://{host}"),
    }
}

/// The URL of the metadata, for `WWW-Authenticate`.
pub(crate) fn url(mcp: &Mcp, host: &Authority) -> String {
    format!("{}{PATH}", base(mcp, host))
}

fn answer(mcp: &Mcp, headers: &HeaderMap) -> Result<Json<ProtectedResource>, Problem> {
    let host = mcp.gate().admit(headers)?;
    Ok(Json(ProtectedResource::new(mcp, &base(mcp, &host))))
}

/// Who signs people in
///
/// RFC 9728, for clients that look at the root.
#[utoipa::path(
    get, path = "/.well-known/oauth-protected-resource", operation_id = "protected_resource_metadata", tag = "mcp",
    security(()),
    responses((status = 200, description = "The metadata.", body = ProtectedResource), Strange)
)]
pub(crate) async fn metadata(
    State(mcp): State<Mcp>,
    headers: HeaderMap,
) -> Result<Json<ProtectedResource>, Problem> {
    answer(&mcp, &headers)
}

/// Who signs people in, for `/mcp`
///
/// RFC 9728, at the address that `WWW-Authenticate` of a 401 names.
#[utoipa::path(
    get, path = "/.well-known/oauth-protected-resource/mcp", operation_id = "protected_resource_metadata_of_mcp", tag = "mcp",
    security(()),
    responses((status = 200, description = "The metadata.", body = ProtectedResource), Strange)
)]
pub(crate) async fn metadata_of_mcp(
    State(mcp): State<Mcp>,
    headers: HeaderMap,
) -> Result<Json<ProtectedResource>, Problem> {
    answer(&mcp, &headers)
}

//! `POST /api/v1/tools/{tool_id}/verify`: tests a tool's connection without running it.

use axum::extract::State;
use domain::ids::ToolId;
use executor::{Executor, Verified};
use serde::Serialize;
use utoipa::ToSchema;
use web::openapi::{Conflict, Missing};
use web::{Allowed, Json, Path, Problem};

/// How the test went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Verified)]
pub(crate) struct VerifiedView {
    /// Whether the API accepted the credential.
    #[schema(example = true)]
    ok: bool,
    /// The API's status, when it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 200)]
    status: Option<u16>,
    /// What is wrong, when something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<VerifyError>,
    /// Wall time, in milliseconds.
    #[schema(example = 120)]
    duration_ms: u64,
}

/// Why a connection does not work.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerifyError {
    /// What kind of failure: the same codes as of a failed execution.
    #[schema(example = "auth_failed")]
    code: &'static str,
    /// What happened, in one sentence.
    #[schema(example = "The upstream refused the credential (401).")]
    message: String,
    /// What to do about it.
    #[schema(example = "Check the secret API_KEY: store a valid one.")]
    hint: String,
}

impl From<Verified> for VerifiedView {
    fn from(verified: Verified) -> Self {
        Self {
            ok: verified.failure.is_none(),
            status: verified.status,
            error: verified.failure.map(|failure| VerifyError {
                code: failure.code.as_str(),
                message: failure.message,
                hint: failure.hint,
            }),
            duration_ms: u64::try_from(verified.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Test a tool's connection
///
/// Makes the call of the tool's `auth.verify`, with its credential and no input. The answer is 200 also when the
/// connection does not work: `ok` says so. A tool without `auth.verify` is a 409. Not in the execution log.
#[utoipa::path(
    post, path = "/api/v1/tools/{tool_id}/verify", operation_id = "verify_tool", tag = "tools",
    params(("tool_id" = String, Path, description = "Its id.", example = "get_weather")),
    responses((status = 200, description = "How it went.", body = VerifiedView), Missing, Conflict)
)]
pub(crate) async fn verify(
    Allowed(caller): Allowed,
    State(executor): State<Executor>,
    Path(id): Path<ToolId>,
) -> Result<Json<VerifiedView>, Problem> {
    Ok(Json(executor.verify(&caller, &id).await?.into()))
}

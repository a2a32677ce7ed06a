//! `POST /api/v1/connections/{connection_id}/confirm`: the one who began says the code that the page showed.

use axum::extract::State;
use domain::ids::ConnectionId;
use utoipa::ToSchema;
use web::openapi::{Conflict, Missing};
use web::{Allowed, Fields, FromFields, Json, Path, Problem};

use crate::Secrets;
use crate::connection_view::ConnectionView;

/// Longest code that is looked at.
const MAX_CODE: usize = 64;

/// The word of the one who began.
#[derive(Debug, ToSchema)]
pub(crate) struct Confirmation {
    /// What the page showed.
    #[schema(example = "ABCD-EFGH")]
    code: String,
}

impl FromFields for Confirmation {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let code: Option<String> = fields.required("code");
        if code.as_ref().is_some_and(|code| code.len() > MAX_CODE) {
            fields.refuse(
                "code",
                "this is no code that a page showed",
                "it reads ABCD-EFGH",
            );
        }
        Some(Self { code: code? })
    }
}

/// Confirm a connection
///
/// Without the code nobody can lead somebody else through a provider's pages and get that person's account. It can be
/// guessed five times.
#[utoipa::path(
    post, path = "/api/v1/connections/{connection_id}/confirm", operation_id = "confirm_connection", tag = "secrets",
    params(("connection_id" = Uuid, Path, description = "Its id.", example = "0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11")),
    request_body(content = Confirmation, example = json!({ "code": "ABCD-EFGH" })),
    responses((status = 200, description = "It is connected.", body = ConnectionView), Missing, Conflict)
)]
pub(crate) async fn confirm_connection(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
    Path(id): Path<ConnectionId>,
    Json(word): Json<Confirmation>,
) -> Result<Json<ConnectionView>, Problem> {
    let connected = secrets.executor.confirm(&caller, id, &word.code).await?;
    Ok(Json(connected.into()))
}

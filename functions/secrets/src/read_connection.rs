//! `GET /api/v1/connections/{connection_id}`: how a connection stands.

use axum::extract::State;
use domain::ids::ConnectionId;
use web::openapi::Missing;
use web::{Allowed, Json, Path, Problem};

use crate::Secrets;
use crate::connection_view::ConnectionView;

/// Read a connection
///
/// Whether it is connected, until when, and for which hosts; never its tokens.
#[utoipa::path(
    get, path = "/api/v1/connections/{connection_id}", operation_id = "read_connection", tag = "secrets",
    params(("connection_id" = Uuid, Path, description = "Its id.", example = "0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11")),
    responses((status = 200, description = "The connection.", body = ConnectionView), Missing)
)]
pub(crate) async fn read_connection(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
    Path(id): Path<ConnectionId>,
) -> Result<Json<ConnectionView>, Problem> {
    let found = secrets.vault.connection(&caller, id).await?;
    found
        .map(|meta| Json(meta.into()))
        .ok_or_else(Problem::not_found)
}

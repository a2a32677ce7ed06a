//! `DELETE /api/v1/connections/{connection_id}`: forgets a connection's tokens and tells its provider.

use axum::extract::State;
use domain::ids::ConnectionId;
use web::openapi::Missing;
use web::{Allowed, NoContent, Path, Problem};

use crate::Secrets;

/// Disconnect
///
/// For the person whose connection it is, and for admins. The tokens are gone at once; the provider's `revoke_url` is called
/// (RFC 7009), and when that fails they are gone here all the same.
#[utoipa::path(
    delete, path = "/api/v1/connections/{connection_id}", operation_id = "disconnect", tag = "secrets",
    params(("connection_id" = Uuid, Path, description = "Its id.", example = "0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11")),
    responses((status = 204, description = "It is gone."), Missing)
)]
pub(crate) async fn disconnect(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
    Path(id): Path<ConnectionId>,
) -> Result<NoContent, Problem> {
    secrets.executor.disconnect(&caller, id).await?;
    Ok(NoContent)
}

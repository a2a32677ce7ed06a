//! `DELETE /api/v1/secret-providers/{provider_name}`: forgets a configuration that no secret uses.

use axum::extract::State;
use web::openapi::{Conflict, Missing};
use web::{Allowed, NoContent, Path, Problem};

use crate::Secrets;

/// Delete a secret provider
///
/// Refused while secrets live in it; the answer names them.
#[utoipa::path(
    delete, path = "/api/v1/secret-providers/{provider_name}", operation_id = "delete_secret_provider",
    tag = "secrets",
    params(("provider_name" = String, Path, description = "Its name.", example = "billing")),
    responses((status = 204, description = "It is gone."), Missing, Conflict)
)]
pub(crate) async fn delete_secret_provider(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
    Path(name): Path<String>,
) -> Result<NoContent, Problem> {
    if secrets.vault.delete_provider(&caller, &name).await? {
        Ok(NoContent)
    } else {
        Err(Problem::not_found())
    }
}

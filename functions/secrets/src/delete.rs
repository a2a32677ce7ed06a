//! `DELETE /api/v1/secrets/{name}`: forgets a secret; tools that name it fail from now on.

use axum::extract::State;
use domain::ids::SecretName;
use web::openapi::{Changing, Missing};
use web::{Allowed, NoContent, Path, Problem};

use crate::Secrets;

/// Delete a secret
///
/// Tools that name it fail with `secret_missing` from now on.
#[utoipa::path(
    delete, path = "/api/v1/secrets/{name}", operation_id = "delete_secret", tag = "secrets",
    params(("name" = String, Path, description = "Its name.", example = "QUOTE_API_KEY")),
    responses((status = 204, description = "It is gone."), Missing, Changing)
)]
pub(crate) async fn delete(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
    Path(name): Path<SecretName>,
) -> Result<NoContent, Problem> {
    if secrets.vault.delete(&caller, &name).await? {
        Ok(NoContent)
    } else {
        Err(Problem::not_found())
    }
}

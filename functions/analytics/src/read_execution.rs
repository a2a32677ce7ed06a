//! `GET /api/v1/executions/{execution_id}`: one execution with its timeline.

use axum::extract::State;
use domain::ids::ExecutionId;
use persistence::{Db, executions};
use web::openapi::Missing;
use web::{AsViewer, Json, Path, Problem};

use crate::view::ExecutionView;

/// Read an execution
///
/// With input, output, failure and timeline, redacted.
#[utoipa::path(
    get, path = "/api/v1/executions/{execution_id}", operation_id = "read_execution", tag = "analytics",
    params(("execution_id" = Uuid, Path, description = "As answered by the execution.")),
    responses((status = 200, description = "The execution.", body = ExecutionView), Missing)
)]
pub(crate) async fn read_execution(
    AsViewer(caller): AsViewer,
    State(db): State<Db>,
    Path(id): Path<ExecutionId>,
) -> Result<Json<ExecutionView>, Problem> {
    let mut tx = db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    let found = executions::by_id(&mut tx, caller.workspace_id, id).await?;
    tx.commit().await?;
    Ok(Json(found.ok_or_else(Problem::not_found)?.into()))
}

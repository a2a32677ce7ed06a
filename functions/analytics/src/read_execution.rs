//! `GET /api/v1/executions/{execution_id}`: one execution with its timeline.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::ids::ExecutionId;
use domain::ids::WorkspaceId;
use persistence::executions::{self, ExecutionRow};
use persistence::run_steps::{self, Most};
use persistence::{Db, Tx, runs};
use uuid::Uuid;
use web::openapi::Missing;
use web::{Allowed, Json, Path, Problem};

use crate::view::{ExecutionView, OwedView};

/// Read an execution
///
/// With input, output, failure and timeline, redacted. One that was accepted with `Prefer: respond-async` and has not ended yet is
/// answered with `status` alone; so is one that ended without its call being made.
#[utoipa::path(
    get, path = "/api/v1/executions/{execution_id}", operation_id = "read_execution", tag = "analytics",
    params(("execution_id" = Uuid, Path, description = "As answered by the execution.")),
    responses(
        (status = 200, description = "The execution; or how one stands that was accepted and not made yet.",
            body = ExecutionView),
        (status = 202, description = "It was accepted, and has not ended.", body = OwedView),
        Missing,
    )
)]
pub(crate) async fn read_execution(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    Path(id): Path<ExecutionId>,
) -> Result<Response, Problem> {
    let mut tx = db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    let workspace = caller.workspace_id;
    let found = match executions::by_id(&mut tx, workspace, id).await? {
        Some(found) => Some(Json(ExecutionView::from(found)).into_response()),
        None => owed(&mut tx, workspace, id).await?,
    };
    tx.commit().await?;
    found.ok_or_else(Problem::not_found)
}

/// An execution that was accepted: as it was made, or how it stands.
async fn owed(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: ExecutionId,
) -> Result<Option<Response>, Problem> {
    let run = runs::by_id(tx, workspace, id.0).await?;
    let Some(run) = run.filter(|run| run.flow_id.is_none()) else {
        return Ok(None);
    };
    let one = Most { steps: 1, bytes: 0 };
    let page = run_steps::page(tx, workspace, run.id, None, one).await?;
    let step = page.steps.first();
    if run.finished_at.is_none() {
        return Ok(Some(web::accepted(OwedView::new(&run, step))));
    }
    let made = match step {
        Some(step) => made(tx, workspace, run.id, &step.step_id).await?,
        None => None,
    };
    Ok(Some(match made {
        Some(made) => Json(ExecutionView::of_owed(made, run.id)).into_response(),
        None => Json(OwedView::new(&run, step)).into_response(),
    }))
}

/// The call of the attempt that ended it; one that was made before under the same key belongs to no run.
async fn made(
    tx: &mut Tx,
    workspace: WorkspaceId,
    run: Uuid,
    step: &str,
) -> Result<Option<ExecutionRow>, Problem> {
    let attempts = run_steps::attempts(tx, workspace, run, &[step.to_owned()]).await?;
    let mut made = attempts
        .iter()
        .rev()
        .filter_map(|attempt| attempt.execution_id);
    Ok(match made.next() {
        Some(made) => executions::by_id(tx, workspace, ExecutionId(made)).await?,
        None => None,
    })
}

//! `GET /api/v1/conversations/{conversation_id}`: one run of the agent loop.

use axum::extract::State;
use domain::ids::ConversationId;
use persistence::{Db, conversations};
use web::openapi::Missing;
use web::{Allowed, Json, Path, Problem};

use crate::conversation_view::ConversationView;

/// Read a conversation
///
/// One run: what was asked, every call, how it ended, what it cost.
#[utoipa::path(
    get, path = "/api/v1/conversations/{conversation_id}", operation_id = "read_conversation", tag = "orchestrate",
    params(("conversation_id" = Uuid, Path, description = "The `id` of an answer.")),
    responses((status = 200, description = "The run.", body = ConversationView), Missing)
)]
pub(crate) async fn read_conversation(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    Path(id): Path<ConversationId>,
) -> Result<Json<ConversationView>, Problem> {
    let workspace = caller.workspace_id;
    let mut tx = db.begin_as(&caller.principal, Some(workspace)).await?;
    let found = conversations::by_id(&mut tx, workspace, id).await?;
    tx.commit().await?;
    Ok(Json(found.ok_or_else(Problem::not_found)?.into()))
}

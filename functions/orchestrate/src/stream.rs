//! `POST /api/v1/orchestrate/stream`: the same as a stream of events, while the model works.

use axum::extract::State;
use axum::response::Response;
use orchestrator::Agent;
use registry::Registry;
use web::openapi::{Busy, Missing};
use web::{Allowed, Json, Problem};

use crate::request::{OrchestrateRequest, example};
use crate::{events, failed};

/// Ask a model, and hear what it does
///
/// Server-sent events, each at once: `tool_call {tool, call_id, input, status: "running"}`, `tool_result {tool, call_id, output | error}`,
/// `response.delta {text}` while the answer is written, `response {text}` when it is whole, and always last `done {usage, id}`. What goes
/// wrong before the first event is a problem with its status; after it, an `error {code, message, …}` event before `done`. A comment comes
/// every 15 s. Whoever hangs up cancels the run.
#[utoipa::path(
    post, path = "/api/v1/orchestrate/stream", operation_id = "stream_orchestration", tag = "orchestrate",
    request_body(content = OrchestrateRequest, example = example),
    responses(
        (status = 200, description = "The events.", body = String, content_type = "text/event-stream"),
        Missing, Busy,
    )
)]
pub(crate) async fn stream(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    State(agent): State<Agent>,
    Json(request): Json<OrchestrateRequest>,
) -> Result<Response, Problem> {
    let ask = request.ask(&registry, &caller, true).await?;
    let running = agent.start(caller, ask).await.map_err(failed::problem)?;
    events::answer(running).await
}

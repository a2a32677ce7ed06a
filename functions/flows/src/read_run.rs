//! `GET /api/v1/flows/{flow_id}/runs/{run_id}`: one run with its steps, or as a diagram.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::ids::ToolId;
use utoipa::IntoParams;
use uuid::Uuid;
use web::openapi::Missing;
use web::{Allowed, FromQuery, Json, PageOf, Params, PathPair, Problem, Query};
use workflow::Flows;

use crate::format::{Format, diagram};
use crate::run_view::{RunView, STEP_LIST, StepPlace};

/// Which steps are told, and how.
#[derive(Debug)]
pub(crate) struct Wanted {
    format: Format,
    page: PageOf<StepPlace>,
}

/// As the API's description tells [`Wanted`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query")]
pub(crate) struct WantedParams {
    /// `json`, or `mermaid` for a diagram of the steps with their states.
    #[param(inline, example = "json")]
    format: Option<Format>,
    /// At most so many steps.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// `next_cursor` of the page of steps before.
    cursor: Option<String>,
}

impl FromQuery for Wanted {
    fn from_query(params: &mut Params) -> Result<Self, Problem> {
        Ok(Self {
            format: params.parsed("format").unwrap_or(Format::Json),
            page: params.page(STEP_LIST)?,
        })
    }
}

/// Read a run
///
/// With every step: its state, attempts, input, output, error and times. Steps come in pages, which are shorter where steps are large.
#[utoipa::path(
    get, path = "/api/v1/flows/{flow_id}/runs/{run_id}", operation_id = "read_run", tag = "flows",
    params(
        ("flow_id" = String, Path, description = "The flow.", example = "ticker_brief"),
        ("run_id" = Uuid, Path, description = "The run."),
        WantedParams,
    ),
    responses(
        (status = 200, description = "The run.", content((RunView = "application/json"), (String = "text/vnd.mermaid"))),
        Missing,
    )
)]
pub(crate) async fn read_run(
    Allowed(caller): Allowed,
    State(flows): State<Flows>,
    PathPair(id, run): PathPair<ToolId, Uuid>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let Wanted { format, page } = wanted;
    if format == Format::Mermaid {
        let drawn = flows.drawn(&caller, &id, run).await?;
        return Ok(diagram(drawn));
    }
    let limit = usize::from(page.limit);
    let after = page.after.as_ref().map(StepPlace::after);
    let view = flows.run(&caller, &id, run, after, limit).await?;
    Ok(Json(RunView::new(view)).into_response())
}

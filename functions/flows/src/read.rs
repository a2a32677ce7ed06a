//! `GET /api/v1/flows/{flow_id}`: one flow with its definition, or as a diagram.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::flow::mermaid;
use domain::ids::ToolId;
use http::StatusCode;
use http::header::{CACHE_CONTROL, ETAG, HeaderValue};
use registry::{Defined, Registry};
use utoipa::IntoParams;
use web::openapi::Missing;
use web::{Allowed, Code, FromQuery, IfNoneMatch, Params, Path, Problem, Query, etag};

use crate::format::{Format, diagram};
use crate::view::FlowView;

/// Which version is read, and how it is told.
#[derive(Debug)]
pub(crate) struct Wanted {
    version: Option<i32>,
    format: Format,
}

/// As the API's description tells [`Wanted`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query")]
pub(crate) struct WantedParams {
    /// An earlier version instead of the current one; of a retired flow too.
    #[param(minimum = 1)]
    version: Option<i32>,
    /// `json`, or `mermaid` for a diagram of the steps.
    #[param(inline, example = "json")]
    format: Option<Format>,
}

impl FromQuery for Wanted {
    fn from_query(params: &mut Params) -> Result<Self, Problem> {
        let version = params.parsed("version");
        let format = params.parsed("format").unwrap_or(Format::Json);
        Ok(Self { version, format })
    }
}

/// Read a flow
///
/// With its definition, exactly as it was written; or as a Mermaid diagram of its steps.
#[utoipa::path(
    get, path = "/api/v1/flows/{flow_id}", operation_id = "read_flow", tag = "flows",
    params(
        ("flow_id" = String, Path, description = "Its id.", example = "ticker_brief"),
        WantedParams,
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` answered before."),
    ),
    responses(
        (status = 200, description = "The flow.", headers(("ETag" = String, description = "The version's hash.")),
            content((FlowView = "application/json"), (String = "text/vnd.mermaid"))),
        (status = 304, description = "It has not changed."),
        Missing,
    )
)]
pub(crate) async fn read(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Path(id): Path<ToolId>,
    Query(wanted): Query<Wanted>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let defined = registry.flows().read(&caller, &id, wanted.version).await?;
    if wanted.format == Format::Mermaid {
        return drawn(&defined);
    }
    let private = [(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    let hash = &defined.entry.hash;
    if known.has(hash) {
        return Ok((StatusCode::NOT_MODIFIED, private, [(ETAG, etag(hash))]).into_response());
    }
    Ok((private, FlowView::try_from(defined)?.tagged()).into_response())
}

fn drawn(defined: &Defined) -> Result<Response, Problem> {
    let Some(flow) = &defined.entry.flow else {
        let why = defined.entry.quarantined.as_deref().unwrap_or_default();
        let detail = format!("the stored document is no longer valid: {why}");
        return Err(Problem::new(Code::FlowNotRunnable, detail));
    };
    Ok(diagram(mermaid(flow, None)))
}

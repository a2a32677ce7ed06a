//! `POST /api/v1/tools/{tool_id}/test`: tries a tool's recorded fixtures.

use axum::extract::State;
use domain::fault::Fault;
use domain::ids::ToolId;
use executor::{Executor, Tried};
use serde::Serialize;
use utoipa::ToSchema;
use web::openapi::{Conflict, Missing};
use web::{Allowed, Json, Path, Problem};

/// How the fixtures went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestReport {
    /// Whether all passed; true of a tool without any.
    #[schema(example = true)]
    passed: bool,
    /// Each fixture, in the document's order.
    tests: Vec<TestView>,
}

/// How one fixture went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestView {
    /// Its name.
    #[schema(example = "reads the price")]
    name: String,
    /// Whether it passed.
    #[schema(example = true)]
    passed: bool,
    /// What is wrong, with pointers into the tool's document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>, required = false)]
    errors: Vec<Fault>,
}

impl From<Vec<Tried>> for TestReport {
    fn from(tried: Vec<Tried>) -> Self {
        let tests: Vec<TestView> = tried
            .into_iter()
            .map(|tried| TestView {
                name: tried.name,
                passed: tried.faults.is_empty(),
                errors: tried.faults,
            })
            .collect();
        Self {
            passed: tests.iter().all(|test| test.passed),
            tests,
        }
    }
}

/// Test a tool
///
/// Tries the fixtures in the tool's `tests`: the request that an input makes, and what becomes of a recorded answer. Nothing is sent, no
/// secret is read.
#[utoipa::path(
    post, path = "/api/v1/tools/{tool_id}/test", operation_id = "test_tool", tag = "tools",
    params(("tool_id" = String, Path, description = "Its id.", example = "get_weather")),
    responses((status = 200, description = "How it went.", body = TestReport), Missing, Conflict)
)]
pub(crate) async fn test(
    Allowed(caller): Allowed,
    State(executor): State<Executor>,
    Path(id): Path<ToolId>,
) -> Result<Json<TestReport>, Problem> {
    Ok(Json(executor.try_fixtures(&caller, &id).await?.into()))
}

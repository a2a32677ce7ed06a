//! `GET /api/v1/prompts`: the workspace's prompts.

use axum::extract::State;
use registry::Registry;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use web::{Allowed, FromQuery, Json, Page, PageOf, Params, Problem, Query};

use crate::prompt_view::PromptView;

const LIST: &str = "prompts";

/// Which page is listed.
#[derive(Debug)]
pub(crate) struct Wanted(PageOf<String>);

/// As the API's description tells [`Wanted`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query")]
pub(crate) struct WantedParams {
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl FromQuery for Wanted {
    fn from_query(params: &mut Params) -> Result<Self, Problem> {
        params.page(LIST).map(Self)
    }
}

/// A page of saved prompts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PromptList {
    prompts: Vec<PromptView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List prompts
///
/// By id, with version, author and document.
#[utoipa::path(
    get, path = "/api/v1/prompts", operation_id = "list_prompts", tag = "prompts",
    params(WantedParams),
    responses((status = 200, description = "A page of prompts.", body = PromptList))
)]
pub(crate) async fn list_prompts(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<PromptList>, Problem> {
    let Wanted(PageOf { after, limit }) = wanted;
    let prompts = registry.prompts();
    let rows = prompts
        .page(&caller, after.as_deref(), i64::from(limit) + 1)
        .await?;
    let page = Page::cut(rows, limit, LIST, |prompt| prompt.id.clone());
    let prompts = page.items.into_iter().map(PromptView::try_from);
    Ok(Json(PromptList {
        prompts: prompts.collect::<Result<_, _>>()?,
        next_cursor: page.next_cursor,
    }))
}

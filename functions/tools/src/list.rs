//! `GET /api/v1/tools`: the tools as models see them.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::Response;
use domain::caller::Caller;
use domain::formats::Format;
use domain::ids::ToolId;
use registry::Registry;
use serde::Serialize;
use utoipa::openapi::schema::{AnyOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use web::openapi::words;
use web::{Allowed, FromQuery, Page, PageOf, Params, Problem, Query, json};

const LIST: &str = "tools";

/// Longest text to search for, in bytes.
const MAX_SEARCH: usize = 200;

/// Tools found by a search that states no limit.
const FOUND: u16 = 50;

/// Which tools are listed, and how they look.
#[derive(Debug)]
pub(crate) struct Wanted {
    format: Option<Format>,
    which: Which,
}

#[derive(Debug)]
enum Which {
    All,
    Found { q: String, limit: u16 },
    Page(PageOf<ToolId>),
}

/// As the API's description tells [`Wanted`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query")]
pub(crate) struct WantedParams {
    /// The shape of a provider's API: `openai`, `openai_chat`, `anthropic` or `mcp`.
    #[param(inline, value_type = Option<words::Shape>, example = "openai")]
    format: Option<String>,
    /// Only tools that match this text, best first.
    #[param(example = "weather")]
    q: Option<String>,
    /// At most so many; without it all tools are answered.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl FromQuery for Wanted {
    fn from_query(params: &mut Params) -> Result<Self, Problem> {
        let format = params.parsed("format");
        let q = params.text("q").map(|q| q.trim().to_owned());
        let q = q.filter(|q| !q.is_empty());
        let limit = params.limit();
        let after = params.cursor(LIST)?;
        let which = match (q, limit, after) {
            (Some(q), limit, after) => {
                if q.len() > MAX_SEARCH || q.contains('\0') {
                    params.refuse("q", "q has at most 200 bytes", "search for fewer words");
                }
                if after.is_some() {
                    params.refuse("cursor", "a search has one page", "raise limit instead");
                }
                let limit = limit.unwrap_or(FOUND);
                Which::Found { q, limit }
            }
            (None, None, None) => Which::All,
            (None, limit, after) => Which::Page(PageOf {
                after,
                limit: limit.unwrap_or(FOUND),
            }),
        };
        Ok(Self { format, which })
    }
}

/// The workspace's tools.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "describes what the registry wrote")]
pub(crate) struct ToolList {
    tools: Vec<ListedTool>,
    /// Where the next page starts; absent at the end.
    next_cursor: Option<String>,
}

/// What [`list`] answers: by `format`.
#[derive(Serialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "describes what the registry wrote")]
pub(crate) enum Listing {
    Own(ToolList),
    Shaped(ShapedToolList),
}

impl PartialSchema for Listing {
    fn schema() -> RefOr<Schema> {
        // Not "one of": a list without tools is both.
        Schema::AnyOf(
            AnyOfBuilder::new()
                .item(Ref::from_schema_name(ToolList::name()))
                .item(Ref::from_schema_name(ShapedToolList::name()))
                .build(),
        )
        .into()
    }
}

impl ToSchema for Listing {
    fn name() -> Cow<'static, str> {
        "ToolListing".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        for (name, schema) in [
            (ToolList::name(), ToolList::schema()),
            (ShapedToolList::name(), ShapedToolList::schema()),
        ] {
            schemas.push((name.into_owned(), schema));
        }
        ToolList::schemas(schemas);
        ShapedToolList::schemas(schemas);
    }
}

/// The workspace's tools as `format` says.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "describes what the registry wrote")]
pub(crate) struct ShapedToolList {
    tools: Vec<ShapedTool>,
    /// Where the next page starts; absent at the end.
    next_cursor: Option<String>,
}

/// A tool in a provider's own shape.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "describes what the registry wrote")]
pub(crate) enum ShapedTool {
    /// `openai`.
    Openai(OpenaiTool),
    /// `openai_chat`.
    OpenaiChat(OpenaiChatTool),
    /// `anthropic`.
    Anthropic(AnthropicTool),
    /// `mcp`.
    Mcp(McpTool),
}

/// A function of OpenAI's Responses API.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "describes what the registry wrote")]
pub(crate) struct OpenaiTool {
    /// Always `function`.
    #[schema(example = "function")]
    r#type: String,
    /// Its id.
    #[schema(example = "get_weather")]
    name: String,
    /// What it does.
    #[schema(example = "Current weather at a place")]
    description: String,
    /// JSON Schema of the inputs.
    #[schema(value_type = Object)]
    parameters: serde_json::Value,
    /// Whether the schema is in strict mode's subset.
    #[schema(example = false)]
    strict: bool,
}

/// A function of OpenAI's Chat Completions API.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "describes what the registry wrote")]
pub(crate) struct OpenaiChatTool {
    /// Always `function`.
    #[schema(example = "function")]
    r#type: String,
    /// `name`, `description`, `parameters` and `strict`.
    #[schema(value_type = Object)]
    function: serde_json::Value,
}

/// A tool of Anthropic's Messages API.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "describes what the registry wrote")]
pub(crate) struct AnthropicTool {
    /// Its id.
    #[schema(example = "get_weather")]
    name: String,
    /// What it does.
    #[schema(example = "Current weather at a place")]
    description: String,
    /// JSON Schema of the inputs.
    #[schema(value_type = Object)]
    input_schema: serde_json::Value,
}

/// A tool of the Model Context Protocol.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "describes what the registry wrote")]
pub(crate) struct McpTool {
    /// Its id.
    #[schema(example = "get_weather")]
    name: String,
    /// What a person calls it.
    #[schema(example = "Weather")]
    title: String,
    /// What it does.
    #[schema(example = "Current weather at a place")]
    description: String,
    /// JSON Schema of the inputs.
    #[schema(value_type = Object)]
    input_schema: serde_json::Value,
    /// JSON Schema of the output, where that is an object.
    #[schema(value_type = Option<Object>)]
    output_schema: Option<serde_json::Value>,
    /// `readOnlyHint`, `destructiveHint`, `idempotentHint`, `openWorldHint`.
    #[schema(value_type = Object)]
    annotations: serde_json::Value,
}

/// A tool as a model sees it: never its call, credential or host.
#[derive(Serialize, ToSchema)]
#[schema(as = Tool)]
#[allow(dead_code, reason = "describes what the registry wrote")]
pub(crate) struct ListedTool {
    /// Its id: its name for models.
    #[schema(example = "get_weather")]
    id: String,
    /// What a person calls it.
    #[schema(example = "get_weather")]
    name: String,
    /// A longer display name.
    title: Option<String>,
    /// What it does.
    #[schema(example = "Current weather at a place")]
    description: String,
    /// JSON Schema of the visible inputs.
    #[schema(value_type = Object)]
    input_schema: serde_json::Value,
    /// JSON Schema of the output.
    #[schema(value_type = Object)]
    output_schema: serde_json::Value,
    /// Words to find it by.
    tags: Vec<String>,
    /// Whether it may be run.
    enabled: bool,
    /// What running it does: `read_only`, `destructive`, `idempotent`, `open_world`.
    #[schema(value_type = Object)]
    annotations: serde_json::Value,
    /// Its version.
    #[schema(example = 1)]
    version: i32,
    /// `saved`: the workspace's own. `flow`: one of its flows. `builtin`: code that is part of the product.
    #[schema(example = "saved")]
    source: String,
    /// Why its stored config is not accepted any more, if so; it is not run then.
    quarantined: Option<String>,
}

/// List tools
///
/// As models see them, flows with an input schema among them. Without `limit`, `cursor` and `q` all of them.
#[utoipa::path(
    get, path = "/api/v1/tools", operation_id = "list_tools", tag = "tools",
    params(WantedParams),
    responses((status = 200, description = "The tools.", body = Listing))
)]
pub(crate) async fn list(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let Wanted { format, which } = wanted;
    match which {
        Which::All => Ok(json(registry.catalog(&caller).await?.listing(format))),
        Which::Found { q, limit } => {
            let ids = registry.search(&caller, &q, i64::from(limit)).await?;
            let catalog = registry.catalog(&caller).await?;
            let ids = ids.iter().map(String::as_str);
            Ok(json(catalog.listing_of(ids, format)))
        }
        Which::Page(page) => one_page(&registry, &caller, page, format).await,
    }
}

async fn one_page(
    registry: &Registry,
    caller: &Caller,
    page: PageOf<ToolId>,
    format: Option<Format>,
) -> Result<Response, Problem> {
    let catalog = registry.catalog(caller).await?;
    let ids: Vec<ToolId> = catalog
        .tools()
        .map(|tool| &tool.id)
        .filter(|id| page.after.as_ref().is_none_or(|after| *id > after))
        .take(usize::from(page.limit) + 1)
        .cloned()
        .collect();
    let cut = Page::cut(ids, page.limit, LIST, ToolId::clone);
    let listing = catalog.listing_of(cut.items.iter().map(ToolId::as_str), format);
    Ok(match cut.next_cursor {
        None => json(listing),
        Some(cursor) => json(with_cursor(&listing, &cursor)),
    })
}

/// The listing's object with one more member. A cursor is base64url: it needs no escaping.
fn with_cursor(listing: &[u8], cursor: &str) -> Vec<u8> {
    let open = listing.strip_suffix(b"}").unwrap_or(listing);
    let mut text = open.to_vec();
    text.extend_from_slice(format!(",\"next_cursor\":\"{cursor}\"}}").as_bytes());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_where_the_next_one_starts() {
        let text = with_cursor(b"{\"tools\":[]}", "abc");
        assert_eq!(text, b"{\"tools\":[],\"next_cursor\":\"abc\"}");
    }

    #[test]
    fn reads_what_is_wanted() {
        let read = |query: &str| Params::read::<Wanted>(query);
        assert!(matches!(read("").unwrap().which, Which::All));
        assert!(matches!(read("q=%20").unwrap().which, Which::All));
        assert_eq!(read("format=mcp").unwrap().format, Some(Format::Mcp));
        assert!(matches!(read("limit=5").unwrap().which, Which::Page(_)));
        assert!(matches!(
            read("q=%25%25").unwrap().which,
            Which::Found { .. }
        ));
        for bad in ["format=soap", "q=a%00b", "workspace_id=x", "cursor=AAAA"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

//! The protocol's server: what it can do, and what it answers to each method.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use domain::caller::{Caller, Door};
use domain::formats::Format;
use domain::ids::ToolId;
use executor::{Asked, ExecuteOptions};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, GetPromptRequestParams,
    GetPromptResponse, Implementation, ListPromptsResult, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
    ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use telemetry::Carrier;
use web::{Problem, cursor};

use crate::{Mcp, call, prompts};

const LIST: &str = "mcp_tools";

/// Tools of one page at most.
const PAGE: usize = 1_000;

/// Bytes of one page's tools at most: with what stands around them a page is below 1 MB.
const PAGE_BYTES: usize = 1_000_000;

/// The versions of the protocol that are spoken.
pub(crate) const VERSIONS: &[ProtocolVersion] = &[
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2026_07_28,
];

/// What a client is told about this server as a whole.
const INSTRUCTIONS: &str = "The tools and prompts of one workspace. A failed call says what happened and what to do about \
                            it; output that was cut says how to read the rest.";

/// The server for one request of one caller.
#[derive(Clone)]
pub(crate) struct Server {
    mcp: Mcp,
    caller: Caller,
    /// The request that it answers: the library calls it back from tasks of its own.
    request: Carrier,
    page: Arc<OnceLock<String>>,
}

impl Server {
    /// For this caller; what it logs belongs to the current request.
    pub(crate) fn new(mcp: Mcp, caller: Caller) -> Self {
        Self {
            mcp,
            caller,
            request: Carrier::here(),
            page: Arc::default(),
        }
    }

    /// The elements of the list of tools, when one was asked for.
    pub(crate) fn page(&self) -> Option<&str> {
        self.page.get().map(String::as_str)
    }

    /// The page is told apart from the result, which has no tools in it.
    async fn page_of_tools(&self, cursor: Option<&str>) -> Result<ListToolsResult, ErrorData> {
        let after: Option<ToolId> = match cursor {
            None => None,
            Some(cursor) => Some(cursor::decode(LIST, cursor).map_err(|_| bad_cursor())?),
        };
        let catalog = self.mcp.registry.catalog(&self.caller).await;
        let catalog = catalog.map_err(|error| call::broken(Problem::from(error)))?;
        let (tools, last) = catalog.part(Format::Mcp, after.as_ref(), PAGE, PAGE_BYTES);
        self.page.get_or_init(|| tools);
        let mut result = ListToolsResult::with_all_items(Vec::new());
        result.next_cursor = last.map(|last| cursor::encode(LIST, &last));
        Ok(result)
    }

    async fn run(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        progress(context, 0.0, "the call was taken").await;
        let call_id = context.id.to_string();
        let name = request.name;
        let id: ToolId = name.parse().map_err(|_| call::unknown(&name))?;
        let catalog = self.mcp.registry.catalog(&self.caller).await;
        let catalog = catalog.map_err(|error| call::broken(Problem::from(error)))?;
        let tool = catalog.tool(&id).ok_or_else(|| call::unknown(&name))?;
        let has_schema = tool.view.output_schema["type"] == "object";
        let input = Value::Object(request.arguments.unwrap_or_default());
        tracing::debug!(tool_id = %id, call_id, "an MCP client calls a tool");
        let options = ExecuteOptions {
            asked: Some(Asked {
                run_id: None,
                call_id,
            }),
            ..ExecuteOptions::through(Door::Mcp)
        };
        progress(context, 1.0, "the tool is known and runs").await;
        let flows = &self.mcp.flows;
        let result = match flows.call(&self.caller, &id, input, options).await {
            Ok(execution) => call::ran(execution, has_schema),
            Err(error) => call::not_run(&name, error, has_schema)?,
        };
        progress(context, 2.0, "the call ended").await;
        Ok(result)
    }
}

/// A cursor that this list did not make.
pub(crate) fn bad_cursor() -> ErrorData {
    let why =
        "this list did not make that cursor; pass nextCursor on unchanged, or start without one";
    ErrorData::invalid_params(why, None)
}

/// Tells the client how far its call is: taken (0 of 2), running (1), ended (2). More is not known.
async fn progress(context: &RequestContext<RoleServer>, progress: f64, what: &str) {
    let Some(token) = context.meta.get_progress_token() else {
        return;
    };
    let told = ProgressNotificationParam::new(token, progress)
        .with_total(2.0)
        .with_message(what);
    // A client that is gone needs to know nothing.
    let _ = context.peer.notify_progress(told).await;
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .build();
        let about = Implementation::new("api-to-tools", env!("CARGO_PKG_VERSION"))
            .with_title("Tools of a workspace");
        ServerConfig::new(capabilities)
            .with_server_info(about)
            .with_instructions(INSTRUCTIONS)
            .with_protocol_version(ProtocolVersion::V_2025_11_25)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(VERSIONS)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let page = self.page_of_tools(cursor.as_deref());
        self.request.carry(page).await
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let run = self.run(request, &context);
        let result = self.request.carry(run).await?;
        Ok(result.into())
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let prompts = self.mcp.registry.prompts();
        let page = prompts::list(&prompts, &self.caller, cursor.as_deref());
        self.request.carry(page).await
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let prompts = self.mcp.registry.prompts();
        let arguments = request.arguments.unwrap_or_default();
        let prompt = prompts::get(&prompts, &self.caller, &request.name, arguments);
        let result = self.request.carry(prompt).await?;
        Ok(result.into())
    }

    /// There are no resources, so none is found.
    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Err(ErrorData::resource_not_found(
            "Resource not found: this server has none",
            Some(json!({ "uri": request.uri })),
        ))
    }
}

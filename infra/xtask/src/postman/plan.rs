//! The order of the collection: a run from top to bottom makes a workspace of its own, things in it, reads, changes and runs
//! them, shows them to a second person, and takes everything away again. Nothing of it needs the internet.

use super::step::{Folder, Step, step};

/// The whole run.
pub(crate) const PLAN: &[Folder] = &[
    tag("system", SYSTEM),
    tag("workspaces", WORKSPACES),
    tag("tools", TOOLS),
    tag("secrets", SECRETS),
    tag("prompts", PROMPTS),
    tag("orchestrate", ORCHESTRATE),
    tag("flows", FLOWS),
    tag("mcp", MCP),
    tag("marketplace", MARKETPLACE),
    tag("analytics", ANALYTICS),
    Folder {
        name: "clean up",
        description: Some("Takes away what the requests above made."),
        steps: CLEAN_UP,
    },
];

const fn tag(name: &'static str, steps: &'static [Step]) -> Folder {
    Folder {
        name,
        description: None,
        steps,
    }
}

const SYSTEM: &[Step] = &[step("health"), step("docs"), step("openapi")];

const WORKSPACES: &[Step] = &[
    step("create_workspace")
        .body(r#"{ "name": "Postman {{run}}", "slug": "postman-{{run}}" }"#)
        .keeps(&[("workspace_id", "json.id")]),
    step("list_workspaces").query(&[("limit", "200")]),
    step("read_workspace"),
    step("rename_workspace").body(r#"{ "name": "Postman {{run}}, renamed" }"#),
    step("create_workspace")
        .named("Make a workspace, as the second person")
        .body(r#"{ "name": "Postman {{run}}, second person", "slug": "postman-{{run}}-peer" }"#)
        .keeps(&[("peer_workspace_id", "json.id")])
        .by_peer(),
    step("create_key").keeps(&[("key_id", "json.id")]),
    step("list_keys"),
    step("revoke_key"),
    step("invite_member")
        .body(INVITATION)
        .keeps(&[("invitation_id", "json.id")]),
    step("list_invitations"),
    step("list_own_invitations").by_peer(),
    step("accept_invitation").by_peer().alone(404),
    step("list_members").keeps(&[("user_id", "json.members[json.members.length - 1].user_id")]),
    step("change_member")
        .body(r#"{ "role": "viewer" }"#)
        .alone(409),
    step("remove_member").alone(409),
    step("invite_member")
        .named("Invite a member, who will decline")
        .body(INVITATION)
        .keeps(&[("invitation_id", "json.id")]),
    step("decline_invitation").by_peer().alone(404),
    step("invite_member")
        .named("Invite a member, by mistake")
        .body(INVITATION)
        .keeps(&[("invitation_id", "json.id")]),
    step("revoke_invitation"),
];

const INVITATION: &str = r#"{ "email": "{{peerEmail}}", "role": "member" }"#;

const TOOLS: &[Step] = &[
    step("register_tool")
        .body(WEATHER)
        .keeps(&[("tool_id", "json.tool_id")]),
    step("list_tools"),
    step("list_tools")
        .named("List tools, as Anthropic's API takes them")
        .query(&[("format", "anthropic"), ("limit", "2")]),
    step("read_tool"),
    step("preview_tool"),
    step("test_tool"),
    step("verify_tool").fails(&[409], "nothing_to_verify"),
    step("save_tool")
        .body(QUOTE)
        .keeps(&[("quote_id", "json.id")]),
    step("save_tool")
        .named("Save a tool whose id is taken")
        .body(QUOTE)
        .fails(&[409], "already_exists"),
    step("list_saved_tools"),
    step("revise_tool").body(WEATHER_REVISED),
    step("list_tool_versions"),
    step("restore_tool").at(&[("n", "1")]),
    step("execute_tool")
        .at(CALCULATE)
        .body(r#"{ "input": { "expression": "6 * 7" } }"#)
        .answers(&[200]),
    step("execute_tool")
        .named("Run a tool whose API is not there")
        .at(OWN_QUOTE)
        .body(r#"{ "input": { "symbol": "IBM" } }"#)
        .answers(&[500]),
    step("execute_tool")
        .named("Run a tool with an input that does not fit")
        .at(CALCULATE)
        .body(r#"{ "input": { "expresion": "6 * 7" } }"#)
        .fails(&[400], "invalid_input"),
    step("execute_tool")
        .named("Run a tool, and do not wait")
        .at(CALCULATE)
        .headers(&[("Prefer", "respond-async")])
        .body(r#"{ "input": { "expression": "6 * 7" } }"#)
        .answers(&[202])
        .keeps(&[("execution_id", "json.execution_id")]),
];

const CALCULATE: &[(&str, &str)] = &[("tool_id", "calculate")];

/// The tool that is saved and revised: only its description differs.
macro_rules! weather {
    ($description:literal) => {
        concat!(
            r#"{
  "id": "weather_{{run}}",
  "name": "Weather",
  "description": ""#,
            $description,
            r#"",
  "api": {
    "base_url": "https://api.open-meteo.com",
    "path": "/v1/forecast",
    "method": "GET",
    "params": { "current": "temperature_2m" },
    "auth": { "method": "none" }
  },
  "input_schema": {
    "properties": { "latitude": { "type": "number" }, "longitude": { "type": "number" } },
    "required": ["latitude", "longitude"]
  },
  "output_schema": { "properties": { "temperature": { "type": "number" } } },
  "mapping": {
    "input_to_params": { "latitude": "latitude", "longitude": "longitude" },
    "response_to_output": { "temperature": "current.temperature_2m" }
  }
}"#
        )
    };
}

const WEATHER: &str = weather!("Current weather at a place");
const WEATHER_REVISED: &str = weather!("Current temperature at a place, in degrees Celsius");

/// A tool whose host has a variable: whoever installs it says the region.
const QUOTE: &str = r#"{
  "id": "quote_{{run}}",
  "name": "Quote",
  "description": "The latest price of a share",
  "api": {
    "base_url": "https://{region}.quotes.example.com",
    "path": "/v1/quote",
    "method": "GET",
    "connection_vars": { "region": { "enum": ["eu", "us"], "default": "eu" } },
    "auth": { "method": "none" }
  },
  "input_schema": { "properties": { "symbol": { "type": "string" } }, "required": ["symbol"] },
  "output_schema": { "properties": { "price": { "type": "number" } } },
  "mapping": { "input_to_params": { "symbol": "symbol" }, "response_to_output": { "price": "price" } }
}"#;

const QUOTE_REVISED: &str = r#"{
  "id": "quote_{{run}}",
  "name": "Quote",
  "description": "The latest price of one listed share",
  "api": {
    "base_url": "https://{region}.quotes.example.com",
    "path": "/v1/quote",
    "method": "GET",
    "connection_vars": { "region": { "enum": ["eu", "us"], "default": "eu" } },
    "auth": { "method": "none" }
  },
  "input_schema": { "properties": { "symbol": { "type": "string" } }, "required": ["symbol"] },
  "output_schema": { "properties": { "price": { "type": "number" } } },
  "mapping": { "input_to_params": { "symbol": "symbol" }, "response_to_output": { "price": "price" } }
}"#;

const SECRETS: &[Step] = &[
    step("list_secret_providers"),
    step("create_secret_provider").body(r#"{ "name": "billing", "kind": "builtin" }"#),
    step("delete_secret_provider").at(&[("provider_name", "billing")]),
    step("create_secret").at(QUOTE_KEY),
    step("list_secrets"),
    step("change_secret").at(QUOTE_KEY),
    step("delete_secret").at(QUOTE_KEY),
    step("save_tool")
        .named("Save a tool that acts for a person")
        .body(ISSUES),
    step("connect")
        .body(r#"{ "tool_id": "issues_{{run}}" }"#)
        .keeps(&[("connection_id", "json.id")]),
    step("list_connections"),
    step("read_connection"),
    // Only a browser that comes from the provider brings a state that is known.
    step("connection_callback")
        .query(&[("state", "unknown"), ("code", "unknown")])
        .answers(&[400]),
    step("confirm_connection").fails(&[409], "nothing_to_confirm"),
    step("disconnect"),
    step("list_audit"),
    step("verify_audit"),
];

const QUOTE_KEY: &[(&str, &str)] = &[("name", "QUOTE_API_KEY")];

const ISSUES: &str = r#"{
  "id": "issues_{{run}}",
  "name": "Issues",
  "description": "The issues that are assigned to a person",
  "api": {
    "base_url": "https://api.example.com",
    "path": "/v1/issues",
    "method": "GET",
    "auth": {
      "method": "oauth2_authorization_code",
      "oauth2": {
        "authorization_url": "https://login.example.com/authorize",
        "token_url": "https://login.example.com/token",
        "client_id": "7f3c1d",
        "scopes": ["issues.read"]
      }
    }
  },
  "input_schema": { "properties": {} },
  "output_schema": { "properties": { "count": { "type": "integer" } } },
  "mapping": { "response_to_output": { "count": "count" } }
}"#;

const PROMPTS: &[Step] = &[
    step("save_prompt")
        .body(PROMPT)
        .keeps(&[("prompt_id", "json.id")]),
    step("list_prompts"),
    step("read_prompt"),
    step("render_prompt"),
    step("revise_prompt").body(PROMPT_REVISED),
    step("list_prompt_versions"),
    step("restore_prompt").at(&[("n", "1")]),
];

const PROMPT: &str = r#"{
  "id": "report_{{run}}",
  "name": "Weather report",
  "description": "The weather at a place",
  "template": "What is the weather in {{city}}?",
  "variables": { "city": { "type": "string", "description": "Where", "maxLength": 80 } }
}"#;

const PROMPT_REVISED: &str = r#"{
  "id": "report_{{run}}",
  "name": "Weather report",
  "description": "The weather at a place, in one sentence",
  "template": "What is the weather in {{city}}?",
  "variables": { "city": { "type": "string", "description": "Where", "maxLength": 80 } }
}"#;

const ORCHESTRATE: &[Step] = &[
    step("set_model"),
    step("read_model"),
    step("remove_model"),
    step("orchestrate")
        .body(r#"{ "prompt": "Calculate the expression 6 * 7", "tools": ["calculate"] }"#)
        .keeps(&[("conversation_id", "json.id")]),
    step("stream_orchestration")
        .body(r#"{ "prompt": "Calculate the expression 6 * 7", "tools": ["calculate"] }"#),
    step("read_conversation"),
];

const FLOWS: &[Step] = &[
    step("save_flow")
        .body(FLOW)
        .keeps(&[("flow_id", "json.flow_id")]),
    step("list_flows"),
    step("read_flow").answers(&[200]),
    step("read_flow")
        .named("Read a flow, as a diagram")
        .query(&[("format", "mermaid")])
        .answers(&[200]),
    step("revise_flow").body(FLOW_REVISED),
    step("list_flow_versions"),
    step("restore_flow").at(&[("n", "1")]),
    step("execute_flow")
        .body(r#"{ "input": { "a": 40, "b": 2, "ask": true } }"#)
        .answers(&[202])
        .keeps(&[("run_id", "json.run_id")]),
    step("read_run")
        .until("json.steps.some((it) => it.step_id === \"approve\" && it.status === \"running\")"),
    step("list_runs"),
    step("cancel_run"),
    step("read_run")
        .named("Read a run, until it is cancelled")
        .until("json.status === \"cancelled\""),
    step("resume_run").body("{}"),
    step("read_run")
        .named("Read a run, until it waits again")
        .until("json.steps.some((it) => it.step_id === \"approve\" && it.status === \"running\")"),
    step("signal_step")
        .at(&[("step_id", "approve")])
        .body(r#"{ "approved": true }"#),
    step("read_run")
        .named("Read a run, until it has ended")
        .until("json.status === \"succeeded\""),
    step("stream_events"),
];

const FLOW: &str = r#"{
  "id": "sum_{{run}}",
  "name": "Sum",
  "description": "The sum of two numbers, and somebody says yes to it",
  "input_schema": {
    "type": "object",
    "properties": { "a": { "type": "number" }, "b": { "type": "number" }, "ask": { "type": "boolean" } },
    "required": ["a", "b"],
    "additionalProperties": false
  },
  "steps": [
    { "id": "sum", "tool": "calculate", "input": { "expression": "{{ input.a }} + {{ input.b }}" } },
    {
      "id": "approve",
      "depends_on": ["sum"],
      "when": "{{ input.ask | default(false) }}",
      "wait": { "approval": "Is that right?" },
      "timeout_ms": 86400000
    }
  ],
  "output": { "sum": "{{ steps.sum.output.result }}" }
}"#;

const FLOW_REVISED: &str = r#"{
  "id": "sum_{{run}}",
  "name": "Sum",
  "description": "The sum of two numbers, where somebody may be asked",
  "input_schema": {
    "type": "object",
    "properties": { "a": { "type": "number" }, "b": { "type": "number" }, "ask": { "type": "boolean" } },
    "required": ["a", "b"],
    "additionalProperties": false
  },
  "steps": [
    { "id": "sum", "tool": "calculate", "input": { "expression": "{{ input.a }} + {{ input.b }}" } },
    {
      "id": "approve",
      "depends_on": ["sum"],
      "when": "{{ input.ask | default(false) }}",
      "wait": { "approval": "Is that right?" },
      "timeout_ms": 86400000
    }
  ],
  "output": { "sum": "{{ steps.sum.output.result }}" }
}"#;

const MCP: &[Step] = &[
    step("protected_resource_metadata"),
    step("protected_resource_metadata_of_mcp"),
    step("serve_mcp").answers(&[200]),
    step("serve_mcp")
        .named("Speak the Model Context Protocol, to run a tool")
        .body(
            r#"{
  "jsonrpc": "2.0",
  "id": 2,
  "method": "tools/call",
  "params": { "name": "calculate", "arguments": { "expression": "6 * 7" } }
}"#,
        )
        .answers(&[200]),
];

const MARKETPLACE: &[Step] = &[
    step("publish_tool")
        .at(OWN_QUOTE)
        .keeps(&[("public_tool_id", "json.id")]),
    step("publish_prompt"),
    step("publish_flow").keeps(&[("public_flow_id", "json.id")]),
    step("browse_marketplace").query(&[("q", "Quote"), ("sort", "new")]),
    step("read_publication").at(PUBLIC_TOOL),
    step("install")
        .at(PUBLIC_TOOL)
        .body(r#"{ "variables": { "region": "eu" } }"#)
        .keeps(&[("install_id", "json.tool_id")])
        .by_peer(),
    step("list_installs").by_peer(),
    step("read_install").at(INSTALLED).by_peer(),
    step("bind_install")
        .at(INSTALLED)
        .body(r#"{ "variables": { "region": "us" } }"#)
        .by_peer(),
    step("revise_tool")
        .named("Change the published tool")
        .at(OWN_QUOTE)
        .body(QUOTE_REVISED),
    step("publish_tool")
        .named("Publish the tool's next version")
        .at(OWN_QUOTE),
    step("read_install")
        .named("Read an install, and what an update would change")
        .at(INSTALLED)
        .keeps(&[("latest_hash", "json.latest.hash")])
        .by_peer(),
    step("update_install")
        .at(INSTALLED)
        .body(r#"{ "hash": "{{latest_hash}}", "accept": true }"#)
        .by_peer(),
    step("install")
        .named("Install a flow from the marketplace")
        .at(PUBLIC_FLOW)
        .body("{}")
        .keeps(&[("installed_flow_id", "json.tool_id")])
        .by_peer(),
    step("execute_flow")
        .named("Run the installed flow")
        .at(&[("flow_id", "{{installed_flow_id}}")])
        .headers(&[("Prefer", "wait=20")])
        .body(r#"{ "input": { "a": 40, "b": 2 } }"#)
        .answers(&[200])
        .by_peer(),
    // Nobody reviews what a workspace of their own publishes.
    step("review").at(PUBLIC_FLOW).by_peer().alone(403),
    step("list_reviews").at(PUBLIC_FLOW).by_peer(),
    step("take_back_review")
        .at(PUBLIC_FLOW)
        .by_peer()
        .alone(404),
    step("withdraw_flow"),
    step("withdraw_prompt"),
    step("withdraw_tool").at(OWN_QUOTE),
];

const OWN_QUOTE: &[(&str, &str)] = &[("tool_id", "{{quote_id}}")];
const PUBLIC_TOOL: &[(&str, &str)] = &[("tool_id", "{{public_tool_id}}")];
const PUBLIC_FLOW: &[(&str, &str)] = &[("tool_id", "{{public_flow_id}}")];
const INSTALLED: &[(&str, &str)] = &[("kind", "tool"), ("tool_id", "{{install_id}}")];

const ANALYTICS: &[Step] = &[
    step("list_executions"),
    step("read_execution").until("pm.response.code === 200"),
    step("read_tool_analytics").at(CALCULATE),
    step("read_workspace_analytics"),
    step("read_workspace_analytics")
        .named("Read a workspace's analytics, as CSV")
        .query(&[("format", "csv")]),
];

const CLEAN_UP: &[Step] = &[
    step("retire_flow"),
    step("retire_prompt"),
    step("retire_tool"),
    step("retire_tool")
        .named("Retire a tool of the product")
        .at(CALCULATE)
        .fails(&[409], "built_in_tool"),
    step("delete_workspace"),
    step("read_workspace")
        .named("Read a deleted workspace")
        .fails(&[404], "workspace_not_found"),
    step("restore_workspace"),
    step("delete_workspace").named("Delete the workspace again"),
    step("delete_workspace")
        .named("Delete the second person's workspace")
        .at(&[("workspace_id", "{{peer_workspace_id}}")])
        .by_peer(),
];

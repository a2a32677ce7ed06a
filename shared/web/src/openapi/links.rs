//! What an answer leads to: OpenAPI's links, for people, for client generators and for tests that follow them.

use std::collections::BTreeMap;

use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, RefOr};

use super::operations;

/// An answer of this operation holds in a member of its body what another operation takes in its path.
struct Leads {
    from: &'static str,
    member: &'static str,
    /// The parameter that the member fills.
    parameter: &'static str,
    to: &'static [&'static str],
}

const fn leads(
    from: &'static str,
    member: &'static str,
    parameter: &'static str,
    to: &'static [&'static str],
) -> Leads {
    Leads {
        from,
        member,
        parameter,
        to,
    }
}

const RUN: &[&str] = &["read_run", "stream_events", "cancel_run", "resume_run"];
const TOOL: &[&str] = &[
    "read_tool",
    "execute_tool",
    "preview_tool",
    "list_tool_versions",
    "publish_tool",
    "retire_tool",
];

const LINKS: &[Leads] = &[
    leads("register_tool", "tool_id", "tool_id", TOOL),
    leads("save_tool", "id", "tool_id", TOOL),
    leads(
        "execute_tool",
        "execution_id",
        "execution_id",
        &["read_execution"],
    ),
    leads(
        "save_flow",
        "flow_id",
        "flow_id",
        &[
            "read_flow",
            "execute_flow",
            "list_flow_versions",
            "publish_flow",
            "retire_flow",
        ],
    ),
    leads("execute_flow", "run_id", "run_id", RUN),
    leads(
        "save_prompt",
        "id",
        "prompt_id",
        &[
            "read_prompt",
            "render_prompt",
            "list_prompt_versions",
            "publish_prompt",
            "retire_prompt",
        ],
    ),
    leads(
        "orchestrate",
        "id",
        "conversation_id",
        &["read_conversation"],
    ),
    leads(
        "create_secret",
        "name",
        "name",
        &["change_secret", "delete_secret"],
    ),
    leads(
        "create_secret_provider",
        "name",
        "provider_name",
        &["delete_secret_provider"],
    ),
    leads(
        "connect",
        "id",
        "connection_id",
        &["read_connection", "confirm_connection", "disconnect"],
    ),
    leads(
        "create_workspace",
        "id",
        "workspace_id",
        &[
            "read_workspace",
            "rename_workspace",
            "list_members",
            "create_key",
        ],
    ),
    leads("create_key", "id", "key_id", &["revoke_key"]),
    leads(
        "invite_member",
        "id",
        "invitation_id",
        &["revoke_invitation"],
    ),
    leads(
        "publish_tool",
        "id",
        "tool_id",
        &["read_publication", "install", "list_reviews"],
    ),
    leads(
        "publish_flow",
        "id",
        "tool_id",
        &["read_publication", "install"],
    ),
];

/// Writes the links into the answers with a body of JSON that say yes.
pub(super) fn add(whole: &mut OpenApi) {
    let paths = places(whole);
    for item in whole.paths.paths.values_mut() {
        for operation in operations(item) {
            let id = operation.operation_id.clone().unwrap_or_default();
            for lead in LINKS.iter().filter(|lead| lead.from == id) {
                for to in lead.to {
                    add_one(operation, lead, to, &paths);
                }
            }
        }
    }
}

fn add_one(
    operation: &mut Operation,
    lead: &Leads,
    to: &str,
    paths: &BTreeMap<String, Vec<String>>,
) {
    let own = operation.operation_id.as_ref().and_then(|id| paths.get(id));
    // What both paths name is the same in both.
    let shared: Vec<String> = paths
        .get(to)
        .into_iter()
        .flatten()
        .filter(|name| *name != lead.parameter && own.is_some_and(|own| own.contains(name)))
        .cloned()
        .collect();
    let answers = operation.responses.responses.iter_mut();
    for (_, answer) in answers.filter(|(status, _)| status.starts_with('2')) {
        let RefOr::T(answer) = answer else {
            continue;
        };
        if !answer.content.contains_key("application/json") {
            continue;
        }
        let mut link = LinkBuilder::new()
            .operation_id(to)
            .parameter(lead.parameter, format!("$response.body#/{}", lead.member));
        for name in &shared {
            link = link.parameter(name, format!("$request.path.{name}"));
        }
        answer.links.insert(to.to_owned(), link.build().into());
    }
}

/// The parameters in the path of every operation.
fn places(whole: &mut OpenApi) -> BTreeMap<String, Vec<String>> {
    let mut places = BTreeMap::new();
    for (path, item) in &mut whole.paths.paths {
        let names: Vec<String> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(str::to_owned)
            .collect();
        for operation in operations(item) {
            let id = operation.operation_id.clone().unwrap_or_default();
            places.insert(id, names.clone());
        }
    }
    places
}

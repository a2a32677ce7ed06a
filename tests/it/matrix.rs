//! Every operation × everybody: who is let in, who is told to sign in, who sees nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::hostile::rig::Rig;

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Nobody has to sign in.
    Public,
    /// Nobody has to sign in, but only a link of ours leads on.
    Link,
    /// Any signed-in person.
    Person,
    /// At least a viewer of the workspace.
    Viewer,
    /// At least a member.
    Member,
    /// At least an admin.
    Admin,
}

/// The contract of `design` "HTTP API", by operation id. An operation that is not here fails the test.
const OPERATIONS: &[(&str, Needs)] = &[
    ("health", Needs::Public),
    ("docs", Needs::Public),
    ("openapi", Needs::Public),
    ("register_tool", Needs::Member),
    ("list_tools", Needs::Viewer),
    ("read_tool", Needs::Viewer),
    ("execute_tool", Needs::Member),
    ("preview_tool", Needs::Member),
    ("verify_tool", Needs::Member),
    ("list_saved_tools", Needs::Viewer),
    ("save_tool", Needs::Member),
    ("revise_tool", Needs::Member),
    ("retire_tool", Needs::Admin),
    ("list_tool_versions", Needs::Viewer),
    ("restore_tool", Needs::Member),
    ("save_flow", Needs::Member),
    ("list_flows", Needs::Viewer),
    ("execute_flow", Needs::Member),
    ("list_runs", Needs::Viewer),
    ("read_run", Needs::Viewer),
    ("stream_events", Needs::Viewer),
    ("cancel_run", Needs::Member),
    ("resume_run", Needs::Member),
    ("signal_step", Needs::Member),
    ("read_flow", Needs::Viewer),
    ("revise_flow", Needs::Member),
    ("retire_flow", Needs::Admin),
    ("list_flow_versions", Needs::Viewer),
    ("restore_flow", Needs::Member),
    ("create_secret", Needs::Admin),
    ("list_secrets", Needs::Member),
    ("delete_secret", Needs::Admin),
    ("change_secret", Needs::Admin),
    ("list_secret_providers", Needs::Admin),
    ("create_secret_provider", Needs::Admin),
    ("delete_secret_provider", Needs::Admin),
    ("connect", Needs::Member),
    ("connection_callback", Needs::Link),
    ("list_connections", Needs::Member),
    ("read_connection", Needs::Member),
    ("confirm_connection", Needs::Member),
    ("disconnect", Needs::Member),
    ("list_audit", Needs::Admin),
    ("verify_audit", Needs::Admin),
    ("create_workspace", Needs::Person),
    ("list_workspaces", Needs::Person),
    ("read_workspace", Needs::Viewer),
    ("create_key", Needs::Admin),
    ("list_keys", Needs::Admin),
    ("revoke_key", Needs::Admin),
    ("orchestrate", Needs::Member),
    ("stream_orchestration", Needs::Member),
    ("read_conversation", Needs::Viewer),
    ("read_model", Needs::Member),
    ("set_model", Needs::Admin),
    ("remove_model", Needs::Admin),
    ("save_prompt", Needs::Member),
    ("list_prompts", Needs::Viewer),
    ("read_prompt", Needs::Viewer),
    ("revise_prompt", Needs::Member),
    ("retire_prompt", Needs::Admin),
    ("list_prompt_versions", Needs::Viewer),
    ("restore_prompt", Needs::Member),
    ("render_prompt", Needs::Viewer),
    ("serve_mcp", Needs::Member),
    ("protected_resource_metadata", Needs::Public),
    ("protected_resource_metadata_of_mcp", Needs::Public),
    ("list_executions", Needs::Viewer),
    ("read_tool_analytics", Needs::Viewer),
    ("read_workspace_analytics", Needs::Viewer),
    ("read_execution", Needs::Viewer),
];

/// One operation of the OpenAPI document.
struct Operation {
    id: String,
    method: String,
    path: String,
}

async fn operations(rig: &Rig) -> Vec<Operation> {
    let document = rig.get("/openapi.json").await.json;
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if let Some(id) = operation["operationId"].as_str() {
                operations.push(Operation {
                    id: id.to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                });
            }
        }
    }
    operations
}

/// The path with ids that exist in the first workspace.
fn addressed(path: &str, ids: &BTreeMap<&str, String>) -> String {
    let mut path = path.to_owned();
    for (name, value) in ids {
        path = path.replace(&format!("{{{name}}}"), value);
    }
    assert!(
        !path.contains('{'),
        "{path}: say what stands for the parameter"
    );
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_operation_lets_in_whom_it_should_and_nobody_else() {
    let rig = Rig::allowing(&[]).await;
    let table: BTreeMap<&str, Needs> = OPERATIONS.iter().copied().collect();
    let found = operations(&rig).await;
    for operation in &found {
        assert!(
            table.contains_key(operation.id.as_str()),
            "{}: who may call it?",
            operation.id
        );
    }
    for id in table.keys() {
        assert!(
            found.iter().any(|operation| operation.id == *id),
            "{id} is gone"
        );
    }
    let ids = rig.furnished().await;
    for operation in &found {
        let needs = table[operation.id.as_str()];
        let path = addressed(&operation.path, &ids);
        let told = |who: &str, status: u16| format!("{} as {who}: {status}", operation.id);
        let call = async |token: Option<&str>, workspace: Option<&str>| {
            rig.call(&operation.method, &path, token, workspace).await
        };
        let anonymous = call(None, None).await.status;
        let stranger = call(Some(rig.neighbour_token()), Some(&rig.workspace_id()))
            .await
            .status;
        let viewer = call(Some(&rig.token_of("viewer")), Some(&rig.workspace_id()))
            .await
            .status;
        let member = call(Some(&rig.token_of("member")), Some(&rig.workspace_id()))
            .await
            .status;
        if needs == Needs::Public {
            assert!(anonymous < 400, "{}", told("anonymous", anonymous));
            continue;
        }
        if needs == Needs::Link {
            assert_eq!(anonymous, 400, "{}", told("anonymous", anonymous));
            continue;
        }
        assert_eq!(anonymous, 401, "{}", told("anonymous", anonymous));
        if needs == Needs::Person {
            assert_ne!(stranger, 401, "{}", told("another workspace", stranger));
            continue;
        }
        assert_eq!(stranger, 404, "{}", told("another workspace", stranger));
        let viewer_is_let_in = needs == Needs::Viewer;
        assert_eq!(
            viewer != 403,
            viewer_is_let_in,
            "{}",
            told("viewer", viewer)
        );
        let member_is_let_in = matches!(needs, Needs::Viewer | Needs::Member);
        assert_eq!(
            member != 403,
            member_is_let_in,
            "{}",
            told("member", member)
        );
        for (who, status) in [("viewer", viewer), ("member", member)] {
            assert!(status < 500 && status != 401, "{}", told(who, status));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_in_its_own_workspace_finds_nothing_of_ours() {
    let rig = Rig::allowing(&[]).await;
    let ids = rig.furnished().await;
    for operation in operations(&rig).await {
        let needs = OPERATIONS
            .iter()
            .find(|(id, _)| *id == operation.id)
            .unwrap()
            .1;
        if matches!(needs, Needs::Public | Needs::Link) || operation.id == "create_workspace" {
            continue;
        }
        let path = addressed(&operation.path, &ids);
        let answer = rig
            .call(&operation.method, &path, Some(rig.neighbour_token()), None)
            .await;
        let names_an_object = operation.path.contains('{');
        if names_an_object {
            assert!(
                matches!(answer.status, 404 | 400 | 415),
                "{}: {} {}",
                operation.id,
                answer.status,
                answer.text
            );
        }
        for value in ids.values().filter(|value| value.len() > 3) {
            let echoed = answer.json["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains(value));
            assert!(
                echoed || answer.status >= 400 || !answer.text.contains(value),
                "{} shows {value}: {}",
                operation.id,
                answer.text
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_asking_is_settled_before_the_body_is_looked_at() {
    let rig = Rig::allowing(&[]).await;
    let broken = json!({ "method": "POST", "path": "/api/v1/tools", "raw": "{not json",
                         "headers": { "Authorization": "Bearer nonsense" } });
    let answer = rig.send(&broken, &[]).await;
    assert_eq!(answer.status, 401, "{}", answer.text);
    assert_eq!(answer.json["code"], Value::from("invalid_token"));
}

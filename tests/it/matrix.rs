//! Every operation × everybody: who is let in, who is told to sign in, who sees nothing.

use std::collections::{BTreeMap, BTreeSet};

use domain::caller::Role;
use domain::rights::{Needs, RIGHTS};
use serde_json::{Value, json};

use crate::hostile::rig::Rig;

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
    // What is public goes by its public id.
    let mut path = path.replace("/marketplace/{tool_id}", "/marketplace/{publication_id}");
    for (name, value) in ids {
        path = path.replace(&format!("{{{name}}}"), value);
    }
    assert!(
        !path.contains('{'),
        "{path}: say what stands for the parameter"
    );
    path
}

/// The table against the API's description: an operation that is in one and not in the other fails.
#[tokio::test]
async fn every_operation_has_its_row_and_every_row_its_operation() {
    let rig = Rig::allowing(&[]).await;
    let described: BTreeSet<(String, String, String)> = operations(&rig)
        .await
        .into_iter()
        .map(|operation| (operation.id, operation.method, operation.path))
        .collect();
    let ruled: BTreeSet<(String, String, String)> = RIGHTS
        .iter()
        .map(|right| {
            (
                right.operation.to_owned(),
                right.method.to_owned(),
                right.path.to_owned(),
            )
        })
        .collect();
    let missing: Vec<_> = described.difference(&ruled).collect();
    assert!(missing.is_empty(), "who may call them? {missing:?}");
    let gone: Vec<_> = ruled.difference(&described).collect();
    assert!(gone.is_empty(), "they are gone: {gone:?}");
}

const ROLES: [Role; 4] = [Role::Viewer, Role::Member, Role::Admin, Role::Owner];

/// The least role that an operation of a workspace is open to, for somebody whom its path does not name.
fn least(needs: Needs) -> Option<Role> {
    match needs {
        Needs::Public | Needs::Link | Needs::Person => None,
        Needs::Viewer => Some(Role::Viewer),
        Needs::Member => Some(Role::Member),
        Needs::Admin | Needs::SelfOrAdmin => Some(Role::Admin),
        Needs::Owner => Some(Role::Owner),
    }
}

fn needs(operation: &Operation) -> Needs {
    let mut rows = RIGHTS.iter();
    rows.find(|right| right.operation == operation.id)
        .unwrap_or_else(|| panic!("{}: who may call it?", operation.id))
        .needs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_operation_lets_in_whom_it_should_and_nobody_else() {
    let rig = Rig::allowing(&[]).await;
    let ids = rig.furnished().await;
    let workspace = rig.workspace_id();
    let mut found = operations(&rig).await;
    // Behind it there is nobody to let in any more.
    found.sort_by_key(|operation| operation.id == "delete_workspace");
    for operation in &found {
        let path = addressed(&operation.path, &ids);
        let told = |who: &str, status: u16| format!("{} as {who}: {status}", operation.id);
        let call = async |token: Option<&str>, workspace: Option<&str>| {
            let answer = rig.call(&operation.method, &path, token, workspace);
            answer.await.status
        };
        let needs = needs(operation);
        let anonymous = call(None, None).await;
        match needs {
            Needs::Public => assert!(anonymous < 400, "{}", told("anonymous", anonymous)),
            Needs::Link => assert_eq!(anonymous, 400, "{}", told("anonymous", anonymous)),
            _ => assert_eq!(anonymous, 401, "{}", told("anonymous", anonymous)),
        }
        if matches!(needs, Needs::Public | Needs::Link) {
            continue;
        }
        let stranger = call(Some(rig.neighbour_token()), Some(&workspace)).await;
        let Some(least) = least(needs) else {
            assert_ne!(stranger, 401, "{}", told("another workspace", stranger));
            assert_ne!(stranger, 403, "{}", told("another workspace", stranger));
            continue;
        };
        assert_eq!(stranger, 404, "{}", told("another workspace", stranger));
        // From the lowest role on: what is let in may change what the next one finds.
        for role in ROLES {
            let status = call(Some(&rig.token_of(role.as_str())), Some(&workspace)).await;
            assert_eq!(
                status != 403,
                role >= least,
                "{}",
                told(role.as_str(), status)
            );
            assert!(
                status < 500 && status != 401,
                "{}",
                told(role.as_str(), status)
            );
        }
    }
}

/// A key of an admin that has one scope opens the operations of that scope, whatever else its maker may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_with_a_scope_opens_the_operations_of_that_scope_and_no_others() {
    let rig = Rig::allowing(&[]).await;
    let ids = rig.furnished().await;
    let keys = format!("/api/v1/workspaces/{}/keys", rig.workspace_id());
    let mut opened = BTreeSet::new();
    for scope in ["tools:read", "members:read", "audit:read"] {
        let body = json!({ "name": scope, "role": "admin", "scopes": [scope] });
        let made = rig.post(&keys, &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let key = made.json["value"].as_str().unwrap();
        for operation in operations(&rig).await {
            let mut rows = RIGHTS.iter();
            let right = rows.find(|right| right.operation == operation.id).unwrap();
            if matches!(right.needs, Needs::Public | Needs::Link) {
                continue;
            }
            let path = addressed(&operation.path, &ids);
            let answer = rig.call(&operation.method, &path, Some(key), None).await;
            let let_in = right.scope.is_some_and(|own| own.as_str() == scope);
            assert_eq!(
                answer.status != 403,
                let_in,
                "{} with {scope}: {}",
                operation.id,
                answer.text
            );
            if let_in {
                opened.insert(operation.id);
            }
        }
    }
    assert!(opened.contains("list_members") && opened.contains("read_tool"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_in_its_own_workspace_finds_nothing_of_ours() {
    let rig = Rig::allowing(&[]).await;
    let ids = rig.furnished().await;
    for operation in operations(&rig).await {
        if matches!(needs(&operation), Needs::Public | Needs::Link)
            || operation.id == "create_workspace"
            // What is public is the neighbour's to install.
            || operation.path.starts_with("/api/v1/marketplace")
        {
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
        for value in ids.values().filter(|value| value.len() > 4) {
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

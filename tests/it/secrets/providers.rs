//! `/api/v1/secret-providers`: where values may live.

use serde_json::{Value, json};
use testkit::TestApp;

use super::aws::with_aws;

const PATH: &str = "/api/v1/secret-providers";

fn names(listed: &Value) -> Vec<&str> {
    let listed = listed["providers"].as_array().unwrap().iter();
    listed
        .map(|provider| provider["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn the_builtin_one_is_always_there() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let listed = alice.get(PATH).await;
    assert_eq!(listed.status(), 200, "{}", listed.text());
    assert_eq!(
        listed.json(),
        json!({ "providers": [
            { "name": "builtin", "kind": "builtin", "config": {}, "built_in": true, "default": true }
        ] })
    );
    let refused = alice.delete(&format!("{PATH}/builtin")).await;
    assert_eq!(
        (refused.status().as_u16(), refused.code()),
        (409, "provider_in_use".into()),
        "{}",
        refused.text()
    );
}

#[tokio::test]
async fn a_named_one_is_used_and_cannot_go_while_it_is() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let new = json!({ "name": "vault-1", "kind": "builtin" });
    let made = alice.post(PATH, &new).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!(made.json()["built_in"], false);
    assert_eq!(alice.post(PATH, &new).await.code(), "already_exists");
    assert_eq!(names(&alice.get(PATH).await.json()), ["builtin", "vault-1"]);
    assert_eq!(names(&bob.get(PATH).await.json()), ["builtin"]);

    let secret =
        json!({ "name": "API_KEY", "value": "a-value-of-some-length", "provider": "vault-1" });
    let foreign = bob.post("/api/v1/secrets", &secret).await;
    assert_eq!(
        foreign.json()["errors"][0]["pointer"],
        "/provider",
        "{}",
        foreign.text()
    );
    let stored = alice.post("/api/v1/secrets", &secret).await;
    assert_eq!(stored.json()["provider"], "vault-1", "{}", stored.text());
    let listed = app.member().get("/api/v1/secrets").await.json();
    assert_eq!(listed["secrets"][0]["provider"], "vault-1", "{listed}");
    let one = format!("{PATH}/vault-1");
    let refused = alice.delete(&one).await;
    assert_eq!(
        (refused.status().as_u16(), refused.code()),
        (409, "provider_in_use".into()),
        "{}",
        refused.text()
    );
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("API_KEY"),
        "{}",
        refused.text()
    );
    assert_eq!(bob.delete(&one).await.status(), 404);
    assert_eq!(alice.delete("/api/v1/secrets/API_KEY").await.status(), 204);
    assert_eq!(alice.delete(&one).await.status(), 204);
    assert_eq!(alice.delete(&one).await.status(), 404);
}

#[tokio::test]
async fn tells_every_fault_at_once() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    for (new, pointers) in [
        (
            json!({ "name": "A b", "kind": "builtin", "config": { "folder": "x" } }),
            vec!["/name", "/config/folder"],
        ),
        (
            json!({ "name": "environment", "kind": "builtin" }),
            vec!["/name"],
        ),
        (
            json!({ "name": "aws", "kind": "aws_secrets_manager" }),
            vec!["/kind"],
        ),
        (
            json!({ "name": "aws", "kind": "vault", "config": [] }),
            vec!["/kind", "/config"],
        ),
        (json!({ "kind": "builtin" }), vec!["/name"]),
    ] {
        let refused = alice.post(PATH, &new).await;
        assert_eq!(refused.status(), 400, "{}", refused.text());
        let problem = refused.json();
        let told: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| fault["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(told, pointers, "{problem}");
    }
}

#[tokio::test]
async fn belongs_to_admins() {
    let (app, _, _) = TestApp::with_two_workspaces().await;
    let new = json!({ "name": "vault-1", "kind": "builtin" });
    for (who, status) in [(app.viewer(), 403), (app.member(), 403), (app.anon(), 401)] {
        assert_eq!(who.get(PATH).await.status(), status, "{}", who.name());
        assert_eq!(
            who.post(PATH, &new).await.status(),
            status,
            "{}",
            who.name()
        );
        assert_eq!(
            who.delete(&format!("{PATH}/vault-1")).await.status(),
            status,
            "{}",
            who.name()
        );
    }
}

#[tokio::test]
async fn a_folder_at_aws_stands_below_the_workspace() {
    let Some((app, aws)) = with_aws("a_folder_at_aws_stands_below_the_workspace", 60).await else {
        return;
    };
    let alice = app.alice();
    let listed = alice.get(PATH).await.json();
    assert_eq!(names(&listed), ["builtin", "aws_secrets_manager"]);
    assert_eq!(
        (
            &listed["providers"][0]["default"],
            &listed["providers"][1]["default"]
        ),
        (&json!(false), &json!(true))
    );
    let outside = json!({ "name": "billing", "kind": "aws_secrets_manager", "config": { "folder": "../other" } });
    assert_eq!(alice.post(PATH, &outside).await.status(), 400);
    let new = json!({ "name": "billing", "kind": "aws_secrets_manager", "config": { "folder": "invoices" } });
    assert_eq!(alice.post(PATH, &new).await.status(), 201);
    let secret =
        json!({ "name": "API_KEY", "value": "a-value-of-some-length", "provider": "billing" });
    let stored = alice.post("/api/v1/secrets", &secret).await;
    assert_eq!(stored.json()["provider"], "billing", "{}", stored.text());
    assert_eq!(
        aws.names().await,
        [format!("{}/invoices/API_KEY", alice.workspace_id())]
    );
    let refused = alice.delete(&format!("{PATH}/billing")).await;
    assert_eq!(refused.code(), "provider_in_use", "{}", refused.text());
    assert_eq!(alice.delete("/api/v1/secrets/API_KEY").await.status(), 204);
    assert_eq!(alice.delete(&format!("{PATH}/billing")).await.status(), 204);
}

//! Who may speak to the server, and where a client learns how to get a token.

use serde_json::{Value, json};
use testkit::TestApp;

use super::{Client, post};

const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";

#[tokio::test]
async fn a_client_without_a_token_is_led_to_the_authorization_server() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    let expected = format!("{}{METADATA}", app.url());
    for (persona, code) in [
        (app.anon(), "missing_token"),
        (alice.with_token("not.a.token"), "invalid_token"),
        (
            alice.with_token(&format!("dtk_{}", "a".repeat(43))),
            "invalid_token",
        ),
    ] {
        let response = persona.send(post(&persona).body(ping.clone())).await;
        assert_eq!(response.status(), 401);
        assert_eq!(response.code(), code);
        let challenge = response.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert!(
            challenge.contains(&format!("resource_metadata=\"{expected}\"")),
            "{challenge}"
        );
        assert_eq!(challenge.contains("invalid_token"), code == "invalid_token");
        assert!(
            response.json()["detail"]
                .as_str()
                .unwrap()
                .contains(&expected)
        );
    }
    for path in [METADATA, "/.well-known/oauth-protected-resource"] {
        let response = app.anon().get(path).await;
        assert_eq!(response.status(), 200, "{}", response.text());
        let metadata = response.json();
        assert_eq!(metadata["resource"], format!("{}/mcp", app.url()));
        let issuer = app.config().jwt_issuer.clone().unwrap();
        assert_eq!(metadata["authorization_servers"], json!([issuer]));
        assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
    }
}

#[tokio::test]
async fn a_token_for_another_audience_is_refused() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let token = app.token_of(&alice).claim("aud", "another-product");
    let stranger = alice.with_token(&token.signed(&app.signer()));
    let response = Client::modern(&stranger)
        .asks("tools/list", json!({}))
        .await;
    assert_eq!(response.status(), 401, "{}", response.text());
}

#[tokio::test]
async fn members_and_keys_may_and_viewers_may_not() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let key = |role: &str| json!({ "name": role, "role": role });
    let path = format!("/api/v1/workspaces/{}/keys", alice.workspace_id());
    let mut personas = vec![(app.member(), 200), (app.viewer(), 403)];
    for (role, status) in [("member", 200), ("viewer", 403)] {
        let made = alice.post(&path, &key(role)).await;
        assert_eq!(made.status(), 201, "{}", made.text());
        personas.push((
            alice.with_token(made.json()["value"].as_str().unwrap()),
            status,
        ));
    }
    for (persona, status) in personas {
        for client in [Client::modern(&persona), Client::legacy(&persona)] {
            let response = client.asks("tools/list", json!({})).await;
            assert_eq!(response.status(), status, "{}", response.text());
        }
    }
}

#[tokio::test]
async fn a_workspace_is_chosen_as_everywhere() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    let own = alice.workspace_id().to_string();
    for (workspace, status) in [(own, 200), (bob.workspace_id().to_string(), 404)] {
        let request = Client::modern(&alice).request("tools/list", json!({}));
        let response = alice
            .send(request.header("x-workspace-id", workspace))
            .await;
        assert_eq!(response.status(), status, "{}", response.text());
        let body: Value = response.json();
        assert_eq!(status == 200, body["result"]["tools"].is_array(), "{body}");
    }
}

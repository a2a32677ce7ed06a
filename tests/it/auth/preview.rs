//! A preview shows where a credential will stand; it computes no signature and reads no secret.

use serde_json::{Value, json};
use testkit::{TestApp, ToolBuilder};

async fn preview(auth: Value) -> Value {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = ToolBuilder::post("/x").auth(auth);
    let tool = alice.registers(tool).await;
    let shown = alice
        .post(&tool.preview_path(), &json!({ "input": { "a": 1 } }))
        .await;
    assert_eq!(shown.status(), 200, "{}", shown.text());
    assert!(app.upstream().requests().is_empty());
    shown.json()
}

#[tokio::test]
async fn hmac_is_shown_by_its_parts() {
    let shown = preview(json!({
        "method": "hmac", "secret_ref": "${KEY}",
        "hmac": {
            "message": ["body", "timestamp", "nonce"], "timestamp": { "header": "X-Time" },
            "nonce": { "param": "nonce" }, "value": "${KEY_ID}:{signature}",
        },
    }))
    .await;
    assert_eq!(shown["headers"]["X-Signature"], "${KEY_ID}:${SIGNATURE}");
    assert_eq!(shown["headers"]["X-Time"], "${TIMESTAMP}");
    assert!(
        shown["url"]
            .as_str()
            .unwrap()
            .ends_with("/x?nonce=${NONCE}"),
        "{shown}"
    );
    let curl = shown["curl"].as_str().unwrap();
    assert!(
        curl.contains(r#""X-Signature: ${KEY_ID}:${SIGNATURE}""#),
        "{curl}"
    );
}

#[tokio::test]
async fn aws_is_shown_by_its_parts() {
    let shown = preview(json!({ "method": "aws_sigv4", "aws": {
        "access_key_ref": "${ID}", "secret_key_ref": "${KEY}", "session_token_ref": "${TOKEN}",
        "region": "eu-central-1", "service": "execute-api",
    }}))
    .await;
    let expected = "AWS4-HMAC-SHA256 Credential=${ID}/${DATE}/eu-central-1/execute-api/aws4_request, \
        SignedHeaders=${SIGNED_HEADERS}, Signature=${SIGNATURE}";
    assert_eq!(shown["headers"]["Authorization"], expected);
    assert_eq!(shown["headers"]["X-Amz-Date"], "${TIMESTAMP}");
    assert_eq!(shown["headers"]["X-Amz-Security-Token"], "${TOKEN}");
}

#[tokio::test]
async fn cookies_and_tokens_are_shown_in_their_places() {
    let shown = preview(json!({
        "method": "api_key_cookie", "key_name": "session", "secret_ref": "${KEY}",
    }))
    .await;
    assert_eq!(shown["headers"]["Cookie"], "session=${KEY}");
    let shown = preview(json!({
        "method": "two_step", "in": "query", "two_step": {
            "url": "https://login.example.com/login", "token_path": "token",
            "login": { "body": { "user": "${LOGIN_NAME}", "password": "${LOGIN_PASSWORD}" } },
        },
    }))
    .await;
    assert!(
        shown["url"]
            .as_str()
            .unwrap()
            .ends_with("/x?access_token=${ACCESS_TOKEN}"),
        "{shown}"
    );
    assert!(!shown.to_string().contains("LOGIN_PASSWORD"), "{shown}");
}

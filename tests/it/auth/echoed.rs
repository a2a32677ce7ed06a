//! An API that says back what it was sent gives away no signature and no assertion: they can be replayed for a while.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::{Answer, Captured, Reply, TestApp, ToolBuilder};

/// Every kind whose value is computed.
fn computed() -> [Value; 3] {
    [
        json!({ "method": "hmac", "secret_ref": "${KEY}", "key_name": "Authorization",
                "hmac": { "message": ["body"], "encoding": "base64" } }),
        json!({ "method": "aws_sigv4", "aws": {
            "access_key_ref": "${AWS_KEY_ID}", "secret_key_ref": "${KEY}",
            "region": "eu-central-1", "service": "execute-api" } }),
        json!({ "method": "jwt_bearer", "jwt": {
            "use": "direct", "issuer": "app", "key_ref": "${PEM}" } }),
    ]
}

/// The part of a credential that nobody else may learn.
fn sensitive(request: &Captured) -> String {
    let value = request.header("authorization").unwrap();
    let value = value.rsplit("Signature=").next().unwrap();
    value.trim_start_matches("Bearer ").to_owned()
}

#[tokio::test]
async fn computed_credentials_are_masked() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = pair.as_der().unwrap();
    let der = STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
    alice.stores_secret("KEY", "a-key-of-some-length").await;
    alice
        .stores_secret("AWS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .await;
    alice.stores_secret("PEM", &pem).await;
    let echo = |status: u16| {
        Reply::made(move |request| {
            let told = json!({
                "raw": sensitive(request), "again": STANDARD.encode(sensitive(request)),
                "header": request.header("authorization"),
            });
            Answer::json(&told).status(status).into()
        })
    };
    app.upstream()
        .on("/fine", echo(200))
        .on("/broken", echo(400));
    for (index, auth) in computed().into_iter().enumerate() {
        for path in ["/fine", "/broken"] {
            let id = format!("tool_{index}_{}", &path[1..]);
            let tool = ToolBuilder::post(path).auth(auth.clone()).id(&id);
            let tool = alice.registers(tool).await;
            let done = alice.executes(&tool, json!({ "a": 1 })).await;
            let secret = sensitive(&app.upstream().last_request());
            let id = done.json()["execution_id"].as_str().unwrap().to_owned();
            let logged = alice.get(&format!("/api/v1/executions/{id}")).await;
            for text in [done.text(), logged.text()] {
                assert!(text.contains("•••"), "{path}: {text}");
                for form in [secret.clone(), STANDARD.encode(&secret)] {
                    assert!(!text.contains(form.trim_end_matches('=')), "{path}: {text}");
                }
            }
        }
    }
}

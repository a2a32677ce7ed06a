//! A workspace's own model server: set by an admin, guarded as tools are, its key opened with an entry in the audit.

use serde_json::{Value, json};
use testkit::scripted_model::{ScriptedModel, say, status};
use testkit::{Persona, TestApp};

use super::{answered, prompt, refused};

const MODEL: &str = "/api/v1/model";
const KEY: &str = "sk-own-key-of-the-workspace-0123456789";

/// An app whose operator has no model, and a model server that workspaces may name.
async fn scene() -> (TestApp, Persona, ScriptedModel) {
    let own = ScriptedModel::start().await.unwrap();
    own.takes_only(KEY);
    let app = TestApp::setup().allow(&own.host_port()).start().await;
    let alice = app.alice();
    (app, alice, own)
}

fn setting(own: &ScriptedModel) -> Value {
    json!({ "base_url": own.base_url(), "model": "gpt-own", "api_key_ref": "${OWN_KEY}" })
}

#[tokio::test]
async fn prompts_go_to_the_workspaces_own_server() {
    let (app, alice, own) = scene().await;
    assert_eq!(alice.get(MODEL).await.status(), 404);
    alice.stores_secret("OWN_KEY", KEY).await;
    let set = alice.put(MODEL, &setting(&own)).await;
    assert_eq!(set.status(), 200, "{}", set.text());
    let read = app.member().get(MODEL).await.json();
    assert_eq!(
        (&read["model"], &read["api_key_ref"]),
        (&json!("gpt-own"), &json!("${OWN_KEY}"))
    );
    // The key is bound to the server's host now.
    let secrets = alice.get("/api/v1/secrets").await.json();
    assert_eq!(
        secrets["secrets"][0]["allowed_hosts"],
        json!([own.host_port()])
    );

    own.then(say("Hello."));
    let answer = answered(&app.member(), &prompt("Hi")).await;
    assert_eq!(answer["response"], "Hello.");
    assert_eq!(own.last_request().unwrap().body["model"], "gpt-own");
    let problem = refused(&app.bob(), &prompt("Hi")).await;
    assert_eq!(problem.code(), "model_not_configured");
    let audit = alice.get("/api/v1/audit").await.json();
    let entries = audit["entries"].as_array().unwrap();
    let actions: Vec<&str> = entries
        .iter()
        .map(|it| it["action"].as_str().unwrap())
        .collect();
    for action in ["model.set", "secret.bind", "secret.use"] {
        assert!(actions.contains(&action), "{action}: {audit}");
    }
    assert!(!audit.to_string().contains(KEY));

    assert_eq!(alice.delete(MODEL).await.status(), 204);
    assert_eq!(alice.delete(MODEL).await.status(), 404);
    assert_eq!(
        refused(&alice, &prompt("Hi")).await.code(),
        "model_not_configured"
    );
}

#[tokio::test]
async fn a_key_that_the_server_repeats_is_masked() {
    let (_app, alice, own) = scene().await;
    alice.stores_secret("OWN_KEY", KEY).await;
    alice.put(MODEL, &setting(&own)).await;
    let words = format!("Incorrect API key provided: {KEY}.");
    own.then(testkit::scripted_model::error(
        401,
        "invalid_request_error",
        Some("invalid_api_key"),
        &words,
    ));
    let problem = refused(&alice, &prompt("Hi")).await;
    assert_eq!(problem.code(), "model_auth_failed");
    assert!(!problem.text().contains(KEY), "{}", problem.text());
    assert!(!testkit::logs::contain(KEY));
}

#[tokio::test]
async fn a_key_that_is_missing_or_bound_elsewhere_is_told() {
    let (_app, alice, own) = scene().await;
    alice.put(MODEL, &setting(&own)).await;
    let problem = refused(&alice, &prompt("Hi")).await;
    assert_eq!(problem.code(), "model_not_configured");
    assert!(problem.text().contains("OWN_KEY"), "{}", problem.text());
    // Stored after the setting names it, it is bound to the server's host.
    alice.stores_secret("OWN_KEY", KEY).await;
    let secrets = alice.get("/api/v1/secrets").await.json();
    assert_eq!(
        secrets["secrets"][0]["allowed_hosts"],
        json!([own.host_port()])
    );
    own.then(say("Hello."));
    answered(&alice, &prompt("Hi")).await;
    assert_eq!(alice.delete("/api/v1/secrets/OWN_KEY").await.status(), 204);
    let before = own.requests().len();
    let elsewhere =
        json!({ "name": "OWN_KEY", "value": KEY, "allowed_hosts": ["api.example.com"] });
    assert_eq!(
        alice.post("/api/v1/secrets", &elsewhere).await.status(),
        201
    );
    let problem = refused(&alice, &prompt("Hi")).await;
    assert_eq!(problem.code(), "model_egress_blocked");
    assert_eq!(own.requests().len(), before);
}

#[tokio::test]
async fn only_good_settings_of_admins_are_taken() {
    let (app, alice, own) = scene().await;
    let good = setting(&own);
    assert_eq!(app.member().put(MODEL, &good).await.status(), 403);
    assert_eq!(app.viewer().get(MODEL).await.status(), 403);
    let with = |name: &str, value: Value| {
        let mut setting = good.clone();
        setting[name] = value;
        setting
    };
    for (body, pointer) in [
        (json!({}), "/base_url"),
        (
            with("base_url", json!("http://169.254.169.254/v1")),
            "/base_url",
        ),
        (
            with("base_url", json!("http://api.openai.com/v1")),
            "/base_url",
        ),
        (with("base_url", json!("https://localhost/v1")), "/base_url"),
        (
            with("base_url", json!("https://me:pw@api.example.com/v1")),
            "/base_url",
        ),
        (with("base_url", json!("nonsense")), "/base_url"),
        (with("api_key_ref", json!(KEY)), "/api_key_ref"),
        (with("api_key_ref", json!("${lower}")), "/api_key_ref"),
        (with("model", json!("a\u{7}b")), "/model"),
        (with("key", json!("x")), "/key"),
    ] {
        let response = alice.put(MODEL, &body).await;
        assert_eq!(response.status(), 400, "{body}: {}", response.text());
        let told = response.json();
        assert_eq!(told["errors"][0]["pointer"], pointer, "{told}");
    }
    assert_eq!(alice.get(MODEL).await.status(), 404);
}

#[tokio::test]
async fn a_server_that_the_operator_no_longer_allows_is_not_called() {
    let (app, alice, own) = scene().await;
    alice.stores_secret("OWN_KEY", KEY).await;
    alice.put(MODEL, &setting(&own)).await;
    // Past the API: an address that no save would have taken.
    app.sql("update orchestration.models set base_url = 'http://169.254.169.254/v1'");
    app.sql("update secrets.secrets set allowed_hosts = '{169.254.169.254:80}'");
    own.then(status(500));
    let problem = refused(&alice, &prompt("Hi")).await;
    assert_eq!(problem.code(), "model_egress_blocked", "{}", problem.text());
    assert!(own.requests().is_empty());
}

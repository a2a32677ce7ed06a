//! Credentials that are obtained: client secrets, assertions, logins and tokens, through every failure of both sides.

use serde_json::{Value, json};
use testkit::upstream::Captured;
use testkit::{Answer, FakeUpstream, Reply, ToolBuilder};

use super::scene::Scene;

const CLIENT_SECRET: &str = "o-c4nary:client/+=&\"secret\"<1>-2712";
const JWT_KEY: &str = "w-c4nary-key-of-an-assertion-with-more-than-32-bytes-1402";
const LOGIN_USER: &str = "l-c4nary-user@example.com";
const LOGIN_PASSWORD: &str = "l-c4nary+pass/=&\"word\"<2>-0609";
/// What the other side gives.
const ACCESS: &str = "t-c4nary.access/+=~-token-3010";
const REFRESH: &str = "t-c4nary.refresh/+=~-token-0812";
const CODE: &str = "t-c4nary.code/+=~-of-consent-2003";

const SECRETS: [(&str, &str); 4] = [
    ("CLIENT_SECRET", CLIENT_SECRET),
    ("JWT_KEY", JWT_KEY),
    ("LOGIN_USER", LOGIN_USER),
    ("LOGIN_PASSWORD", LOGIN_PASSWORD),
];

const VALUES: [&str; 7] = [
    CLIENT_SECRET,
    JWT_KEY,
    LOGIN_USER,
    LOGIN_PASSWORD,
    ACCESS,
    REFRESH,
    CODE,
];

/// Kinds whose token is asked for without a person, from this server.
fn kinds(login: &FakeUpstream) -> Vec<(&'static str, Value)> {
    let at = |path: &str| format!("{}{path}", login.base_url());
    let client = |client_auth: &str| {
        json!({ "method": "oauth2_client_credentials", "oauth2": {
            "token_url": at("/token"), "client_id": "us", "client_secret_ref": "${CLIENT_SECRET}",
            "client_auth": client_auth, "scopes": ["read"] } })
    };
    let two_step = |kind: &str| {
        json!({ "method": "two_step", "key_name": "X-Session", "two_step": {
            "url": at("/token"), "token_path": "access_token", "expires_in_path": "expires_in",
            "login": { "method": "POST", "type": kind, "body": { "user": "${LOGIN_USER}", "password": "${LOGIN_PASSWORD}" } } } })
    };
    vec![
        ("client-basic", client("basic")),
        ("client-post", client("post")),
        (
            "assertion",
            json!({ "method": "jwt_bearer", "jwt": {
            "token_url": at("/token"), "issuer": "us", "subject": "us", "key_ref": "${JWT_KEY}", "algorithm": "HS256" } }),
        ),
        ("login-json", two_step("json")),
        ("login-form", two_step("form")),
    ]
}

fn tokens() -> Answer {
    Answer::json(
        &json!({ "access_token": ACCESS, "token_type": "bearer", "expires_in": 3600,
                          "refresh_token": REFRESH, "scope": "read" }),
    )
}

/// What was sent to the server of tokens and is as good as a secret: the assertions.
fn assertions(requests: &[Captured]) -> Vec<String> {
    let bodies = requests.iter().map(|request| request.body.clone());
    bodies
        .flat_map(|body| {
            url::form_urlencoded::parse(&body)
                .into_owned()
                .collect::<Vec<_>>()
        })
        .filter(|(name, _)| name == "assertion")
        .map(|(_, assertion)| assertion)
        .collect()
}

#[tokio::test]
async fn not_when_the_api_fails() {
    let login = FakeUpstream::start().await;
    login.on("/token", tokens());
    let mut scene = Scene::with(&SECRETS, &VALUES, &[&login]).await;
    for (kind, auth) in kinds(&login) {
        let tool = ToolBuilder::get("/").auth(auth);
        scene.fails_in_every_way(kind, &tool).await;
    }
    let sent = scene.app.upstream().requests();
    let bearer = format!("Bearer {ACCESS}");
    assert!(
        sent.iter()
            .any(|sent| sent.header("authorization") == Some(bearer.as_str()))
    );
    scene.left_nothing(&[
        "auth_failed",
        "upstream_error",
        "invalid_response",
        "timeout",
    ]);
    let assertions = assertions(&login.requests());
    assert!(!assertions.is_empty());
    scene.none_left_of(&assertions);
}

#[tokio::test]
async fn not_when_the_token_cannot_be_had() {
    let login = FakeUpstream::start().await;
    let mut scene = Scene::with(&SECRETS, &VALUES, &[&login]).await;
    scene.app.upstream().on("*", Reply::Echo);
    for (kind, auth) in kinds(&login) {
        for fault in scene.faults() {
            login.on("/token", fault.reply);
            let tool = ToolBuilder::get("/")
                .id(&format!("{kind}_{}", fault.name).replace('-', "_"))
                .set("/retry", json!({ "max_attempts": 1 }))
                .set("/api/timeout_ms", 600)
                .auth(auth.clone());
            let code = scene.runs(tool, json!({})).await;
            assert!(code.is_some(), "{kind}, {}: it has no token", fault.name);
        }
    }
    assert!(
        scene.app.upstream().requests().is_empty(),
        "called without a token"
    );
    scene.left_nothing(&["auth_failed"]);
    let assertions = assertions(&login.requests());
    assert!(!assertions.is_empty());
    scene.none_left_of(&assertions);
}

/// A connection by consent, made as a person makes it.
async fn connects(scene: &Scene, tool_id: &str) {
    let begun = scene
        .alice
        .post("/api/v1/connections", &json!({ "tool_id": tool_id }))
        .await;
    assert_eq!(begun.status(), 201, "{}", begun.text());
    let begun = begun.json();
    let link = url::Url::parse(begun["connect_url"].as_str().unwrap()).unwrap();
    let state = link
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    let back: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("state", &state)
        .append_pair("code", CODE)
        .finish();
    let page = scene
        .app
        .anon()
        .get(&format!("/api/v1/connections/callback?{back}"))
        .await;
    assert_eq!(page.status(), 200, "{}", page.text());
    scene.canaries.none_in_answer("the page", &page);
    let shown = regex::Regex::new("[A-Z0-9]{4}-[A-Z0-9]{4}").unwrap();
    let word = shown.find(&page.text()).unwrap().as_str().to_owned();
    let confirm = format!(
        "/api/v1/connections/{}/confirm",
        begun["id"].as_str().unwrap()
    );
    let confirmed = scene.alice.post(&confirm, &json!({ "code": word })).await;
    assert_eq!(confirmed.status(), 200, "{}", confirmed.text());
    scene.canaries.none_in_answer("the connection", &confirmed);
}

fn consented(login: &FakeUpstream) -> Value {
    let at = |path: &str| format!("{}{path}", login.base_url());
    json!({ "method": "oauth2_authorization_code", "oauth2": {
        "authorization_url": at("/authorize"), "token_url": at("/token"), "client_id": "us",
        "client_secret_ref": "${CLIENT_SECRET}", "scopes": ["read"], "connection": "shared" } })
}

#[tokio::test]
async fn not_of_a_consent() {
    let login = FakeUpstream::start().await;
    let mut scene = Scene::with(&SECRETS, &VALUES, &[&login]).await;
    let tool = ToolBuilder::get("/").auth(consented(&login));
    let first = scene.alice.registers(tool.clone().id("first")).await;
    // The provider fails in every way first.
    for fault in scene.faults() {
        login.on("/token", fault.reply);
        let begun = scene
            .alice
            .post("/api/v1/connections", &json!({ "tool_id": first.id }))
            .await;
        assert_eq!(begun.status(), 201, "{}", begun.text());
        let begun = begun.json();
        let link = url::Url::parse(begun["connect_url"].as_str().unwrap()).unwrap();
        let state = link
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap()
            .1
            .into_owned();
        let back: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("state", &state)
            .append_pair("code", CODE)
            .finish();
        let page = scene
            .app
            .anon()
            .get(&format!("/api/v1/connections/callback?{back}"))
            .await;
        scene.canaries.none_in_answer(fault.name, &page);
        let status = scene.alice.get("/api/v1/connections").await;
        scene.canaries.none_in_answer(fault.name, &status);
    }
    login.on("/token", tokens());
    connects(&scene, &first.id).await;
    scene.fails_in_every_way("consent", &tool).await;
    // The token is over, and cannot be had anew.
    scene
        .app
        .upstream()
        .on("/over", Answer::text("no").status(401));
    for fault in scene.faults() {
        login.on("/token", fault.reply);
        let again = tool
            .clone()
            .id(&format!("over_{}", fault.name).replace('-', "_"))
            .set("/api/path", "/over")
            .set("/api/timeout_ms", 600);
        let code = scene.runs(again, json!({})).await;
        assert!(code.is_some(), "{}", fault.name);
    }
    for path in ["/api/v1/connections", "/api/v1/audit?limit=200"] {
        scene
            .canaries
            .none_in_answer(path, &scene.alice.get(path).await);
    }
    scene.left_nothing(&["auth_failed"]);
}

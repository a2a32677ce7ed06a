//! The real function binaries, driven over the Lambda Runtime API, answer as the same routes do over HTTP.

pub(crate) mod event;
pub(crate) mod harness;
mod scene;
pub(crate) mod streamed;
mod streaming;
mod worker;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use event::Told;
use harness::Function;
use scene::Scene;
pub(crate) use scene::variables;
use serde_json::{Value, json};
use testkit::{OAuthProvider, TestApp, ToolBuilder};

/// Every operation in an order in which each finds what it needs.
const JOURNEY: [(&str, &str); 95] = [
    ("system", "health"),
    ("system", "docs"),
    ("system", "docs_asset"),
    ("system", "openapi"),
    ("workspaces", "create"),
    ("workspaces", "list"),
    ("workspaces", "read"),
    ("workspaces", "list_own_invitations"),
    ("workspaces", "accept_invitation"),
    ("workspaces", "decline_invitation"),
    ("workspaces", "rename"),
    ("workspaces", "list_members"),
    ("workspaces", "invite_member"),
    ("workspaces", "list_invitations"),
    ("workspaces", "revoke_invitation"),
    ("workspaces", "change_member"),
    ("workspaces", "remove_member"),
    ("workspaces", "create_key"),
    ("workspaces", "list_keys"),
    ("workspaces", "revoke_key"),
    ("workspaces", "delete"),
    ("workspaces", "restore"),
    ("secrets", "create"),
    ("secrets", "list"),
    ("tools", "register"),
    ("tools", "list"),
    ("tools", "read"),
    ("tools", "preview"),
    ("tools", "test"),
    ("tools", "verify"),
    ("tools", "execute"),
    ("secrets", "list_audit"),
    ("secrets", "verify_audit"),
    ("tools", "save"),
    ("tools", "list_saved"),
    ("tools", "revise"),
    ("tools", "versions"),
    ("tools", "restore"),
    ("tools", "retire"),
    ("flows", "save"),
    ("flows", "list"),
    ("flows", "read"),
    ("flows", "revise"),
    ("flows", "versions"),
    ("flows", "restore"),
    ("marketplace", "publish_flow"),
    ("marketplace", "withdraw_flow"),
    ("flows", "execute"),
    ("flows", "list_runs"),
    ("flows", "read_run"),
    ("flows", "signal"),
    ("flows", "cancel"),
    ("flows", "stream_events"),
    ("flows", "resume"),
    ("flows", "retire"),
    ("mcp", "metadata"),
    ("mcp", "metadata_of_mcp"),
    ("mcp", "serve"),
    ("orchestrate", "orchestrate"),
    ("orchestrate", "read_conversation"),
    ("orchestrate", "stream"),
    ("orchestrate", "set_model"),
    ("orchestrate", "read_model"),
    ("orchestrate", "remove_model"),
    ("secrets", "change"),
    ("secrets", "create_secret_provider"),
    ("secrets", "list_secret_providers"),
    ("secrets", "delete_secret_provider"),
    ("secrets", "delete"),
    ("orchestrate", "save_prompt"),
    ("orchestrate", "list_prompts"),
    ("orchestrate", "read_prompt"),
    ("orchestrate", "render_prompt"),
    ("orchestrate", "revise_prompt"),
    ("orchestrate", "list_prompt_versions"),
    ("orchestrate", "restore_prompt"),
    ("marketplace", "publish_prompt"),
    ("marketplace", "withdraw_prompt"),
    ("orchestrate", "retire_prompt"),
    ("marketplace", "publish_tool"),
    ("marketplace", "browse"),
    ("marketplace", "read_publication"),
    ("marketplace", "install"),
    ("marketplace", "list_installs"),
    ("marketplace", "read_install"),
    ("marketplace", "bind_install"),
    ("marketplace", "update_install"),
    ("marketplace", "review"),
    ("marketplace", "list_reviews"),
    ("marketplace", "take_back_review"),
    ("marketplace", "withdraw_tool"),
    ("analytics", "list_executions"),
    ("analytics", "read_tool_analytics"),
    ("analytics", "read_workspace_analytics"),
    ("analytics", "read_execution"),
];

/// The event of a call, as one of what was installed.
fn run_installed(event: &mut Value) {
    let path = "/api/v1/tools/installed_weather/execute";
    event["path"] = path.into();
    event["requestContext"]["path"] = format!("/prod{path}").into();
    event["pathParameters"]["tool_id"] = "installed_weather".into();
    event["body"] = json!({ "input": { "city": "SF" } }).to_string().into();
}

/// A consent: each operation needs what the one before it brought, and a provider in between.
const CONSENT: [(&str, &str); 6] = [
    ("secrets", "connect"),
    ("secrets", "callback"),
    ("secrets", "confirm_connection"),
    ("secrets", "read_connection"),
    ("secrets", "list_connections"),
    ("secrets", "disconnect"),
];

#[tokio::test]
async fn every_operation_answers_as_over_http() {
    let mut scene = Scene::with_weather().await;
    for (group, verb) in JOURNEY {
        if verb == "review" {
            // A review is for those who ran it.
            let ran = scene.both("tools", "execute", run_installed).await;
            assert_eq!(ran.status, 200, "{ran:?}");
        }
        let told = scene.both(group, verb, |_| {}).await;
        assert!(
            (200..300).contains(&told.status),
            "{group}/{verb}: {told:?}"
        );
    }
    for (group, function) in &scene.functions {
        // Reported, never judged: it depends on the machine.
        eprintln!(
            "{group} asks for events {:?} after its start",
            function.init
        );
        assert!(!function.init.is_zero());
    }
    let driven: BTreeSet<(String, String)> = JOURNEY
        .into_iter()
        .chain(CONSENT)
        .map(|(group, verb)| (group.to_owned(), verb.to_owned()))
        .collect();
    assert_eq!(driven, event::all().into_iter().collect());
}

#[tokio::test]
async fn a_consent_goes_its_way_through_the_function() {
    let provider = OAuthProvider::start().await;
    let app = TestApp::setup()
        .allow(&provider.host_port())
        .config(|config| config.public_url = Some("https://tools.example.com".to_owned()))
        .start()
        .await;
    let bob = app.bob();
    let hosts = [provider.host_port()];
    let secret = json!({ "name": "CLIENT_SECRET", "value": OAuthProvider::CLIENT_SECRET, "allowed_hosts": hosts });
    assert_eq!(bob.post("/api/v1/secrets", &secret).await.status(), 201);
    let auth = provider.authorization_code(&json!({}));
    let tool = ToolBuilder::get("/me").id("list_issues");
    bob.registers(tool.base_url(&provider.base_url()).auth(auth))
        .await;
    let mut scene = Scene::of(app);
    for (group, verb) in CONSENT {
        let event = event::filled(group, verb, &scene.by_function);
        let (told, body) = scene.answer(group, event).await;
        assert!(
            (200..300).contains(&told.status),
            "{group}/{verb}: {told:?}"
        );
        let fill = &mut scene.by_function;
        if verb == "connect" {
            fill.insert("CONNECTION_ID", body["id"].as_str().unwrap().to_owned());
            let back = provider.consents(body["connect_url"].as_str().unwrap(), "bob@provider");
            let back: BTreeMap<String, String> = url::form_urlencoded::parse(back.as_bytes())
                .into_owned()
                .collect();
            fill.insert("STATE", back["state"].clone());
            fill.insert("CODE", back["code"].clone());
        }
        if verb == "callback" {
            let page = told.body.as_str().unwrap();
            let (_, rest) = page.split_once("Confirmation code: ").unwrap();
            fill.insert("CONFIRMATION", rest.chars().take(9).collect());
        }
    }
    assert_eq!(provider.revoked().len(), 2);
}

#[tokio::test]
async fn executes_the_specification_example_with_its_secret() {
    let mut scene = Scene::new().await;
    scene.both("secrets", "create", |_| {}).await;
    scene.both("tools", "register", |_| {}).await;
    let told = scene.both("tools", "execute", |_| {}).await;
    assert_eq!(told.status, 200);
    assert_eq!(told.body["success"], true);
    assert_eq!(
        told.body["output"],
        json!({ "price": 185.2, "volume": 4_120_877 })
    );
    let sent = scene.app.upstream().last_request().query();
    assert!(sent.contains(&("apikey".to_owned(), "not-a-real-key-0001".to_owned())));
}

#[tokio::test]
async fn failures_answer_as_over_http() {
    let mut scene = Scene::new().await;
    let anonymous = |event: &mut Value| event::set_header(event, "Authorization", None);
    let forged =
        |event: &mut Value| event::set_header(event, "Authorization", Some("Bearer x.y.z"));
    let broken = |event: &mut Value| event["body"] = r#"{"name": "#.into();
    let faulty =
        |event: &mut Value| event["body"] = r#"{"nmae":"x","api":{"method":"FETCH"}}"#.into();
    let plain = |event: &mut Value| event::set_header(event, "Content-Type", Some("text/plain"));
    for (change, status, code) in [
        (&anonymous as &dyn Fn(&mut Value), 401, "missing_token"),
        (&forged, 401, "invalid_token"),
        (&broken, 400, "invalid_json"),
        (&faulty, 400, "invalid_config"),
        (&plain, 415, "unsupported_media_type"),
    ] {
        let told = scene.both("tools", "register", change).await;
        assert_eq!(
            (told.status, &told.body["code"]),
            (status, &code.into()),
            "{told:?}"
        );
        assert_eq!(told.headers["content-type"], "application/problem+json");
    }
    let told = scene.both("tools", "read", |_| {}).await;
    assert_eq!(
        (told.status, &told.body["code"]),
        (404, &"tool_not_found".into())
    );
    let elsewhere = |event: &mut Value| {
        for place in ["path", "resource"] {
            event[place] = "/api/v1/nothing/here".into();
        }
    };
    let told = scene.both("tools", "read", elsewhere).await;
    assert_eq!(
        (told.status, &told.body["code"]),
        (404, &"not_found".into())
    );
}

#[tokio::test]
async fn a_failed_execution_answers_as_over_http() {
    let mut scene = Scene::new().await;
    scene.both("secrets", "create", |_| {}).await;
    scene.both("tools", "register", |_| {}).await;
    let down = testkit::Answer::text("down for repair").status(503);
    scene.app.upstream().on("/query", down);
    let told = scene.both("tools", "execute", |_| {}).await;
    assert_eq!(told.status, 500);
    assert_eq!(told.body["success"], false);
    assert_eq!(told.body["error"]["code"], "upstream_5xx");
}

#[tokio::test]
async fn hides_the_tools_of_a_neighbour() {
    let mut scene = Scene::new().await;
    let register = event::filled("tools", "register", &scene.over_http);
    let (told, _) = Told::over_http(&register, scene.app.url(), &scene.over_http).await;
    assert_eq!(told.status, 201);
    for verb in ["read", "execute", "preview"] {
        let event = event::filled("tools", verb, &scene.by_function);
        let told = scene.by_function("tools", event).await;
        assert_eq!(
            (told.status, &told.body["code"]),
            (404, &"tool_not_found".into()),
            "{verb}"
        );
    }
}

#[tokio::test]
async fn a_tool_registered_over_http_is_live_in_a_function_at_once() {
    let mut scene = Scene::new().await;
    let ready = event::filled("tools", "list", &scene.over_http);
    scene.by_function("tools", ready).await;
    for (group, verb) in [("secrets", "create"), ("tools", "register")] {
        let event = event::filled(group, verb, &scene.over_http);
        let (told, _) = Told::over_http(&event, scene.app.url(), &scene.over_http).await;
        assert_eq!(told.status, 201, "{told:?}");
    }
    let execute = event::filled("tools", "execute", &scene.over_http);
    let told = scene.by_function("tools", execute).await;
    assert_eq!(
        (told.status, &told.body["output"]["price"]),
        (200, &json!(185.2))
    );
}

#[tokio::test]
async fn reads_bodies_that_the_gateway_sends_as_base64() {
    let mut scene = Scene::new().await;
    let mut event = event::filled("tools", "register", &scene.by_function);
    let body = base64::engine::general_purpose::STANDARD.encode(event["body"].as_str().unwrap());
    event["body"] = body.into();
    event["isBase64Encoded"] = true.into();
    assert_eq!(scene.by_function("tools", event).await.status, 201);
}

#[tokio::test]
async fn routes_match_only_without_the_stage() {
    let scene = Scene::new().await;
    let health = event::filled("system", "health", &scene.by_function);
    for (told_to_ignore, status) in [(true, 200), (false, 404)] {
        let mut variables = scene.variables();
        variables.retain(|(name, _)| told_to_ignore || !name.ends_with("IGNORE_STAGE_IN_PATH"));
        let mut function = Function::start("system", &variables).await.unwrap();
        let response = function.invoke(health.clone()).await;
        assert_eq!(response["statusCode"], status, "{told_to_ignore}");
    }
}

#[tokio::test]
async fn says_what_is_wrong_with_its_configuration() {
    for group in [
        "system",
        "tools",
        "flows",
        "orchestrate",
        "mcp",
        "secrets",
        "workspaces",
        "analytics",
        "marketplace",
        "flow-worker",
    ] {
        let variables = [
            ("DATABASE_URL", "mysql://db".to_owned()),
            ("LOG_LEVEL", "info".to_owned()),
        ];
        let Err(printed) = Function::start(group, &variables).await else {
            panic!("{group} starts without a database");
        };
        assert!(printed.contains("DATABASE_URL"), "{group}: {printed}");
        assert!(printed.starts_with("exit status: 1"), "{group}: {printed}");
    }
}

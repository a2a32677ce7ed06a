//! Keys in cookies, and several placements at once; cookies are taken apart by the `cookie` crate.

use cookie::Cookie;
use serde_json::json;
use testkit::{Captured, TestApp, ToolBuilder};

use super::{accepted, checks, refused};

const KEY: &str = "k3y-of-a-session/with+signs=";

/// The value of a cookie as a server reads it.
fn cookie(request: &Captured, wanted: &str) -> Option<String> {
    let header = request.header("cookie")?;
    Cookie::split_parse(header)
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == wanted)
        .map(|cookie| cookie.value().to_owned())
}

fn is(found: Option<&str>, expected: &str) -> Result<(), String> {
    match found {
        Some(found) if found == expected => Ok(()),
        found => Err(format!("expected another value than {found:?}")),
    }
}

#[tokio::test]
async fn a_key_goes_into_a_cookie_beside_the_static_ones() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    checks(&app, |request| {
        is(cookie(request, "session").as_deref(), &format!("v1.{KEY}"))?;
        is(cookie(request, "lang").as_deref(), "en")
    });
    alice.stores_secret("SESSION_KEY", KEY).await;
    let auth = json!({ "method": "api_key_cookie", "key_name": "session", "secret_ref": "v1.${SESSION_KEY}" });
    let tool = ToolBuilder::get("/x")
        .auth(auth)
        .set("/api/headers", json!({ "Cookie": "lang=en" }));
    let tool = alice.registers(tool).await;
    accepted(&alice, &tool, json!({})).await;
    let cookies = app.upstream().last_request().headers;
    let lines = cookies
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    // RFC 6265, 5.4: one header.
    assert_eq!(lines.count(), 1);
}

#[tokio::test]
async fn a_secret_that_would_begin_another_cookie_is_not_sent() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    checks(&app, |_| Ok(()));
    alice
        .stores_secret("SESSION_KEY", "abcdefgh; admin=1")
        .await;
    let auth = json!({ "method": "api_key_cookie", "key_name": "session", "secret_ref": "${SESSION_KEY}" });
    let tool = alice.registers(ToolBuilder::get("/x").auth(auth)).await;
    let done = alice.executes(&tool, json!({})).await;
    assert_eq!(
        done.json()["error"]["code"],
        "secret_missing",
        "{}",
        done.text()
    );
    assert!(app.upstream().requests().is_empty());
    assert!(!done.text().contains("admin=1"));
}

#[tokio::test]
async fn several_placements_arrive_together() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    checks(&app, |request| {
        is(request.header("x-api-key"), &format!("Token {KEY}"))?;
        let query = request.query();
        let found = query.iter().find(|(name, _)| name == "account");
        is(found.map(|(_, value)| value.as_str()), "account-0001")?;
        is(cookie(request, "session").as_deref(), KEY)
    });
    alice.stores_secret("KEY", KEY).await;
    alice.stores_secret("ACCOUNT", "account-0001").await;
    let placements = json!([
        { "in": "header", "name": "X-Api-Key", "value": "Token ${KEY}" },
        { "in": "query", "name": "account", "value": "${ACCOUNT}" },
        { "in": "cookie", "name": "session", "value": "${KEY}" },
    ]);
    let auth = json!({ "method": "custom", "placements": placements });
    let tool = alice.registers(ToolBuilder::get("/x").auth(auth)).await;
    accepted(&alice, &tool, json!({})).await;
    // An input cannot take the place of the credential.
    let done = alice
        .executes(&tool, json!({ "account": "mine-not-yours" }))
        .await;
    assert_eq!(done.status(), 200, "{}", done.text());
    assert_eq!(app.upstream().last_request().query().len(), 1);
}

#[tokio::test]
async fn a_refused_key_is_told_with_what_to_do() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    checks(&app, |request| is(request.header("x-key"), "another value"));
    alice.stores_secret("KEY", KEY).await;
    let placements = json!([{ "in": "header", "name": "X-Key", "value": "${KEY}" }]);
    let auth = json!({ "method": "custom", "placements": placements });
    let tool = alice.registers(ToolBuilder::get("/x").auth(auth)).await;
    let error = refused(&alice, &tool, json!({})).await;
    assert!(error["hint"].as_str().unwrap().contains("KEY"), "{error}");
    assert!(!error.to_string().contains(KEY));
}

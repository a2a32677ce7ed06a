//! `DELETE /api/v1/secrets/{name}`.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

#[tokio::test]
async fn tools_that_name_it_fail_before_anything_is_sent() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    alice
        .stores_secret("API_KEY", "the-first-value-of-all")
        .await;
    let auth = json!({ "method": "bearer", "secret_ref": "${API_KEY}" });
    let tool = alice.registers(ToolBuilder::get("/x").auth(auth)).await;
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
    let gone = app.admin().delete("/api/v1/secrets/API_KEY").await;
    assert_eq!(gone.status(), 204, "{}", gone.text());

    let response = alice.executes(&tool, json!({})).await;
    assert_eq!(response.status(), 500, "{}", response.text());
    assert_eq!(response.code(), "secret_missing");
    assert_eq!(
        response.json()["error"]["details"]["secrets"],
        json!(["API_KEY"])
    );
    assert_eq!(app.upstream().requests().len(), 1);
    let rows = app.sql("select count(*) from secrets.secrets");
    assert_eq!(rows.single(), Some("0"));
    let audited = app.sql("select string_agg(action, ' ' order by id) from secrets.audit");
    assert_eq!(
        audited.single(),
        Some("secret.create secret.bind secret.use secret.delete")
    );

    // Stored again, the new value is what is sent, at once.
    alice
        .stores_secret("API_KEY", "the-second-value-of-all")
        .await;
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
    let sent = app.upstream().last_request();
    assert_eq!(
        sent.header("authorization"),
        Some("Bearer the-second-value-of-all")
    );
}

#[tokio::test]
async fn is_for_admins_of_the_workspace_and_for_what_is_there() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    alice
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    for (who, status) in [
        (app.viewer(), 403),
        (app.member(), 403),
        (bob, 404),
        (app.anon(), 401),
    ] {
        let response = who.delete("/api/v1/secrets/API_KEY").await;
        assert_eq!(
            response.status(),
            status,
            "{}: {}",
            who.name(),
            response.text()
        );
    }
    for odd in ["OTHER", "api_key", "%24%7BAPI_KEY%7D", "A%00"] {
        let response = alice.delete(&format!("/api/v1/secrets/{odd}")).await;
        assert_eq!(response.status(), 404, "{odd}: {}", response.text());
    }
    let listed = alice.get("/api/v1/secrets").await.json();
    assert_eq!(listed["secrets"].as_array().unwrap().len(), 1);
}

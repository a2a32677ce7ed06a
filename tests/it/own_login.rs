//! The login that `infra/login.sql` makes: it has what `authenticator` has, and is not its member.

use runtime::PoolMode;
use serde_json::json;
use testkit::{TestApp, ToolBuilder};

const LOGIN: &str = "tools_login";

#[tokio::test]
async fn a_login_of_their_own_has_what_the_functions_need() {
    let app = TestApp::start().await;
    let script = include_str!("../../infra/login.sql");
    // Again after each migration.
    for _ in 0..2 {
        app.sql(script);
    }
    let rows = app.sql(&format!(
        "select current_database(), pg_has_role('{LOGIN}', 'authenticator', 'member')"
    ));
    let [name, member] = &rows.rows[0][..] else {
        panic!("{:?}", rows.rows);
    };
    assert_eq!(member.as_deref(), Some("f"));
    let url = testkit::cluster().url(LOGIN, name.as_deref().unwrap());
    let setup = TestApp::setup().config(move |config| {
        config.database_url = url.into();
        config.database_pool_mode = PoolMode::Session;
    });
    let served = setup.start_on_database_of(&app).await;
    served.upstream().on("/price", json!({ "price": 185.2 }));
    let alice = served.alice();
    alice.stores_secret("KEY", "a-value-of-some-length").await;
    let auth = json!({ "method": "bearer", "secret_ref": "${KEY}" });
    let tool = alice
        .registers(ToolBuilder::get("/price").id("price").auth(auth))
        .await;
    let run = alice.executes(&tool, json!({})).await;
    assert_eq!(run.json()["success"], true, "{}", run.text());
    let flow = json!({ "id": "f", "name": "f", "steps": [{ "id": "a", "tool": "price" }] });
    let saved = alice.post("/api/v1/flows", &flow).await;
    assert_eq!(saved.status(), 201, "{}", saved.text());
    let request = alice
        .request(reqwest::Method::POST, "/api/v1/flows/f/execute")
        .header("prefer", "wait=25")
        .json(&json!({ "input": {} }));
    let ended = alice.send(request).await;
    assert_eq!(ended.json()["status"], "succeeded", "{}", ended.text());
    let swept = served.rooms().flows.sweep().await;
    assert!(swept.is_ok(), "{swept:?}");
}

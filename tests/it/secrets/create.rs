//! `POST /api/v1/secrets`, and to which host a secret is bound.

use serde_json::{Value, json};
use testkit::{FakeUpstream, Persona, RegisteredTool, TestApp, ToolBuilder};

/// A tool that sends `${API_KEY}`.
fn keyed(path: &str) -> ToolBuilder {
    ToolBuilder::get(path).auth(json!({ "method": "bearer", "secret_ref": "${API_KEY}" }))
}

fn api_key() -> Value {
    json!({ "name": "API_KEY", "value": "a-value-of-some-length" })
}

async fn hosts(alice: &Persona) -> Value {
    let listed = alice.get("/api/v1/secrets").await.json();
    listed["secrets"][0]["allowed_hosts"].clone()
}

async fn is_blocked(who: &Persona, tool: &RegisteredTool) {
    let response = who.executes(tool, json!({})).await;
    assert_eq!(response.status(), 500, "{}", response.text());
    assert_eq!(response.code(), "egress_blocked");
    assert_eq!(response.json()["error"]["details"]["secret"], "API_KEY");
}

/// An app whose tools may reach a second upstream as well.
async fn with_two_upstreams() -> (TestApp, FakeUpstream) {
    let other = FakeUpstream::start().await;
    let app = TestApp::setup().allow(&other.host_port()).start().await;
    app.upstream().on("*", json!({}));
    other.on("*", json!({}));
    (app, other)
}

#[tokio::test]
async fn answers_everything_but_the_value() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let value = "correct-horse-battery";
    let hosts = json!(["API.example.com", "b.example.com:8443", "api.example.com"]);
    let secret = json!({ "name": "API_KEY", "value": value, "allowed_hosts": hosts });
    let response = app.admin().post("/api/v1/secrets", &secret).await;
    assert_eq!(response.status(), 201, "{}", response.text());
    let mut stored = response.json();
    assert_eq!(stored["created_at"].take(), stored["updated_at"].take());
    assert_eq!(
        stored,
        json!({
            "name": "API_KEY", "provider": "builtin", "version": 1,
            "allowed_hosts": ["api.example.com", "b.example.com:8443"],
            "created_at": null, "updated_at": null, "created_by": app.admin().user_id().to_string()
        })
    );
    let row = app.sql("select s::text from secrets.secrets s").rows;
    assert!(!format!("{row:?}").contains(value));
    let again = alice.post("/api/v1/secrets", &secret).await;
    assert_eq!(again.status(), 409, "{}", again.text());
    assert_eq!(again.code(), "already_exists");
}

#[tokio::test]
async fn tells_every_fault_at_once_and_never_the_value() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    for (secret, pointers) in [
        (
            json!({ "name": "api-key", "value": "q7#zX", "vlaue": "x" }),
            vec!["/name", "/vlaue"],
        ),
        (
            json!({ "name": "API_KEY", "value": "q7#zX", "allowed_hosts": ["https://a.example.com/"],
                    "provider": "vault" }),
            vec!["/value", "/allowed_hosts/0", "/provider"],
        ),
    ] {
        let response = alice.post("/api/v1/secrets", &secret).await;
        assert_eq!(response.status(), 400, "{}", response.text());
        let problem = response.json();
        let faults = problem["errors"].as_array().unwrap().iter();
        let told: Vec<&str> = faults
            .map(|fault| fault["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(told, pointers, "{problem}");
        assert!(!response.text().contains("q7#zX"), "{}", response.text());
    }
    for (value, code) in [
        (json!("q7#zX"), "secret_too_short"),
        (json!("q7#zX with line break\n"), "invalid_secret"),
        (json!("q7#zX".repeat(14_000)), "secret_too_long"),
        (json!(12_345_678), "wrong_type"),
        (Value::Null, "required"),
    ] {
        let secret = json!({ "name": "API_KEY", "value": value, "allowed_hosts": ["a b"] });
        let response = alice.post("/api/v1/secrets", &secret).await;
        assert_eq!(response.status(), 400, "{}", response.text());
        let problem = response.json();
        assert_eq!(problem["errors"][0]["pointer"], "/value", "{problem}");
        assert_eq!(problem["errors"][0]["code"], code, "{problem}");
        assert!(!response.text().contains("q7#zX"), "{}", response.text());
    }
}

#[tokio::test]
async fn is_bound_to_the_host_of_the_first_tool_that_an_admin_saves_with_it() {
    let (app, other) = with_two_upstreams().await;
    let alice = app.alice();
    let made = alice.post("/api/v1/secrets", &api_key()).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!(made.json()["allowed_hosts"], json!([]));

    // A member's tool binds nothing and gets nothing.
    let members = app
        .member()
        .registers(keyed("/members").base_url(&other.base_url()))
        .await;
    is_blocked(&app.member(), &members).await;
    is_blocked(&alice, &members).await;
    assert_eq!(hosts(&alice).await, json!([]));

    let admins = app.admin().registers(keyed("/admins")).await;
    assert_eq!(hosts(&alice).await, json!([app.upstream().host_port()]));
    // From now on a member may use it there, and still nowhere else.
    let done = app.member().executes(&admins, json!({})).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    is_blocked(&app.member(), &members).await;
    // Nor does a second tool of an admin move or widen it.
    let second = alice
        .registers(keyed("/second").base_url(&other.base_url()))
        .await;
    is_blocked(&alice, &second).await;
    assert_eq!(hosts(&alice).await, json!([app.upstream().host_port()]));
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn an_edit_that_moves_the_host_takes_no_secret_along() {
    let (app, other) = with_two_upstreams().await;
    let alice = app.alice();
    alice
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    let tool = alice.registers(keyed("/x")).await;
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
    let mut moved = tool.document.clone();
    moved["api"]["base_url"] = json!(other.base_url());
    for who in [app.member(), app.alice()] {
        let done = who.put(&tool.saved_path(), &moved).await;
        assert_eq!(done.status(), 200, "{}", done.text());
        is_blocked(&who, &tool).await;
    }
    assert_eq!(other.connections(), 0);
    let restore = format!("{}/versions/1/restore", tool.saved_path());
    alice.post(&restore, &json!({})).await;
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
}

#[tokio::test]
async fn made_after_an_admins_tools_it_is_bound_to_their_host() {
    let (app, _other) = with_two_upstreams().await;
    let alice = app.alice();
    let tool = alice.registers(keyed("/one")).await;
    app.admin().registers(keyed("/two")).await;
    let made = alice.post("/api/v1/secrets", &api_key()).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!(
        made.json()["allowed_hosts"],
        json!([app.upstream().host_port()])
    );
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
}

#[tokio::test]
async fn hosts_must_be_stated_where_they_are_not_certain() {
    // A member's tool names the secret: whoever stores it must not be led to the member's host.
    let (app, other) = with_two_upstreams().await;
    let alice = app.alice();
    let tool = app.member().registers(keyed("/members")).await;
    let made = alice.post("/api/v1/secrets", &api_key()).await;
    assert_eq!(made.status(), 400, "{}", made.text());
    assert_eq!(made.code(), "hosts_required");
    assert_eq!(made.json()["errors"][0]["pointer"], "/allowed_hosts");
    // An admin who saves it vouches for it.
    let mut vouched = tool.document.clone();
    vouched["description"] = json!("Read and found good.");
    alice.put(&tool.saved_path(), &vouched).await;
    // Two hosts of admins' tools are not certain either.
    alice
        .registers(keyed("/other").base_url(&other.base_url()))
        .await;
    let made = alice.post("/api/v1/secrets", &api_key()).await;
    assert_eq!(made.code(), "hosts_required", "{}", made.text());
    let mut stated = api_key();
    stated["allowed_hosts"] = json!([other.host_port(), app.upstream().host_port()]);
    let made = alice.post("/api/v1/secrets", &stated).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
}

#[tokio::test]
async fn belongs_to_admins() {
    let (app, _, _) = TestApp::with_two_workspaces().await;
    for (who, status) in [(app.viewer(), 403), (app.member(), 403), (app.anon(), 401)] {
        let response = who.post("/api/v1/secrets", &api_key()).await;
        assert_eq!(response.status(), status, "{}", who.name());
    }
    let rows = app.sql("select count(*) from secrets.secrets");
    assert_eq!(rows.single(), Some("0"));
}

#[tokio::test]
async fn a_tool_saved_with_an_admins_lesser_key_vouches_for_no_host() {
    let (app, _other) = with_two_upstreams().await;
    let alice = app.alice();
    let key = json!({ "name": "ci", "role": "member" });
    let key = alice.post("/api/v1/workspaces/a/keys", &key).await.json();
    let machine = alice.with_token(key["value"].as_str().unwrap());
    let tool = machine.registers(keyed("/machines")).await;
    let one = format!("/api/v1/workspaces/a/keys/{}", key["id"].as_str().unwrap());
    // Not even when the key is gone.
    for _ in 0..2 {
        let made = alice.post("/api/v1/secrets", &api_key()).await;
        assert_eq!(made.status(), 400, "{}", made.text());
        assert_eq!(made.code(), "hosts_required");
        alice.delete(&one).await;
    }
    // Another admin, who gave out no such key, may vouch for it.
    let mut read = tool.document.clone();
    read["description"] = json!("Read and found good.");
    app.admin().put(&tool.saved_path(), &read).await;
    let made = alice.post("/api/v1/secrets", &api_key()).await;
    assert_eq!(made.status(), 201, "{}", made.text());
}

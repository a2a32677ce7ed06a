//! `PUT /api/v1/secrets/{name}`: rotation, and the approval of other hosts.

use serde_json::{Value, json};
use testkit::{Answer, FakeUpstream, TestApp, ToolBuilder};

const PATH: &str = "/api/v1/secrets/API_KEY";

fn keyed(path: &str) -> ToolBuilder {
    ToolBuilder::get(path).auth(json!({ "method": "bearer", "secret_ref": "${API_KEY}" }))
}

async fn with_two_upstreams() -> (TestApp, FakeUpstream) {
    let other = FakeUpstream::start().await;
    let app = TestApp::setup().allow(&other.host_port()).start().await;
    app.upstream().on("*", json!({}));
    other.on("*", json!({}));
    (app, other)
}

#[tokio::test]
async fn a_new_value_counts_from_the_next_call_on() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    alice
        .stores_secret("API_KEY", "the-first-value-of-all")
        .await;
    let tool = alice.registers(keyed("/x")).await;
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
    let other = app.second().await;
    assert_eq!(other.alice().executes(&tool, json!({})).await.status(), 200);
    let value = "the-second-v4lue-of-all";
    let changed = app.admin().put(PATH, &json!({ "value": value })).await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    let view = changed.json();
    assert_eq!(
        (&view["name"], &view["version"]),
        (&json!("API_KEY"), &json!(2))
    );
    assert_eq!(
        view["allowed_hosts"],
        json!([app.upstream().host_port()]),
        "the hosts stay"
    );
    assert!(!changed.text().contains("v4lue"), "{}", changed.text());
    for who in [app.member(), other.alice()] {
        assert_eq!(who.executes(&tool, json!({})).await.status(), 200);
        let sent = app.upstream().last_request();
        assert_eq!(
            sent.header("authorization"),
            Some(format!("Bearer {value}").as_str())
        );
    }
    let audited = app.sql("select string_agg(action, ' ' order by id) from secrets.audit where action <> 'secret.use'");
    assert_eq!(
        audited.single(),
        Some("secret.create secret.bind secret.rotate")
    );
}

#[tokio::test]
async fn another_host_is_approved_by_an_admin_and_by_nobody_else() {
    let (app, other) = with_two_upstreams().await;
    let alice = app.alice();
    alice
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    let first = alice.registers(keyed("/first")).await;
    let moved = app
        .member()
        .registers(keyed("/moved").base_url(&other.base_url()))
        .await;
    let blocked = app.member().executes(&moved, json!({})).await;
    assert_eq!(blocked.code(), "egress_blocked", "{}", blocked.text());
    let both = json!({ "allowed_hosts": [app.upstream().host_port(), other.host_port()] });
    assert_eq!(app.member().put(PATH, &both).await.status(), 403);
    let approved = app.admin().put(PATH, &both).await;
    assert_eq!(approved.status(), 200, "{}", approved.text());
    assert_eq!(
        (
            &approved.json()["allowed_hosts"],
            &approved.json()["version"]
        ),
        (&both["allowed_hosts"], &json!(1))
    );
    for tool in [&first, &moved] {
        assert_eq!(app.member().executes(tool, json!({})).await.status(), 200);
    }
    // And taken back again: the list is replaced.
    let one = json!({ "allowed_hosts": [other.host_port()] });
    assert_eq!(alice.put(PATH, &one).await.status(), 200);
    assert_eq!(
        alice.executes(&first, json!({})).await.code(),
        "egress_blocked"
    );
    // Without any host it goes nowhere, until an admin saves a tool with it.
    assert_eq!(
        alice
            .put(PATH, &json!({ "allowed_hosts": [] }))
            .await
            .status(),
        200
    );
    assert_eq!(
        alice.executes(&moved, json!({})).await.code(),
        "egress_blocked"
    );
    alice.put(&first.saved_path(), &first.document).await;
    let mut saved = first.document.clone();
    saved["description"] = json!("Read and found good.");
    alice.put(&first.saved_path(), &saved).await;
    assert_eq!(alice.executes(&first, json!({})).await.status(), 200);
    let audited = app.sql(
        "select detail::text from secrets.audit where action = 'secret.hosts' order by id limit 1",
    );
    let detail: Value = serde_json::from_str(audited.single().unwrap()).unwrap();
    assert_eq!(
        (&detail["allowed_hosts"], &detail["before"]),
        (&both["allowed_hosts"], &json!([app.upstream().host_port()]))
    );
}

#[tokio::test]
async fn a_redirect_takes_no_secret_to_another_host() {
    let (app, other) = with_two_upstreams().await;
    let alice = app.alice();
    alice
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    let mut redirected = keyed("/r").document(&app.upstream().base_url());
    redirected["api"]["redirects"] = json!({ "follow": 3, "cross_host": true });
    let saved = alice.post("/api/v1/tools", &redirected).await;
    assert_eq!(saved.status(), 201, "{}", saved.text());
    let path = format!(
        "/api/v1/tools/{}/execute",
        saved.json()["tool_id"].as_str().unwrap()
    );
    app.upstream().on(
        "/r",
        Answer::redirect(302, &format!("{}/stolen", other.base_url())),
    );
    for _ in 0..2 {
        let done = alice.post(&path, &json!({ "input": {} })).await;
        assert_eq!(done.code(), "egress_blocked", "{}", done.text());
        assert_eq!(other.requests().len(), 0, "nothing reached the other host");
        // Not even when both hosts may have it: a credential never follows a redirect to another origin.
        let both = json!({ "allowed_hosts": [app.upstream().host_port(), other.host_port()] });
        assert_eq!(alice.put(PATH, &both).await.status(), 200);
    }
}

#[tokio::test]
async fn tells_every_fault_and_never_the_value() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    alice
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    let change = json!({ "value": "q7#zX", "allowed_hosts": ["https://a.example.com/"] });
    let refused = alice.put(PATH, &change).await;
    assert_eq!(refused.status(), 400, "{}", refused.text());
    let problem = refused.json();
    let pointers: Vec<&Value> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| &fault["pointer"])
        .collect();
    assert_eq!(pointers, ["/value", "/allowed_hosts/0"], "{problem}");
    assert!(!refused.text().contains("q7#zX"), "{}", refused.text());
    for nothing in [
        json!({}),
        json!({ "value": null }),
        json!({ "vlaue": "a-value-of-some-length" }),
    ] {
        let refused = alice.put(PATH, &nothing).await;
        assert_eq!(refused.status(), 400, "{}", refused.text());
    }
    let listed = alice.get("/api/v1/secrets").await.json();
    assert_eq!(listed["secrets"][0]["version"], 1, "nothing was changed");
}

#[tokio::test]
async fn belongs_to_admins_and_to_what_is_there() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    alice
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    let change = json!({ "value": "another-value-of-some-length" });
    for (who, status) in [
        (app.viewer(), 403),
        (app.member(), 403),
        (bob, 404),
        (app.anon(), 401),
    ] {
        let refused = who.put(PATH, &change).await;
        assert_eq!(
            refused.status(),
            status,
            "{}: {}",
            who.name(),
            refused.text()
        );
    }
    for odd in ["OTHER", "api_key", "A%00"] {
        let missing = alice.put(&format!("/api/v1/secrets/{odd}"), &change).await;
        assert_eq!(missing.status(), 404, "{odd}: {}", missing.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_who_change_it_at_once_do_not_mix() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    alice
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    let tool = alice.registers(keyed("/x")).await;
    let changes: Vec<_> = (0..8)
        .map(|number| {
            let alice = alice.clone();
            let change = json!({ "value": format!("the-value-number-{number}") });
            tokio::spawn(async move { alice.put(PATH, &change).await })
        })
        .collect();
    let mut versions = Vec::new();
    for (number, change) in changes.into_iter().enumerate() {
        let changed = change.await.unwrap();
        assert_eq!(changed.status(), 200, "{}", changed.text());
        versions.push((changed.json()["version"].as_i64().unwrap(), number));
    }
    versions.sort_unstable();
    let counted: Vec<i64> = versions.iter().map(|(version, _)| *version).collect();
    assert_eq!(counted, (2..=9).collect::<Vec<_>>());
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
    let last = format!("Bearer the-value-number-{}", versions[7].1);
    assert_eq!(
        app.upstream().last_request().header("authorization"),
        Some(last.as_str())
    );
}

#[tokio::test]
async fn a_line_break_is_kept_but_never_sent_in_a_header() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    alice.stores_secret("API_KEY", "a-value\r\nX-Evil: 1").await;
    let tool = alice.registers(keyed("/x")).await;
    let done = alice.executes(&tool, json!({})).await;
    assert_eq!(
        (done.status().as_u16(), done.code()),
        (500, "secret_missing".into()),
        "{}",
        done.text()
    );
    assert!(!done.text().contains("X-Evil"), "{}", done.text());
    assert_eq!(app.upstream().requests().len(), 0);
}

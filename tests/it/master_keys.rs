//! The operator changes the master key: nothing stops, no value is touched, and the old key can be thrown away.

use serde_json::{Value, json};
use testkit::{Persona, RegisteredTool, TestApp, ToolBuilder};

const OLD: &str = "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "new:Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

/// Another process on the same database, with these master keys.
async fn with_keys(app: &TestApp, keys: &str) -> TestApp {
    let keys = keys.to_owned();
    TestApp::setup()
        .config(|config| config.master_keys = Some(keys.into()))
        .start_on_database_of(app)
        .await
}

/// A tool with a secret of its own in the persona's workspace.
async fn keyed(persona: &Persona, value: &str) -> RegisteredTool {
    persona.stores_secret("API_KEY", value).await;
    let auth = json!({ "method": "bearer", "secret_ref": "${API_KEY}" });
    persona.registers(ToolBuilder::get("/x").auth(auth)).await
}

async fn works(app: &TestApp, persona: &Persona, tool: &RegisteredTool, value: &str) {
    let done = persona.executes(tool, json!({})).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    let sent = app.upstream().last_request();
    let expected = format!("Bearer {value}");
    assert_eq!(sent.header("authorization"), Some(expected.as_str()));
}

fn wrapped_by(app: &TestApp) -> Vec<String> {
    let rows = app
        .sql("select master_key_id from secrets.data_keys order by 1")
        .rows;
    rows.into_iter().flatten().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_key_is_replaced_without_a_pause() {
    let app = TestApp::start().await;
    app.upstream().on("*", json!({}));
    let first = with_keys(&app, OLD).await;
    let (alice, bob) = (first.alice(), first.bob());
    let of_alice = keyed(&alice, "the-value-of-alice").await;
    let of_bob = keyed(&bob, "the-value-of-bob").await;
    let ciphertexts = "select string_agg(ciphertext::text, ',' order by id) from secrets.secrets";
    let sealed = first.sql(ciphertexts);

    // Every process learns the new key before any uses it; then it wraps.
    let second = with_keys(&app, &format!("{OLD},{NEW}")).await;
    works(&second, &second.alice(), &of_alice, "the-value-of-alice").await;
    second.sweeps().await;
    assert_eq!(wrapped_by(&second), ["old", "old"]);
    let third = with_keys(&app, &format!("{NEW},{OLD}")).await;
    works(&third, &third.bob(), &of_bob, "the-value-of-bob").await;

    // While both kinds of process run, calls go on and several sweep.
    let calls = async |app: &TestApp| {
        for _ in 0..10 {
            let (alice, bob) = (app.alice(), app.bob());
            for (persona, tool) in [(&alice, &of_alice), (&bob, &of_bob)] {
                let done = persona.executes(tool, json!({})).await;
                assert_eq!(done.status(), 200, "{}", done.text());
            }
        }
    };
    tokio::join!(
        calls(&second),
        calls(&third),
        third.sweeps(),
        third.sweeps()
    );
    assert_eq!(wrapped_by(&third), ["new", "new"]);
    // Also in a process that has nothing open any more.
    let again = with_keys(&app, &format!("{OLD},{NEW}")).await;
    works(&again, &again.alice(), &of_alice, "the-value-of-alice").await;

    // The old key is thrown away.
    let last = with_keys(&app, NEW).await;
    works(&last, &last.alice(), &of_alice, "the-value-of-alice").await;
    works(&last, &last.bob(), &of_bob, "the-value-of-bob").await;
    assert_eq!(last.sql(ciphertexts), sealed, "no value was touched");
    let audit = last
        .alice()
        .get("/api/v1/audit?action=data_key.rewrap")
        .await;
    let entries = audit.json()["entries"].as_array().cloned().unwrap();
    assert_eq!(entries.len(), 1, "{}", audit.text());
    assert_eq!(entries[0]["detail"], json!({ "from": "old", "to": "new" }));
    assert_eq!(entries[0].get("actor"), None::<&Value>);
    let verified = last.alice().get("/api/v1/audit/verify").await.json();
    assert_eq!(verified["ok"], true, "{verified}");
}

#[tokio::test]
async fn a_key_that_was_thrown_away_too_early_is_told_and_can_come_back() {
    let app = TestApp::start().await;
    app.upstream().on("*", json!({}));
    let first = with_keys(&app, OLD).await;
    let tool = keyed(&first.alice(), "the-value-of-alice").await;
    let early = with_keys(&app, NEW).await;
    early.sweeps().await;
    let failed = early.alice().executes(&tool, json!({})).await;
    assert!(failed.status().is_server_error(), "{}", failed.text());
    assert!(!failed.text().contains("the-value"), "{}", failed.text());
    let sent = app.upstream().requests().len();
    assert_eq!(sent, 0, "nothing is sent without the credential");
    let mended = with_keys(&app, &format!("{NEW},{OLD}")).await;
    mended.sweeps().await;
    works(&early, &early.alice(), &tool, "the-value-of-alice").await;
}

#[tokio::test]
async fn an_old_data_key_seals_nothing_new() {
    let app = TestApp::start().await;
    app.upstream().on("*", json!({}));
    let alice = app.alice();
    let tool = keyed(&alice, "the-value-of-alice").await;
    app.sweeps().await;
    let keys = "select count(*) || ' ' || count(retired_at) from secrets.data_keys";
    assert_eq!(app.sql(keys).single(), Some("1 0"));
    app.sql("update secrets.data_keys set created_at = now() - interval '91 days'");
    app.sweeps().await;
    assert_eq!(app.sql(keys).single(), Some("1 1"));
    alice.stores_secret("LATER", "another-value-of-alice").await;
    assert_eq!(app.sql(keys).single(), Some("2 1"));
    let by = "select count(distinct data_key_id) from secrets.secrets";
    assert_eq!(app.sql(by).single(), Some("2"));
    // What the old one sealed still opens.
    works(&app, &alice, &tool, "the-value-of-alice").await;
    let audit = alice.get("/api/v1/audit?action=data_key.retire").await;
    assert_eq!(audit.json()["entries"].as_array().map(Vec::len), Some(1));
}

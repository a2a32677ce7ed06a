//! What models cost: by the prices of when a run ended, exactly, and never guessed.

use domain::price::PriceList;
use serde_json::{Value, json};
use testkit::scripted_model::say;
use testkit::{Persona, Setup, TestApp};

use super::report;

const PRICES: &str = r#"{"gpt-5":{"input":1.25,"cached_input":0.125,"output":10},"gpt-5-mini":{"input":0.25,"output":2}}"#;

fn priced(prices: &'static str) -> Setup {
    TestApp::setup()
        .scripted_model()
        .config(move |config| config.model.prices = PriceList::parse(prices).unwrap())
}

/// A run of this model, of which all turns together take 1,000 tokens, 400 of them cached, and answer 50.
async fn runs(app: &TestApp, who: &Persona, model: &str) {
    app.model()
        .then(say("Yes.").tokens(1_000, 50).of_them(400, 20));
    let body = json!({ "prompt": "Count.", "tools": [], "model": model });
    let answered = who.post("/api/v1/orchestrate", &body).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
}

async fn tokens(who: &Persona) -> Value {
    report(who, "workspace?bucket=hour").await["tokens"].take()
}

/// Each model's runs, those without a price, and cost.
fn by_model(tokens: &Value) -> Value {
    let models = tokens["models"].as_array().unwrap();
    let told = models.iter().map(|model| {
        let cost = model.get("cost_usd").cloned().unwrap_or(Value::Null);
        let name = model["model"].as_str().unwrap().to_owned();
        (name, json!([model["runs"], model["unpriced_runs"], cost]))
    });
    Value::Object(told.collect())
}

#[tokio::test]
async fn a_run_costs_what_its_tokens_cost() {
    let app = priced(PRICES).start().await;
    let alice = app.alice();
    let nothing = tokens(&alice).await;
    assert_eq!(nothing["cost_usd"], "0");
    assert_eq!(nothing["unpriced"], json!([]));
    runs(&app, &alice, "gpt-5").await;
    runs(&app, &alice, "gpt-5").await;
    runs(&app, &alice, "gpt-5-mini").await;
    let told = tokens(&alice).await;
    // Twice 600 × 1.25 + 400 × 0.125 + 50 × 10, and once 1,000 × 0.25 + 50 × 2 millionths.
    let expected = json!({ "gpt-5": [2, 0, "0.0026"], "gpt-5-mini": [1, 0, "0.00035"] });
    assert_eq!(by_model(&told), expected);
    assert_eq!(told["cost_usd"], "0.00295");
    assert_eq!(told["unpriced"], json!([]));
    let series = told["series"].as_array().unwrap();
    assert_eq!(series.len(), 24);
    let spent: i64 = series.iter().filter_map(|line| line["runs"].as_i64()).sum();
    assert_eq!(spent, 3);
    assert_eq!(series[0]["cost_usd"], "0");
    assert_eq!(tokens(&app.bob()).await["models"], json!([]));
}

#[tokio::test]
async fn a_new_price_changes_nothing_that_was() {
    let app = priced(PRICES).start().await;
    let alice = app.alice();
    runs(&app, &alice, "gpt-5").await;
    let later = priced(r#"{"gpt-5":{"input":100,"output":100}}"#)
        .start_on_database_of(&app)
        .await;
    let again = later.alice();
    assert_eq!(tokens(&again).await["cost_usd"], "0.0013");
    runs(&later, &again, "gpt-5").await;
    assert_eq!(
        by_model(&tokens(&alice).await),
        json!({ "gpt-5": [2, 0, "0.1063"] })
    );
}

#[tokio::test]
async fn what_has_no_price_is_named_and_not_taken_for_free() {
    let app = TestApp::setup().scripted_model().start().await;
    let alice = app.alice();
    runs(&app, &alice, "gpt-5").await;
    runs(&app, &alice, "llama").await;
    let told = tokens(&alice).await;
    assert!(told.get("cost_usd").is_none(), "{told}");
    assert_eq!(told["unpriced"], json!(["gpt-5", "llama"]));
    assert_eq!(told["unpriced_runs"], 2);
    // Beside a run that failed before its first token too.
    app.sql("update orchestration.token_rollups set runs = runs + 1");
    let told = tokens(&alice).await;
    assert_eq!(told["runs"], 4);
    assert!(told.get("cost_usd").is_none(), "{told}");
    app.sql("update orchestration.token_rollups set runs = runs - 1");

    let later = priced(PRICES).start_on_database_of(&app).await;
    runs(&later, &later.alice(), "gpt-5").await;
    let told = tokens(&alice).await;
    assert_eq!(told["cost_usd"], "0.0013");
    assert_eq!(told["unpriced"], json!(["gpt-5", "llama"]));
    let expected = json!({ "gpt-5": [2, 1, "0.0013"], "llama": [1, 1, null] });
    assert_eq!(by_model(&told), expected);
}

#[tokio::test]
async fn a_workspaces_own_server_sends_its_own_bill() {
    let app = priced(PRICES).start().await;
    let alice = app.alice();
    let key = json!({ "name": "OWN_KEY", "value": "sk-own-key-0123456789", "allowed_hosts": [app.model().host_port()] });
    assert_eq!(alice.post("/api/v1/secrets", &key).await.status(), 201);
    let own = json!({ "base_url": app.model().base_url(), "api_key_ref": "${OWN_KEY}" });
    let set = alice.put("/api/v1/model", &own).await;
    assert_eq!(set.status(), 200, "{}", set.text());
    runs(&app, &alice, "gpt-5").await;
    let told = tokens(&alice).await;
    assert_eq!(by_model(&told), json!({ "gpt-5": [1, 1, null] }));
    assert_eq!(told["unpriced"], json!(["gpt-5"]));
    assert_eq!(alice.delete("/api/v1/model").await.status(), 204);
    runs(&app, &alice, "gpt-5").await;
    let told = tokens(&alice).await;
    assert_eq!(by_model(&told), json!({ "gpt-5": [2, 1, "0.0013"] }));
}

#[tokio::test]
async fn a_run_without_tokens_needs_no_price() {
    let app = TestApp::setup().scripted_model().start().await;
    let alice = app.alice();
    app.sql(&format!(
        "insert into orchestration.conversations (id, workspace_id, model, prompt, created_at)
         values (gen_random_uuid(), '{}', 'gpt-5', 'Hi', now() - interval '2 hours')",
        alice.workspace_id()
    ));
    app.sweeps().await;
    let told = tokens(&alice).await;
    assert_eq!(by_model(&told), json!({ "gpt-5": [1, 0, "0"] }));
    assert_eq!(told["unpriced"], json!([]));
}

#[tokio::test]
async fn csv_has_tokens_and_cost_in_each_line() {
    let app = priced(PRICES).start().await;
    let alice = app.alice();
    runs(&app, &alice, "gpt-5").await;
    runs(&app, &alice, "llama").await;
    let answered = alice.get("/api/v1/analytics/workspace?format=csv").await;
    let text = answered.text();
    let lines: Vec<&str> = text.trim_end().split("\r\n").collect();
    assert_eq!(
        lines[0],
        "at,calls,successes,failures,success_rate,mean_ms,p50_ms,p95_ms,p99_ms,\
         runs,input_tokens,cached_input_tokens,output_tokens,reasoning_tokens,total_tokens,unpriced_runs,cost_usd"
    );
    assert_eq!(lines.len(), 31, "{text}");
    assert!(lines[1].ends_with(",0,0,0,,,,,,0,0,0,0,0,0,0,0"), "{text}");
    let spent: Vec<&&str> = lines
        .iter()
        .filter(|line| line.contains(",2,2000,"))
        .collect();
    assert_eq!(spent.len(), 1, "{text}");
    assert!(
        spent[0].ends_with(",2,2000,800,100,40,2100,1,0.0013"),
        "{text}"
    );
}

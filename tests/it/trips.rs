//! What a request costs at the database: round trips are the price of the hot path, so they are counted.

mod wire;

use runtime::PoolMode;
use serde_json::{Value, json};
use testkit::{Persona, RegisteredTool, TestApp, ToolBuilder, global_quote};

use wire::Wire;

/// Often enough that whatever happens after an answer would be seen in the next one's count.
const TIMES: usize = 5;

/// An app with one connection to its database, and the wire that it goes through.
async fn app_on_a_wire() -> (TestApp, Wire) {
    let wire = Wire::default();
    let counted = wire.clone();
    let app = TestApp::setup()
        .config(move |config| {
            config.database_max_connections = 1;
            config.database_url = counted.lay(&config.database_url);
        })
        .start()
        .await;
    app.upstream().on("*", global_quote());
    (app, wire)
}

/// What the same calls may cost: directly, and through a transaction pooler. There a call of one statement
/// takes four trips (begin, prepare, run, commit), because a statement without a name is prepared each time.
fn either(app: &TestApp, direct: usize, pooled: usize) -> usize {
    match app.config().database_pool_mode {
        PoolMode::Session => direct,
        PoolMode::Transaction => pooled,
    }
}

/// Runs the tool once to warm everything up, then several times; answers the trips of one run.
async fn trips_of_a_warm_run(
    wire: &Wire,
    who: &Persona,
    tool: &RegisteredTool,
    input: &Value,
) -> usize {
    let run = async || {
        let response = who.executes(tool, input.clone()).await;
        assert_eq!(response.status(), 200, "{}", response.text());
    };
    run().await;
    let before = wire.trips();
    for _ in 0..TIMES {
        run().await;
    }
    let trips = wire.trips() - before;
    assert_eq!(trips % TIMES, 0, "each run costs the same");
    trips / TIMES
}

#[tokio::test]
async fn a_warm_execution_costs_two() {
    let (app, wire) = app_on_a_wire().await;
    let alice = app.alice();
    let tool = alice.registers(ToolBuilder::get("/quote")).await;
    let trips = trips_of_a_warm_run(&wire, &alice, &tool, &json!({})).await;
    assert_eq!(trips, either(&app, 2, 8), "one to enter, one to record");
}

#[tokio::test]
async fn a_warm_execution_with_a_key_costs_two() {
    let (app, wire) = app_on_a_wire().await;
    let alice = app.alice();
    let tool = alice.registers(ToolBuilder::get("/quote")).await;
    let path = format!("/api/v1/workspaces/{}/keys", alice.workspace_id());
    let made = alice
        .post(&path, &json!({ "name": "robot", "role": "member" }))
        .await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let robot = alice.with_token(made.json()["value"].as_str().unwrap());
    let trips = trips_of_a_warm_run(&wire, &robot, &tool, &json!({})).await;
    let expected = either(&app, 2, 8);
    assert_eq!(
        trips, expected,
        "the key is looked up by the trip that enters"
    );
}

#[tokio::test]
async fn a_secret_costs_one_more() {
    let (app, wire) = app_on_a_wire().await;
    let alice = app.alice();
    let tool = alice.registers(ToolBuilder::stock_quote()).await;
    alice
        .stores_secret("ALPHA_VANTAGE_API_KEY", "an-alpha-vantage-key")
        .await;
    let input = json!({ "symbol": "IBM" });
    let trips = trips_of_a_warm_run(&wire, &alice, &tool, &input).await;
    let expected = either(&app, 3, 12);
    assert_eq!(trips, expected, "its use is recorded and it is read in one");
}

#[tokio::test]
async fn a_refused_input_costs_two() {
    let (app, wire) = app_on_a_wire().await;
    let alice = app.alice();
    let tool = alice.registers(ToolBuilder::stock_quote()).await;
    let refused = async || {
        let response = alice.executes(&tool, json!({ "symbol": 7 })).await;
        assert_eq!(response.status(), 400, "{}", response.text());
    };
    refused().await;
    let before = wire.trips();
    refused().await;
    assert_eq!(wire.trips() - before, either(&app, 2, 8));
}

#[tokio::test]
async fn a_warm_listing_costs_one() {
    let (app, wire) = app_on_a_wire().await;
    let alice = app.alice();
    alice.registers(ToolBuilder::get("/quote")).await;
    alice.get("/api/v1/tools").await;
    let before = wire.trips();
    let listed = alice.get("/api/v1/tools").await;
    assert_eq!(listed.status(), 200, "{}", listed.text());
    assert_eq!(wire.trips() - before, either(&app, 1, 4));
}

#[tokio::test]
async fn a_call_with_a_key_costs_three_and_its_replay_two() {
    let (app, wire) = app_on_a_wire().await;
    let alice = app.alice();
    let order = ToolBuilder::post("/orders")
        .input(json!({ "properties": { "order": {} } }))
        .set("/idempotency", json!({ "key_fields": ["order"] }));
    let tool = alice.registers(order).await;
    let replayed = trips_of_a_warm_run(&wire, &alice, &tool, &json!({ "order": 0 })).await;
    assert_eq!(replayed, either(&app, 2, 8), "one finds the answer");
    let before = wire.trips();
    for order in 1..=TIMES {
        let response = alice.executes(&tool, json!({ "order": order })).await;
        assert_eq!(response.status(), 200, "{}", response.text());
    }
    let made = (wire.trips() - before) / TIMES;
    let expected = either(&app, 3, 12);
    assert_eq!(
        made, expected,
        "one takes the key, and the record settles it"
    );
}

#[tokio::test]
async fn limits_cost_one_more_and_a_cached_answer_nothing() {
    let (app, wire) = app_on_a_wire().await;
    let alice = app.alice();
    let limits = json!({ "rate_per_minute": 1000, "concurrency": 10 });
    let limited = ToolBuilder::get("/quote").set("/limits", limits);
    let tool = alice.registers(limited.id("limited")).await;
    let trips = trips_of_a_warm_run(&wire, &alice, &tool, &json!({})).await;
    assert_eq!(trips, either(&app, 3, 12), "one for both limits");
    let cached = ToolBuilder::get("/quote").set("/cache", json!({ "ttl_s": 60 }));
    let tool = alice.registers(cached.id("cached")).await;
    alice.executes(&tool, json!({})).await;
    let trips = trips_of_a_warm_run(&wire, &alice, &tool, &json!({})).await;
    assert_eq!(trips, either(&app, 2, 8), "one to enter, one to record");
}

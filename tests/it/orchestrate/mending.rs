//! Calls that go wrong: the model is told what and how to mend it, and the run goes on.

use serde_json::{Value, json};
use testkit::scripted_model::{call, call_text, say};
use testkit::{Answer, Reply, TestApp, ToolBuilder};

use super::{answered, assert_clean, errors_told, plain, prompt};

#[tokio::test]
async fn a_model_mends_its_call() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("/weather", json!({ "c": 18 }));
    let city = json!({
        "type": "object", "properties": { "city": { "type": "string", "minLength": 3 } }, "required": ["city"]
    });
    alice
        .registers(ToolBuilder::get("/weather").id("weather").input(city))
        .await;
    app.model()
        .then(call([("weather", json!({ "city": "SF" }))]))
        .then(call([("weather", json!({ "city": "San Francisco" }))]))
        .then(say("18 °C"));
    let answer = answered(&alice, &prompt("Weather")).await;
    let calls = answer["tool_calls"].as_array().unwrap();
    assert_eq!(calls[0]["error"]["code"], "invalid_input");
    assert!(calls[0].get("output").is_none());
    assert_eq!(calls[1]["output"], json!({ "c": 18 }));
    let told = &errors_told(&app)[0];
    assert_eq!(told["details"]["faults"][0]["pointer"], "/city", "{told}");
    assert!(told["hint"].as_str().unwrap().contains("call again"));
    assert_eq!(app.upstream().requests().len(), 1);
    assert_clean(&app);
}

#[tokio::test]
async fn nonsense_is_answered_and_never_run() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("*", json!({}));
    alice.registers(plain("one")).await;
    alice.registers(plain("other").set("/enabled", false)).await;
    let nonsense = call_text("one", "{\"a\":")
        .call_text("one", "[1]")
        .call_text("on", "{}")
        .call_text("other", "{}");
    app.model().then(nonsense).then(say("I see."));
    let answer = answered(&alice, &prompt("Try")).await;
    let codes: Vec<&Value> = answer["tool_calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| &call["error"]["code"])
        .collect();
    assert_eq!(
        codes,
        [
            "invalid_input",
            "invalid_input",
            "tool_not_found",
            "tool_not_found"
        ]
    );
    assert_eq!(answer["tool_calls"][0]["input"], "{\"a\":");
    let told = errors_told(&app);
    assert_eq!(told.len(), 4);
    assert!(
        told.iter()
            .all(|error| error["hint"].as_str().unwrap().len() > 5)
    );
    assert!(
        told[2]["hint"].as_str().unwrap().contains("one"),
        "{told:?}"
    );
    assert!(app.upstream().requests().is_empty());
}

#[tokio::test]
async fn a_failing_tool_does_not_end_the_run() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream()
        .on("/down", Answer::text("down for repair").status(503));
    app.upstream().on(
        "/wrong",
        Answer::json(&json!({ "error": "no such city" })).status(422),
    );
    app.upstream().on("/good", json!({ "c": 1 }));
    for id in ["down", "wrong", "good"] {
        alice.registers(plain(id)).await;
    }
    app.model()
        .then(call(["down", "wrong", "good"].map(|id| (id, json!({})))))
        .then(say("One of three."));
    let answer = answered(&alice, &prompt("Try")).await;
    let calls = answer["tool_calls"].as_array().unwrap();
    assert_eq!(calls[0]["error"]["code"], "upstream_5xx");
    assert_eq!(calls[0]["error"]["retryable"], true);
    assert_eq!(calls[1]["error"]["code"], "upstream_4xx");
    assert_eq!(calls[2]["output"], json!({ "c": 1 }));
    let told = errors_told(&app);
    assert_eq!(told[0]["retryable"], true);
    assert!(
        told[1]["details"]["body"]
            .as_str()
            .unwrap()
            .contains("no such city")
    );
    assert_eq!(told[2], Value::Null);
}

#[tokio::test]
async fn the_same_call_is_made_once_unless_it_reads_or_failed_in_passing() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("/order", json!({ "id": 1 }));
    app.upstream().on("/state", json!({ "state": "busy" }));
    let down = || Reply::from(Answer::text("busy").status(503));
    app.upstream()
        .on_sequence("/flaky", vec![down(), json!({ "ok": true }).into()]);
    let post = |id: &str| {
        ToolBuilder::post(&format!("/{id}"))
            .id(id)
            .set("/retry", json!({ "max_attempts": 1 }))
    };
    alice.registers(post("order")).await;
    alice.registers(post("flaky")).await;
    alice.registers(plain("state")).await;
    let all = || {
        call([
            ("order", json!({})),
            ("state", json!({})),
            ("flaky", json!({})),
        ])
    };
    app.model()
        .then(all())
        .then(all())
        .then(call([("state", json!({})), ("state", json!({}))]))
        .then(call([("state", json!({}))]))
        .then(say("Done."));
    let answer = answered(&alice, &prompt("Order")).await;
    let codes: Vec<(&str, &str)> = answer["tool_calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| {
            let code = call["error"]["code"].as_str().unwrap_or("ok");
            (call["tool"].as_str().unwrap(), code)
        })
        .collect();
    assert_eq!(
        codes,
        [
            ("order", "ok"),
            ("state", "ok"),
            ("flaky", "upstream_5xx"),
            ("order", "repeated_call"),
            ("state", "ok"),
            ("flaky", "ok"),
            ("state", "ok"),
            ("state", "repeated_call"),
            ("state", "repeated_call"),
        ]
    );
    let made = |path: &str| {
        let requests = app.upstream().requests();
        requests.iter().filter(|it| it.path() == path).count()
    };
    assert_eq!((made("/order"), made("/state"), made("/flaky")), (1, 3, 2));
}

#[tokio::test]
async fn a_model_that_goes_in_circles_has_to_answer() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("*", json!({}));
    alice
        .registers(ToolBuilder::post("/order").id("order"))
        .await;
    for _ in 0..4 {
        app.model().then(call([("order", json!({}))]));
    }
    app.model().then(say("I was going in circles."));
    let answer = answered(&alice, &prompt("Order")).await;
    assert_eq!(answer["response"], "I was going in circles.");
    assert!(
        answer["warnings"][0]
            .as_str()
            .unwrap()
            .contains("three times"),
        "{answer}"
    );
    let last = app.model().last_request().unwrap();
    assert_eq!(last.body["tool_choice"], "none");
    assert_eq!(app.upstream().requests().len(), 1);
}

#[tokio::test]
async fn arguments_that_never_fit_end_in_an_answer() {
    let (app, alice) = TestApp::with_model().await;
    let city = json!({ "type": "object", "properties": { "city": { "type": "string", "minLength": 3 } }, "required": ["city"] });
    alice
        .registers(ToolBuilder::post("/order").id("order").input(city))
        .await;
    // Always the same: it is told what is wrong each time, since nothing was called.
    for _ in 0..3 {
        app.model().then(call([("order", json!({ "city": "SF" }))]));
    }
    app.model().then(say("I cannot."));
    let answer = answered(&alice, &prompt("Order")).await;
    let calls = answer["tool_calls"].as_array().unwrap();
    assert!(
        calls
            .iter()
            .all(|call| call["error"]["code"] == "invalid_input"),
        "{answer}"
    );
    assert_eq!(calls.len(), 3);
    let last = app.model().last_request().unwrap();
    assert_eq!(last.body["tool_choice"], "none");
}

//! More tools than a model can be given: the best ones, and two functions to find and call the others.

use serde_json::{Value, json};
use testkit::scripted_model::{call, reply_with, say};
use testkit::{TestApp, ToolBuilder};

use super::{answered, assert_clean, plain, prompt};

fn ledger(number: usize) -> ToolBuilder {
    plain(&format!("ledger_{number}")).set("/description", "Books an amount in the ledger.")
}

#[tokio::test]
async fn a_tool_that_was_not_given_is_found_and_called() {
    let setup = TestApp::setup()
        .scripted_model()
        .without_built_in_tools()
        .config(|config| config.model.tool_tokens = 1_000);
    let app = setup.start().await;
    let alice = app.alice();
    app.upstream().on("*", json!({ "c": 18 }));
    for number in 0..40 {
        alice.registers(ledger(number)).await;
    }
    let weather = plain("weather_api")
        .set("/description", "The weather at a place.")
        .input(json!({ "properties": { "city": { "type": "string" } }, "required": ["city"] }));
    alice.registers(weather).await;
    app.model()
        .then(call([(
            "search_tools",
            json!({ "query": "weather", "limit": null }),
        )]))
        .then(reply_with(|request| {
            let (call_id, _) = request.outputs()[0];
            let found = request.output_of(call_id).unwrap();
            let id = found["output"]["tools"][0]["id"]
                .as_str()
                .unwrap()
                .to_owned();
            call([(
                "call_tool",
                json!({ "tool": id, "arguments": { "city": "SF" } }),
            )])
        }))
        .then(say("18 °C"));
    let answer = answered(&alice, &prompt("How warm is it outside?")).await;
    let tools: Vec<&Value> = answer["tool_calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| &call["tool"])
        .collect();
    assert_eq!(tools, ["search_tools", "weather_api"]);
    assert_eq!(answer["tool_calls"][1]["input"], json!({ "city": "SF" }));
    let first = &app.model().requests()[0];
    assert_eq!(first.tool_names()[..2], ["search_tools", "call_tool"]);
    assert!(first.tool_names().len() < 41);
    assert_clean(&app);
}

#[tokio::test]
async fn one_bad_tool_spoils_nothing_and_is_told() {
    let setup = || TestApp::setup().scripted_model().without_built_in_tools();
    let before = setup().allow("127.0.0.1:9").start().await;
    before.upstream().on("*", json!({ "c": 18 }));
    let alice = before.alice();
    alice.registers(plain("good")).await;
    alice
        .registers(plain("bad").base_url("http://127.0.0.1:9"))
        .await;
    alice
        .registers(plain("wipe").set("/annotations", json!({ "destructive": true })))
        .await;
    // The operator allows the host no longer: the stored config is not valid any more.
    let app = setup().start_on_database_of(&before).await;
    let alice = app.alice();
    app.model()
        .then(call([("good", json!({}))]))
        .then(say("18"));
    let answer = answered(&alice, &prompt("Try")).await;
    assert_eq!(app.model().requests()[0].tool_names(), ["good"]);
    let withheld = answer["withheld"].as_array().unwrap();
    let named: Vec<&Value> = withheld.iter().map(|it| &it["tool"]).collect();
    assert_eq!(named, ["bad", "wipe"], "{answer}");
    assert!(
        withheld[0]["reason"]
            .as_str()
            .unwrap()
            .contains("not valid any more"),
        "{answer}"
    );
    assert!(
        withheld[1]["reason"]
            .as_str()
            .unwrap()
            .contains("Name it in tools")
    );
    // Naming the destructive one is the consent.
    app.model().then(say("Ready."));
    let body = json!({ "prompt": "Wipe", "tools": ["wipe"] });
    answered(&alice, &body).await;
    assert_eq!(app.model().last_request().unwrap().tool_names(), ["wipe"]);
}

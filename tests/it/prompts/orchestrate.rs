//! `prompt_id` and `variables` of `POST /api/v1/orchestrate`.

use serde_json::json;
use testkit::scripted_model::{call, say};
use testkit::{TestApp, ToolBuilder};

use super::{saved, told, weather};

const PATH: &str = "/api/v1/orchestrate";

#[tokio::test]
async fn a_prompt_says_what_the_request_does_not() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("/weather", json!({ "celsius": 9 }));
    app.upstream().on("/other", json!({}));
    alice.registers(ToolBuilder::get("/weather")).await;
    alice.registers(ToolBuilder::get("/other")).await;
    let mut document = weather();
    document.as_object_mut().unwrap().remove("template");
    document["messages"] = json!([
        { "role": "user", "content": "Weather in Bergen?" },
        { "role": "assistant", "content": "Rain." },
        { "role": "user", "content": "Weather in {{city}} in {{days}} days?" },
    ]);
    document["tools"] = json!(["get_weather"]);
    document["model"] = json!("gpt-of-the-prompt");
    saved(&alice, &document).await;
    app.model()
        .then(call([("get_weather", json!({}))]))
        .then(say("9 °C"));

    let body = json!({ "prompt_id": "weather_report", "variables": { "city": "Oslo {{days}}", "days": 2 } });
    let answer = alice.post(PATH, &body).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json()["response"], "9 °C");
    assert_eq!(
        answer.json()["tool_calls"][0]["output"],
        json!({ "celsius": 9 })
    );
    let first = &app.model().requests()[0].body;
    assert_eq!(first["model"], "gpt-of-the-prompt");
    assert!(
        first["instructions"]
            .as_str()
            .unwrap()
            .contains("Write for farmers.")
    );
    let input = first["input"].to_string();
    let positions: Vec<_> = [
        "Weather in Bergen?",
        "Rain.",
        "Weather in Oslo {{days}} in 2 days?",
    ]
    .iter()
    .map(|text| {
        input
            .find(text)
            .unwrap_or_else(|| panic!("{text} in {input}"))
    })
    .collect();
    assert!(positions.is_sorted());
    assert_eq!(
        first["tools"].as_array().unwrap().len(),
        1,
        "{}",
        first["tools"]
    );
    assert!(
        app.model().refusals().is_empty(),
        "{:?}",
        app.model().refusals()
    );
}

#[tokio::test]
async fn the_request_has_the_last_word() {
    let (app, alice) = TestApp::with_model().await;
    saved(&alice, &weather()).await;
    app.model().then(say("fine"));
    let body = json!({
        "prompt_id": "weather_report", "variables": { "city": "Oslo" }, "prompt": "And tomorrow?",
        "instructions": "Be brief.", "model": "gpt-of-the-request",
    });
    let answer = alice.post(PATH, &body).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let sent = &app.model().requests()[0].body;
    assert_eq!(sent["model"], "gpt-of-the-request");
    let text = sent.to_string();
    assert!(
        text.contains("And tomorrow?") && text.contains("Be brief."),
        "{text}"
    );
    assert!(
        !text.contains("Oslo") && !text.contains("farmers"),
        "{text}"
    );
}

#[tokio::test]
async fn nothing_is_asked_when_the_prompt_does_not_fit() {
    let (app, alice) = TestApp::with_model().await;
    saved(&alice, &weather()).await;
    let silent = json!({ "id": "silent", "name": "Silent", "instructions": "Be brief." });
    saved(&alice, &silent).await;
    for (body, status, pointer) in [
        (
            json!({ "prompt_id": "weather_report" }),
            400,
            "/variables/city",
        ),
        (
            json!({ "prompt_id": "weather_report", "variables": [] }),
            400,
            "/variables",
        ),
        (
            json!({ "prompt": "x", "variables": { "city": "Oslo" } }),
            400,
            "/variables",
        ),
        (
            json!({ "prompt_id": "Not an id", "prompt": "x" }),
            400,
            "/prompt_id",
        ),
        (json!({ "prompt_id": "silent" }), 400, "/prompt"),
        (json!({ "variables": {} }), 400, "/prompt"),
        (json!({ "prompt_id": "nothing", "prompt": "x" }), 404, ""),
    ] {
        for path in [PATH, "/api/v1/orchestrate/stream"] {
            let refused = alice.post(path, &body).await;
            assert_eq!(refused.status(), status, "{body}: {}", refused.text());
            if status == 400 {
                assert_eq!(told(&refused)[0].0, pointer, "{body}: {}", refused.text());
            } else {
                assert_eq!(refused.code(), "prompt_not_found");
            }
        }
    }
    assert!(app.model().requests().is_empty());
}

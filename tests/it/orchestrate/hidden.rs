//! Inputs that no model sees: neither in what it is offered, nor in what it is told of its mistakes.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::scripted_model::{call, say};
use testkit::{Persona, TestApp, ToolBuilder};

use super::{answered, assert_clean, errors_told, prompt};

const NAME: &str = "hushfunction";
const VALUE: &str = "GLOBAL_HUSH";

/// Near enough to the hidden name to be asked "did you mean …?".
const MISSPELT: &str = "hushfunctiom";

/// A tool with a fixed input that other keywords of its schema speak of.
fn quote() -> ToolBuilder {
    ToolBuilder::get("/quote")
        .id("quote")
        .set("/description", "The latest price of a share.")
        .input(json!({
            "type": "object",
            "properties": {
                "symbol": { "type": "string" },
                NAME: { "$ref": "#/$defs/kind", "const": VALUE, "x-hidden": true },
            },
            "required": ["symbol", NAME],
            "additionalProperties": false,
            "dependentRequired": { "symbol": [NAME] },
            "anyOf": [{ "required": [NAME] }, { "maxProperties": 0 }],
            "default": { "symbol": "IBM", NAME: VALUE },
            "$defs": { "kind": { "enum": [VALUE, "GLOBAL_LOUD"] } },
        }))
        .mapping(json!({ "input_to_params": { "symbol": "symbol", NAME: "function" } }))
}

fn assert_silent(place: &str, text: &str) {
    for word in [NAME, VALUE, "GLOBAL_LOUD", "x-hidden"] {
        assert!(!text.contains(word), "{place} tells {word}: {text}");
    }
}

/// What `/mcp` answers.
async fn mcp(persona: &Persona, method: &str, params: &Value) -> String {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let request = persona
        .request(Method::POST, "/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .body(message.to_string());
    let response = persona.send(request).await;
    assert_eq!(response.status(), 200, "{method}: {}", response.text());
    response.text()
}

#[tokio::test]
async fn a_model_learns_nothing_of_a_hidden_input() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("/quote", json!({ "price": 185.2 }));
    alice.registers(quote()).await;
    app.model()
        .then(call([("quote", json!({ "symbol": "IBM", MISSPELT: 1 }))]))
        .then(call([("quote", json!({ "symbl": "IBM" }))]))
        .then(call([("quote", json!({ "symbol": "IBM" }))]))
        .then(say("185.20"));
    let answer = answered(&alice, &prompt("What does IBM cost?")).await;
    let calls = answer["tool_calls"].as_array().unwrap();
    assert_eq!(calls[0]["error"]["code"], "invalid_input", "{answer}");
    assert_eq!(calls[1]["error"]["code"], "invalid_input", "{answer}");
    assert_eq!(calls[2]["output"], json!({ "price": 185.2 }), "{answer}");
    let told = errors_told(&app);
    let first = &told[0]["details"]["faults"][0]["pointer"];
    assert_eq!(*first, format!("/{MISSPELT}"), "{told:?}");
    assert!(told[2].is_null(), "{told:?}");

    let requests = app.model().requests();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        assert_silent("a request to the model", &request.everything());
    }
    let everything = requests[1].everything();
    assert!(
        everything.contains(MISSPELT) && everything.contains("invalid_input"),
        "{everything}"
    );
    assert_silent("the answer", &answer.to_string());
    assert_eq!(app.upstream().requests().len(), 1);
    let sent = app.upstream().last_request().query();
    let expected = [("symbol", "IBM"), ("function", VALUE)];
    assert_eq!(
        sent,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_clean(&app);
}

#[tokio::test]
async fn a_client_of_mcp_learns_nothing_of_a_hidden_input() {
    let (app, alice, _) = TestApp::with_two_empty_workspaces().await;
    app.upstream().on("/quote", json!({ "price": 185.2 }));
    alice.registers(quote()).await;
    let listed = mcp(&alice, "tools/list", &json!({})).await;
    assert!(listed.contains("symbol"), "{listed}");
    assert_silent("tools/list", &listed);
    let misspelt = json!({ "name": "quote", "arguments": { "symbol": "IBM", MISSPELT: 1 } });
    let failed = mcp(&alice, "tools/call", &misspelt).await;
    assert!(
        failed.contains("invalid_input") && failed.contains(MISSPELT),
        "{failed}"
    );
    assert_silent("tools/call", &failed);
    assert!(app.upstream().requests().is_empty());
    let right = json!({ "name": "quote", "arguments": { "symbol": "IBM" } });
    let done = mcp(&alice, "tools/call", &right).await;
    assert!(done.contains("185.2"), "{done}");
    let sent = app.upstream().last_request().query();
    assert!(sent.contains(&("function".to_owned(), VALUE.to_owned())));
}

#[tokio::test]
async fn no_list_of_tools_shows_a_hidden_input() {
    let (_app, alice, _) = TestApp::with_two_empty_workspaces().await;
    alice.registers(quote()).await;
    for query in [
        "",
        "?format=openai",
        "?format=openai_chat",
        "?format=anthropic",
        "?format=mcp",
    ] {
        let response = alice.get(&format!("/api/v1/tools{query}")).await;
        assert_eq!(response.status(), 200, "{}", response.text());
        let text = response.text();
        assert!(text.contains("symbol"), "{text}");
        assert_silent(query, &text);
    }
}

#[tokio::test]
async fn inputs_are_hidden_at_the_top_only() {
    let (_app, alice, _) = TestApp::with_two_empty_workspaces().await;
    let hidden = json!({ "const": VALUE, "x-hidden": true });
    for (pointer, schema) in [
        (
            "/input_schema/properties/a/properties/b/x-hidden",
            json!({ "properties": { "a": { "properties": { "b": hidden } } } }),
        ),
        (
            "/input_schema/$defs/a/x-hidden",
            json!({ "properties": { "a": { "$ref": "#/$defs/a" } }, "$defs": { "a": hidden } }),
        ),
        ("/input_schema/x-hidden", json!({ "x-hidden": true })),
    ] {
        let refused = alice
            .tries_to_register(&ToolBuilder::get("/data").input(schema))
            .await;
        assert_eq!(refused.status(), 400, "{}", refused.text());
        let fault = &refused.json()["errors"][0];
        assert_eq!(fault["pointer"], pointer, "{fault}");
        assert_eq!(fault["code"], "misplaced", "{fault}");
    }
}

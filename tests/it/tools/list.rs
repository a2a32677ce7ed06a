//! `GET /api/v1/tools`.

use serde_json::{Value, json};
use testkit::{Persona, TestApp, ToolBuilder};

use crate::walk::{texts, walk};

async fn registers_many(alice: &Persona, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        // Not in the order of their names.
        let id = format!("tool_{:03}", (number * 11) % count);
        alice.registers(ToolBuilder::get("/weather").id(&id)).await;
        ids.push(id);
    }
    ids.sort();
    ids
}

async fn listed(persona: &Persona, query: &str) -> Vec<Value> {
    let response = persona.get(&format!("/api/v1/tools{query}")).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    response.json()["tools"].as_array().unwrap().clone()
}

/// A tool with everything that no model may see.
fn guarded() -> ToolBuilder {
    ToolBuilder::stock_quote()
        .set("/title", "Stock quote")
        .set("/tags", json!(["finance"]))
        .set("/api/headers", json!({ "X-Client": "client-of-ours" }))
        .input(json!({
            "type": "object",
            "properties": {
                "symbol": { "type": "string" },
                "function": { "const": "GLOBAL_QUOTE", "x-hidden": true }
            },
            "required": ["symbol", "function"]
        }))
        .set("/mapping/input_to_params/function", "function")
}

#[tokio::test]
async fn answers_all_tools_when_no_limit_is_given() {
    let (_app, alice, _) = TestApp::with_two_empty_workspaces().await;
    let ids = registers_many(&alice, 61).await;
    let response = alice.get("/api/v1/tools").await.json();
    assert_eq!(texts(response["tools"].as_array().unwrap(), "id"), ids);
    assert_eq!(response.get("next_cursor"), None);
}

#[tokio::test]
async fn a_walk_by_cursors_meets_each_tool_once() {
    let (_app, alice, _) = TestApp::with_two_empty_workspaces().await;
    let ids = registers_many(&alice, 7).await;
    for limit in [1, 2, 3, 7, 200] {
        let walked = walk(&alice, "/api/v1/tools", "tools", limit).await;
        assert_eq!(texts(&walked, "id"), ids, "{limit} at a time");
    }
    let walked = walk(&alice, "/api/v1/tools?format=anthropic", "tools", 3).await;
    assert_eq!(texts(&walked, "name"), ids);
}

#[tokio::test]
async fn a_cursor_survives_the_end_of_the_tool_that_it_names() {
    let (_app, alice, _) = TestApp::with_two_empty_workspaces().await;
    let ids = registers_many(&alice, 4).await;
    let first = alice.get("/api/v1/tools?limit=2").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let gone = format!("/api/v1/tools/saved/{}", ids[1]);
    assert_eq!(alice.delete(&gone).await.status(), 204);
    let rest = listed(&alice, &format!("?limit=2&cursor={cursor}")).await;
    assert_eq!(texts(&rest, "id"), ids[2..]);
}

#[tokio::test]
async fn shows_a_tool_as_models_see_it() {
    let (_app, alice, _) = TestApp::with_two_empty_workspaces().await;
    alice.registers(guarded()).await;
    assert_eq!(
        listed(&alice, "").await,
        [json!({
            "id": "get_stock_quote",
            "name": "get_stock_quote",
            "title": "Stock quote",
            "description": "The latest price of one listed share",
            "input_schema": {
                "type": "object",
                "properties": { "symbol": { "type": "string" } },
                "required": ["symbol"]
            },
            "output_schema": { "type": "object", "properties": { "price": { "type": "number" } } },
            "tags": ["finance"],
            "enabled": true,
            "annotations": { "read_only": true, "destructive": false, "idempotent": true, "open_world": true },
            "version": 1,
            "source": "saved"
        })]
    );
}

#[tokio::test]
async fn shapes_are_the_providers_own() {
    let (_app, alice, _) = TestApp::with_two_empty_workspaces().await;
    alice.registers(guarded()).await;
    let description = "The latest price of one listed share";
    let input = json!({
        "type": "object",
        "properties": { "symbol": { "type": "string" } },
        "required": ["symbol"]
    });
    let output = json!({ "type": "object", "properties": { "price": { "type": "number" } } });
    for (format, shape) in [
        (
            "openai",
            json!({ "type": "function", "name": "get_stock_quote", "description": description,
                    "parameters": input, "strict": false }),
        ),
        (
            "openai_chat",
            json!({ "type": "function", "function": { "name": "get_stock_quote", "description": description,
                    "parameters": input, "strict": false } }),
        ),
        (
            "anthropic",
            json!({ "name": "get_stock_quote", "description": description, "input_schema": input }),
        ),
        (
            "mcp",
            json!({ "name": "get_stock_quote", "title": "Stock quote", "description": description,
                    "inputSchema": input, "outputSchema": output,
                    "annotations": { "readOnlyHint": true, "destructiveHint": false,
                                     "idempotentHint": true, "openWorldHint": true } }),
        ),
    ] {
        let query = format!("?format={format}");
        assert_eq!(listed(&alice, &query).await, [shape], "{format}");
    }
}

#[tokio::test]
async fn tells_nothing_of_calls_credentials_and_hosts() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    alice.registers(guarded()).await;
    for query in [
        "",
        "?format=openai",
        "?format=openai_chat",
        "?format=anthropic",
        "?format=mcp",
        "?q=share",
    ] {
        let text = alice.get(&format!("/api/v1/tools{query}")).await.text();
        assert!(text.contains("get_stock_quote"), "{text}");
        for hidden in [
            app.upstream().host_port().as_str(),
            "ALPHA_VANTAGE_API_KEY",
            "apikey",
            "client-of-ours",
            "base_url",
            "input_to_params",
            "GLOBAL_QUOTE",
            "x-hidden",
        ] {
            assert!(!text.contains(hidden), "{query} shows {hidden}: {text}");
        }
    }
}

#[tokio::test]
async fn models_are_offered_only_what_may_be_run() {
    let (_app, alice, _) = TestApp::with_two_empty_workspaces().await;
    alice.registers(ToolBuilder::get("/on")).await;
    alice
        .registers(ToolBuilder::get("/off").set("/enabled", false))
        .await;
    let all = listed(&alice, "").await;
    let enabled: Vec<_> = all.iter().map(|tool| tool["enabled"].clone()).collect();
    assert_eq!(texts(&all, "id"), ["get_off", "get_on"]);
    assert_eq!(enabled, [false, true]);
    for format in ["openai", "anthropic", "mcp"] {
        let offered = listed(&alice, &format!("?format={format}")).await;
        assert_eq!(texts(&offered, "name"), ["get_on"], "{format}");
    }
}

#[tokio::test]
async fn finds_tools_by_words_best_first() {
    let (_app, alice, bob) = TestApp::with_two_empty_workspaces().await;
    for (id, description, tags) in [
        (
            "get_weather",
            "Current temperature at a place",
            json!(["forecast"]),
        ),
        ("send_mail", "Sends a letter about the weather", json!([])),
        (
            "get_quote",
            "The latest price of one share",
            json!(["finance"]),
        ),
    ] {
        let tool = ToolBuilder::get("/x").id(id);
        alice
            .registers(tool.set("/description", description).set("/tags", tags))
            .await;
    }
    let found = async |q: &str| {
        let pairs = [("q", q)];
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        texts(&listed(&alice, &format!("?{query}")).await, "id")
    };
    assert_eq!(found("weather").await, ["get_weather", "send_mail"]);
    assert_eq!(found("finance").await, ["get_quote"]);
    assert_eq!(found("temper").await, ["get_weather"]);
    assert_eq!(found("price share").await, ["get_quote"]);
    // Text is data: no wildcard, no operator, no statement.
    for nothing in ["%", "_", "' or 1=1 --", "zebra", "💥"] {
        assert!(found(nothing).await.is_empty(), "{nothing}");
    }
    assert_eq!(found("get%").await, found("get").await);
    for odd in ["(", "a & | !", ":*", "\"", "\\", "<->", "weather:*A", "-"] {
        let _ = found(odd).await;
    }
    assert_eq!(
        texts(
            &listed(&alice, "?q=weather&limit=1&format=openai").await,
            "name"
        ),
        ["get_weather"]
    );
    assert!(listed(&bob, "?q=weather").await.is_empty());
}

#[tokio::test]
async fn a_retired_tool_is_not_found() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    assert_eq!(listed(&alice, "?q=weather").await.len(), 1);
    alice.delete(&tool.saved_path()).await;
    assert!(listed(&alice, "?q=weather").await.is_empty());
}

#[tokio::test]
async fn refuses_parameters_that_mean_nothing_here() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    alice.registers(ToolBuilder::get("/a")).await;
    alice.registers(ToolBuilder::get("/b")).await;
    let saved = alice.get("/api/v1/tools/saved?limit=1").await.json();
    let foreign = format!("cursor={}", saved["next_cursor"].as_str().unwrap());
    for (query, code) in [
        ("format=soap", "invalid_request"),
        ("limit=0", "invalid_request"),
        ("limit=201", "invalid_request"),
        ("limit=ten", "invalid_request"),
        ("fromat=mcp", "invalid_request"),
        ("q=a&cursor=x", "invalid_cursor"),
        (foreign.as_str(), "invalid_cursor"),
    ] {
        let response = alice.get(&format!("/api/v1/tools?{query}")).await;
        assert_eq!(response.status(), 400, "{query}: {}", response.text());
        assert_eq!(response.code(), code, "{query}");
    }
    let misspelt = alice.get("/api/v1/tools?fromat=mcp&limit=0").await.json();
    let faults = misspelt["errors"].as_array().unwrap();
    assert_eq!(faults.len(), 2, "{misspelt}");
    assert!(
        faults.iter().any(|fault| fault["pointer"] == "fromat"
            && fault["hint"].as_str().unwrap().contains("format")),
        "{misspelt}"
    );
}

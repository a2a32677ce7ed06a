//! A flow with an input schema is a tool wherever tools are shown; one without is none anywhere.

use serde_json::{Value, json};
use testkit::scripted_model::say;
use testkit::{Persona, TestApp, ToolBuilder};

use super::{BRIEF, PATH, brief, saved, with, with_tools};

fn silent() -> Value {
    json!({ "id": "silent", "name": "Silent", "tags": ["finance"],
            "steps": [{ "id": "one", "tool": "quote", "input": { "symbol": "IBM" } }] })
}

/// The entry of `GET /api/v1/tools` with this id.
async fn listed(persona: &Persona, id: &str) -> Option<Value> {
    let tools = persona.get("/api/v1/tools").await.json();
    let tools = tools["tools"].as_array().unwrap();
    tools.iter().find(|tool| tool["id"] == id).cloned()
}

/// Its annotations as `read_only, destructive, idempotent, open_world`.
async fn effects(persona: &Persona, id: &str) -> [bool; 4] {
    let tool = listed(persona, id).await.unwrap();
    ["read_only", "destructive", "idempotent", "open_world"]
        .map(|name| tool["annotations"][name].as_bool().unwrap())
}

/// The names that an MCP client is told.
async fn mcp_names(persona: &Persona) -> Vec<String> {
    let request = persona
        .request(reqwest::Method::POST, "/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .body(
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} }).to_string(),
        );
    let listed = persona.send(request).await.json();
    let tools = listed["result"]["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn is_listed_in_every_shape() {
    let (app, alice, bob) = TestApp::with_two_empty_workspaces().await;
    with_tools(&alice).await;
    saved(&alice, &brief()).await;
    saved(&alice, &silent()).await;
    let input = brief()["input_schema"].clone();
    let description = "Quotes of a list of tickers, mailed";
    assert_eq!(
        listed(&app.viewer(), "ticker_brief").await.unwrap(),
        json!({
            "id": "ticker_brief", "name": "Ticker brief", "description": description,
            "input_schema": input, "output_schema": {}, "tags": ["finance"], "enabled": true,
            "annotations": { "read_only": false, "destructive": false, "idempotent": false, "open_world": true },
            "version": 1, "source": "flow",
        })
    );
    for (format, name, shape) in [
        (
            "openai",
            "/name",
            json!({ "type": "function", "name": "ticker_brief", "description": description,
                                    "parameters": input, "strict": false }),
        ),
        (
            "openai_chat",
            "/function/name",
            json!({ "type": "function", "function": { "name": "ticker_brief",
            "description": description, "parameters": input, "strict": false } }),
        ),
        (
            "anthropic",
            "/name",
            json!({ "name": "ticker_brief", "description": description, "input_schema": input }),
        ),
        (
            "mcp",
            "/name",
            json!({ "name": "ticker_brief", "title": "Ticker brief", "description": description,
            "inputSchema": input, "annotations": { "readOnlyHint": false, "destructiveHint": false,
                                                   "idempotentHint": false, "openWorldHint": true } }),
        ),
    ] {
        let shown = alice
            .get(&format!("/api/v1/tools?format={format}"))
            .await
            .json();
        let shown = shown["tools"].as_array().unwrap();
        let names: Vec<&str> = shown
            .iter()
            .map(|tool| tool.pointer(name).unwrap().as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            ["delete_mail", "quote", "send_mail", "ticker_brief"],
            "{format}"
        );
        assert_eq!(shown[3], shape, "{format}");
    }
    assert_eq!(
        mcp_names(&alice).await,
        ["delete_mail", "quote", "send_mail", "ticker_brief"]
    );
    assert_eq!(mcp_names(&bob).await, [""; 0]);

    let found = alice.get("/api/v1/tools?q=finance").await.json();
    let ids: Vec<&Value> = found["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| &tool["id"])
        .collect();
    assert_eq!(ids, ["ticker_brief"]);
    let page = crate::walk::walk(&alice, "/api/v1/tools", "tools", 3).await;
    assert_eq!(
        crate::walk::texts(&page, "id").last().unwrap(),
        "ticker_brief"
    );
    assert_eq!(
        alice.get("/api/v1/tools/saved").await.json()["tools"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn is_read_like_a_tool() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    let made = saved(&alice, &brief()).await;
    saved(&alice, &silent()).await;
    let read = alice.get("/api/v1/tools/ticker_brief").await;
    assert_eq!(read.header("etag"), made.header("etag"));
    assert_eq!(
        read.json(),
        json!({
            "id": "ticker_brief", "name": "Ticker brief", "description": "Quotes of a list of tickers, mailed",
            "version": 1, "hash": made.json()["hash"], "enabled": true, "source": "flow", "config": brief(),
        })
    );
    let silent = alice.get("/api/v1/tools/silent").await;
    assert_eq!(
        (silent.status().as_u16(), silent.code().as_str()),
        (404, "tool_not_found")
    );
    assert!(
        silent.text().contains("GET /api/v1/flows"),
        "{}",
        silent.text()
    );
    let foreign = bob.get("/api/v1/tools/ticker_brief").await;
    assert_eq!(foreign.json()["detail"], "this workspace has no such tool");
    for path in ["execute", "preview", "verify"] {
        let refused = alice
            .post(
                &format!("/api/v1/tools/silent/{path}"),
                &json!({ "input": {} }),
            )
            .await;
        assert_eq!(
            (refused.status().as_u16(), refused.code().as_str()),
            (404, "tool_not_found"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn is_offered_to_models() {
    let (app, alice) = TestApp::with_model().await;
    with_tools(&alice).await;
    saved(&alice, &brief()).await;
    saved(&alice, &silent()).await;
    let wiping = json!({ "id": "wiping", "name": "Wiping", "description": "Deletes", "input_schema": { "type": "object" },
                         "steps": [{ "id": "one", "tool": "delete_mail" }] });
    saved(&alice, &wiping).await;
    app.model().then(say("Hello")).then(say("Hello"));
    let asked = alice
        .post("/api/v1/orchestrate", &json!({ "prompt": "Hello" }))
        .await;
    assert_eq!(asked.status(), 200, "{}", asked.text());
    let request = app.model().last_request().unwrap();
    // What can destroy something is offered by name only, flows too.
    assert_eq!(request.tool_names(), ["quote", "send_mail", "ticker_brief"]);
    let named = json!({ "prompt": "Hello", "tools": ["wiping"] });
    assert_eq!(
        alice.post("/api/v1/orchestrate", &named).await.status(),
        200
    );
    assert_eq!(app.model().last_request().unwrap().tool_names(), ["wiping"]);
    let unknown = json!({ "prompt": "Hello", "tools": ["silent"] });
    let refused = alice.post("/api/v1/orchestrate", &unknown).await;
    assert_eq!(refused.status(), 400, "{}", refused.text());
    assert_eq!(refused.json()["errors"][0]["code"], "unknown_tool");
    assert_eq!(app.model().refusals(), [""; 0]);
}

#[tokio::test]
async fn does_the_worst_of_what_its_steps_do() {
    let (_app, alice, _) = TestApp::with_two_empty_workspaces().await;
    with_tools(&alice).await;
    let calling = |id: &str, step: Value| json!({ "id": id, "name": id, "input_schema": { "type": "object" }, "steps": [step] });
    let quote = json!({ "id": "one", "tool": "quote", "input": { "symbol": "IBM" } });
    saved(
        &alice,
        &calling("computes", json!({ "id": "one", "transform": 1 })),
    )
    .await;
    saved(&alice, &calling("reads", quote.clone())).await;
    saved(
        &alice,
        &calling("above", json!({ "id": "one", "flow": "reads" })),
    )
    .await;
    let mut undone = quote.clone();
    undone["compensate"] = json!({ "tool": "delete_mail" });
    saved(&alice, &calling("undoes", undone)).await;
    assert_eq!(
        effects(&alice, "computes").await,
        [true, false, true, false]
    );
    assert_eq!(effects(&alice, "reads").await, [true, false, true, true]);
    assert_eq!(effects(&alice, "above").await, [true, false, true, true]);
    assert_eq!(effects(&alice, "undoes").await, [false, true, true, true]);

    // A flow changes with its tools, however far below they are.
    let mut quote = alice.get("/api/v1/tools/quote").await.json()["config"].clone();
    quote["api"]["method"] = json!("PATCH");
    assert_eq!(
        alice
            .put("/api/v1/tools/saved/quote", &quote)
            .await
            .status(),
        200
    );
    for id in ["reads", "above"] {
        assert_eq!(
            effects(&alice, id).await,
            [false, true, false, true],
            "{id}"
        );
    }
    quote["api"]["method"] = json!("GET");
    assert_eq!(
        alice
            .put("/api/v1/tools/saved/quote", &quote)
            .await
            .status(),
        200
    );
    assert_eq!(effects(&alice, "above").await, [true, false, true, true]);
    // Of what is gone nothing is known.
    assert_eq!(
        alice.delete("/api/v1/tools/saved/quote").await.status(),
        204
    );
    assert_eq!(effects(&alice, "above").await, [false, true, false, true]);
}

#[tokio::test]
async fn comes_and_goes_with_its_input_schema_in_every_process() {
    let (app, alice, _) = TestApp::with_two_empty_workspaces().await;
    let second = app.second().await;
    let there = second.alice();
    with_tools(&alice).await;
    assert_eq!(listed(&there, "ticker_brief").await, None);
    saved(&alice, &brief()).await;
    assert_eq!(listed(&there, "ticker_brief").await.unwrap()["version"], 1);
    let off = with("enabled", false);
    assert_eq!(alice.put(BRIEF, &off).await.status(), 200);
    assert_eq!(
        listed(&there, "ticker_brief").await.unwrap()["enabled"],
        false
    );
    assert!(!mcp_names(&there).await.contains(&"ticker_brief".to_owned()));
    let mut bare = json!({ "id": "ticker_brief", "name": "Ticker brief", "steps": [{ "id": "one", "transform": 1 }] });
    assert_eq!(alice.put(BRIEF, &bare).await.json()["callable"], false);
    assert_eq!(listed(&there, "ticker_brief").await, None);
    let outer = json!({ "id": "outer", "name": "outer", "steps": [{ "id": "one", "flow": "ticker_brief" }] });
    assert_eq!(there.post(PATH, &outer).await.status(), 201);
    bare["input_schema"] = json!({ "type": "object" });
    assert_eq!(there.put(BRIEF, &bare).await.json()["callable"], true);
    assert!(mcp_names(&alice).await.contains(&"ticker_brief".to_owned()));
    assert_eq!(alice.delete(BRIEF).await.status(), 204);
    assert_eq!(listed(&there, "ticker_brief").await, None);
}

#[tokio::test]
async fn a_tool_may_take_no_name_of_a_flow_that_is_none() {
    let (app, alice, _) = TestApp::with_two_empty_workspaces().await;
    let flow =
        json!({ "id": "get_thing", "name": "thing", "steps": [{ "id": "one", "transform": 1 }] });
    saved(&alice, &flow).await;
    let tool = ToolBuilder::get("/thing");
    assert_eq!(alice.tries_to_register(&tool).await.status(), 409);
    assert_eq!(
        app.viewer().get("/api/v1/tools").await.json(),
        json!({ "tools": [] })
    );
}

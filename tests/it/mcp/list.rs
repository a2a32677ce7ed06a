//! `tools/list`: what is offered, in pages.

use serde_json::{Value, json};
use testkit::{TestApp, ToolBuilder};

use super::Client;

fn names(result: &Value) -> Vec<String> {
    let tools = result["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn lists_what_rest_lists_in_both_versions() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let object = json!({ "type": "object", "properties": { "degrees": { "type": "number" } } });
    alice
        .registers(
            ToolBuilder::get("/weather")
                .input(schema.clone())
                .output(object.clone()),
        )
        .await;
    alice
        .registers(ToolBuilder::call("DELETE", "/weather"))
        .await;
    alice
        .registers(ToolBuilder::get("/off").set("/enabled", false))
        .await;

    let by_rest = alice.get("/api/v1/tools?format=mcp").await.json();
    let modern = Client::modern(&alice).gets("tools/list", json!({})).await;
    let legacy = Client::legacy(&alice).gets("tools/list", json!({})).await;
    assert_eq!(modern["tools"], by_rest["tools"]);
    assert_eq!(legacy["tools"], by_rest["tools"]);
    assert_eq!(modern["resultType"], "complete");
    assert!(
        modern["ttlMs"].is_u64() && modern["cacheScope"] == "private",
        "{modern}"
    );
    assert!(legacy["resultType"].is_null(), "{legacy}");

    let names = names(&modern);
    assert!(
        names.is_sorted() && !names.contains(&"get_off".to_owned()),
        "{names:?}"
    );
    let tools = modern["tools"].as_array().unwrap();
    let weather = tools
        .iter()
        .find(|tool| tool["name"] == "get_weather")
        .unwrap();
    assert_eq!(
        (&weather["inputSchema"], &weather["outputSchema"]),
        (&schema, &object)
    );
    assert_eq!(weather["annotations"]["readOnlyHint"], true);

    let foreign = Client::modern(&bob).gets("tools/list", json!({})).await;
    assert!(!self::names(&foreign).contains(&"get_weather".to_owned()));
}

#[tokio::test]
async fn effects_follow_from_the_method() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    alice.registers(ToolBuilder::call("DELETE", "/thing")).await;
    let listed = Client::modern(&alice).gets("tools/list", json!({})).await;
    let tools = listed["tools"].as_array().unwrap();
    let tool = tools
        .iter()
        .find(|tool| tool["name"] == "delete_thing")
        .unwrap();
    assert_eq!(tool["annotations"]["readOnlyHint"], false);
    assert_eq!(tool["annotations"]["destructiveHint"], true);
}

#[tokio::test]
async fn ten_thousand_tools_come_in_pages_below_a_megabyte() {
    let (app, alice, _) = TestApp::with_two_empty_workspaces().await;
    let tool = alice
        .registers(ToolBuilder::get("/one").id("tool_00000"))
        .await;
    // The rows of one tool, copied: registering ten thousand would only test registering.
    copies(&app, &tool.id, 9_999);
    let client = Client::modern(&alice);
    let mut cursor = json!({});
    let mut all = Vec::new();
    loop {
        let response = client.asks("tools/list", cursor).await;
        assert!(
            response.bytes().len() < 1_048_576,
            "{}",
            response.bytes().len()
        );
        let result = response.json()["result"].clone();
        all.extend(names(&result));
        match result["nextCursor"].as_str() {
            Some(next) => cursor = json!({ "cursor": next }),
            None => break,
        }
    }
    assert!(all.is_sorted_by(|a, b| a < b), "each once, in order");
    assert_eq!(
        all.iter().filter(|name| name.starts_with("tool_")).count(),
        10_000
    );
}

/// So many tools more, each a copy of that one under a name of its own.
fn copies(app: &TestApp, id: &str, count: usize) {
    app.sql(&format!(
        "begin;
        insert into catalog.tools (workspace_id, id, name, description, version, hash, revision)
        select t.workspace_id, 'tool_' || lpad(n::text, 5, '0'), t.name, t.description, t.version, t.hash, 0
        from catalog.tools t, generate_series(1, {count}) n
        where t.id = '{id}';
        insert into catalog.tool_versions (workspace_id, tool_id, version, hash, document)
        select v.workspace_id, 'tool_' || lpad(n::text, 5, '0'), v.version, v.hash, v.document
        from catalog.tool_versions v, generate_series(1, {count}) n
        where v.tool_id = '{id}';
        commit;"
    ));
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let foreign = alice.get("/api/v1/tools?limit=1").await.json()["next_cursor"].clone();
    for client in [Client::modern(&alice), Client::legacy(&alice)] {
        for cursor in [json!("AAAA"), json!(""), json!("%%%"), foreign.clone()] {
            if !cursor.is_string() {
                continue;
            }
            let error = client
                .is_refused("tools/list", json!({ "cursor": cursor }))
                .await;
            assert_eq!(error["code"], -32602, "{cursor}: {error}");
        }
    }
}

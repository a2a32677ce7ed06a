//! `prompts/list` and `prompts/get`: the workspace's templates.

use serde_json::{Value, json};
use testkit::{Persona, TestApp};

use super::Client;

async fn saves(persona: &Persona, id: &str) {
    let prompt = json!({
        "id": id, "name": "Forecast", "description": "Asks for the weather",
        "instructions": "Answer in {{language}}.",
        "template": "What is the weather in {{city}} in the next {{days}} days?",
        "variables": {
            "city": { "type": "string", "description": "Where" },
            "days": { "type": "integer", "default": 3 },
            "language": { "type": "string", "default": "English" },
        },
    });
    let response = persona.post("/api/v1/prompts", &prompt).await;
    assert_eq!(response.status(), 201, "{}", response.text());
}

#[tokio::test]
async fn prompts_are_listed_and_filled_in_in_both_versions() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    saves(&alice, "forecast").await;
    for client in [Client::modern(&alice), Client::legacy(&alice)] {
        let listed = client.gets("prompts/list", json!({})).await;
        let prompt = &listed["prompts"][0];
        assert_eq!(
            (&prompt["name"], &prompt["title"]),
            (&json!("forecast"), &json!("Forecast"))
        );
        let required: Vec<(&str, bool)> = prompt["arguments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["name"].as_str().unwrap(), one["required"] == true))
            .collect();
        assert!(
            required.contains(&("city", true)) && required.contains(&("days", false)),
            "{listed}"
        );

        let wanted = json!({ "name": "forecast", "arguments": { "city": "Oslo", "days": "5" } });
        let got = client.gets("prompts/get", wanted).await;
        let said: Vec<&str> = got["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["content"]["text"].as_str().unwrap())
            .collect();
        assert_eq!(
            said,
            [
                "Answer in English.",
                "What is the weather in Oslo in the next 5 days?"
            ]
        );
        assert_eq!(got["description"], "Asks for the weather");
    }
    let foreign = Client::modern(&bob);
    assert_eq!(
        foreign.gets("prompts/list", json!({})).await["prompts"],
        json!([])
    );
    let error = foreign
        .is_refused("prompts/get", json!({ "name": "forecast" }))
        .await;
    assert_eq!(
        error,
        json!({ "code": -32602, "message": "Unknown prompt" })
    );
}

#[tokio::test]
async fn what_does_not_fit_is_told_by_name() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    saves(&alice, "forecast").await;
    let client = Client::modern(&alice);
    for (arguments, pointer) in [
        (json!({}), "/arguments/city"),
        (json!({ "city": "Oslo", "days": "many" }), "/arguments/days"),
        (json!({ "city": "Oslo", "town": "x" }), "/arguments/town"),
    ] {
        let wanted = json!({ "name": "forecast", "arguments": arguments });
        let error = client.is_refused("prompts/get", wanted).await;
        assert_eq!(error["code"], -32602, "{error}");
        let faults = error["data"]["errors"].as_array().unwrap();
        assert!(
            faults.iter().any(|fault| fault["pointer"] == pointer),
            "{error}"
        );
    }
    for cursor in ["AAAA", ""] {
        let error = client
            .is_refused("prompts/list", json!({ "cursor": cursor }))
            .await;
        assert_eq!(error["code"], -32602, "{error}");
    }
}

#[tokio::test]
async fn many_prompts_come_in_pages() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    saves(&alice, "forecast").await;
    app.sql(
        "begin;
        insert into catalog.prompts (workspace_id, id, name, description, version, hash)
        select p.workspace_id, 'p' || n, p.name, p.description, p.version, p.hash
        from catalog.prompts p, generate_series(1, 249) n;
        insert into catalog.prompt_versions (workspace_id, prompt_id, version, hash, document)
        select v.workspace_id, 'p' || n, v.version, v.hash, v.document
        from catalog.prompt_versions v, generate_series(1, 249) n;
        commit;",
    );
    let client = Client::modern(&alice);
    let first = client.gets("prompts/list", json!({})).await;
    let second = client
        .gets("prompts/list", json!({ "cursor": first["nextCursor"] }))
        .await;
    let names = |page: &Value| -> Vec<String> {
        let prompts = page["prompts"].as_array().unwrap();
        prompts
            .iter()
            .map(|prompt| prompt["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = [names(&first), names(&second)].concat();
    assert_eq!(all.len(), 250);
    assert!(all.is_sorted_by(|a, b| a < b) && second["nextCursor"].is_null());
}

//! Flows and prompts, which bring along what they call.

use serde_json::{Value, json};
use testkit::{Persona, TestApp, ToolBuilder};

use super::{faults, installs, publishing, runs};

/// A flow over two tools, a built-in one and a flow below it.
async fn published(alice: &Persona) -> Value {
    for (id, path) in [("fetch", "/fetch"), ("undo", "/undo")] {
        let tool = ToolBuilder::get(path)
            .id(id)
            .set("/description", format!("Calls {path} of the test."));
        alice.registers(tool).await;
    }
    let below = json!({
        "id": "below", "name": "Below", "description": "Fetches once more.",
        "input_schema": { "type": "object" }, "steps": [{ "id": "again", "tool": "fetch" }],
    });
    let above = json!({
        "id": "above", "name": "Above", "description": "Fetches and sums up.", "metadata": { "own": "note" },
        "input_schema": { "type": "object" },
        "steps": [
            { "id": "one", "tool": "fetch", "compensate": { "tool": "undo" } },
            { "id": "two", "flow": "below", "depends_on": ["one"] },
            { "id": "sum", "tool": "calculate", "input": { "expression": "1 + 1" } },
        ],
        "output": { "fetched": "$steps.one.outputs", "sum": "$steps.sum.outputs" },
    });
    for flow in [&below, &above] {
        let saved = alice.post("/api/v1/flows", flow).await;
        assert_eq!(saved.status(), 201, "{}", saved.text());
    }
    let published = alice.post(&publishing("flows", "above"), &json!({})).await;
    assert_eq!(published.status(), 200, "{}", published.text());
    published.json()
}

#[tokio::test]
async fn a_flow_brings_what_it_calls_under_ids_that_are_free() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/fetch", json!({ "n": 1 }));
    let public = published(&alice).await;
    assert_eq!(public["needs"]["built_in"], json!(["calculate"]));
    let read = app.anon().get("/api/v1/marketplace/a_above").await.json();
    let with = read["manifest"]["with"].as_array().unwrap();
    let parts: Vec<_> = with.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(parts, ["below", "fetch", "undo"]);
    assert!(!read.to_string().contains("note"));
    // Bob has a tool of that name already.
    bob.registers(ToolBuilder::get("/own").id("fetch")).await;
    let installed = installs(&bob, "a_above", &json!({})).await;
    assert_eq!(installed.status(), 201, "{}", installed.text());
    let installed = installed.json();
    let ids: Vec<_> = installed["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["tool_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["below", "a_fetch", "undo"]);
    let request = bob
        .request(reqwest::Method::POST, "/api/v1/flows/above/execute")
        .header("prefer", "wait=20")
        .header("content-type", "application/json")
        .body(r#"{"input":{}}"#);
    let run = bob.send(request).await.json();
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(run["output"]["fetched"], json!({ "n": 1 }));
    let sent = app.upstream().requests();
    assert!(sent.iter().all(|request| request.path() != "/own"));
    // Only the flow stands in the list; a part is pinned like it.
    let listed = bob.get("/api/v1/installs").await.json();
    assert_eq!(listed["installs"].as_array().unwrap().len(), 1);
    let part = bob.get("/api/v1/tools/saved").await.json();
    let part = part["tools"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["id"] == "a_fetch")
        .unwrap()
        .clone();
    assert_eq!(part["source"], "marketplace");
    let mut edited = part["config"].clone();
    edited["description"] = "Edited by hand.".into();
    let refused = bob.put("/api/v1/tools/saved/a_fetch", &edited).await;
    assert_eq!(refused.code(), "installed_copy");
    let flow = bob.get("/api/v1/flows/above").await.json();
    let mut document = flow["definition"].clone();
    document["description"] = "Edited by hand.".into();
    let refused = bob.put("/api/v1/flows/above", &document).await;
    assert_eq!(refused.code(), "installed_copy", "{}", refused.text());
    assert_eq!(
        app.anon().get("/api/v1/marketplace/a_above").await.json()["installs"],
        1
    );
}

#[tokio::test]
async fn an_update_brings_new_parts_and_takes_old_ones_out_of_use() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/fetch", json!({}));
    app.upstream().on("/more", json!({ "more": true }));
    published(&alice).await;
    assert_eq!(installs(&bob, "a_above", &json!({})).await.status(), 201);
    alice
        .registers(
            ToolBuilder::get("/more")
                .id("more")
                .set("/description", "Calls more of the test."),
        )
        .await;
    let next = json!({
        "id": "above", "name": "Above", "description": "Fetches and sums up.", "input_schema": { "type": "object" },
        "steps": [{ "id": "one", "tool": "fetch" }, { "id": "two", "tool": "more" }],
    });
    assert_eq!(alice.put("/api/v1/flows/above", &next).await.status(), 200);
    assert_eq!(
        alice
            .post(&publishing("flows", "above"), &json!({}))
            .await
            .status(),
        200
    );
    let path = "/api/v1/installs/flow/above";
    let stands = bob.get(path).await.json();
    let kinds: Vec<_> = stands["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            format!(
                "{} {}",
                it["kind"].as_str().unwrap(),
                it["subject"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "built_in_removed calculate",
            "tool_added more",
            "tool_removed below",
            "tool_removed undo",
            "wiring_changed above/steps",
            "wiring_changed above/output"
        ]
    );
    let body = json!({ "hash": stands["latest"]["hash"], "accept": true });
    let updated = bob.post(&format!("{path}/update"), &body).await;
    assert_eq!(updated.status(), 200, "{}", updated.text());
    assert_eq!(bob.get("/api/v1/tools/undo").await.status(), 404);
    assert_eq!(bob.get("/api/v1/flows/below").await.status(), 404);
    assert_eq!(
        runs(&bob, "more", json!({})).await.json()["output"],
        json!({ "more": true })
    );
    // Taken out of use, what came with it stays as the workspace's own.
    assert_eq!(bob.delete("/api/v1/flows/above").await.status(), 204);
    assert_eq!(
        bob.get("/api/v1/installs").await.json()["installs"],
        json!([])
    );
    let saved = bob.get("/api/v1/tools/saved").await.json();
    let more = saved["tools"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["id"] == "more")
        .unwrap();
    let mut edited = more["config"].clone();
    edited["description"] = "Edited by hand.".into();
    assert_eq!(
        bob.put("/api/v1/tools/saved/more", &edited).await.status(),
        200
    );
}

#[tokio::test]
async fn a_prompt_is_published_with_its_tools_and_installed() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    alice
        .registers(
            ToolBuilder::get("/fetch")
                .id("fetch")
                .set("/description", "Fetches something."),
        )
        .await;
    let prompt = json!({
        "id": "brief", "name": "Brief", "description": "Sums up what was fetched.", "tools": ["fetch", "calculate"],
        "template": "You must always use fetch, then sum up {{topic}}.", "variables": { "topic": { "type": "string" } },
    });
    assert_eq!(alice.post("/api/v1/prompts", &prompt).await.status(), 201);
    let published = alice
        .post(&publishing("prompts", "brief"), &json!({}))
        .await;
    assert_eq!(published.status(), 200, "{}", published.text());
    bob.registers(ToolBuilder::get("/own").id("fetch")).await;
    let installed = installs(&bob, "a_brief", &json!({})).await;
    assert_eq!(installed.status(), 201, "{}", installed.text());
    let saved = bob.get("/api/v1/prompts/brief").await.json();
    assert_eq!(
        saved["prompt"]["tools"],
        json!(["a_fetch", "calculate"]),
        "{saved}"
    );
    let mut edited = saved["prompt"].clone();
    edited["template"] = "Other {{topic}}.".into();
    assert_eq!(
        bob.put("/api/v1/prompts/brief", &edited).await.code(),
        "installed_copy"
    );
    let rendered = bob
        .post(
            "/api/v1/prompts/brief/render",
            &json!({ "variables": { "topic": "x" } }),
        )
        .await;
    assert_eq!(rendered.status(), 200, "{}", rendered.text());
    let kinds = app
        .anon()
        .get("/api/v1/marketplace?kind=prompt")
        .await
        .json();
    assert_eq!(kinds["publications"][0]["id"], "a_brief");
    // Another text is for an admin to accept.
    let mut next = prompt.clone();
    next["template"] = "Ignore {{topic}}.".into();
    assert_eq!(
        alice.put("/api/v1/prompts/brief", &next).await.status(),
        200
    );
    assert_eq!(
        alice
            .post(&publishing("prompts", "brief"), &json!({}))
            .await
            .status(),
        200
    );
    let path = "/api/v1/installs/prompt/brief";
    let stands = bob.get(path).await.json();
    assert_eq!(stands["changes"][0]["subject"], "brief/template");
    let body = json!({ "hash": stands["latest"]["hash"] });
    assert_eq!(
        bob.post(&format!("{path}/update"), &body).await.code(),
        "changes_unaccepted"
    );
    assert_eq!(
        alice.delete(&publishing("prompts", "brief")).await.status(),
        204
    );
}

#[tokio::test]
async fn what_a_flow_calls_is_checked_like_the_flow() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    let tool = ToolBuilder::get("/x").id("bad").set("/description", "Bad.");
    alice
        .registers(tool.set(
            "/api/headers",
            json!({ "X-Note": "key AKIAIOSFODNN7EXAMPLE" }),
        ))
        .await;
    let flow = json!({ "id": "f", "name": "F", "steps": [{ "id": "one", "tool": "bad" }] });
    assert_eq!(alice.post("/api/v1/flows", &flow).await.status(), 201);
    let refused = alice.post(&publishing("flows", "f"), &json!({})).await;
    let told = faults(&refused);
    assert_eq!(
        told,
        [
            ("/description", "required"),
            ("/with/bad/api/headers/X-Note", "literal_credential"),
            ("/with/bad/description", "required"),
        ]
        .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
    );
    // Somebody else's work is not passed on as one's own.
    bob.registers(
        ToolBuilder::get("/x")
            .id("theirs")
            .set("/description", "Does something."),
    )
    .await;
    super::publishes(&bob, "theirs").await;
    installs(&alice, "b_theirs", &json!({})).await;
    let flow = json!({ "id": "g", "name": "G", "description": "Calls another's tool.", "steps": [{ "id": "one", "tool": "theirs" }] });
    assert_eq!(alice.post("/api/v1/flows", &flow).await.status(), 201);
    let refused = alice.post(&publishing("flows", "g"), &json!({})).await;
    assert_eq!(
        faults(&refused),
        [(String::new(), "installed_copy".to_owned())]
    );
    assert_eq!(
        alice
            .post(&publishing("flows", "theirs"), &json!({}))
            .await
            .code(),
        "flow_not_found"
    );
    assert_eq!(
        alice
            .post(&publishing("prompts", "none"), &json!({}))
            .await
            .code(),
        "prompt_not_found"
    );
}

/// What came with a flow goes with the flow, and is neither overwritten nor taken away by what merely has its id.
#[tokio::test]
async fn a_part_is_not_taken_out_of_use_by_itself() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/fetch", json!({}));
    published(&alice).await;
    assert_eq!(installs(&bob, "a_above", &json!({})).await.status(), 201);
    for path in ["/api/v1/tools/saved/fetch", "/api/v1/flows/below"] {
        let refused = bob.delete(path).await;
        assert_eq!(refused.code(), "installed_copy", "{}", refused.text());
    }
    // Out of use with its flow and saved anew, it is the workspace's own; the flow installed again brings another.
    assert_eq!(bob.delete("/api/v1/flows/above").await.status(), 204);
    assert_eq!(bob.delete("/api/v1/tools/saved/fetch").await.status(), 204);
    let own = bob.registers(ToolBuilder::get("/own").id("fetch")).await;
    let again = installs(&bob, "a_above", &json!({})).await.json();
    let ids: Vec<_> = again["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["tool_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["a_below", "a_fetch", "a_undo"]);
    let kept = bob.get(&own.path()).await.json();
    assert_eq!(kept["config"], own.document);
    // A third time: there is always a number left.
    assert_eq!(bob.delete("/api/v1/flows/above").await.status(), 204);
    let third = installs(&bob, "a_above", &json!({})).await;
    assert_eq!(third.status(), 201, "{}", third.text());
    assert_eq!(third.json()["parts"][1]["tool_id"], "a_fetch_2");
}

/// A built-in tool in whose place the workspace has one of its own is another tool.
#[tokio::test]
async fn a_built_in_tool_that_is_overshadowed_is_not_called_instead() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    published(&alice).await;
    app.sql(&format!(
        "begin; insert into catalog.tools (workspace_id, id, name, description, version, hash, revision)
         values ('{ws}', 'calculate', 'calculate', 'd', 1, repeat('a', 64), 0);
         insert into catalog.tool_versions (workspace_id, tool_id, version, hash, document)
         values ('{ws}', 'calculate', 1, repeat('a', 64), '{document}'); commit",
        ws = bob.workspace_id(),
        document = ToolBuilder::get("/own").id("calculate").document("https://api.example.com"),
    ));
    let refused = installs(&bob, "a_above", &json!({})).await;
    assert_eq!(refused.status(), 400, "{}", refused.text());
    assert!(refused.text().contains("calculate"), "{}", refused.text());
}

//! `PUT /api/v1/tools/saved/{tool_id}`.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Persona, RegisteredTool, Response, TestApp, ToolBuilder};

fn described(tool: &RegisteredTool, description: &str) -> Value {
    let mut document = tool.document.clone();
    document["description"] = json!(description);
    document
}

async fn revise_if(
    persona: &Persona,
    tool: &RegisteredTool,
    tag: &str,
    document: &Value,
) -> Response {
    let request = persona
        .request(Method::PUT, &tool.saved_path())
        .header("content-type", "application/json")
        .header("if-match", tag)
        .body(document.to_string());
    persona.send(request).await
}

async fn tag_of(persona: &Persona, tool: &RegisteredTool) -> String {
    let read = persona.get(&tool.path()).await;
    read.header("etag").expect("an ETag").to_owned()
}

#[tokio::test]
async fn makes_the_next_version() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/there", json!({ "here": false }));
    let tool = alice.registers(ToolBuilder::get("/here")).await;
    let mut document = tool.document.clone();
    document["api"]["path"] = json!("/there");
    let response = alice.put(&tool.saved_path(), &document).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    let saved = response.json();
    assert_eq!(saved["version"], 2);
    assert_eq!(saved["config"], document);
    assert_eq!(
        response.header("etag"),
        Some(tag_of(&alice, &tool).await.as_str())
    );
    let run = alice.executes(&tool, json!({})).await;
    assert_eq!(run.json()["output"], json!({ "here": false }));
}

#[tokio::test]
async fn a_change_to_a_version_that_was_replaced_is_a_conflict() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let read = tag_of(&alice, &tool).await;
    let faster = revise_if(&app.member(), &tool, &read, &described(&tool, "Faster.")).await;
    assert_eq!(faster.status(), 200, "{}", faster.text());

    let late = revise_if(&alice, &tool, &read, &described(&tool, "Too late.")).await;
    assert_eq!(late.status(), 409, "{}", late.text());
    assert_eq!(late.code(), "version_conflict");
    assert_eq!(
        late.json()["current"],
        json!({ "version": 2, "hash": faster.json()["hash"] })
    );
    assert_eq!(
        alice.get(&tool.path()).await.json()["description"],
        "Faster."
    );

    // With the current version it works; so it does for any version (`*`).
    let current = faster.header("etag").unwrap();
    for tag in [current, "*"] {
        let done = revise_if(&alice, &tool, tag, &described(&tool, tag)).await;
        assert_eq!(done.status(), 200, "{}", done.text());
    }
}

#[tokio::test]
async fn without_if_match_the_last_write_wins() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    for (number, description) in (2..).zip(["One.", "Two.", "Three."]) {
        let done = app
            .member()
            .put(&tool.saved_path(), &described(&tool, description))
            .await;
        assert_eq!(done.json()["version"], number);
    }
    assert_eq!(
        alice.get(&tool.path()).await.json()["description"],
        "Three."
    );
}

#[tokio::test]
async fn of_two_who_read_the_same_version_one_wins() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let read = tag_of(&alice, &tool).await;
    let (mine, theirs) = (described(&tool, "Mine."), described(&tool, "Theirs."));
    let member = app.member();
    let (one, other) = tokio::join!(
        revise_if(&alice, &tool, &read, &mine),
        revise_if(&member, &tool, &read, &theirs)
    );
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", one.text(), other.text());
    let versions = alice
        .get(&format!("{}/versions", tool.saved_path()))
        .await
        .json();
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_same_document_makes_no_version_however_it_is_spelt() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let base = app.upstream().base_url();
    let spelt = [
        format!(
            r#"{{"id":"t","name":"t","description":"é","input_schema":{{}},"output_schema":{{}},"api":{{"base_url":"{base}","method":"GET"}},"metadata":{{"n":100,"z":0.5}}}}"#
        ),
        format!(
            r#"{{"metadata":{{"z":5e-1,"n":1e2}},"api":{{"method":"GET","base_url":"{base}"}}, "output_schema":{{}},"input_schema":{{}},"description":"\u00e9","name":"t","id":"t"}}"#
        ),
        format!(
            r#"{{"id":"t","name":"t","description":"é","input_schema":{{}},"output_schema":{{}},"api":{{"base_url":"{base}","method":"GET"}},"metadata":{{"n":100.0,"z":0.50}}}}"#
        ),
    ];
    let put = async |method: Method, path: &str, text: &str| {
        let request = alice
            .request(method, path)
            .header("content-type", "application/json");
        alice.send(request.body(text.to_owned())).await
    };
    let first = put(Method::POST, "/api/v1/tools/saved", &spelt[0]).await;
    assert_eq!(first.status(), 201, "{}", first.text());
    for text in &spelt {
        let again = put(Method::PUT, "/api/v1/tools/saved/t", text).await;
        assert_eq!(again.status(), 200, "{}", again.text());
        assert_eq!(again.json()["version"], 1, "{text}");
        assert_eq!(again.json()["hash"], first.json()["hash"]);
        assert_eq!(again.json()["updated_at"], first.json()["updated_at"]);
    }
    // Two integers that one double stands for are two documents.
    for (number, version) in [("9007199254740993", 2), ("9007199254740992", 3)] {
        let text = spelt[0].replace(":100", &format!(":{number}"));
        let done = put(Method::PUT, "/api/v1/tools/saved/t", &text).await;
        assert_eq!(done.json()["version"], version, "{}", done.text());
    }
}

#[tokio::test]
async fn the_same_document_still_needs_the_current_version() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let read = tag_of(&alice, &tool).await;
    alice
        .put(&tool.saved_path(), &described(&tool, "Changed."))
        .await;
    let stale = revise_if(&alice, &tool, &read, &tool.document).await;
    assert_eq!(stale.status(), 409, "{}", stale.text());
}

#[tokio::test]
async fn refuses_faults_before_anything_is_changed() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let mut broken = tool.document.clone();
    broken["api"]["method"] = json!("FETCH");
    broken["descripton"] = json!("misspelt");
    let response = alice.put(&tool.saved_path(), &broken).await;
    assert_eq!(response.status(), 400, "{}", response.text());
    assert_eq!(response.code(), "invalid_config");
    assert_eq!(response.json()["errors"].as_array().unwrap().len(), 2);

    let mut renamed = tool.document.clone();
    renamed["id"] = json!("another");
    let response = alice.put(&tool.saved_path(), &renamed).await;
    assert_eq!(response.status(), 400, "{}", response.text());
    assert_eq!(response.json()["errors"][0]["pointer"], "/id");

    let malformed = revise_if(&alice, &tool, "unquoted", &tool.document).await;
    assert_eq!(malformed.status(), 400, "{}", malformed.text());
    assert_eq!(alice.get(&tool.path()).await.json()["version"], 1);
}

#[tokio::test]
async fn an_id_that_was_made_of_the_name_stays_when_the_name_changes() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::stock_quote()).await;
    let mut renamed = tool.document.clone();
    renamed["name"] = json!("Quote of a share");
    let response = alice.put(&tool.saved_path(), &renamed).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    assert_eq!(response.json()["id"], "get_stock_quote");
    let read = alice.get(&tool.path()).await.json();
    assert_eq!(read["name"], "Quote of a share");
    assert_eq!(read["config"], renamed);
}

#[tokio::test]
async fn nothing_is_made_under_an_unknown_id() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    for (who, path) in [
        (&bob, tool.saved_path()),
        (&alice, "/api/v1/tools/saved/nothing".to_owned()),
    ] {
        let mut document = tool.document.clone();
        document.as_object_mut().unwrap().remove("id");
        let response = who.put(&path, &document).await;
        assert_eq!(response.status(), 404, "{}", response.text());
        assert_eq!(response.code(), "tool_not_found");
    }
}

//! `POST /api/v1/tools/saved`.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

#[tokio::test]
async fn answers_the_saved_tool() {
    let (app, _, _) = TestApp::with_two_workspaces().await;
    let member = app.member();
    let document = ToolBuilder::get("/weather")
        .set("/tags", json!(["forecast"]))
        .document(&app.upstream().base_url());
    let response = member.post("/api/v1/tools/saved", &document).await;
    assert_eq!(response.status(), 201, "{}", response.text());
    let mut saved = response.json();
    let hash = saved["hash"].take();
    let tag = format!("\"{}\"", hash.as_str().unwrap());
    assert_eq!(response.header("etag"), Some(tag.as_str()));
    assert_eq!(saved["created_at"].take(), saved["updated_at"].take());
    let author = member.user_id().to_string();
    assert_eq!(
        saved,
        json!({
            "id": "get_weather", "name": "get_weather", "description": "A tool of a test.",
            "tags": ["forecast"], "enabled": true, "version": 1, "hash": null, "source": "api",
            "published": false, "created_at": null, "updated_at": null,
            "created_by": author, "updated_by": author, "config": document
        })
    );
}

#[tokio::test]
async fn saves_what_registering_saves() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/weather", json!({ "celsius": 9 }));
    let document = ToolBuilder::get("/weather").document(&app.upstream().base_url());
    let saved = alice.post("/api/v1/tools/saved", &document).await;
    assert_eq!(saved.status(), 201, "{}", saved.text());
    let again = alice.post("/api/v1/tools", &document).await;
    assert_eq!(again.status(), 409);
    assert_eq!(
        again.json()["current"],
        json!({ "version": 1, "hash": saved.json()["hash"] })
    );
    let run = alice
        .post("/api/v1/tools/get_weather/execute", &json!({ "input": {} }))
        .await;
    assert_eq!(run.json()["output"], json!({ "celsius": 9 }));
}

#[tokio::test]
async fn reserved_ids_are_refused() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    for id in ["saved", "import"] {
        let document = ToolBuilder::get("/x")
            .id(id)
            .document(&app.upstream().base_url());
        for path in ["/api/v1/tools", "/api/v1/tools/saved"] {
            let response = alice.post(path, &document).await;
            assert_eq!(response.status(), 400, "{id}: {}", response.text());
            assert_eq!(response.json()["errors"][0]["pointer"], "/id");
        }
    }
}

#[tokio::test]
async fn racing_savers_of_one_id_get_one_tool() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let document = ToolBuilder::get("/weather").document(&app.upstream().base_url());
    let member = app.member();
    let (one, other) = tokio::join!(
        alice.post("/api/v1/tools/saved", &document),
        member.post("/api/v1/tools/saved", &document)
    );
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{} {}", one.text(), other.text());
}

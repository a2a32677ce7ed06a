//! `POST /api/v1/prompts`, `GET /api/v1/prompts/{prompt_id}`, `DELETE /api/v1/prompts/{prompt_id}`.

use reqwest::Method;
use serde_json::json;
use testkit::TestApp;

use super::{saved, told, weather, with};

const PATH: &str = "/api/v1/prompts/weather_report";

#[tokio::test]
async fn answers_the_saved_prompt() {
    let (app, _, _) = TestApp::with_two_workspaces().await;
    let member = app.member();
    let response = saved(&member, &weather()).await;
    let mut view = response.json();
    let hash = view["hash"].take();
    let tag = format!("\"{}\"", hash.as_str().unwrap());
    assert_eq!(response.header("etag"), Some(tag.as_str()));
    assert_eq!(view["created_at"].take(), view["updated_at"].take());
    let author = member.user_id().to_string();
    assert_eq!(
        view,
        json!({
            "id": "weather_report", "name": "Weather report", "description": "The weather at a place",
            "version": 1, "hash": null, "created_at": null, "updated_at": null,
            "created_by": author, "updated_by": author, "prompt": weather(),
        })
    );
    let read = app.viewer().get(PATH).await;
    assert_eq!(read.json()["prompt"], weather());
    assert_eq!(read.header("etag"), Some(tag.as_str()));
    let known = member
        .request(Method::GET, PATH)
        .header("if-none-match", &tag);
    assert_eq!(member.send(known).await.status(), 304);
}

#[tokio::test]
async fn makes_an_id_of_the_name() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let document = json!({ "name": "Sum up: a text!", "template": "Sum up." });
    assert_eq!(saved(&alice, &document).await.json()["id"], "sum_up_a_text");
}

#[tokio::test]
async fn an_id_is_taken_once() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let first = saved(&alice, &weather()).await.json();
    let again = alice
        .post("/api/v1/prompts", &with("name", "Another"))
        .await;
    assert_eq!(again.status(), 409, "{}", again.text());
    assert_eq!(again.code(), "already_exists");
    let current = json!({ "version": 1, "hash": first["hash"] });
    assert_eq!(again.json()["current"], current);
    // A tool may have the same id, and so may a neighbour's prompt.
    let tool = testkit::ToolBuilder::get("/weather").id("weather_report");
    alice.registers(tool).await;
    saved(&bob, &weather()).await;

    let (one, other) = (with("id", "raced"), with("id", "raced"));
    let member = app.member();
    let (one, other) = tokio::join!(
        alice.post("/api/v1/prompts", &one),
        member.post("/api/v1/prompts", &other)
    );
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{} {}", one.text(), other.text());
}

#[tokio::test]
async fn tells_every_fault_at_once() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let document = json!({
        "nmae": "x",
        "template": "{{citty}} {{",
        "variables": { "city": { "type": "strin" }, "days": { "type": "integer", "default": "3" } },
        "tools": ["Not An Id"],
    });
    let refused = alice.post("/api/v1/prompts", &document).await;
    assert_eq!(refused.status(), 400, "{}", refused.text());
    assert_eq!(refused.code(), "invalid_prompt");
    let told = told(&refused);
    for (pointer, code) in [
        ("/nmae", "unknown_field"),
        ("/name", "required"),
        ("/template", "unknown_variable"),
        ("/template", "invalid_placeholder"),
        ("/variables/city/type", "invalid_value"),
        ("/variables/days/default", "invalid_type"),
        ("/variables/days", "unused_variable"),
        ("/tools/0", "invalid_value"),
    ] {
        assert!(
            told.contains(&(pointer.to_owned(), code.to_owned())),
            "{pointer}: {told:?}"
        );
    }
    assert!(refused.text().contains("did you mean \\\"city\\\"?"));
    assert_eq!(
        alice.get("/api/v1/prompts").await.json()["prompts"],
        json!([])
    );
}

#[tokio::test]
async fn retiring_hides_it_and_keeps_its_history() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    saved(&alice, &weather()).await;
    assert_eq!(app.member().delete(PATH).await.status(), 403);
    let gone = app.admin().delete(PATH).await;
    assert_eq!(gone.status(), 204, "{}", gone.text());
    for response in [
        alice.get(PATH).await,
        alice.put(PATH, &weather()).await,
        alice.post(&format!("{PATH}/render"), &json!({})).await,
        alice.delete(PATH).await,
    ] {
        assert_eq!(response.status(), 404, "{}", response.text());
        assert_eq!(response.code(), "prompt_not_found");
    }
    assert_eq!(
        alice.get("/api/v1/prompts").await.json()["prompts"],
        json!([])
    );
    let again = saved(&app.member(), &weather()).await;
    assert_eq!(again.json()["version"], 2);
    let history = alice.get(&format!("{PATH}/versions")).await.json();
    assert_eq!(history["versions"].as_array().unwrap().len(), 2);
}

//! `GET /api/v1/prompts`, and that each workspace has its own.

use serde_json::json;
use testkit::TestApp;

use super::{saved, weather, with};
use crate::walk::{texts, walk};

#[tokio::test]
async fn a_walk_by_cursors_meets_each_prompt_once() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let mut ids = ["e", "b", "a-1", "a_1", "saved", "0"].map(str::to_owned);
    for id in &ids {
        saved(&alice, &with("id", id.as_str())).await;
    }
    saved(&bob, &with("id", "bobs")).await;
    ids.sort();
    for limit in [1, 2, 6, 50] {
        let walked = walk(&app.viewer(), "/api/v1/prompts", "prompts", limit).await;
        assert_eq!(texts(&walked, "id"), ids, "{limit} at a time");
        assert_eq!(walked[0]["prompt"]["template"], weather()["template"]);
    }
    let tampered = alice.get("/api/v1/prompts?cursor=AAAA").await;
    assert_eq!(
        (tampered.status().as_u16(), tampered.code().as_str()),
        (400, "invalid_cursor")
    );
}

#[tokio::test]
async fn a_neighbour_finds_nothing() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    saved(&alice, &weather()).await;
    let path = "/api/v1/prompts/weather_report";
    assert_eq!(
        bob.get("/api/v1/prompts").await.json()["prompts"],
        json!([])
    );
    for response in [
        bob.get(path).await,
        bob.put(path, &weather()).await,
        bob.delete(path).await,
        bob.get(&format!("{path}/versions")).await,
        bob.post(
            &format!("{path}/render"),
            &json!({ "variables": { "city": "x" } }),
        )
        .await,
    ] {
        assert_eq!(response.status(), 404, "{}", response.text());
    }
    assert_eq!(alice.get(path).await.json()["version"], 1);
}

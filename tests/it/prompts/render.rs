//! `POST /api/v1/prompts/{prompt_id}/render`.

use serde_json::{Value, json};
use testkit::TestApp;

use super::{saved, told, weather};

const PATH: &str = "/api/v1/prompts/weather_report/render";

#[tokio::test]
async fn fills_in_values_and_defaults() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let hash = saved(&alice, &weather()).await.json()["hash"].take();
    let values = json!({ "variables": { "city": "Oslo", "audience": "sailors" } });
    let rendered = app.viewer().post(PATH, &values).await;
    assert_eq!(rendered.status(), 200, "{}", rendered.text());
    assert_eq!(
        rendered.json(),
        json!({
            "version": 1, "hash": hash, "instructions": "Write for sailors.",
            "messages": [{ "role": "user", "content": "Weather in Oslo in 3 days?" }],
        })
    );
}

#[tokio::test]
async fn tells_what_does_not_fit() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    saved(&alice, &weather()).await;
    for (variables, faults) in [
        (json!({}), vec![("/variables/city", "required")]),
        (Value::Null, vec![("/variables/city", "required")]),
        (
            json!({ "city": 1 }),
            vec![("/variables/city", "invalid_type")],
        ),
        (
            json!({ "city": "o".repeat(21) }),
            vec![("/variables/city", "invalid_length")],
        ),
        (
            json!({ "ciyt": "Oslo", "days": 0, "audience": "nobody" }),
            vec![
                ("/variables/ciyt", "unknown_variable"),
                ("/variables/city", "required"),
                ("/variables/days", "out_of_range"),
                ("/variables/audience", "invalid_value"),
            ],
        ),
        (json!("Oslo"), vec![("/variables", "invalid_value")]),
    ] {
        let refused = alice.post(PATH, &json!({ "variables": variables })).await;
        assert_eq!(refused.status(), 400, "{}", refused.text());
        assert_eq!(refused.code(), "invalid_request");
        let mut expected: Vec<(String, String)> = faults
            .iter()
            .map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned()))
            .collect();
        let mut told = told(&refused);
        expected.sort();
        told.sort();
        assert_eq!(told, expected, "{variables}");
    }
    let unknown = alice.post(PATH, &json!({ "vraiables": {} })).await;
    assert!(
        unknown.text().contains("did you mean \\\"variables\\\"?"),
        "{}",
        unknown.text()
    );
}

#[tokio::test]
async fn a_prompt_that_is_not_accepted_any_more_says_why() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    saved(&alice, &weather()).await;
    let workspace = alice.workspace_id();
    // As an earlier release might have saved it.
    app.sql(&format!(
        "begin;
         insert into catalog.prompt_versions (workspace_id, prompt_id, version, hash, document)
         values ('{workspace}', 'weather_report', 2, '{hash}', '{{\"name\": \"x\", \"template\": 7}}');
         update catalog.prompts set version = 2, hash = '{hash}' where workspace_id = '{workspace}';
         commit",
        hash = "0".repeat(64)
    ));
    let refused = alice.post(PATH, &json!({})).await;
    assert_eq!(
        (refused.status().as_u16(), refused.code().as_str()),
        (400, "invalid_prompt")
    );
    let restored = alice
        .post(
            "/api/v1/prompts/weather_report/versions/1/restore",
            &json!({}),
        )
        .await;
    assert_eq!(restored.status(), 200, "{}", restored.text());
    let back = alice
        .post(
            "/api/v1/prompts/weather_report/versions/2/restore",
            &json!({}),
        )
        .await;
    assert_eq!(
        (back.status().as_u16(), back.code().as_str()),
        (400, "invalid_prompt")
    );
}

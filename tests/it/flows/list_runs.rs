//! `GET /api/v1/flows/{flow_id}/runs`.

use serde_json::{Value, json};
use testkit::TestApp;

use super::acts::{ended, flow, ran, started};

const RUNS: &str = "/api/v1/flows/f/runs";

#[tokio::test]
async fn runs_are_listed_newest_first_in_pages() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    flow(
        &alice,
        json!([{ "id": "a", "transform": "{{ 1 // input.n }}" }]),
    )
    .await;
    assert_eq!(alice.get(RUNS).await.json(), json!({ "runs": [] }));
    let mut made: Vec<Value> = Vec::new();
    for n in [1, 0, 1, 0, 1] {
        let run = ran(&alice, "f", json!({ "n": n })).await;
        made.insert(0, run["run_id"].clone());
    }
    for limit in 1..=6 {
        let mut listed = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = app
                .viewer()
                .get(&format!("{RUNS}?limit={limit}{cursor}"))
                .await;
            let page = page.json();
            let runs = page["runs"].as_array().unwrap();
            assert!((1..=limit).contains(&runs.len()), "{page:#}");
            listed.extend(runs.iter().map(|run| run["run_id"].clone()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(listed, made, "{limit}");
    }
    let failed = alice.get(&format!("{RUNS}?status=failed&limit=1")).await;
    let failed = failed.json();
    assert_eq!(failed["runs"][0]["run_id"], made[1]);
    assert_eq!(failed["runs"][0]["error"]["step_id"], "a");
    let next = failed["next_cursor"].as_str().unwrap();
    let rest = alice
        .get(&format!("{RUNS}?status=failed&limit=1&cursor={next}"))
        .await;
    let rest = rest.json();
    assert_eq!(
        (&rest["runs"][0]["run_id"], &rest["next_cursor"]),
        (&made[3], &Value::Null)
    );
    for bad in ["status=lost", "limit=0", "limit=201", "cursor=none"] {
        let bad = alice.get(&format!("{RUNS}?{bad}")).await;
        assert_eq!(bad.status(), 400, "{}", bad.text());
    }
    assert_eq!(bob.get(RUNS).await.status(), 404);
}

#[tokio::test]
async fn runs_of_a_retired_flow_are_listed() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    flow(&alice, json!([{ "id": "a", "transform": 1 }])).await;
    let path = started(&alice, "f", json!({})).await;
    ended(&alice, &path).await;
    assert_eq!(alice.delete("/api/v1/flows/f").await.status(), 204);
    let listed = alice.get(RUNS).await.json();
    assert_eq!(listed["runs"].as_array().unwrap().len(), 1, "{listed}");
    let none = alice.get(&format!("{RUNS}?status=failed")).await;
    assert_eq!(
        (none.status().as_u16(), none.json()),
        (200, json!({ "runs": [] }))
    );
    let unknown = alice.get("/api/v1/flows/g/runs").await;
    assert_eq!(
        (unknown.status().as_u16(), unknown.code().as_str()),
        (404, "flow_not_found")
    );
}

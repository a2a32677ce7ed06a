//! `POST /api/v1/flows/{flow_id}/versions/{n}/restore`.

use serde_json::json;
use testkit::TestApp;

use super::{BRIEF, brief, saved, with, with_tools};

#[tokio::test]
async fn an_earlier_version_becomes_the_next_one() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    let first = saved(&alice, &brief()).await.json();
    assert_eq!(
        alice.put(BRIEF, &with("description", "2")).await.status(),
        200
    );
    let path = |n: &str| format!("{BRIEF}/versions/{n}/restore");
    let back = app.member().post(&path("1"), &json!({})).await;
    assert_eq!(back.status(), 200, "{}", back.text());
    let view = back.json();
    assert_eq!(
        (&view["version"], &view["hash"]),
        (&json!(3), &first["hash"])
    );
    assert_eq!(view["definition"], brief());
    assert_eq!(
        back.header("etag"),
        Some(format!("\"{}\"", first["hash"].as_str().unwrap()).as_str())
    );
    for n in ["0", "-1", "7", "one", "99999999999"] {
        assert_eq!(alice.post(&path(n), &json!({})).await.status(), 404, "{n}");
    }
    assert_eq!(bob.post(&path("1"), &json!({})).await.status(), 404);
    assert_eq!(
        app.viewer().post(&path("1"), &json!({})).await.status(),
        403
    );
}

#[tokio::test]
async fn what_does_not_fit_the_tools_of_today_stays_where_it_is() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    saved(&alice, &brief()).await;
    let small = with("steps", json!([{ "id": "best", "transform": 1 }]));
    assert_eq!(alice.put(BRIEF, &small).await.status(), 200);
    assert_eq!(
        app.admin()
            .delete("/api/v1/tools/saved/quote")
            .await
            .status(),
        204
    );
    let refused = alice
        .post(&format!("{BRIEF}/versions/1/restore"), &json!({}))
        .await;
    assert_eq!(
        (refused.status().as_u16(), refused.code().as_str()),
        (400, "invalid_flow")
    );
    assert_eq!(refused.json()["errors"][0]["pointer"], "/steps/0/tool");
    assert_eq!(alice.get(BRIEF).await.json()["version"], 2);
}

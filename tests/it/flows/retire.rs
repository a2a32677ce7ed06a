//! `DELETE /api/v1/flows/{flow_id}`.

use serde_json::json;
use testkit::TestApp;

use super::{BRIEF, PATH, brief, saved, with_tools};

#[tokio::test]
async fn retiring_hides_it_and_keeps_its_history() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    saved(&alice, &brief()).await;
    assert_eq!(bob.delete(BRIEF).await.status(), 404);
    for too_low in [app.viewer(), app.member()] {
        assert_eq!(too_low.delete(BRIEF).await.status(), 403);
    }
    let gone = app.admin().delete(BRIEF).await;
    assert_eq!(gone.status(), 204, "{}", gone.text());
    for response in [
        alice.get(BRIEF).await,
        alice.put(BRIEF, &brief()).await,
        alice.delete(BRIEF).await,
    ] {
        assert_eq!(
            (response.status().as_u16(), response.code().as_str()),
            (404, "flow_not_found"),
            "{}",
            response.text()
        );
    }
    assert_eq!(alice.get(PATH).await.json(), json!({ "flows": [] }));
    assert!(
        !alice
            .get("/api/v1/tools")
            .await
            .text()
            .contains("ticker_brief")
    );
    let history = alice.get(&format!("{BRIEF}/versions")).await.json();
    assert_eq!(history["versions"].as_array().unwrap().len(), 1);
    let again = saved(&app.member(), &brief()).await.json();
    assert_eq!(again["version"], 2);
}

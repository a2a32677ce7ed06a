//! `GET /api/v1/flows/{flow_id}/versions`.

use testkit::TestApp;

use super::{BRIEF, brief, saved, with, with_tools};
use crate::walk::{texts, walk};

#[tokio::test]
async fn tells_the_history_the_latest_first() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    let mut views = vec![saved(&alice, &brief()).await.json()];
    for number in 2..=6 {
        let document = with("description", format!("Number {number}"));
        views.push(app.member().put(BRIEF, &document).await.json());
    }
    views.reverse();
    let path = format!("{BRIEF}/versions");
    let history = walk(&app.viewer(), &path, "versions", 4).await;
    assert_eq!(history.len(), 6);
    for (version, view) in history.iter().zip(&views) {
        assert_eq!(version["version"], view["version"]);
        assert_eq!(version["created_at"], view["updated_at"]);
        assert_eq!(version["created_by"], view["updated_by"]);
    }
    assert_eq!(texts(&history, "hash"), texts(&views, "hash"));
    for limit in [1, 2, 6, 200] {
        assert_eq!(walk(&alice, &path, "versions", limit).await, history);
    }
    for missing in [
        bob.get(&path).await,
        alice.get("/api/v1/flows/none/versions").await,
    ] {
        assert_eq!(
            (missing.status().as_u16(), missing.code().as_str()),
            (404, "flow_not_found")
        );
    }
}

//! `GET /api/v1/flows`.

use serde_json::json;
use testkit::TestApp;

use super::{PATH, brief, saved, with_tools};
use crate::walk::{texts, walk};

#[tokio::test]
async fn lists_them_by_id_without_their_definitions() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    for number in 0..7 {
        let id = format!("flow_{number}");
        let flow = json!({ "id": id, "name": id, "steps": [{ "id": "one", "transform": number }] });
        saved(&alice, &flow).await;
    }
    with_tools(&alice).await;
    let full = saved(&alice, &brief()).await.json();
    let all = walk(&app.viewer(), PATH, "flows", 3).await;
    let ids = texts(&all, "flow_id");
    assert_eq!(ids.len(), 8);
    assert!(ids.is_sorted(), "{ids:?}");
    let mut listed = full.clone();
    listed.as_object_mut().unwrap().remove("definition");
    assert_eq!(all[7], listed);
    assert_eq!(bob.get(PATH).await.json(), json!({ "flows": [] }));
    for bad in ["limit=0", "limit=201", "cursor=x", "q=a"] {
        assert_eq!(
            alice.get(&format!("{PATH}?{bad}")).await.status(),
            400,
            "{bad}"
        );
    }
}

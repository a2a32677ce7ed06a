//! A large run.

use std::time::Instant;

use serde_json::json;
use testkit::TestApp;

use super::acts::{ended, started};
use super::saved;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_of_two_thousand_steps_comes_to_its_end() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let mut steps = vec![json!({ "id": "s0", "transform": 0 })];
    for n in 1..2_000 {
        steps.push(json!({ "id": format!("s{n}"), "transform": format!("{{{{ steps.s{}.output + 1 }}}}", n - 1) }));
    }
    saved(
        &alice,
        &json!({ "id": "chain", "name": "chain", "steps": steps }),
    )
    .await;
    let began = Instant::now();
    let path = started(&alice, "chain", json!({})).await;
    let run = ended(&alice, &path).await;
    eprintln!("a chain of 2,000 steps: {:?}", began.elapsed());
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("succeeded"), &json!({ "s1999": 1_999 }))
    );
}

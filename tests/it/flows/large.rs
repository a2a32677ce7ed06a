//! Large runs.

use std::time::Instant;

use serde_json::{Value, json};
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_of_a_thousand_runs_comes_to_its_end() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let inner = json!({ "id": "inner", "name": "inner", "input_schema": { "type": "object", "properties": { "n": { "type": "integer" } } },
        "steps": [{ "id": "one", "transform": "{{ input.n * 2 }}" }],
                        "output": "{{ steps.one.output }}" });
    saved(&alice, &inner).await;
    let calling = json!({ "id": "each", "flow": "inner", "for_each": "{{ range(1000) | list }}", "input": { "n": "{{ item }}" } });
    saved(
        &alice,
        &json!({ "id": "map", "name": "map", "steps": [calling] }),
    )
    .await;
    let began = Instant::now();
    let run = ended(&alice, &started(&alice, "map", json!({})).await).await;
    eprintln!("a map of 1,000 runs: {:?}", began.elapsed());
    let doubled: Vec<Value> = (0..1_000).map(|n| json!(n * 2)).collect();
    assert_eq!(
        (&run["status"], &run["output"]["each"]),
        (&json!("succeeded"), &json!(doubled))
    );
    let runs = app.sql("select count(*) from orchestration.runs where status = 'succeeded'");
    assert_eq!(runs.single(), Some("1001"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_steps_come_to_their_end() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    // One root, 9,998 at once, one join.
    let mut steps = vec![json!({ "id": "root", "transform": 7 })];
    for n in 0..9_998 {
        steps.push(json!({ "id": format!("s{n}"), "transform": "{{ steps.root.output }}" }));
    }
    let needs: Vec<String> = (0..9_998).map(|n| format!("s{n}")).collect();
    steps
        .push(json!({ "id": "join", "transform": "{{ steps.root.output }}", "depends_on": needs }));
    saved(
        &alice,
        &json!({ "id": "wide", "name": "wide", "steps": steps }),
    )
    .await;
    let began = Instant::now();
    let run = ended(&alice, &started(&alice, "wide", json!({})).await).await;
    eprintln!("10,000 steps: {:?}", began.elapsed());
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("succeeded"), &json!({ "join": 7 }))
    );
    let done = app.sql("select count(*) from orchestration.run_steps where status = 'succeeded' and kind <> 'output'");
    assert_eq!(done.single(), Some("10000"));
}

//! `GET /api/v1/flows/{flow_id}/runs/{run_id}`.

use serde_json::{Value, json};
use testkit::{Answer, Persona, TestApp};

use super::acts::{ended, flow, plain, ran, started};

/// The run's steps, page by page, so many at once.
async fn pages(persona: &Persona, path: &str, limit: usize) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = persona.get(&format!("{path}?limit={limit}{cursor}")).await;
        assert_eq!(page.status(), 200, "{}", page.text());
        let page = page.json();
        pages.push(page["steps"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn steps_items_and_compensations_come_in_pages() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on("/do", json!({}))
        .on("/undo", json!({}))
        .on("/no", Answer::text("no").status(404));
    for (method, path, id) in [
        ("POST", "/do", "do"),
        ("POST", "/undo", "undo"),
        ("GET", "/no", "no"),
    ] {
        alice.registers(plain(method, path, id)).await;
    }
    let undo = json!({ "tool": "undo" });
    flow(
        &alice,
        json!([
            { "id": "z", "transform": 1 },
            { "id": "each", "tool": "do", "for_each": [1, 2, 3], "compensate": undo, "depends_on": ["z"] },
            { "id": "b", "tool": "do", "compensate": undo, "depends_on": ["each"] },
            { "id": "no", "tool": "no", "depends_on": ["b"] },
            { "id": "never", "transform": 2, "depends_on": ["no"] },
        ]),
    )
    .await;
    let path = started(&alice, "f", json!({})).await;
    assert_eq!(ended(&alice, &path).await["status"], "failed");
    let whole = pages(&alice, &path, 200).await;
    let [whole] = whole.as_slice() else {
        panic!("{whole:#?}");
    };
    let mut ids: Vec<&str> = whole
        .iter()
        .map(|step| step["step_id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids[..8],
        [
            "z", "each", "each[0]", "each[1]", "each[2]", "b", "no", "never"
        ]
    );
    let mut undone = ids.split_off(8);
    undone.sort_unstable();
    assert_eq!(
        undone,
        [
            "b~compensate",
            "each[0]~compensate",
            "each[1]~compensate",
            "each[2]~compensate"
        ]
    );
    for limit in [1, 2, 3, 5, 11, 12] {
        let pages = pages(&alice, &path, limit).await;
        assert_eq!(pages.len(), 12_usize.div_ceil(limit));
        assert!(pages.iter().all(|page| page.len() <= limit));
        assert_eq!(&pages.concat(), whole, "{limit}");
    }
    let foreign = alice.get(&format!("{path}?cursor=none")).await;
    assert_eq!(foreign.status(), 400);
}

#[tokio::test]
async fn a_page_of_large_steps_is_short() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let large = json!("{{ input.text ~ input.text }}");
    flow(
        &alice,
        json!([
            { "id": "a", "transform": 1 },
            { "id": "b", "transform": large },
            { "id": "c", "transform": [large, "{{ input.text }}"] },
            { "id": "d", "transform": [large, large, "{{ input.text }}"] },
            { "id": "e", "transform": 2 },
        ]),
    )
    .await;
    let input = json!({ "text": "x".repeat(900_000) });
    let path = started(&alice, "f", input).await;
    alice.get(&format!("{path}/events")).await;
    let told: Vec<Vec<String>> = pages(&alice, &path, 50)
        .await
        .iter()
        .map(|page| {
            let ids = page.iter().map(|step| step["step_id"].as_str().unwrap());
            ids.map(str::to_owned).collect()
        })
        .collect();
    assert_eq!(told, [vec!["a", "b"], vec!["c"], vec!["d"], vec!["e"]]);
}

#[tokio::test]
async fn is_drawn_with_its_states() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    flow(
        &alice,
        json!([
            { "id": "a", "transform": 1 },
            { "id": "b", "transform": "{{ steps.a.output }}", "when": false },
        ]),
    )
    .await;
    let path = started(&alice, "f", json!({})).await;
    assert_eq!(ended(&alice, &path).await["status"], "succeeded");
    // A later version draws nothing else.
    let other = json!({ "id": "f", "name": "f", "steps": [{ "id": "other", "transform": 1 }] });
    assert_eq!(alice.put("/api/v1/flows/f", &other).await.status(), 200);
    let drawn = app.viewer().get(&format!("{path}?format=mermaid")).await;
    assert_eq!(
        drawn.header("content-type"),
        Some("text/vnd.mermaid; charset=utf-8")
    );
    let text = drawn.text();
    assert!(text.starts_with("flowchart TD\n"), "{text}");
    for line in [
        "s0{{\"a\"}}",
        "s0 --> s1",
        "class s0 succeeded",
        "class s1 skipped",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("other"), "{text}");
    let foreign = bob.get(&format!("{path}?format=mermaid")).await;
    assert_eq!(
        (foreign.status().as_u16(), foreign.code().as_str()),
        (404, "run_not_found")
    );
}

#[tokio::test]
async fn belongs_to_its_flow_alone() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    flow(&alice, json!([{ "id": "a", "transform": 1 }])).await;
    let run = ran(&alice, "f", json!({})).await;
    let id = run["run_id"].as_str().unwrap();
    let other = alice.get(&format!("/api/v1/flows/g/runs/{id}")).await;
    assert_eq!(
        (other.status().as_u16(), other.code().as_str()),
        (404, "run_not_found")
    );
}

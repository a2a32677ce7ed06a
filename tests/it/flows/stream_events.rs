//! `GET …/runs/{run_id}/events`.

use serde_json::{Value, json};
use testkit::{Persona, TestApp};

use super::acts::{ended, flow, started, until};

/// The events of a stream that ended: id, kind, data.
fn events(text: &str) -> Vec<(Option<i64>, String, Value)> {
    let blocks = text.split("\n\n").filter(|block| block.contains("data:"));
    blocks
        .map(|block| {
            let field = |name: &str| {
                block
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(str::trim)
            };
            let id = field("id:").map(|id| id.parse().unwrap());
            let data = serde_json::from_str(field("data:").unwrap()).unwrap();
            (id, field("event:").unwrap().to_owned(), data)
        })
        .collect()
}

async fn read(
    persona: &Persona,
    path: &str,
    last: Option<i64>,
) -> Vec<(Option<i64>, String, Value)> {
    let last = last.map(|last| last.to_string());
    read_behind(persona, path, last.as_deref()).await
}

async fn read_behind(
    persona: &Persona,
    path: &str,
    last: Option<&str>,
) -> Vec<(Option<i64>, String, Value)> {
    let mut request = persona.request(reqwest::Method::GET, &format!("{path}/events"));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = persona.send(request).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    assert!(
        response
            .header("content-type")
            .unwrap()
            .starts_with("text/event-stream")
    );
    events(&response.text())
}

#[tokio::test]
async fn a_chain_is_told_in_order_to_its_end() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    flow(
        &alice,
        json!([
            { "id": "a", "transform": 1 },
            { "id": "b", "transform": "{{ steps.a.output + 1 }}" },
            { "id": "c", "transform": 3, "when": "{{ steps.b.output == 0 }}" },
        ]),
    )
    .await;
    let path = started(&alice, "f", json!({})).await;
    // The stream itself ends with the run.
    let told = read(&app.viewer(), &path, None).await;
    let run = ended(&alice, &path).await;
    let kinds: Vec<(&str, &str)> = told
        .iter()
        .map(|(_, kind, data)| (kind.as_str(), data["step_id"].as_str().unwrap_or_default()))
        .filter(|(_, step)| !step.starts_with('~'))
        .collect();
    assert_eq!(
        kinds,
        [
            ("run.started", ""),
            ("step.running", "a"),
            ("step.succeeded", "a"),
            ("step.running", "b"),
            ("step.succeeded", "b"),
            ("step.running", "c"),
            ("step.skipped", "c"),
            ("run.succeeded", ""),
            ("end", ""),
        ]
    );
    let numbers: Vec<i64> = told.iter().filter_map(|(id, _, _)| *id).collect();
    let expected: Vec<i64> = (1..=run["last_event"].as_i64().unwrap()).collect();
    assert_eq!(numbers, expected);
    assert!(told.iter().all(|(id, kind, data)| kind == "end"
        || (data["seq"] == json!(id) && data["kind"] == json!(kind))));
    assert_eq!(
        told.last().unwrap().2,
        json!({ "run_id": run["run_id"], "status": "succeeded" })
    );

    let rest = read(&alice, &path, Some(4)).await;
    assert_eq!(rest, told[4..]);
    let nothing = read(&alice, &path, numbers.last().copied()).await;
    assert_eq!(nothing, told[told.len() - 1..]);
    assert_eq!(bob.get(&format!("{path}/events")).await.status(), 404);
}

#[tokio::test]
async fn everything_is_told_behind_what_is_no_number_of_the_run() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    flow(&alice, json!([{ "id": "a", "transform": 1 }])).await;
    let path = started(&alice, "f", json!({})).await;
    let told = read(&alice, &path, None).await;
    assert_eq!(told.last().unwrap().1, "end");
    for foreign in [
        "none",
        "",
        "-1",
        "-9223372036854775808",
        "4711",
        "9223372036854775807",
        "9223372036854775808",
        "1.5",
    ] {
        let again = read_behind(&alice, &path, Some(foreign)).await;
        assert_eq!(again, told, "{foreign}");
    }
}

#[tokio::test]
async fn what_happens_later_is_told_on_the_open_stream() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    flow(
        &alice,
        json!([{ "id": "go", "wait": { "signal": "go on" } }]),
    )
    .await;
    let path = started(&alice, "f", json!({})).await;
    until(&alice, &path, |run| {
        run["steps"][0]["awaits_signal"] == true
    })
    .await;
    let mut stream = alice
        .request(reqwest::Method::GET, &format!("{path}/events"))
        .send()
        .await
        .unwrap();
    let mut text = String::new();
    while !text.contains("step.awaiting") {
        text += std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap();
    }
    assert!(!text.contains("event: end"), "{text}");
    let told = alice
        .post(&format!("{path}/steps/go/signal"), &json!({ "payload": 1 }))
        .await;
    assert_eq!(told.status(), 200);
    while let Some(chunk) = stream.chunk().await.unwrap() {
        text += std::str::from_utf8(&chunk).unwrap();
    }
    let kinds: Vec<String> = events(&text)
        .into_iter()
        .map(|(_, kind, _)| kind)
        .filter(|kind| !kind.contains("running"))
        .collect();
    assert!(kinds.contains(&"step.signalled".to_owned()), "{kinds:?}");
    assert_eq!(kinds.last().unwrap(), "end");
}

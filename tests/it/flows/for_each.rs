//! Steps that run once for each item of a list.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::upstream::Reply;
use testkit::{Answer, TestApp, ToolBuilder};
use tokio::sync::watch;

use super::acts::{comes, ended, flow, paths, plain, ran, started, state, step};
use super::{of_steps, saved};

/// The upstream answers `{n}` of the query, and fails for 13.
fn numbers(app: &TestApp) {
    let reply = |request: &testkit::Captured| {
        let n = request.query()[0].1.clone();
        match n.as_str() {
            "13" => Answer::text("no luck").status(404).into(),
            _ => Reply::from(json!({ "n": n })),
        }
    };
    app.upstream().on("/n", Reply::made(reply));
}

fn each(on_error: &Value) -> Value {
    json!({ "id": "each", "tool": "call", "for_each": "{{ input.list }}", "input": { "n": "{{ item }}" },
            "max_concurrency": 2, "on_error": on_error })
}

fn outcome() -> Value {
    json!({ "id": "last", "transform": ["{{ steps.each.status }}", "{{ steps.each.output }}"], "run_if": "always" })
}

#[tokio::test]
async fn outputs_stand_in_the_order_of_the_items() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    numbers(&app);
    alice.registers(plain("GET", "/n", "call")).await;
    flow(&alice, json!([each(&json!("fail"))])).await;
    let run = ran(&alice, "f", json!({ "list": ["5", "3", "9", "1", "7"] })).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let expected = ["5", "3", "9", "1", "7"].map(|n| json!({ "n": n }));
    assert_eq!(run["output"]["each"], json!(expected));
    let map = step(&run, "each");
    assert_eq!(
        (&map["kind"], &map["items"], &map["items_open"]),
        (&json!("map"), &json!(5), &json!(0))
    );
    assert_eq!(step(&run, "each[3]")["input"], json!({ "n": "1" }));
    let empty = ran(&alice, "f", json!({ "list": [] })).await;
    assert_eq!(
        (&empty["status"], &empty["output"]),
        (&json!("succeeded"), &json!({ "each": [] }))
    );
    let none = ran(&alice, "f", json!({ "list": "five" })).await;
    assert_eq!(
        (&none["status"], &none["error"]["error"]["code"]),
        (&json!("failed"), &json!("expression_failed"))
    );
}

#[tokio::test]
async fn no_more_items_run_at_once_than_it_says() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let (open, gate) = watch::channel(false);
    let arrived = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&arrived);
    let reply = move |_: &testkit::Captured| {
        counted.fetch_add(1, Ordering::SeqCst);
        Reply::Held(gate.clone(), Box::new(json!({}).into()))
    };
    app.upstream().on("/n", Reply::made(reply));
    alice.registers(plain("GET", "/n", "call")).await;
    flow(&alice, json!([{ "id": "each", "tool": "call", "for_each": "{{ range(9) | list }}", "max_concurrency": 3 }])).await;
    let path = started(&alice, "f", json!({})).await;
    comes("three calls at once", || {
        arrived.load(Ordering::SeqCst) == 3
    })
    .await;
    // Nothing else is ready, so nobody can start more, however often somebody looks.
    for _ in 0..3 {
        app.sweeps().await;
        let open = app.sql("select count(*) from orchestration.run_steps where parent_step_id = 'each' and status in ('ready', 'running')");
        assert_eq!(open.single(), Some("3"));
    }
    assert_eq!(arrived.load(Ordering::SeqCst), 3);
    open.send_replace(true);
    assert_eq!(ended(&alice, &path).await["status"], "succeeded");
    assert_eq!(paths(&app).len(), 9);
}

#[tokio::test]
async fn failed_items_leave_their_place_to_what_on_error_says() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    numbers(&app);
    alice.registers(plain("GET", "/n", "call")).await;
    let input = json!({ "list": ["1", "13", "2"] });
    for (on_error, instead) in [
        (json!("continue"), Value::Null),
        (json!({ "output": "none" }), json!("none")),
    ] {
        let document = json!({ "id": "f", "name": "f", "steps": [each(&on_error), outcome()] });
        let put = alice.put("/api/v1/flows/f", &document).await;
        if put.status() != 200 {
            flow(&alice, json!([each(&on_error), outcome()])).await;
        }
        let run = ran(&alice, "f", input.clone()).await;
        assert_eq!(run["status"], "succeeded", "{run:#}");
        assert_eq!(
            run["output"]["last"],
            json!(["failed", [{ "n": "1" }, instead, { "n": "2" }]])
        );
        let error = &step(&run, "each")["error"];
        assert_eq!(error["code"], "items_failed");
        assert_eq!(error["items"][0]["index"], 1);
        assert_eq!(error["items"][0]["error"]["code"], "upstream_4xx");
        assert_eq!(state(&run, "each[1]"), "failed");
    }
    let document = json!({ "id": "f", "name": "f", "steps": [each(&json!("fail")), outcome()] });
    assert_eq!(alice.put("/api/v1/flows/f", &document).await.status(), 200);
    let run = ran(&alice, "f", input).await;
    assert_eq!(
        (&run["status"], state(&run, "last")),
        (&json!("failed"), "cancelled"),
        "{run:#}"
    );
    assert_eq!(run["error"]["error"]["code"], "item_failed");
    assert_eq!(run["error"]["error"]["details"]["index"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_are_joined_into_one_output() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/price", json!({ "price": 185.2 }));
    let tool = ToolBuilder::get("/price").id("quote");
    let tool = tool.mapping(json!({ "response_to_output": { "price": "price" } }));
    alice.registers(tool).await;
    let flow = of_steps(json!([
        { "id": "quotes", "tool": "quote", "for_each": "{{ input.symbols }}", "max_concurrency": 3 },
        { "id": "prices", "transform": "{{ steps.quotes.output | map(attribute='price') | list }}" },
        { "id": "count", "transform": "{{ steps.prices.output | length }}" },
    ]));
    let view = saved(&alice, &flow).await.json();
    let path = format!(
        "/api/v1/flows/{}/execute",
        view["flow_id"].as_str().unwrap()
    );
    let request = alice
        .request(reqwest::Method::POST, &path)
        .header("prefer", "wait=20")
        .json(&json!({ "input": { "symbols": ["A", "B", "C", "D", "E", "F", "G"] } }));
    let run = alice.send(request).await;
    assert_eq!(run.status(), 200, "{}", run.text());
    let run = run.json();
    assert_eq!(run["status"], "succeeded", "{run:#}");
    assert_eq!(run["output"], json!({ "count": 7 }), "{run:#}");
    assert_eq!(app.upstream().requests().len(), 7);
}

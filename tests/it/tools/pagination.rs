//! Lists in pages: `response.pagination`, seen from the caller's and from the upstream's side.

use serde_json::{Value, json};
use testkit::{Answer, Captured, Persona, RegisteredTool, Reply, TestApp, ToolBuilder, logs};

/// A tool that lists `/items` in pages.
async fn lists(alice: &Persona, pagination: Value) -> RegisteredTool {
    alice
        .registers(ToolBuilder::get("/items").set("/response/pagination", pagination))
        .await
}

fn by_cursor() -> Value {
    json!({ "type": "cursor", "items_path": "data", "cursor_path": "next", "cursor_param": "after" })
}

fn page(items: Value, next: Value) -> Reply {
    let mut page = json!({ "total": 3 });
    page["data"] = items;
    page["next"] = next;
    page.into()
}

/// The queries that the upstream was asked with.
fn asked(app: &TestApp) -> Vec<String> {
    let query = |target: &str| target.split_once('?').map(|(_, query)| query.to_owned());
    let requests = app.upstream().requests();
    requests
        .iter()
        .map(|request| query(&request.target).unwrap_or_default())
        .collect()
}

fn warning(body: &Value) -> &str {
    assert_eq!(body["warnings"].as_array().map_or(0, Vec::len), 1, "{body}");
    body["warnings"][0].as_str().unwrap()
}

#[tokio::test]
async fn reads_pages_by_cursor_and_joins_their_items() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let pages = vec![
        page(json!([1, 2]), json!("b&c")),
        page(json!([]), json!(7)),
        page(json!([3]), json!(null)),
    ];
    app.upstream().on_sequence("/items", pages);
    let tool = lists(&alice, by_cursor()).await;
    let response = alice.executes(&tool, json!({ "q": "x" })).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    let body = response.json();
    assert_eq!(
        body["output"],
        json!({ "data": [1, 2, 3], "next": "b&c", "total": 3 })
    );
    assert_eq!((body.get("warnings"), body.get("truncated")), (None, None));
    assert_eq!(asked(&app), ["q=x", "q=x&after=b%26c", "q=x&after=7"]);
    // All calls stand in the one execution's timeline.
    let id = body["execution_id"].as_str().unwrap();
    let recorded = alice.get(&format!("/api/v1/executions/{id}")).await.json();
    let sent = recorded["timeline"].as_array().unwrap().iter();
    assert_eq!(sent.filter(|phase| phase["phase"] == "send").count(), 3);
}

#[tokio::test]
async fn maps_all_pages_as_one() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let row = |n: u32| json!({ "id": n.to_string(), "noise": "x" });
    let pages = vec![
        page(json!([row(1), row(2)]), json!("b")),
        page(json!([row(3)]), json!("")),
    ];
    app.upstream().on_sequence("/items", pages);
    let tool = ToolBuilder::get("/items")
        .set("/response/pagination", by_cursor())
        .output(
            json!({ "properties": { "ids": { "type": "array", "items": { "type": "integer" } } } }),
        )
        .mapping(json!({ "response_to_output": { "ids": "$.data[*].id" } }));
    let tool = alice.registers(tool).await;
    let response = alice.executes(&tool, json!({})).await;
    assert_eq!(
        response.json()["output"],
        json!({ "ids": [1, 2, 3] }),
        "{}",
        response.text()
    );
}

#[tokio::test]
async fn reads_pages_by_link_header_and_by_url_in_the_body() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let base = app.upstream().base_url();
    let linked =
        |items: Value, link: &str| -> Reply { Answer::json(&items).header("Link", link).into() };
    let pages = vec![
        linked(
            json!([1]),
            &format!("<{base}/items?p=2>; rel=\"next\", <{base}/>; rel=\"first\""),
        ),
        linked(json!([2]), "</others?p=3>; rel=next"),
    ];
    app.upstream().on_sequence("/items", pages);
    app.upstream()
        .on("/others", linked(json!([3]), "</items>; rel=\"prev\""));
    let tool = lists(&alice, json!({ "type": "link" })).await;
    let response = alice.executes(&tool, json!({})).await;
    assert_eq!(
        response.json()["output"],
        json!([1, 2, 3]),
        "{}",
        response.text()
    );

    let pages = vec![
        page(json!([1]), json!("?p=2")),
        page(json!([2]), json!(format!("{base}/items?p=3"))),
        page(json!([3]), json!(null)),
    ];
    app.upstream().on_sequence("/items", pages);
    let in_body = json!({ "type": "link", "items_path": "data", "next_path": "next" });
    let tool = ToolBuilder::get("/items")
        .id("by_url")
        .set("/response/pagination", in_body);
    let tool = alice.registers(tool).await;
    let response = alice.executes(&tool, json!({})).await;
    assert_eq!(
        response.json()["output"]["data"],
        json!([1, 2, 3]),
        "{}",
        response.text()
    );
    assert_eq!(asked(&app)[3..], ["", "p=2", "p=3"]);
}

#[tokio::test]
async fn reads_pages_by_offset_and_by_number() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let pages = || {
        let page = |items: Value| Reply::from(json!({ "data": items }));
        vec![page(json!([1, 2])), page(json!([3, 4])), page(json!([5]))]
    };
    app.upstream().on_sequence("/items", pages());
    let offset =
        json!({ "type": "offset", "items_path": "data", "limit_param": "limit", "page_size": 2 });
    let tool = lists(&alice, offset).await;
    let response = alice.executes(&tool, json!({})).await;
    assert_eq!(
        response.json()["output"],
        json!({ "data": [1, 2, 3, 4, 5] })
    );
    assert_eq!(
        asked(&app),
        ["offset=0&limit=2", "offset=2&limit=2", "offset=4&limit=2"]
    );

    app.upstream().on_sequence("/items", pages());
    let number = json!({ "type": "page", "items_path": "data", "page_param": "p", "page_size": 2 });
    let tool = ToolBuilder::get("/items")
        .id("by_number")
        .set("/response/pagination", number);
    let tool = alice.registers(tool).await;
    let response = alice.executes(&tool, json!({})).await;
    assert_eq!(
        response.json()["output"],
        json!({ "data": [1, 2, 3, 4, 5] })
    );
    assert_eq!(asked(&app)[3..], ["p=1", "p=2", "p=3"]);
    // The dry run shows the first call as it is made.
    let preview = alice
        .post(&tool.preview_path(), &json!({ "input": {} }))
        .await
        .json();
    assert!(
        preview["url"].as_str().unwrap().ends_with("/items?p=1"),
        "{preview}"
    );
}

#[tokio::test]
async fn reads_pages_of_lines_and_of_rows() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    for (format, first, second, joined) in [
        (
            "ndjson",
            "{\"a\":1}\n{\"a\":2}\n",
            "{\"a\":3}\n",
            json!([{ "a": 1 }, { "a": 2 }, { "a": 3 }]),
        ),
        (
            "csv",
            "a\nx\ny\n",
            "a\nz\n",
            json!([{ "a": "x" }, { "a": "y" }, { "a": "z" }]),
        ),
    ] {
        let pages = vec![Answer::text(first).into(), Answer::text(second).into()];
        app.upstream().on_sequence("/items", pages);
        let tool = ToolBuilder::get("/items")
            .id(format)
            .set("/response/format", format)
            .set(
                "/response/pagination",
                json!({ "type": "page", "page_size": 2 }),
            );
        let tool = alice.registers(tool).await;
        let response = alice.executes(&tool, json!({})).await;
        assert_eq!(response.json()["output"], joined, "{}", response.text());
    }
}

#[tokio::test]
async fn a_search_by_post_is_read_with_the_cursor_in_its_body() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let pages = vec![
        page(json!([1]), json!({ "id": 7, "at": "x" })),
        page(json!([2]), json!({})),
    ];
    app.upstream().on_sequence("/search", pages);
    let mut rules = by_cursor();
    rules["in"] = json!("body");
    rules["cursor_param"] = json!("page.after");
    let tool = ToolBuilder::post("/search")
        .input(json!({ "properties": { "q": { "type": "string" } } }))
        .set("/annotations/read_only", true)
        .set("/response/pagination", rules);
    let tool = alice.registers(tool).await;
    let run = alice
        .request(reqwest::Method::POST, &tool.execute_path())
        .header("content-type", "application/json")
        .header("idempotency-key", "my-key")
        .body(json!({ "input": { "q": "x" } }).to_string());
    let response = alice.send(run).await;
    assert_eq!(
        response.json()["output"]["data"],
        json!([1, 2]),
        "{}",
        response.text()
    );
    let sent = app.upstream().requests();
    let bodies: Vec<Value> = sent.iter().map(Captured::json).collect();
    let second = json!({ "q": "x", "page": { "after": { "id": 7, "at": "x" } } });
    assert_eq!(bodies, [json!({ "q": "x" }), second]);
    // Two calls, two keys: an upstream that knows keys would answer the first page again.
    let keys: Vec<_> = sent
        .iter()
        .filter_map(|request| request.header("idempotency-key"))
        .collect();
    assert_eq!(keys, ["my-key", "my-key-2"]);
}

#[tokio::test]
async fn loops_and_limits_end_the_list_with_a_warning() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let pages = vec![
        page(json!([1]), json!("b")),
        page(json!([2]), json!("c")),
        page(json!([3]), json!("b")),
    ];
    app.upstream().on_sequence("/items", pages.clone());
    let tool = lists(&alice, by_cursor()).await;
    let looped = alice.executes(&tool, json!({})).await.json();
    assert_eq!(looped["output"]["data"], json!([1, 2, 3]));
    assert!(warning(&looped).contains("was read before"), "{looped}");

    let endless = |count: u32| {
        (0..count)
            .map(|n| page(json!([n]), json!(format!("c{n}"))))
            .collect()
    };
    app.upstream().on_sequence("/items", endless(200));
    let capped = alice.executes(&tool, json!({})).await.json();
    assert_eq!(capped["output"]["data"].as_array().unwrap().len(), 10);
    assert!(
        warning(&capped).contains("Stopped after 10 pages"),
        "{capped}"
    );
    assert_eq!(app.upstream().requests().len(), 13);
    let id = capped["execution_id"].as_str().unwrap();
    let recorded = alice.get(&format!("/api/v1/executions/{id}")).await.json();
    assert_eq!(
        recorded["warnings"], capped["warnings"],
        "the row says so, too"
    );

    app.upstream().on_sequence("/items", endless(200));
    let mut rules = by_cursor();
    rules["max_items"] = json!(3);
    let few = ToolBuilder::get("/items")
        .id("few")
        .set("/response/pagination", rules);
    let few = alice.registers(few).await;
    let capped = alice.executes(&few, json!({})).await.json();
    assert_eq!(capped["output"]["data"], json!([0, 1, 2]));
    assert!(warning(&capped).contains("max_items is 3"), "{capped}");
}

#[tokio::test]
async fn the_size_and_the_time_of_all_pages_together_are_bounded() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let large = |n: u32| page(json!(["x".repeat(900)]), json!(format!("c{n}")));
    app.upstream()
        .on_sequence("/items", (0..10).map(large).collect());
    let small = ToolBuilder::get("/items")
        .set("/api/max_response_bytes", 2500)
        .set("/response/pagination", by_cursor());
    let tool = alice.registers(small).await;
    let bounded = alice.executes(&tool, json!({})).await.json();
    assert_eq!(bounded["output"]["data"].as_array().unwrap().len(), 2);
    assert!(
        warning(&bounded).contains("max_response_bytes (2500)"),
        "{bounded}"
    );

    let pages = vec![page(json!([1]), json!("b")), Reply::Hang(Vec::new())];
    app.upstream().on_sequence("/items", pages);
    let quick = ToolBuilder::get("/items")
        .id("quick")
        .set("/api/timeout_ms", 400)
        .set("/retry/on", json!([503]))
        .set("/response/pagination", by_cursor());
    let tool = alice.registers(quick).await;
    let late = alice.executes(&tool, json!({})).await.json();
    assert_eq!(late["output"]["data"], json!([1]), "{late}");
    assert!(
        warning(&late).contains("time of the execution is up"),
        "{late}"
    );
}

#[tokio::test]
async fn a_page_that_fails_fails_the_execution() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let broken = Answer::json(&json!({ "error": "no" }));
    let failing = |third: Reply| {
        let good = |n: u32| page(json!([n]), json!(format!("c{n}")));
        vec![good(1), good(2), third]
    };
    for (third, code, retryable) in [
        (broken.clone().status(500).into(), "upstream_5xx", true),
        (broken.clone().status(400).into(), "upstream_4xx", false),
        (broken.status(403).into(), "auth_failed", false),
        (Answer::text("<html>").into(), "invalid_response", false),
        (json!({ "data": "none" }).into(), "mapping_failed", false),
    ] {
        app.upstream().on_sequence("/items", failing(third));
        let tool = ToolBuilder::get("/items")
            .id(code)
            .set("/retry/max_attempts", 1)
            .set("/response/pagination", by_cursor());
        let tool = alice.registers(tool).await;
        let response = alice.executes(&tool, json!({})).await;
        assert_eq!(response.status(), 500, "{}", response.text());
        let error = &response.json()["error"];
        assert_eq!(
            (error["code"].as_str(), error["retryable"].as_bool()),
            (Some(code), Some(retryable))
        );
        assert_eq!(error["details"]["page"], 3, "{error}");
    }
    // A page is repeated as any call is.
    let third = Answer::json(&json!({})).status(503);
    let pages = vec![
        page(json!([1]), json!("b")),
        third.into(),
        page(json!([2]), json!(null)),
    ];
    app.upstream().on_sequence("/items", pages);
    let tool = ToolBuilder::get("/items")
        .id("patient")
        .set("/retry/backoff_ms", 1)
        .set("/response/pagination", by_cursor());
    let tool = alice.registers(tool).await;
    let response = alice.executes(&tool, json!({})).await;
    assert_eq!(
        response.json()["output"]["data"],
        json!([1, 2]),
        "{}",
        response.text()
    );
}

#[tokio::test]
async fn a_link_to_another_origin_is_blocked() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let other = testkit::FakeUpstream::start().await;
    let in_body = json!({ "type": "link", "items_path": "data", "next_path": "next" });
    let tool = lists(&alice, in_body).await;
    for next in [
        format!("{}/items?p=2", other.base_url()),
        format!("http://localhost:{}/items", app.upstream().port()),
        "https://evil.example.com/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        app.upstream().on("/items", page(json!([1]), json!(next)));
        let response = alice.executes(&tool, json!({})).await;
        assert_eq!(response.code(), "egress_blocked", "{}", response.text());
    }
    assert_eq!(other.connections(), 0);
    assert_eq!(app.upstream().requests().len(), 4);
}

#[tokio::test]
async fn a_link_neither_carries_nor_replaces_the_credential() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let key = "key-that-must-stay-secret-0815";
    let base = app.upstream().base_url();
    // An upstream that writes the credential into its links, as some do, and one that forges it.
    let own = format!("<{base}/items?apikey={key}&p=2>; rel=next");
    let forged = format!("<{base}/items?p=3&apikey=forged>; rel=next");
    let pages = vec![
        Answer::json(&json!([1])).header("Link", &own).into(),
        Answer::json(&json!([2])).header("Link", &forged).into(),
        Answer::json(&json!([3])).into(),
    ];
    app.upstream().on_sequence("/items", pages);
    let auth = json!({ "method": "api_key_query", "key_name": "apikey", "secret_ref": "${KEY}" });
    let tool = ToolBuilder::get("/items")
        .auth(auth)
        .set("/response/pagination", json!({ "type": "link" }));
    let tool = alice.registers(tool).await;
    alice.stores_secret("KEY", key).await;
    let response = alice.executes(&tool, json!({})).await;
    assert_eq!(
        response.json()["output"],
        json!([1, 2, 3]),
        "{}",
        response.text()
    );
    let with_key = |rest: &str| format!("{rest}apikey={key}");
    assert_eq!(
        asked(&app),
        [with_key(""), with_key("p=2&"), with_key("p=3&")]
    );
    assert!(!response.text().contains(key));
    let rows = app.sql("select e::text from orchestration.executions e");
    assert!(!format!("{rows:?}").contains(key));
    assert!(!logs::contain(key));

    // A link that leads astray is not told with what it carries.
    let astray = format!("<https://evil.example.com/{key}?apikey={key}>; rel=next");
    app.upstream()
        .on("/items", Answer::json(&json!([1])).header("Link", &astray));
    let response = alice.executes(&tool, json!({})).await;
    assert_eq!(response.code(), "egress_blocked", "{}", response.text());
    assert!(!response.text().contains(key), "{}", response.text());
}

#[tokio::test]
async fn a_config_whose_pages_cannot_be_is_refused() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let refused = alice
        .tries_to_register(&ToolBuilder::post("/items").set("/response/pagination", by_cursor()))
        .await;
    assert_eq!(refused.status(), 400, "{}", refused.text());
    let fault = &refused.json()["errors"][0];
    assert_eq!(fault["pointer"], "/response/pagination");
    assert!(
        fault["hint"]
            .as_str()
            .unwrap()
            .contains("annotations.read_only"),
        "{fault}"
    );
}

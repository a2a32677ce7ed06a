//! `output.max_tokens` and the tool `read_more`: a large output is cut, and its rest is read.

use serde_json::{Value, json};
use testkit::{Answer, Persona, RegisteredTool, TestApp, ToolBuilder, logs};

/// A tool whose output is what the upstream answers, cut to so many tokens.
async fn answers(app: &TestApp, alice: &Persona, body: &Value, max_tokens: u32) -> RegisteredTool {
    app.upstream().on("/report", Answer::json(body));
    let tool = ToolBuilder::get("/report")
        .output(json!({
            "properties": {
                "rows": { "type": "array", "minItems": 1, "items": { "type": "object" } },
                "note": { "type": "string" },
            },
            "required": ["rows", "note"],
        }))
        .set("/output/max_tokens", max_tokens);
    alice.registers(tool).await
}

fn report() -> Value {
    let row = |n: usize| json!({ "id": n, "name": format!("row number {n}") });
    json!({ "note": "A report", "rows": (0..200).map(row).collect::<Vec<_>>() })
}

async fn reads(persona: &Persona, cursor: &Value) -> testkit::Response {
    let input = json!({ "input": { "cursor": cursor, "max_tokens": 700 } });
    persona
        .post("/api/v1/tools/read_more/execute", &input)
        .await
}

#[tokio::test]
async fn a_small_output_is_whole() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let body = json!({ "note": "A report", "rows": [{}] });
    let tool = answers(&app, &alice, &body, 100).await;
    let answered = alice.executes(&tool, json!({})).await.json();
    assert_eq!(answered["output"], body);
    assert_eq!(answered.get("truncated"), None);
    let kept = app.sql("select count(*) from orchestration.outputs");
    assert_eq!(kept.single(), Some("0"));
}

#[tokio::test]
async fn a_large_output_is_cut_and_its_rest_is_read_to_the_end() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let body = report();
    let tool = answers(&app, &alice, &body, 500).await;
    let response = alice.executes(&tool, json!({})).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    let answered = response.json();
    assert_eq!(answered["output"]["note"], "A report");
    let mut rows = answered["output"]["rows"].as_array().unwrap().clone();
    let truncated = &answered["truncated"];
    let at = json!([{ "pointer": "/rows", "unit": "items", "kept": rows.len(), "total": 200 }]);
    assert_eq!(truncated["at"], at);
    assert!(
        truncated["kept_tokens"].as_u64().unwrap() <= 500,
        "{truncated}"
    );
    assert!(truncated["total_tokens"].as_u64().unwrap() > 500);
    assert!(
        answered["warnings"][0]
            .as_str()
            .unwrap()
            .contains("read_more"),
        "{answered}"
    );
    // The row says so, and holds what was answered.
    let id = answered["execution_id"].as_str().unwrap();
    let recorded = alice.get(&format!("/api/v1/executions/{id}")).await.json();
    assert_eq!(recorded["output"], answered["output"]);
    assert_eq!(recorded["warnings"], answered["warnings"]);

    let mut cursor = truncated["cursor"].clone();
    let mut pieces = 0;
    while !cursor.is_null() {
        let piece = reads(&alice, &cursor).await;
        assert_eq!(piece.status(), 200, "{}", piece.text());
        let piece = piece.json()["output"].clone();
        assert_eq!(piece["from"], rows.len());
        assert_eq!(
            (&piece["at"], &piece["total"]),
            (&json!("/rows"), &json!(200))
        );
        rows.extend(piece["part"].as_array().unwrap().clone());
        cursor = piece["next_cursor"].clone();
        pieces += 1;
    }
    assert!(pieces > 1);
    assert_eq!(json!(rows), body["rows"]);
    assert_eq!(
        app.upstream().requests().len(),
        1,
        "nothing is called again"
    );
}

#[tokio::test]
async fn an_answer_that_is_told_again_says_that_it_was_cut() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = answers(&app, &alice, &report(), 500).await;
    let run = || {
        let request = alice
            .request(reqwest::Method::POST, &tool.execute_path())
            .header("content-type", "application/json")
            .header("idempotency-key", "report-of-may");
        alice.send(request.body(r#"{"input":{}}"#))
    };
    let (first, again) = (run().await.json(), run().await.json());
    assert_eq!(app.upstream().requests().len(), 1);
    assert!(first["truncated"]["cursor"].is_string(), "{first}");
    assert_eq!(again["truncated"], first["truncated"]);
    assert_eq!(again["output"], first["output"]);
}

#[tokio::test]
async fn a_cursor_is_of_its_workspace_alone() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let tool = answers(&app, &alice, &report(), 500).await;
    let answered = alice.executes(&tool, json!({})).await.json();
    let cursor = &answered["truncated"]["cursor"];
    for (who, cursor) in [
        (&bob, cursor.clone()),
        (
            &alice,
            json!(
                cursor
                    .as_str()
                    .unwrap()
                    .replace(|c: char| c.is_ascii_digit(), "a")
            ),
        ),
        (&alice, json!("more_")),
        (&alice, json!("' or 1 = 1 --")),
    ] {
        let refused = reads(who, &cursor).await;
        assert_eq!(refused.status(), 400, "{}", refused.text());
        let fault = &refused.json()["errors"][0];
        assert_eq!(fault["pointer"], "/input/cursor");
        assert!(
            fault["message"]
                .as_str()
                .unwrap()
                .contains("its day is over"),
            "{fault}"
        );
    }
    // A colleague may read on; who may not run tools may not.
    let colleague = reads(&app.member(), cursor).await;
    assert_eq!(colleague.status(), 200, "{}", colleague.text());
    assert_eq!(reads(&app.viewer(), cursor).await.status(), 403);
}

#[tokio::test]
async fn a_day_later_the_rest_is_gone() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = answers(&app, &alice, &report(), 500).await;
    let answered = alice.executes(&tool, json!({})).await.json();
    let cursor = &answered["truncated"]["cursor"];
    assert_eq!(reads(&alice, cursor).await.status(), 200);
    let day =
        "select extract(epoch from o.expires_at - o.created_at)::int from orchestration.outputs o";
    assert_eq!(app.sql(day).single(), Some("86400"));
    app.sql("update orchestration.outputs set expires_at = now() - interval '1 second'");
    assert_eq!(reads(&alice, cursor).await.status(), 400);
    app.sweeps().await;
    let kept = app.sql("select count(*) from orchestration.outputs");
    assert_eq!(kept.single(), Some("0"));
}

#[tokio::test]
async fn what_is_kept_holds_no_secret() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let key = "key-that-must-stay-secret-2718";
    let mut body = report();
    body["rows"][150]["name"] = json!(format!("the key is {key}"));
    app.upstream().on("/report", Answer::json(&body));
    let auth = json!({ "method": "bearer", "secret_ref": "${KEY}" });
    let tool = ToolBuilder::get("/report")
        .auth(auth)
        .set("/output/max_tokens", 100);
    let tool = alice.registers(tool).await;
    alice.stores_secret("KEY", key).await;
    let answered = alice.executes(&tool, json!({})).await.json();
    assert!(answered["truncated"]["cursor"].is_string(), "{answered}");
    let kept = app.sql("select o::text from orchestration.outputs o");
    let kept = format!("{kept:?}");
    assert!(kept.contains("row number 199") && !kept.contains(key));
    assert!(!logs::contain(key));
}

#[tokio::test]
async fn what_is_redacted_is_neither_kept_nor_written_to_the_log_by_reading_on() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let mut body = report();
    body["rows"][150]["name"] = json!("card 4111-1111");
    app.upstream().on("/report", Answer::json(&body));
    let tool = ToolBuilder::get("/report")
        .set("/output/max_tokens", 100)
        .set("/output/redact", json!(["/rows/150/name"]));
    let tool = alice.registers(tool).await;
    let answered = alice.executes(&tool, json!({})).await.json();
    let mut cursor = answered["truncated"]["cursor"].clone();
    assert!(cursor.is_string(), "{answered}");
    let mut pieces = String::new();
    while cursor.is_string() {
        let piece = reads(&alice, &cursor).await.json();
        pieces.push_str(&piece.to_string());
        cursor = piece["output"]["next_cursor"].clone();
    }
    assert!(pieces.contains("row number 199") && pieces.contains("[redacted]"));
    for stored in [
        "select o::text from orchestration.outputs o",
        "select e::text from orchestration.executions e",
    ] {
        let stored = format!("{:?}", app.sql(stored));
        assert!(stored.contains("row number 199"), "{stored}");
        assert!(!stored.contains("4111"), "{stored}");
    }
}

#[tokio::test]
async fn what_cannot_be_cut_is_whole_and_told() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let body = json!({ "code": "x".repeat(4000) });
    app.upstream().on("/report", Answer::json(&body));
    let tool = ToolBuilder::get("/report")
        .output(json!({ "properties": { "code": { "type": "string", "pattern": "^x+$" } }, "required": ["code"] }))
        .set("/output/max_tokens", 50);
    let tool = alice.registers(tool).await;
    let answered = alice.executes(&tool, json!({})).await.json();
    assert_eq!(answered["output"], body);
    assert_eq!(answered.get("truncated"), None);
    assert!(
        answered["warnings"][0]
            .as_str()
            .unwrap()
            .contains("nothing in it can be"),
        "{answered}"
    );
}

#[tokio::test]
async fn the_name_is_taken_in_every_workspace() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let refused = alice
        .tries_to_register(&ToolBuilder::get("/x").id("read_more"))
        .await;
    assert_eq!(refused.status(), 409, "{}", refused.text());
    assert_eq!(refused.code(), "built_in_tool");
}

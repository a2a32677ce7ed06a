//! Answers that are failures by the tool's own word: `response.success_when` and `response.errors`.

use serde_json::{Value, json};
use testkit::{Answer, Persona, RegisteredTool, TestApp, ToolBuilder, logs};

async fn error(alice: &Persona, tool: &RegisteredTool) -> Value {
    let response = alice.executes(tool, json!({})).await;
    assert_eq!(response.status(), 500, "{}", response.text());
    response.json()["error"].clone()
}

#[tokio::test]
async fn a_success_with_an_error_inside_is_a_failure() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice
        .registers(ToolBuilder::get("/quote").set(
            "/response",
            json!({
                "success_when": {"path": "Global Quote", "exists": true},
                "errors": [
                    {"when": {"path": "Information", "matches": "(?i)rate limit"}, "kind": "rate_limited", "code": "daily_limit",
                     "message_from": "Information", "hint": "The free plan has 25 calls a day.", "retryable": false},
                    {"when": {"path": "Error Message", "exists": true}, "code": "bad_symbol", "message_from": "Error Message"}
                ]
            }),
        ))
        .await;
    let upstream = app.upstream();

    upstream.on(
        "/quote",
        json!({"Error Message": "Invalid API call.\nPlease retry or visit the docs"}),
    );
    let failure = error(&alice, &tool).await;
    assert_eq!(failure["code"], "upstream_error");
    assert_eq!(
        failure["message"],
        "The upstream says: Invalid API call. Please retry or visit the docs"
    );
    assert_eq!(failure["details"]["upstream_code"], "bad_symbol");
    assert_eq!(failure["details"]["status"], 200);
    assert_eq!(failure["retryable"], false);
    assert_eq!(failure["details"]["attempts"], 1);

    upstream.on(
        "/quote",
        json!({"Information": "Our standard rate limit is 25 requests"}),
    );
    let failure = error(&alice, &tool).await;
    assert_eq!(failure["code"], "rate_limited");
    assert_eq!(failure["hint"], "The free plan has 25 calls a day.");
    assert_eq!(failure["retryable"], false);
    assert_eq!(failure["details"]["attempts"], 1);

    upstream.on("/quote", json!({"Quote": {}}));
    let failure = error(&alice, &tool).await;
    assert_eq!(failure["code"], "upstream_error");
    assert!(
        failure["message"]
            .as_str()
            .unwrap()
            .contains("success_when")
    );

    upstream.on("/quote", json!({"Global Quote": {"05. price": "1"}}));
    let fine = alice.executes(&tool, json!({})).await;
    assert_eq!(fine.status(), 200, "{}", fine.text());
}

#[tokio::test]
async fn a_rule_explains_a_status() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice
        .registers(ToolBuilder::get("/repos").set(
            "/response/errors",
            json!([
                {"when": {"all": [{"status": 403}, {"path": "message", "matches": "rate limit"}]}, "kind": "rate_limited",
                 "message_from": "message", "retryable": false},
                {"when": {"status": "4xx"}, "message_from": "errors.0.message", "code": "refused"}
            ]),
        ))
        .await;
    let upstream = app.upstream();
    upstream.on(
        "/repos",
        Answer::json(&json!({"message": "API rate limit exceeded"})).status(403),
    );
    let failure = error(&alice, &tool).await;
    assert_eq!(failure["code"], "rate_limited");
    assert_eq!(
        failure["message"],
        "The upstream says: API rate limit exceeded"
    );

    let refused = json!({"errors": [{"message": "name is taken"}]});
    upstream.on("/repos", Answer::json(&refused).status(422));
    let failure = error(&alice, &tool).await;
    assert_eq!(failure["code"], "upstream_4xx");
    assert_eq!(failure["message"], "The upstream says: name is taken");
    assert_eq!(failure["details"]["upstream_code"], "refused");
    assert_eq!(failure["details"]["status"], 422);
}

#[tokio::test]
async fn a_retryable_error_inside_is_asked_again_when_that_is_safe() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let rules =
        json!({"errors": [{"when": {"path": "status", "equals": "BUSY"}, "retryable": true}]});
    let retry = json!({"max_attempts": 3, "on": [], "backoff_ms": 1});
    let build = |tool: ToolBuilder| {
        tool.set("/response", rules.clone())
            .set("/retry", retry.clone())
    };
    let safe = alice.registers(build(ToolBuilder::get("/job"))).await;
    let unsafe_one = alice.registers(build(ToolBuilder::post("/job"))).await;
    let answers = || {
        vec![
            json!({"status": "BUSY"}).into(),
            json!({"status": "DONE"}).into(),
        ]
    };

    app.upstream().on_sequence("/job", answers());
    let response = alice.executes(&safe, json!({})).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    assert_eq!(response.json()["output"], json!({"status": "DONE"}));
    assert_eq!(app.upstream().requests().len(), 2);

    app.upstream().on_sequence("/job", answers());
    let failure = error(&alice, &unsafe_one).await;
    assert_eq!(failure["code"], "upstream_error");
    assert_eq!(failure["retryable"], true);
    assert_eq!(app.upstream().requests().len(), 3);
}

#[tokio::test]
async fn a_rule_can_forbid_to_ask_again() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice
        .registers(
            ToolBuilder::get("/quota")
                .set(
                    "/response/errors",
                    json!([{"when": {"path": "error", "equals": "quota"}, "kind": "rate_limited", "retryable": false}]),
                )
                .set("/retry", json!({"max_attempts": 5, "on": [429, 503], "backoff_ms": 1})),
        )
        .await;
    app.upstream().on(
        "/quota",
        Answer::json(&json!({"error": "quota"})).status(503),
    );
    let failure = error(&alice, &tool).await;
    assert_eq!(failure["code"], "rate_limited");
    assert_eq!(app.upstream().requests().len(), 1);
}

#[tokio::test]
async fn an_error_in_json_explains_an_answer_that_should_be_a_table() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice
        .registers(ToolBuilder::get("/daily").set(
            "/response",
            json!({"format": "csv", "errors": [{"when": {"path": "Note", "exists": true}, "message_from": "Note"}]}),
        ))
        .await;
    app.upstream().on("/daily", json!({"Note": "Slow down"}));
    let failure = error(&alice, &tool).await;
    assert_eq!(failure["code"], "upstream_error");
    assert_eq!(failure["message"], "The upstream says: Slow down");
}

#[tokio::test]
async fn an_upstream_that_echoes_the_secret_tells_nothing_of_it() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let key = "key-that-must-stay-secret-2342";
    alice.stores_secret("KEY", key).await;
    let tool = alice
        .registers(
            ToolBuilder::get("/echo")
                .auth(json!({"method": "bearer", "secret_ref": "${KEY}"}))
                .set(
                    "/response/errors",
                    json!([{"when": {"path": "error", "exists": true}, "kind": "auth_failed", "message_from": "error"}]),
                ),
        )
        .await;
    for before in [0, 250, 275, 299] {
        let words = format!("{} Bearer {key} is wrong", "x".repeat(before));
        for status in [200, 400, 401] {
            let answer = Answer::json(&json!({ "error": words })).status(status);
            app.upstream().on("/echo", answer);
            let response = alice.executes(&tool, json!({})).await;
            assert_eq!(response.json()["error"]["code"], "auth_failed");
            let hint = &response.json()["error"]["hint"];
            assert!(hint.as_str().unwrap().contains("${KEY}"), "{hint}");
            assert!(!response.text().contains("key-that"), "{}", response.text());
        }
    }
    let rows = app.sql("select e::text from orchestration.executions e");
    assert!(!format!("{rows:?}").contains("key-that"));
    assert!(!logs::contain(key));
}

#[tokio::test]
async fn refuses_rules_that_mean_nothing() {
    let app = TestApp::start().await;
    let alice = app.alice();
    let ok = json!({"path": "ok", "equals": true});
    let deep = (0..12).fold(ok.clone(), |below, _| json!({"not": below}));
    for (response, pointer, code) in [
        (
            json!({"success_when": true}),
            "/response/success_when",
            "invalid_type",
        ),
        (
            json!({"success_when": {}}),
            "/response/success_when",
            "required",
        ),
        (
            json!({"success_when": {"path": "ok"}}),
            "/response/success_when",
            "required",
        ),
        (
            json!({"success_when": {"path": "ok", "equals": 1, "in": [1]}}),
            "/response/success_when",
            "required",
        ),
        (
            json!({"success_when": {"path": "ok", "status": 200, "equals": 1}}),
            "/response/success_when/status",
            "conflict",
        ),
        (
            json!({"success_when": {"path": "$[", "exists": true}}),
            "/response/success_when/path",
            "invalid_path",
        ),
        (
            json!({"success_when": {"path": "ok", "matches": "(?=a)"}}),
            "/response/success_when/matches",
            "invalid_pattern",
        ),
        (
            json!({"success_when": {"path": "ok", "equals": {"a": 1}}}),
            "/response/success_when/equals",
            "invalid_type",
        ),
        (
            json!({"success_when": {"path": "ok", "exist": true}}),
            "/response/success_when/exist",
            "unknown_field",
        ),
        (
            json!({"success_when": {"status": 404}}),
            "/response/success_when/status",
            "conflict",
        ),
        (
            json!({"success_when": {"status": 99}}),
            "/response/success_when/status",
            "invalid_value",
        ),
        (
            json!({"success_when": {"all": []}}),
            "/response/success_when/all",
            "invalid_length",
        ),
        (
            json!({"success_when": {"any": [ok, {"not": {"path": 1}}]}}),
            "/response/success_when/any/1/not",
            "required",
        ),
        (
            json!({"errors": [{}]}),
            "/response/errors/0/when",
            "required",
        ),
        (
            json!({"errors": [{"when": ok, "kind": "timeout"}]}),
            "/response/errors/0/kind",
            "invalid_value",
        ),
        (
            json!({"errors": [{"when": ok, "code": "bad symbol"}]}),
            "/response/errors/0/code",
            "invalid_value",
        ),
        (
            json!({"errors": [{"when": ok, "message_from": "$["}]}),
            "/response/errors/0/message_from",
            "invalid_path",
        ),
        (
            json!({"errors": [{"when": ok, "hint": "use ${KEY}"}]}),
            "/response/errors/0/hint",
            "secret_not_allowed",
        ),
        (
            json!({"errors": [{"when": ok, "message": "x"}]}),
            "/response/errors/0/message",
            "unknown_field",
        ),
        (
            json!({"errors": vec![json!({"when": ok}); 33]}),
            "/response/errors",
            "too_large",
        ),
    ] {
        let tool = ToolBuilder::get("/data").set("/response", response.clone());
        let refused = alice.tries_to_register(&tool).await;
        assert_eq!(refused.status(), 400, "{response}: {}", refused.text());
        let fault = refused.json()["errors"][0].clone();
        assert_eq!(fault["pointer"], pointer, "{response}: {fault}");
        assert_eq!(fault["code"], code, "{response}: {fault}");
    }
    let tool = ToolBuilder::get("/data").set("/response/success_when", deep);
    let refused = alice.tries_to_register(&tool).await;
    assert_eq!(refused.json()["errors"][0]["code"], "too_large");
}

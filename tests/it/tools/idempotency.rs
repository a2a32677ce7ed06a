//! The ledger: a call with a key is made once, whoever asks again, and whatever happens on the way.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::upstream::Reply;
use testkit::{Answer, Persona, RegisteredTool, Response, TestApp, ToolBuilder};

/// A tool that changes something and says nothing of keys.
fn order() -> ToolBuilder {
    ToolBuilder::post("/orders").set("/retry", json!({ "max_attempts": 3, "backoff_ms": 1 }))
}

/// The same, whose upstream honours keys.
fn safe_order() -> ToolBuilder {
    order().set("/idempotency", json!({}))
}

async fn with_key(who: &Persona, tool: &RegisteredTool, key: &str, input: &Value) -> Response {
    let request = who
        .request(reqwest::Method::POST, &tool.execute_path())
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(json!({ "input": input }).to_string());
    who.send(request).await
}

fn replayed(response: &Response) -> bool {
    response.header("idempotency-replayed") == Some("true")
}

/// The keys that the upstream saw, one for each request.
fn keys(app: &TestApp) -> Vec<Option<String>> {
    app.upstream()
        .requests()
        .iter()
        .map(|request| request.header("idempotency-key").map(str::to_owned))
        .collect()
}

/// The ledger's row as it is while its process works on it, or after that process died.
fn as_if_running(app: &TestApp, lease: &str) {
    app.sql(&format!(
        "update orchestration.idempotency set status = 'running', response = null,
             execution_id = gen_random_uuid(), lease_until = now() + interval '{lease}';
         delete from orchestration.executions"
    ));
}

#[tokio::test]
async fn the_same_key_is_told_the_first_answer_by_every_process() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let second = app.second().await;
    app.upstream().on_sequence(
        "/orders",
        vec![json!({ "id": 1 }).into(), json!({ "id": 2 }).into()],
    );
    let tool = alice.registers(order()).await;
    let input = json!({ "order": 7 });
    let first = with_key(&alice, &tool, "k", &input).await;
    assert_eq!(first.status(), 200, "{}", first.text());
    assert!(!replayed(&first));
    for who in [alice.clone(), second.alice(), app.member()] {
        let again = with_key(&who, &tool, "k", &input).await;
        assert_eq!(again.json(), first.json());
        assert!(replayed(&again));
    }
    assert_eq!(keys(&app), [Some("k".to_owned())]);
    let rows = app.sql("select id from orchestration.executions");
    assert_eq!(rows.rows.len(), 1, "a replay is no execution");
    let other = with_key(&alice, &tool, "l", &input).await;
    assert_eq!(other.json()["output"], json!({ "id": 2 }));
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_tool_of_one_workspace() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", Reply::Echo);
    let tool = alice.registers(order()).await;
    let first = with_key(&alice, &tool, "k", &json!({ "order": 7 })).await;
    assert_eq!(first.status(), 200, "{}", first.text());
    let other = with_key(&alice, &tool, "k", &json!({ "order": 8 })).await;
    assert_eq!(other.status(), 409, "{}", other.text());
    assert_eq!(other.code(), "idempotency_key_reused");
    assert_eq!(app.upstream().requests().len(), 1);
    let refund = alice.registers(order().id("refund")).await;
    let same = with_key(&alice, &refund, "k", &json!({ "order": 8 })).await;
    assert_eq!(same.status(), 200, "{}", same.text());
    let tool = bob.registers(order()).await;
    let his = with_key(&bob, &tool, "k", &json!({ "order": 8 })).await;
    assert_eq!(his.status(), 200, "{}", his.text());
    assert!(!replayed(&his));
    assert_eq!(app.upstream().requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_is_made() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let second = app.second().await;
    app.upstream().on("/orders", Reply::Echo);
    let tool = alice.registers(order()).await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..20 {
        let who = if number % 2 == 0 {
            alice.clone()
        } else {
            second.alice()
        };
        let tool = tool.clone();
        calls.spawn(async move { with_key(&who, &tool, "k", &json!({})).await });
    }
    let answers = calls.join_all().await;
    let ids: BTreeSet<String> = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status(), 200, "{}", answer.text());
            answer.json()["execution_id"].to_string()
        })
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(app.upstream().requests().len(), 1);
    assert_eq!(answers.iter().filter(|answer| !replayed(answer)).count(), 1);
}

#[tokio::test]
async fn a_call_that_goes_on_too_long_is_in_progress() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/orders", json!({}));
    let tool = alice.registers(order().set("/api/timeout_ms", 2000)).await;
    with_key(&alice, &tool, "k", &json!({})).await;
    as_if_running(&app, "1 hour");
    let answer = with_key(&alice, &tool, "k", &json!({})).await;
    assert_eq!(answer.status(), 409, "{}", answer.text());
    assert_eq!(answer.code(), "idempotency_in_progress");
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert_eq!(app.upstream().requests().len(), 1);
}

#[tokio::test]
async fn a_dead_call_that_may_have_acted_is_unknown_for_good() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/orders", json!({}));
    let tool = alice.registers(order()).await;
    with_key(&alice, &tool, "k", &json!({})).await;
    as_if_running(&app, "-1 second");
    let id = app.sql("select execution_id from orchestration.idempotency");
    for _ in 0..2 {
        let answer = with_key(&alice, &tool, "k", &json!({})).await;
        assert_eq!(answer.status(), 500, "{}", answer.text());
        assert_eq!(answer.code(), "unknown_outcome");
        assert_eq!(answer.json()["execution_id"].as_str(), id.single());
        assert!(replayed(&answer));
    }
    assert_eq!(app.upstream().requests().len(), 1);
    let rows = app.sql("select id || ' ' || error_code from orchestration.executions");
    let told = format!("{} unknown_outcome", id.single().unwrap());
    assert_eq!(rows.single(), Some(told.as_str()));
}

#[tokio::test]
async fn a_dead_call_that_can_be_made_again_is() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({ "id": 1 }));
    for tool in [safe_order(), ToolBuilder::call("PUT", "/orders")] {
        let tool = alice.registers(tool).await;
        with_key(&alice, &tool, "k", &json!({})).await;
        as_if_running(&app, "-1 second");
        let before = app.upstream().requests().len();
        let answer = with_key(&alice, &tool, "k", &json!({})).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert!(!replayed(&answer));
        assert!(replayed(&with_key(&alice, &tool, "k", &json!({})).await));
        assert_eq!(app.upstream().requests().len(), before + 1);
    }
    assert_eq!(keys(&app), vec![Some("k".to_owned()); 4]);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_only_where_the_upstream_honours_keys() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let lost = || Reply::Reset(Vec::new());
    // The caller's key alone does not make the call safe.
    let tool = alice.registers(order()).await;
    app.upstream()
        .on_sequence("/orders", vec![lost(), json!({}).into()]);
    for _ in 0..2 {
        let answer = with_key(&alice, &tool, "k", &json!({})).await;
        assert_eq!(answer.code(), "unknown_outcome", "{}", answer.text());
    }
    assert_eq!(app.upstream().requests().len(), 1);
    // Nor without any key.
    app.upstream()
        .on_sequence("/orders", vec![lost(), json!({}).into()]);
    let answer = alice.executes(&tool, json!({})).await;
    assert_eq!(answer.code(), "unknown_outcome", "{}", answer.text());
    assert_eq!(app.upstream().requests().len(), 2);
    // A tool that says that its upstream honours keys is safe with one, and not without.
    let safe = alice.registers(safe_order().id("safe")).await;
    app.upstream()
        .on_sequence("/orders", vec![lost(), lost(), json!({}).into()]);
    let answer = with_key(&alice, &safe, "s", &json!({})).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let sent: BTreeSet<_> = keys(&app).split_off(2).into_iter().collect();
    assert_eq!(sent, BTreeSet::from([Some("s".to_owned())]));
    assert_eq!(app.upstream().requests().len(), 5);
    app.upstream()
        .on_sequence("/orders", vec![lost(), json!({}).into()]);
    let answer = alice.executes(&safe, json!({})).await;
    assert_eq!(answer.code(), "unknown_outcome", "{}", answer.text());
}

#[tokio::test]
async fn what_had_no_effect_gives_the_key_back() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let secret = json!({ "method": "bearer", "secret_ref": "${KEY}" });
    let tool = alice.registers(order().auth(secret)).await;
    let call = async || with_key(&alice, &tool, "k", &json!({})).await;
    assert_eq!(call().await.code(), "secret_missing");
    alice.stores_secret("KEY", "a-key-of-some-length").await;
    for (status, code) in [
        (401, "auth_failed"),
        (403, "auth_failed"),
        (429, "rate_limited"),
    ] {
        app.upstream()
            .on("/orders", Answer::text("no").status(status));
        assert_eq!(call().await.code(), code);
    }
    app.upstream().on("/orders", json!({ "id": 1 }));
    let answer = call().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(!replayed(&answer));
}

#[tokio::test]
async fn what_may_have_had_an_effect_is_told_again() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(order()).await;
    for (key, status, code) in [("a", 404, "upstream_4xx"), ("b", 503, "upstream_5xx")] {
        app.upstream()
            .on("/orders", Answer::text("no").status(status));
        let first = with_key(&alice, &tool, key, &json!({})).await;
        assert_eq!(first.code(), code, "{}", first.text());
        assert_eq!(first.json()["error"]["retryable"], false);
        app.upstream().on("/orders", json!({}));
        let again = with_key(&alice, &tool, key, &json!({})).await;
        assert_eq!(again.json(), first.json());
        assert!(replayed(&again));
    }
    assert_eq!(app.upstream().requests().len(), 2);
    // Where making it again is safe, a passing failure passes.
    let safe = alice
        .registers(safe_order().id("safe").set("/retry/max_attempts", 1))
        .await;
    app.upstream().on("/orders", Answer::text("no").status(503));
    let first = with_key(&alice, &safe, "c", &json!({})).await;
    assert_eq!(first.code(), "upstream_5xx", "{}", first.text());
    app.upstream().on("/orders", json!({}));
    let again = with_key(&alice, &safe, "c", &json!({})).await;
    assert_eq!(again.status(), 200, "{}", again.text());
}

#[tokio::test]
async fn key_fields_make_a_key_of_the_input() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/orders", Reply::Echo);
    let tool = || {
        order()
            .input(json!({ "properties": { "order": {}, "amount": {} } }))
            .set(
                "/idempotency",
                json!({ "header": "X-Once", "key_fields": ["order"] }),
            )
    };
    let (hers, his) = (alice.registers(tool()).await, bob.registers(tool()).await);
    let input = json!({ "order": 7, "amount": 1 });
    let first = alice.executes(&hers, input.clone()).await;
    assert_eq!(first.status(), 200, "{}", first.text());
    let again = alice.executes(&hers, input.clone()).await;
    assert_eq!(again.json(), first.json());
    assert!(replayed(&again));
    let changed = alice
        .executes(&hers, json!({ "order": 7, "amount": 2 }))
        .await;
    assert_eq!(changed.code(), "idempotency_key_reused");
    assert_eq!(bob.executes(&his, input.clone()).await.status(), 200);
    assert_eq!(
        with_key(&alice, &hers, "mine", &input).await.status(),
        200,
        "the caller's own key counts"
    );
    // Nothing to make a key of: no key.
    for _ in 0..2 {
        let answer = alice.executes(&hers, json!({ "amount": 1 })).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert!(!replayed(&answer));
    }
    let sent: Vec<Option<String>> = app
        .upstream()
        .requests()
        .iter()
        .map(|request| request.header("x-once").map(str::to_owned))
        .collect();
    assert_eq!(sent.len(), 5);
    assert_eq!(sent[0].as_ref().unwrap().len(), 64);
    assert_ne!(sent[0], sent[1], "workspaces never share a key");
    assert_eq!(sent[2].as_deref(), Some("mine"));
    assert_eq!((&sent[3], &sent[4]), (&None, &None));
}

#[tokio::test]
async fn a_mock_uses_no_key_up() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/orders", json!({ "id": 1 }));
    let mock = json!({ "enabled": true, "output": { "id": "mock" } });
    let keyed = json!({ "key_fields": ["order"] });
    let limits = json!({ "rate_per_minute": 1 });
    let tool = order()
        .input(json!({ "properties": { "order": {} } }))
        .set("/idempotency", keyed)
        .set("/mock", mock);
    let tool = alice.registers(tool.set("/limits", limits)).await;
    let input = json!({ "order": 7 });
    for _ in 0..2 {
        let mocked = alice.executes(&tool, input.clone()).await;
        assert_eq!(mocked.json()["output"]["id"], "mock", "{}", mocked.text());
        assert!(!replayed(&mocked));
    }
    let mut real = tool.document.clone();
    real["mock"]["enabled"] = false.into();
    assert_eq!(alice.put(&tool.saved_path(), &real).await.status(), 200);
    let made = alice.executes(&tool, input).await;
    assert_eq!(made.json()["output"]["id"], 1, "{}", made.text());
    assert_eq!(keys(&app).len(), 1);
}

#[tokio::test]
async fn a_key_is_forgotten_when_its_time_is_over() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/orders", json!({}));
    let tool = alice.registers(order()).await;
    with_key(&alice, &tool, "k", &json!({})).await;
    app.sql("update orchestration.idempotency set expires_at = now() - interval '1 second'");
    let answer = with_key(&alice, &tool, "k", &json!({ "other": 1 })).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(app.upstream().requests().len(), 2);
    app.sql("update orchestration.idempotency set expires_at = now() - interval '1 second'");
    app.sweeps().await;
    let left = app.sql("select count(*) from orchestration.idempotency");
    assert_eq!(left.single(), Some("0"));
}

#[tokio::test]
async fn who_hangs_up_leaves_the_ledger_right() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/orders", Reply::Hang(Vec::new()));
    for (tool, left) in [(order(), "done"), (safe_order().id("safe"), "")] {
        let tool = alice.registers(tool).await;
        let before = app.upstream().requests().len();
        let (who, called) = (alice.clone(), tool.clone());
        let call = tokio::spawn(async move { with_key(&who, &called, "k", &json!({})).await });
        until(|| app.upstream().requests().len() > before).await;
        call.abort();
        let scope = format!("tool:{}", tool.id);
        let status = || {
            let rows = app.sql(&format!(
                "select coalesce((select status from orchestration.idempotency where scope = '{scope}'), '')"
            ));
            rows.single().unwrap_or_default().to_owned()
        };
        until(|| status() == left).await;
    }
    let tool = RegisteredTool {
        id: "post_orders".to_owned(),
        document: Value::Null,
    };
    let answer = with_key(&alice, &tool, "k", &json!({})).await;
    assert_eq!(answer.code(), "unknown_outcome", "{}", answer.text());
}

#[tokio::test]
async fn a_call_that_was_never_made_gives_back_its_key_and_its_place() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/orders", json!({ "id": 1 }));
    alice
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    let auth = json!({ "method": "bearer", "secret_ref": "${API_KEY}" });
    let tool = order()
        .auth(auth)
        .set("/limits", json!({ "concurrency": 1 }));
    let tool = alice.registers(tool).await;
    app.sql(
        "create function public.out_of_order() returns trigger language plpgsql as
             $$ begin raise exception 'the disk is full' using errcode = 'disk_full'; end $$;
         create trigger out_of_order before insert on secrets.audit
             for each row execute function public.out_of_order()",
    );
    let refused = with_key(&alice, &tool, "k", &json!({})).await;
    assert_eq!(refused.code(), "audit_unavailable", "{}", refused.text());
    let held = "select count(*) from orchestration.idempotency";
    until(|| app.sql(held).single() == Some("0")).await;
    app.sql("drop trigger out_of_order on secrets.audit");
    let answer = with_key(&alice, &tool, "k", &json!({})).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(!replayed(&answer));
    assert_eq!(keys(&app), [Some("k".to_owned())], "sent once");
}

#[tokio::test]
async fn a_replay_does_not_tell_what_is_never_stored() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on("/orders", json!({ "id": 1, "card": "4711" }));
    let tool = alice
        .registers(order().set("/output/redact", json!(["/card"])))
        .await;
    let first = with_key(&alice, &tool, "k", &json!({})).await;
    assert_eq!(first.json()["output"]["card"], "4711");
    let again = with_key(&alice, &tool, "k", &json!({})).await;
    assert_eq!(
        again.json()["output"],
        json!({ "id": 1, "card": "[redacted]" })
    );
    assert!(again.json()["warnings"][0].is_string());
    let stored = app.sql("select response::text from orchestration.idempotency");
    assert!(!stored.single().unwrap().contains("4711"));
}

#[tokio::test]
async fn a_slow_database_does_not_outlast_the_deadline() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/orders", json!({}));
    let tool = alice.registers(order().set("/api/timeout_ms", 300)).await;
    app.sql(
        "create function public.dawdle() returns trigger language plpgsql as
             $$ begin perform pg_sleep(2); return new; end $$;
         create trigger dawdle before insert on orchestration.idempotency
             for each row execute function public.dawdle()",
    );
    let answer = with_key(&alice, &tool, "k", &json!({})).await;
    assert_eq!(answer.code(), "timeout", "{}", answer.text());
    assert_eq!(app.upstream().requests().len(), 0);
}

/// Waits for something that must come.
async fn until(come: impl Fn() -> bool) {
    let waiting = async {
        while !come() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), waiting)
        .await
        .unwrap();
}

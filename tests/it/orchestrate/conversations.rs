//! Conversations: continued by our own id, under row-level security, and never by the provider's.

use serde_json::{Value, json};
use testkit::TestApp;
use testkit::scripted_model::{call, say, status, think};

use super::{answered, assert_clean, kinds, plain, prompt, refused};

fn then(previous: &Value, text: &str) -> Value {
    json!({ "prompt": text, "previous_id": previous["id"] })
}

#[tokio::test]
async fn a_conversation_goes_on_where_it_ended() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("/one", json!({ "n": 1 }));
    alice.registers(plain("one")).await;
    app.model()
        .then(think("Hm").call([("one", json!({}))]))
        .then(say("It is 1."))
        .then(say("Twice that is 2."))
        .then(say("And thrice 3."));
    let first = answered(&alice, &prompt("One?")).await;
    let second = answered(&alice, &then(&first, "Twice?")).await;
    let third = answered(&alice, &then(&second, "Thrice?")).await;
    let last = app.model().last_request().unwrap();
    assert_eq!(
        kinds(&last),
        [
            "message",
            "reasoning",
            "function_call",
            "function_call_output",
            "message",
            "message",
            "message",
            "message"
        ]
    );
    for request in app.model().requests() {
        assert_eq!(request.body["store"], false);
        assert!(request.body["previous_response_id"].is_null());
    }
    // Each may be continued again, from another process as well.
    let elsewhere = app.second().await;
    app.model().then(say("Or 4."));
    answered(&elsewhere.alice(), &then(&first, "Or?")).await;
    let path = format!("/api/v1/conversations/{}", third["id"].as_str().unwrap());
    let read = alice.get(&path).await.json();
    assert_eq!(read["previous_id"], second["id"]);
    assert_eq!(read["status"], "succeeded");
    assert_eq!(read["response"], "And thrice 3.");
    assert_eq!(read["usage"], third["usage"]);
    assert!(read.get("items").is_none());
    assert_clean(&app);
}

#[tokio::test]
async fn only_our_own_conversations_are_continued() {
    let setup = TestApp::setup().scripted_model().without_built_in_tools();
    let app = setup.start().await;
    let (alice, bob) = (app.alice(), app.bob());
    app.model().then(say("Hello."));
    let first = answered(&alice, &prompt("Hi")).await;
    for previous in [
        first["id"].clone(),
        json!("01a20413-d867-7567-9758-0cc2cff8aa87"),
    ] {
        let body = json!({ "prompt": "And?", "previous_id": previous });
        let problem = refused(&bob, &body).await;
        assert_eq!(
            (problem.status().as_u16(), problem.code().as_str()),
            (404, "conversation_not_found")
        );
    }
    let path = format!("/api/v1/conversations/{}", first["id"].as_str().unwrap());
    assert_eq!(bob.get(&path).await.status(), 404);
    assert_eq!(alice.get(&path).await.status(), 200);
    assert_eq!(app.viewer().get(&path).await.status(), 200);
    // An id of the provider's is none of ours, whatever it looks like.
    for foreign in ["resp_1", "msg_123", "", "01a20413"] {
        let body = json!({ "prompt": "And?", "previous_id": foreign });
        let problem = refused(&alice, &body).await;
        assert_eq!(problem.status(), 400, "{foreign}");
        assert_eq!(problem.json()["errors"][0]["pointer"], "/previous_id");
    }
    assert_eq!(app.model().requests().len(), 1);
}

#[tokio::test]
async fn what_did_not_end_well_is_not_continued() {
    let (app, alice) = TestApp::with_model().await;
    app.model().then(say("Hello."));
    let good = answered(&alice, &prompt("Hi")).await;
    app.model().then(status(401));
    refused(&alice, &then(&good, "And?")).await;
    let rows = app.sql("select id::text from orchestration.conversations where status = 'failed'");
    let failed = rows.rows[0][0].clone().unwrap();
    let problem = refused(&alice, &json!({ "prompt": "And?", "previous_id": failed })).await;
    assert_eq!(problem.status(), 400);
    let fault = &problem.json()["errors"][0];
    assert_eq!(fault["pointer"], "/previous_id");
    assert!(
        fault["hint"]
            .as_str()
            .unwrap()
            .contains("continue the one before")
    );
    app.sql("update orchestration.conversations set items = 'null' where status = 'succeeded'");
    let problem = refused(&alice, &then(&good, "And?")).await;
    assert!(problem.text().contains("too large"), "{}", problem.text());
}

#[tokio::test]
async fn another_model_gets_the_words_without_the_sealed_reasoning() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("/one", json!({ "n": 1 }));
    alice.registers(plain("one")).await;
    app.model()
        .then(think("Hm").call([("one", json!({}))]))
        .then(think("So").say("It is 1."))
        .then(say("Still 1."));
    let first = answered(&alice, &prompt("One?")).await;
    let mut next = then(&first, "Sure?");
    next["model"] = "another-model".into();
    answered(&alice, &next).await;
    let last = app.model().last_request().unwrap();
    assert_eq!(last.body["model"], "another-model");
    assert!(last.items().iter().all(|item| item["type"] != "reasoning"));
    assert!(last.items().iter().all(|item| item["id"].is_null()));
    assert_eq!(last.outputs().len(), 1);
    assert_clean(&app);
}

#[tokio::test]
async fn what_a_tool_redacts_is_not_kept() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream()
        .on("/person", json!({ "name": "Ada", "ssn": "078-05-1120" }));
    let redacting = plain("person").set("/output", json!({ "redact": ["/ssn"] }));
    alice.registers(redacting).await;
    app.model()
        .then(call([("person", json!({}))]))
        .then(say("She is Ada."))
        .then(say("I do not know it any more."));
    let first = answered(&alice, &prompt("Who?")).await;
    assert_eq!(first["tool_calls"][0]["output"]["ssn"], "078-05-1120");
    let stored = app.sql("select items::text || tool_calls::text from orchestration.conversations");
    let stored = stored.rows[0][0].clone().unwrap();
    assert!(
        !stored.contains("078-05-1120") && stored.contains("[redacted]"),
        "{stored}"
    );
    answered(&alice, &then(&first, "Her number?")).await;
    let last = app.model().last_request().unwrap();
    assert!(!last.text.contains("078-05-1120") && last.text.contains("[redacted]"));
}

#[tokio::test]
async fn a_run_whose_process_died_is_marked_by_the_sweep() {
    let (app, alice) = TestApp::with_model().await;
    app.model().then(say("Hello."));
    let first = answered(&alice, &prompt("Hi")).await;
    app.sql(
        "update orchestration.conversations
         set status = 'running', finished_at = null, created_at = now() - interval '2 hours'",
    );
    app.sweeps().await;
    let path = format!("/api/v1/conversations/{}", first["id"].as_str().unwrap());
    let read = alice.get(&path).await.json();
    assert_eq!(
        (&read["status"], &read["error"]["code"]),
        (&json!("failed"), &json!("interrupted"))
    );
}

#[tokio::test]
async fn another_server_gets_no_reasoning_that_it_cannot_open() {
    let (app, alice) = TestApp::with_model().await;
    app.model().then(think("So").say("Hello."));
    let first = answered(&alice, &prompt("Hi")).await;
    // The same model's name, at a server of the workspace's own.
    let key = json!({ "name": "OWN_KEY", "value": "sk-own-key-0123456789", "allowed_hosts": [app.model().host_port()] });
    assert_eq!(alice.post("/api/v1/secrets", &key).await.status(), 201);
    let own = json!({ "base_url": app.model().base_url(), "model": "gpt-scripted", "api_key_ref": "${OWN_KEY}" });
    assert_eq!(alice.put("/api/v1/model", &own).await.status(), 200);
    app.model().then(say("Again."));
    answered(&alice, &then(&first, "And?")).await;
    let last = app.model().last_request().unwrap();
    assert_eq!(last.body["model"], "gpt-scripted");
    assert!(!last.text.contains("encrypted_content\":"), "{}", last.text);
    assert!(last.items().iter().all(|item| item["type"] == "message"));
}

#[tokio::test]
async fn conversations_are_kept_for_ninety_days() {
    let (app, alice) = TestApp::with_model().await;
    app.model().then(say("Hello.")).then(say("Again."));
    let first = answered(&alice, &prompt("Hi")).await;
    let second = answered(&alice, &then(&first, "And?")).await;
    let path = |of: &Value| format!("/api/v1/conversations/{}", of["id"].as_str().unwrap());
    app.sql(
        "update orchestration.conversations set created_at = now() - interval '91 days' where previous_id is null",
    );
    app.sweeps().await;
    assert_eq!(alice.get(&path(&first)).await.status(), 404);
    let kept = alice.get(&path(&second)).await;
    assert_eq!(kept.status(), 200);
    assert!(kept.json().get("previous_id").is_none());
}

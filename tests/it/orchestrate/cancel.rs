//! Whoever hangs up cancels the run: the model is not asked on, and the conversation says so.

use serde_json::json;
use testkit::scripted_model::{Gate, call, hang, say};
use testkit::{Persona, Reply, TestApp};
use tokio::sync::watch;

use super::{STREAM, plain, prompt};

/// The status of the only conversation, as soon as it has ended.
async fn ended(app: &TestApp) -> String {
    let waiting = async { end(app).await };
    let patience = std::time::Duration::from_secs(30);
    let ended = tokio::time::timeout(patience, waiting).await;
    ended.expect("a run that ends")
}

async fn end(app: &TestApp) -> String {
    loop {
        let rows = app.sql("select status from orchestration.conversations");
        match rows.rows.first().and_then(|row| row[0].clone()) {
            Some(status) if status != "running" => return status,
            Some(_) | None => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn hanging_up_in_the_middle_of_a_stream_cancels() {
    let (app, alice) = TestApp::with_model().await;
    let letters = Gate::new();
    app.model()
        .then(say("A long answer, word by word.").drip(&letters));
    let mut stream = alice
        .streams(STREAM, &prompt("Talk"))
        .await_first(&letters)
        .await;
    assert_eq!(stream.next().await.unwrap().name, "response.delta");
    drop(stream);
    app.model().abandoned(1).await;
    assert_eq!(ended(&app).await, "cancelled");
    assert_eq!(app.model().requests().len(), 1);
}

#[tokio::test]
async fn hanging_up_while_a_plain_answer_is_waited_for_cancels() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("/one", json!({}));
    alice.registers(plain("one")).await;
    let closed = Gate::new();
    app.model()
        .then(call([("one", json!({}))]))
        .then(hang(&closed, say("Too late.")));
    let waiting: Persona = alice.clone();
    let asking = tokio::spawn(async move { waiting.post(super::PATH, &prompt("Hi")).await });
    closed.reached(1).await;
    asking.abort();
    app.model().abandoned(1).await;
    assert_eq!(ended(&app).await, "cancelled");
    let kept = app.sql("select tool_calls::text from orchestration.conversations");
    assert!(
        kept.rows[0][0]
            .as_ref()
            .unwrap()
            .contains("\"tool\":\"one\"")
    );
}

#[tokio::test]
async fn what_was_done_before_a_cancel_is_kept() {
    let (app, alice) = TestApp::with_model().await;
    let (_open, gate) = watch::channel(false);
    app.upstream().on("/act", json!({ "done": true }));
    app.upstream()
        .on("/slow", Reply::Held(gate, Box::new(json!({}).into())));
    alice.registers(plain("act")).await;
    alice.registers(plain("slow")).await;
    app.model()
        .then(call([("act", json!({})), ("slow", json!({}))]));
    let mut stream = alice.streams(STREAM, &prompt("Both")).await;
    loop {
        let event = stream.next().await.unwrap();
        if event.name == "tool_result" {
            assert_eq!(event.data["tool"], "act");
            break;
        }
    }
    drop(stream);
    assert_eq!(ended(&app).await, "cancelled");
    let kept = app.sql("select tool_calls::text from orchestration.conversations");
    let kept: serde_json::Value = serde_json::from_str(kept.single().unwrap()).unwrap();
    assert_eq!(kept[0]["output"], json!({ "done": true }), "{kept}");
    assert_eq!(kept[1]["tool"], "slow");
    assert_eq!(kept[1]["error"]["code"], "unknown_outcome");
}

#[tokio::test]
async fn who_was_let_go_meanwhile_gets_no_answer_that_was_not_kept() {
    let (app, _) = TestApp::with_model().await;
    let member = app.member();
    let gate = Gate::new();
    app.model().then(hang(&gate, say("Too late.")));
    let waiting = member.clone();
    let asking = tokio::spawn(async move { waiting.post(super::PATH, &prompt("Hi")).await });
    gate.reached(1).await;
    app.sql(&format!(
        "update identity.memberships set role = 'viewer' where user_id = '{}'",
        member.user_id()
    ));
    gate.open();
    let response = asking.await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.code().as_str()),
        (403, "forbidden")
    );
    assert_eq!(ended(&app).await, "failed");
    let kept =
        app.sql("select turns::text || ' ' || total_tokens::text from orchestration.conversations");
    assert_ne!(kept.single(), Some("0 0"), "what it cost is kept");
}

/// Lets events through until the answer's head is there.
trait AwaitFirst {
    async fn await_first(self, letters: &Gate) -> testkit::EventStream;
}

impl<F: Future<Output = testkit::EventStream>> AwaitFirst for F {
    async fn await_first(self, letters: &Gate) -> testkit::EventStream {
        // Behind the first word, before the last one.
        letters.release(6);
        self.await
    }
}

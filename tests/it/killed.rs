//! Processes killed while their upstream is being called: nothing is done twice, and every key has a definite answer.
//!
//! The processes are the real function binary of the tools, killed with SIGKILL.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use testkit::upstream::{Captured, Reply};
use testkit::{Answer, Persona, RegisteredTool, Response, TestApp, ToolBuilder};
use tokio::sync::oneshot;

use crate::lambda::event::{self, Fill};
use crate::lambda::harness::Function;
use crate::lambda::variables;

/// Killed after the request was sent, before any answer came.
const UNANSWERED: u32 = 200;
/// Killed while the answer is on its way, or being stored.
const ANSWERED: u32 = 40;
/// Processes at the same time.
const LANES: u32 = 2;

/// What the upstream is told and tells.
#[derive(Clone, Default)]
struct Seen {
    waiting: Arc<Mutex<HashMap<u32, oneshot::Sender<()>>>>,
    answers_all: Arc<AtomicBool>,
}

impl Seen {
    /// Comes when the upstream has this order.
    fn order(&self, number: u32) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap().insert(number, sender);
        receiver
    }

    fn reply(&self, request: &Captured) -> Reply {
        let order = order_of(request);
        if let Some(sender) = self.waiting.lock().unwrap().remove(&order) {
            let _ = sender.send(());
        }
        if order < UNANSWERED && !self.answers_all.load(Ordering::SeqCst) {
            return Reply::Hang(Vec::new());
        }
        Answer::json(&json!({ "order": order })).into()
    }
}

fn order_of(request: &Captured) -> u32 {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    body["order"].as_u64().unwrap().try_into().unwrap()
}

/// Every other order is one whose upstream honours keys.
fn tool_of(number: u32) -> &'static str {
    if number.is_multiple_of(2) {
        "order"
    } else {
        "safe_order"
    }
}

/// Calls the order through a process of its own, which is killed when the upstream has it.
async fn killed(number: u32, seen: &Seen, fill: &Fill, variables: &[(&'static str, String)]) {
    let arrived = seen.order(number);
    let mut function = Function::start("tools", variables).await.unwrap();
    let mut event = event::filled("tools", "execute", fill);
    let tool = tool_of(number);
    event["path"] = format!("/api/v1/tools/{tool}/execute").into();
    event["pathParameters"]["tool_id"] = tool.into();
    event["body"] = json!({ "input": { "order": number } }).to_string().into();
    let key = format!("order-{number}");
    event::set_header(&mut event, "Idempotency-Key", Some(&key));
    tokio::select! {
        _ = function.invoke(event) => {}
        _ = arrived => {}
    }
    function.kill().await;
}

async fn called_again(who: &Persona, number: u32) -> Response {
    let tool = RegisteredTool {
        id: tool_of(number).to_owned(),
        document: Value::Null,
    };
    let request = who
        .request(reqwest::Method::POST, &tool.execute_path())
        .header("content-type", "application/json")
        .header("idempotency-key", format!("order-{number}"))
        .body(json!({ "input": { "order": number } }).to_string());
    who.send(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_effect_is_doubled_and_every_key_has_its_answer() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let seen = Seen::default();
    let script = seen.clone();
    app.upstream()
        .on("/orders", Reply::made(move |request| script.reply(request)));
    let order = || ToolBuilder::post("/orders").set("/api/timeout_ms", 20_000);
    alice.registers(order().id("order")).await;
    let safe = order().id("safe_order").set("/idempotency", json!({}));
    alice.registers(safe).await;

    let fill = Fill::from([
        ("TOKEN", alice.token().to_owned()),
        ("WORKSPACE_ID", alice.workspace_id().to_string()),
    ]);
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..LANES {
        let (seen, fill, variables) = (seen.clone(), fill.clone(), variables(app.config()));
        lanes.spawn(async move {
            let mut number = lane;
            while number < UNANSWERED + ANSWERED {
                killed(number, &seen, &fill, &variables).await;
                number += LANES;
            }
        });
    }
    lanes.join_all().await;
    let count = |status: &str| -> u32 {
        let rows = app.sql(&format!(
            "select count(*) from orchestration.idempotency where status = '{status}'"
        ));
        rows.single().unwrap().parse().unwrap()
    };
    let (running, done) = (count("running"), count("done"));
    assert!(running >= UNANSWERED, "{running} were killed in time");
    assert_eq!(running + done, UNANSWERED + ANSWERED);

    // Their leases are over, and everybody asks again.
    app.sql("update orchestration.idempotency set lease_until = now() where status = 'running'");
    seen.answers_all.store(true, Ordering::SeqCst);
    for number in 0..UNANSWERED + ANSWERED {
        let answer = called_again(&alice, number).await;
        let again = called_again(&alice, number).await;
        assert_eq!(again.json(), answer.json());
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        if answer.status() == 200 {
            assert_eq!(answer.json()["output"]["order"], number);
        } else {
            assert_eq!(answer.code(), "unknown_outcome", "{}", answer.text());
            assert_eq!(tool_of(number), "order", "the safe one is made again");
        }
    }
    assert_eq!(count("running"), 0);

    let mut requests: BTreeMap<u32, Vec<Option<String>>> = BTreeMap::new();
    for request in app.upstream().requests() {
        let key = request.header("idempotency-key").map(str::to_owned);
        requests.entry(order_of(&request)).or_default().push(key);
    }
    assert_eq!(
        requests.len(),
        usize::try_from(UNANSWERED + ANSWERED).unwrap()
    );
    for (number, keys) in requests {
        let own = Some(format!("order-{number}"));
        if tool_of(number) == "order" {
            assert_eq!(keys, [own], "sent once");
        } else {
            // An upstream that honours keys does each of them once.
            let effects: BTreeSet<_> = keys.into_iter().collect();
            assert_eq!(effects, BTreeSet::from([own]));
        }
    }
    let recorded = app.sql(
        "select count(*) from orchestration.idempotency i
         where not exists (select from orchestration.executions e where e.id = i.execution_id)",
    );
    assert_eq!(recorded.single(), Some("0"), "every outcome is in the log");
}

//! The stack as it is deployed, on this machine: one story through its gateway, with the failures on the way.

mod running;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use running::{Person, Stack};
use serde_json::{Value, json};
use testkit::scripted_model::{call, hang, say};
use testkit::{Answer, Gate, Reply, ToolBuilder, global_quote};
use tokio::sync::Notify;

/// Sought in every log; the first is Alice's.
const VALUES: [&str; 2] = ["alices-own-key-0001", "bobs-own-key-0002"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deployed_stack_does_the_whole_story() {
    let Some(stack) = Stack::start("local_aws::the_deployed_stack_does_the_whole_story").await
    else {
        return;
    };
    the_gateway_answers_what_no_function_hears_of(&stack).await;
    let (alice, bob) = (
        stack.person("alice", "alice").await,
        stack.person("bob", "bob").await,
    );
    a_tool_with_a_secret_runs(&stack, &alice).await;
    a_model_calls_it_and_the_stream_arrives_in_pieces(&stack, &alice).await;
    a_flow_goes_through_the_queue_and_waits_for_approval(&alice).await;
    another_workspace_installs_the_tool(&stack, &alice, &bob).await;
    a_run_survives_its_worker_and_does_nothing_twice(&stack, &alice).await;
    no_log_has_a_secret(&stack);
    let children = stack.children();
    assert!(children.len() > 10, "{children:?}");
    stack.stop().await;
    running::gone(&children).await;
}

async fn the_gateway_answers_what_no_function_hears_of(stack: &Stack) {
    let nobody = stack.nobody();
    let told = nobody.get("/health").await;
    assert_eq!(told.status, 200, "{told:?}");

    let told = nobody.get("/api/v2/tools").await;
    assert_eq!(
        (told.status, &told.body["code"]),
        (404, &json!("not_found")),
        "{told:?}"
    );
    assert_eq!(told.headers["content-type"], "application/problem+json");
    assert_eq!(
        told.body["request_id"],
        told.headers["x-request-id"].to_str().unwrap()
    );
    assert_eq!(
        told.headers["x-request-id"],
        told.headers["x-amzn-requestid"]
    );
    // The path is there, the method is not.
    let told = nobody.send(Method::DELETE, "/health", &[], None).await;
    assert_eq!(told.status, 404, "{told:?}");

    let told = nobody
        .send(Method::OPTIONS, "/api/v1/tools", &[], None)
        .await;
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(told.headers["access-control-allow-origin"], "*");
    let methods = told.headers["access-control-allow-methods"]
        .to_str()
        .unwrap();
    assert!(methods.contains("PATCH"), "{methods}");

    let large = "x".repeat(10 * 1024 * 1024 + 1);
    let told = nobody
        .send(
            Method::POST,
            "/api/v1/marketplace",
            &[],
            Some(large.clone()),
        )
        .await;
    assert_eq!(told.status, 404, "a route is looked for first: {told:?}");
    let authorization = [("authorization", "Bearer x.y.z")];
    let told = nobody
        .send(Method::POST, "/api/v1/tools", &authorization, Some(large))
        .await;
    assert_eq!(
        (told.status, &told.body["code"]),
        (413, &json!("body_too_large")),
        "{told:?}"
    );

    let told = nobody.get("/api/v1/tools").await;
    assert_eq!(
        (told.status, &told.body["code"]),
        (401, &json!("missing_token")),
        "{told:?}"
    );
    assert_eq!(told.headers["content-type"], "application/problem+json");
    assert!(
        told.headers
            .contains_key("x-amzn-remapped-www-authenticate"),
        "{told:?}"
    );
    assert!(!told.headers.contains_key("www-authenticate"), "{told:?}");

    // Answered by the gateway itself, whose header keeps its name: no function is started for it.
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let told = nobody.post("/mcp", &message).await;
    assert_eq!(
        (told.status, &told.body["code"]),
        (401, &json!("missing_token")),
        "{told:?}"
    );
    let leads = told.headers["www-authenticate"].to_str().unwrap();
    let metadata = "/.well-known/oauth-protected-resource/mcp";
    assert!(
        leads.starts_with("Bearer resource_metadata=\"http") && leads.contains(metadata),
        "{leads}"
    );
}

/// The specification's tool, at the test's upstream.
fn stock_price(stack: &Stack) -> Value {
    let tool = ToolBuilder::get("/query").id("stock_price");
    let auth =
        json!({ "method": "api_key_query", "key_name": "apikey", "secret_ref": "${API_KEY}" });
    tool.auth(auth)
        .set("/description", "The latest price of one listed share")
        .input(json!({ "type": "object", "properties": { "symbol": { "type": "string" } }, "required": ["symbol"] }))
        .output(json!({ "type": "object", "properties": { "price": { "type": "number" } } }))
        .mapping(json!({ "response_to_output": { "price": "Global Quote.05. price" } }))
        .document(&stack.upstream.base_url())
}

async fn a_tool_with_a_secret_runs(stack: &Stack, alice: &Person) {
    stack.upstream.on("/query", global_quote());
    let secret = json!({ "name": "API_KEY", "value": VALUES[0] });
    let told = alice.post("/api/v1/secrets", &secret).await;
    assert_eq!(told.status, 201, "{told:?}");
    assert_eq!(
        told.body["provider"], "aws_secrets_manager",
        "as the template says"
    );

    let told = alice
        .post("/api/v1/tools", &json!({ "nmae": "x", "api": { "base_url": stack.upstream.base_url(), "method": "FETCH" } }))
        .await;
    assert_eq!(
        (told.status, &told.body["code"]),
        (400, &json!("invalid_config")),
        "{told:?}"
    );
    let errors = told.body["errors"].as_array().unwrap().iter();
    let pointers: BTreeSet<&str> = errors
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert!(pointers.contains("/api/method"), "{pointers:?}");

    let told = alice.post("/api/v1/tools", &stock_price(stack)).await;
    assert_eq!(
        (told.status, &told.body["tool_id"]),
        (201, &json!("stock_price")),
        "{told:?}"
    );
    asks_the_price(stack, alice, VALUES[0]).await;
}

/// Runs the tool, which sends this secret value.
async fn asks_the_price(stack: &Stack, who: &Person, value: &str) {
    let told = who
        .executes("stock_price", &json!({ "symbol": "IBM" }))
        .await;
    assert_eq!(
        (told.status, &told.body["output"]),
        (200, &json!({ "price": 185.2 })),
        "{told:?}"
    );
    let sent = stack.upstream.last_request().query();
    assert!(
        sent.contains(&("apikey".to_owned(), value.to_owned())),
        "another's secret"
    );
}

async fn a_model_calls_it_and_the_stream_arrives_in_pieces(stack: &Stack, alice: &Person) {
    let asked = json!({ "prompt": "What is the price of IBM?", "tools": ["stock_price"] });
    let calls = || call([("stock_price", json!({ "symbol": "IBM" }))]);
    stack.model.then(calls()).then(say("It is 185.2."));
    let told = alice.post("/api/v1/orchestrate", &asked).await;
    assert_eq!(
        (told.status, &told.body["response"]),
        (200, &json!("It is 185.2.")),
        "{told:?}"
    );
    assert_eq!(
        told.body["tool_calls"][0]["output"],
        json!({ "price": 185.2 })
    );

    let gate = Gate::new();
    stack
        .model
        .then(calls())
        .then(hang(&gate, say("It is 185.2.")));
    let mut events = alice
        .streams(Method::POST, "/api/v1/orchestrate/stream", Some(&asked))
        .await;
    // The model has not finished, and cannot yet: what comes now came on its way.
    assert_eq!(events.next().await.unwrap().0, "tool_call");
    let (name, result) = events.next().await.unwrap();
    assert_eq!(
        (name.as_str(), &result["output"]),
        ("tool_result", &json!({ "price": 185.2 }))
    );
    gate.reached(1).await;
    gate.open();
    let rest = events.rest().await;
    assert_eq!(rest.last().unwrap().0, "done", "{rest:?}");
    assert!(rest.iter().any(|(name, _)| name == "response"), "{rest:?}");
    assert_eq!(stack.model.refusals(), [""; 0]);
}

async fn a_flow_goes_through_the_queue_and_waits_for_approval(alice: &Person) {
    let flow = json!({
        "id": "priced", "name": "Priced", "description": "Prices a position after somebody has approved it",
        "input_schema": { "type": "object", "properties": { "shares": { "type": "number" } }, "required": ["shares"] },
        "steps": [
            { "id": "quote", "tool": "stock_price", "input": { "symbol": "IBM" } },
            { "id": "approve", "depends_on": ["quote"], "wait": { "approval": "May it be told?" } },
            { "id": "worth", "depends_on": ["approve"], "transform": "{{ (steps.quote.output.price * input.shares) | round(2) }}" },
        ],
        "output": { "value": "{{ steps.worth.output }}" },
    });
    let told = alice.post("/api/v1/flows", &flow).await;
    assert_eq!(told.status, 201, "{told:?}");
    let run = alice.starts("priced", &json!({ "shares": 12 })).await;
    let mut events = alice
        .streams(Method::GET, &format!("{run}/events"), None)
        .await;
    loop {
        let (name, event) = events.next().await.expect("it waits for somebody");
        if name == "step.awaiting" {
            assert_eq!(event["step_id"], "approve");
            break;
        }
    }
    let told = alice
        .post(
            &format!("{run}/steps/approve/signal"),
            &json!({ "approved": true }),
        )
        .await;
    assert!((200..300).contains(&told.status), "{told:?}");
    let rest = events.rest().await;
    assert_eq!(rest.last().unwrap().0, "end", "{rest:?}");
    let told = alice.get(&run).await;
    assert_eq!(
        (&told.body["status"], &told.body["output"]),
        (&json!("succeeded"), &json!({ "value": 2222.4 })),
        "{told:?}"
    );
}

async fn another_workspace_installs_the_tool(stack: &Stack, alice: &Person, bob: &Person) {
    let told = alice
        .post("/api/v1/tools/stock_price/publish", &json!({}))
        .await;
    assert_eq!(
        (told.status, &told.body["id"]),
        (200, &json!("alice_stock_price")),
        "{told:?}"
    );
    let told = stack
        .nobody()
        .get("/api/v1/marketplace?q=share+price")
        .await;
    assert_eq!(
        told.body["publications"][0]["id"], "alice_stock_price",
        "{told:?}"
    );

    let told = bob
        .executes("stock_price", &json!({ "symbol": "IBM" }))
        .await;
    assert_eq!(told.status, 404, "{told:?}");
    let bindings = json!({ "secrets": { "API_KEY": "QUOTE_KEY" } });
    let told = bob
        .post("/api/v1/marketplace/alice_stock_price/install", &bindings)
        .await;
    assert_eq!(
        (told.status, &told.body["ready"]),
        (201, &json!(false)),
        "{told:?}"
    );
    let secret = json!({ "name": "QUOTE_KEY", "value": VALUES[1], "allowed_hosts": [stack.upstream.host_port()] });
    let told = bob.post("/api/v1/secrets", &secret).await;
    assert_eq!(told.status, 201, "{told:?}");
    let bound = json!({ "secrets": { "API_KEY": "QUOTE_KEY" } });
    let told = bob
        .send(
            Method::PATCH,
            "/api/v1/installs/tool/stock_price",
            &[],
            Some(bound.to_string()),
        )
        .await;
    assert_eq!(
        (told.status, &told.body["ready"]),
        (200, &json!(true)),
        "{told:?}"
    );
    asks_the_price(stack, bob, VALUES[1]).await;
}

/// The worker is killed while its call is being answered. The message of the queue stays invisible for minutes: the schedule's
/// sweep finds the step when its lease is over.
async fn a_run_survives_its_worker_and_does_nothing_twice(stack: &Stack, alice: &Person) {
    let (orders, arrived) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counted, told) = (Arc::clone(&orders), Arc::clone(&arrived));
    stack.upstream.on(
        "/orders",
        Reply::made(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
            0 => {
                told.notify_one();
                Reply::Hang(Vec::new())
            }
            _ => Answer::json(&json!({ "order": 7 })).into(),
        }),
    );
    stack.upstream.on("/mails", json!({ "sent": true }));
    // The upstream of the first honours keys, so that a call whose answer is lost may be made again.
    let order = ToolBuilder::post("/orders")
        .id("order")
        .set("/idempotency", json!({}));
    let mail = ToolBuilder::post("/mails").id("mail");
    for tool in [order, mail] {
        let told = alice
            .post("/api/v1/tools", &tool.document(&stack.upstream.base_url()))
            .await;
        assert_eq!(told.status, 201, "{told:?}");
    }
    let flow = json!({
        "id": "ordered", "name": "Ordered", "description": "Orders something and tells somebody",
        "steps": [
            { "id": "order", "tool": "order", "input": {}, "timeout_ms": 2_000, "retry": { "max_attempts": 3, "backoff_ms": 100 } },
            { "id": "mail", "depends_on": ["order"], "tool": "mail", "input": {} },
        ],
    });
    let told = alice.post("/api/v1/flows", &flow).await;
    assert_eq!(told.status, 201, "{told:?}");
    let run = alice.starts("ordered", &json!({})).await;
    arrived.notified().await;
    stack.kill_all("flow-worker");

    let events = alice
        .streams(Method::GET, &format!("{run}/events"), None)
        .await
        .rest()
        .await;
    assert_eq!(events.last().unwrap().0, "end", "{events:?}");
    assert!(
        events.iter().any(|(name, _)| name == "step.recovered"),
        "{events:?}"
    );
    let told = alice.get(&run).await;
    assert_eq!(told.body["status"], "succeeded", "{told:?}");
    let requests = stack.upstream.requests();
    let of = |path: &str| {
        requests
            .iter()
            .filter(|request| request.path() == path)
            .collect::<Vec<_>>()
    };
    let keys: BTreeSet<&str> = of("/orders")
        .iter()
        .filter_map(|request| request.header("idempotency-key"))
        .collect();
    assert_eq!(
        (of("/orders").len(), keys.len()),
        (2, 1),
        "one order, asked for twice under one key"
    );
    assert_eq!(of("/mails").len(), 1);
}

fn no_log_has_a_secret(stack: &Stack) {
    let logs = stack.logs();
    let names: BTreeSet<&str> = logs.keys().map(String::as_str).collect();
    for name in [
        "tools",
        "orchestrate",
        "flows",
        "flow-worker",
        "marketplace",
        "secrets",
        "gateway",
    ] {
        assert!(names.contains(format!("{name}.log").as_str()), "{names:?}");
    }
    for (name, text) in &logs {
        for value in VALUES.into_iter().chain([stack.model.key()]) {
            assert!(!text.contains(value), "{value} in {name}");
        }
    }
    assert!(
        logs["tools.log"].contains("REPORT RequestId"),
        "{}",
        logs["tools.log"]
    );
}

//! A defect while a secret is held: the panic's message holds none.

use std::sync::{Arc, Mutex};

use domain::code::{Request, ToolContext, ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use testkit::{Reply, TestApp, logs};

use super::spellings::Canaries;

const KEY: &str = "d-c4nary:word+/=&<\"q\">\\tail-0205";

#[derive(Deserialize, JsonSchema)]
struct Where {
    url: String,
}

#[derive(Serialize, JsonSchema)]
struct Nothing {}

/// Breaks with all that it knows.
#[tool]
async fn breaks(ctx: ToolContext, input: Where) -> Result<Nothing, ToolError> {
    let request = Request::get(&input.url)
        .bearer("KEY")
        .secret_query("key", "KEY");
    let shown = format!("{request:?}");
    let answer = ctx.call(request).await?;
    assert!(
        answer.text()?.is_empty(),
        "{shown} {answer:?} {:?}",
        answer.text()
    );
    Ok(Nothing {})
}

#[tokio::test]
async fn not_from_a_panic() {
    let traced = logs::trace_here();
    let told = Arc::new(Mutex::new(String::new()));
    let (heard, before) = (Arc::clone(&told), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        let trace = std::backtrace::Backtrace::force_capture();
        heard
            .lock()
            .unwrap()
            .push_str(&format!("{panic}\n{trace}\n"));
        before(panic);
    }));
    let app = TestApp::setup()
        .config(|config| config.code_tools.push(breaks::tool()))
        .start()
        .await;
    let alice = app.alice();
    let host = app.upstream().host_port();
    let secret = json!({ "name": "KEY", "value": KEY, "allowed_hosts": [host] });
    assert_eq!(alice.post("/api/v1/secrets", &secret).await.status(), 201);
    app.upstream().on("*", Reply::Echo);
    let url = format!("{}/x", app.upstream().base_url());
    let body = json!({ "input": { "url": url } });
    let broken = alice.post("/api/v1/tools/breaks/execute", &body).await;
    assert_eq!(broken.status(), 500, "{}", broken.text());
    assert_eq!(broken.code(), "internal");
    let sent = app.upstream().last_request();
    assert_eq!(
        sent.header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
    let canaries = Canaries::of(&[KEY]);
    canaries.none_in_answer("the answer", &broken);
    let told = told.lock().unwrap().clone();
    assert!(
        told.contains("•••"),
        "it panicked with what was answered: {told}"
    );
    canaries.none_in("the panic", &told);
    canaries.none_in("the trace", &traced.text());
    canaries.none_in("the rows", &super::spellings::rows(&app));
}

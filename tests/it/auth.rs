//! Each kind of credential, sent to an API that checks it by means of its own.

mod aws;
mod aws_check;
mod binding;
mod cookies;
mod echoed;
mod hmac;
mod jwt;
mod preview;
mod verify;

use serde_json::{Value, json};
use testkit::{Answer, Captured, Persona, RegisteredTool, Reply, TestApp};

/// From now on the app's upstream checks every request: 200 `{"ok": true}` when `check` finds nothing wrong, else
/// 401 and what it found.
fn checks(app: &TestApp, check: impl Fn(&Captured) -> Result<(), String> + Send + Sync + 'static) {
    let reply = Reply::made(move |request| match check(request) {
        Ok(()) => Answer::json(&json!({ "ok": true })).into(),
        Err(why) => Answer::json(&json!({ "why": why })).status(401).into(),
    });
    app.upstream().on("*", reply);
}

/// Runs the tool, which must succeed: the upstream found nothing wrong.
async fn accepted(alice: &Persona, tool: &RegisteredTool, input: Value) {
    let done = alice.executes(tool, input).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    assert_eq!(done.json()["output"], json!({ "ok": true }));
}

/// Runs the tool, which must fail as `auth_failed`; answers the error.
async fn refused(alice: &Persona, tool: &RegisteredTool, input: Value) -> Value {
    let done = alice.executes(tool, input).await;
    assert_eq!(done.status(), 500, "{}", done.text());
    let error = done.json()["error"].clone();
    assert_eq!(error["code"], "auth_failed", "{error}");
    error
}

//! The use of a secret stands in the audit before anything is sent; without the audit nothing is.

use serde_json::{Value, json};
use testkit::{Answer, Persona, RegisteredTool, TestApp, ToolBuilder};

async fn keyed(alice: &Persona) -> RegisteredTool {
    alice
        .stores_secret("API_KEY", "a-value-of-some-length")
        .await;
    let auth = json!({ "method": "bearer", "secret_ref": "${API_KEY}" });
    alice.registers(ToolBuilder::get("/x").auth(auth)).await
}

fn uses(app: &TestApp) -> Vec<Value> {
    let rows = app.sql(
        "select json_build_object('actor', actor, 'subject', subject, 'detail', detail)::text
         from secrets.audit where action = 'secret.use' order by id",
    );
    rows.rows
        .iter()
        .flatten()
        .flatten()
        .map(|text| serde_json::from_str(text).expect("JSON"))
        .collect()
}

#[tokio::test]
async fn names_who_used_which_secret_for_what() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    let tool = keyed(&alice).await;
    let done = app.member().executes(&tool, json!({})).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    assert_eq!(
        uses(&app),
        [json!({
            "actor": app.member().user_id().to_string(),
            "subject": "API_KEY",
            "detail": {
                "tool_id": "get_x", "execution_id": done.json()["execution_id"],
                "host": app.upstream().host_port(), "version": 1
            }
        })]
    );
}

#[tokio::test]
async fn a_call_that_failed_is_in_it_too() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", Answer::text("no").status(500));
    let tool = keyed(&alice).await;
    for _ in 0..2 {
        assert_eq!(alice.executes(&tool, json!({})).await.status(), 500);
    }
    assert_eq!(uses(&app).len(), 2);
    // A call that never got to its secret is not.
    assert_eq!(alice.executes(&tool, json!([])).await.status(), 400);
    assert_eq!(uses(&app).len(), 2);
}

#[tokio::test]
async fn nothing_is_sent_while_it_cannot_be_written() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    let tool = keyed(&alice).await;
    let open = alice.registers(ToolBuilder::get("/open")).await;
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
    app.sql(
        "create function public.out_of_order() returns trigger language plpgsql as
             $$ begin raise exception 'the disk is full' using errcode = 'disk_full'; end $$;
         create trigger out_of_order before insert on secrets.audit
             for each row execute function public.out_of_order()",
    );
    let refused = alice.executes(&tool, json!({})).await;
    assert_eq!(refused.status(), 503, "{}", refused.text());
    assert_eq!(refused.code(), "audit_unavailable");
    assert!(refused.header("retry-after").is_some());
    assert!(!refused.text().contains("disk"), "{}", refused.text());
    assert_eq!(app.upstream().requests().len(), 1);
    // Tools without a secret go on; so does this one when the audit is back.
    assert_eq!(alice.executes(&open, json!({})).await.status(), 200);
    app.sql("drop trigger out_of_order on secrets.audit");
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
}

//! Races of the engine, each made to happen: at its doors, and with a worker and an upstream.

use serde_json::json;
use testkit::ToolBuilder;
use tokio::time::Instant;
use workflow::{Delivery, Hint, Worker};

use super::engine::{Engine, Told, holds};
use super::{of_steps, saved, schedules};

macro_rules! races {
    ($($name:ident)*) => {$(
        #[tokio::test]
        async fn $name() {
            let engine = Engine::start().await;
            if let Err(why) = schedules::$name(&engine) {
                panic!("{why}");
            }
        }
    )*};
}

races! {
    the_last_two_branches_join_once
    a_cancel_before_a_claim_wins
    a_claim_before_a_cancel_is_the_last
    a_cancel_between_claim_and_result_keeps_the_result
    a_cancel_stops_retries
    two_sweepers_hand_out_once
    a_late_worker_writes_nothing
    a_start_that_nobody_sent_is_sent
    a_doubled_message_finds_nothing
    a_lost_answer_is_given_again
    a_run_that_a_dying_worker_began_is_waited_for
    what_ran_below_before_a_resume_is_not_waited_for
    a_claim_is_bounded_in_bytes
    a_lost_answer_of_an_expansion_is_given_again
    a_step_that_reads_too_much_fails
    attempts_that_were_no_fault_of_it_do_not_count
    items_come_to_so_much_together
    long_steps_are_left_to_a_fresh_worker
    a_cancel_of_a_failing_run_reaches_the_runs_below
    a_cancel_reaches_runs_that_no_step_knows
    a_for_each_that_ended_while_stopping_is_joined
    a_held_run_that_is_resumed_waits_again
    a_lost_call_of_a_stopped_run_is_unknown
    a_resumed_run_has_its_time_and_attempts_once_more
    an_unknown_item_stops_the_run
    late_workers_of_before_a_resume_are_fenced
    nothing_starts_below_a_stopped_run
    unknown_steps_below_are_confirmed_by_their_whole_name
    what_may_be_undone_does_not_go_on
    a_dying_read_is_made_again
    a_dying_keyed_call_is_made_again_with_its_key
    a_dying_unsafe_call_is_unknown
    an_unsafe_call_with_an_answer_is_asked_for_again
    a_run_past_its_deadline_is_cancelled
    a_due_wait_is_woken
    a_child_that_was_not_told_is_found
    held_runs_begin_one_by_one
    a_for_each_ends_with_its_last_item
    compensations_run_backwards
}

fn delivery(run: &str, step: &str) -> Delivery {
    let body = json!({ "run_id": run, "step_id": step }).to_string();
    Delivery {
        hint: Hint::read(&body),
        id: "message".to_owned(),
        receipt: "receipt".to_owned(),
        received: 1,
    }
}

/// A run of a flow that mails once, claimed by a worker that made the call and died before it wrote the answer down.
async fn mailed_and_died(engine: &Engine) -> Told<String> {
    let alice = engine.app.alice();
    engine.app.upstream().on("/mail", json!({ "sent": 1 }));
    alice.registers(ToolBuilder::post("/mail").id("mail")).await;
    saved(
        &alice,
        &of_steps(json!([{ "id": "send", "tool": "mail", "input": { "to": "x" } }])),
    )
    .await;
    let started = alice
        .post(
            "/api/v1/flows/ticker_brief/execute",
            &json!({ "input": {} }),
        )
        .await;
    let run = started.json()["run_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    holds!(!run.is_empty(), "{}", started.text());
    engine.claims(&run, "send")?;
    let request = alice
        .request(reqwest::Method::POST, "/api/v1/tools/mail/execute")
        .header("idempotency-key", engine.step(&run, "send", "call_key")?)
        .json(&json!({ "input": { "to": "x" } }));
    let made = alice.send(request).await;
    holds!(made.status() == 200, "{}", made.text());
    Ok(run)
}

async fn works_off(engine: &Engine, run: &str) -> Vec<usize> {
    let worker = Worker::new(engine.app.rooms().flows.clone());
    let until = Instant::now() + std::time::Duration::from_secs(120);
    worker.handle(&[delivery(run, "send")], until).await
}

#[tokio::test]
async fn an_unsafe_call_that_was_answered_is_not_made_twice() {
    let engine = Engine::start().await;
    let run = mailed_and_died(&engine).await.unwrap();
    // While the lease lasts, a message finds nothing to do.
    assert_eq!(works_off(&engine, &run).await, [0; 0]);
    assert_eq!(engine.step(&run, "send", "status").unwrap(), "running");
    engine.time_passes(&run, "send").unwrap();
    engine.app.sweeps().await;
    assert_eq!(engine.step(&run, "send", "status").unwrap(), "ready");
    assert_eq!(works_off(&engine, &run).await, [0; 0]);
    let view = engine.run(&run, "status || output::text").unwrap();
    assert_eq!(view, r#"succeeded{"send":{"sent":1}}"#);
    assert_eq!(engine.app.upstream().requests().len(), 1);
}

#[tokio::test]
async fn two_workers_with_the_same_message_call_once() {
    let engine = Engine::start().await;
    let run = mailed_and_died(&engine).await.unwrap();
    engine.time_passes(&run, "send").unwrap();
    // Nobody wrote the ledger down: the call is to be made again by somebody whose tool may be called twice.
    let forgotten = "delete from orchestration.idempotency;
        update orchestration.run_steps set effect = 'keyed' where step_id = 'send'";
    engine.rows(forgotten).unwrap();
    engine.app.sweeps().await;
    let (one, other) = tokio::join!(works_off(&engine, &run), works_off(&engine, &run));
    assert_eq!((one, other), (vec![], vec![]));
    assert_eq!(engine.run(&run, "status").unwrap(), "succeeded");
    assert_eq!(engine.step(&run, "send", "attempt").unwrap(), "2");
    assert_eq!(
        engine.app.upstream().requests().len(),
        2,
        "the dead worker's and one more"
    );
}

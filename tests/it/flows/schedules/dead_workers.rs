//! Workers that die, come late or hear nothing, and messages that are lost or doubled.

use serde_json::{Value, json};

use crate::flows::engine::{Engine, Told, holds, quoted, step, succeeded, turn};

const TOKEN: &str = "00000000-0000-4000-8000-00000000000c";
const KEY: &str = "00000000-0000-4000-8000-000000000001";

fn pair(change: &Value) -> [Value; 2] {
    [step("a", 0, &["b"], change), step("b", 1, &[], &json!({}))]
}

/// The step's worker dies, and the sweep finds it.
fn dies(engine: &Engine, run: &str) -> Told<Value> {
    engine.time_passes(run, "a")?;
    holds!(
        engine.is_due(run, "a")?,
        "the lease that is over is not due"
    );
    let swept = engine.sweeps(run, "a")?;
    holds!(swept["recovered"] == 1, "the sweep: {swept}");
    Ok(swept)
}

pub(in crate::flows) fn a_late_worker_writes_nothing(engine: &Engine) -> Told {
    let run = engine.starts(&pair(&json!({})))?;
    let old = engine.claims(&run, "a")?;
    dies(engine, &run)?;
    let new = engine.claims(&run, "a")?;
    let late = engine.reports(&run, &succeeded("a", old, &json!("old")))?;
    holds!(late["fenced"] == 1, "the late worker: {late}");
    let state = engine.step(&run, "a", "status || coalesce(output::text, '')")?;
    holds!(state == "running", "after the late worker a is {state}");
    engine.reports(&run, &succeeded("a", new, &json!("new")))?;
    for attempt in [old, new] {
        let later = engine.reports(&run, &succeeded("a", attempt, &json!("again")))?;
        holds!(
            later["fenced"] == 1,
            "a result of a step that has ended: {later}"
        );
    }
    let state = engine.step(&run, "a", "status || output::text")?;
    holds!(state == "succeeded\"new\"", "at the end a is {state}");
    let open = engine.run(&run, "open_steps")?;
    holds!(open == "1", "{open} steps are open");
    let attempts = engine.one(&format!(
        "select string_agg(outcome, ' ' order by attempt) from orchestration.step_attempts where run_id = '{run}'"
    ))?;
    holds!(
        attempts == "lease_expired succeeded",
        "the attempts are {attempts}"
    );
    Ok(())
}

pub(in crate::flows) fn a_start_that_nobody_sent_is_sent(engine: &Engine) -> Told {
    let run = engine.starts(&pair(&json!({})))?;
    holds!(!engine.is_due(&run, "a")?, "it is sent twice at once");
    for (count, least) in [(1, 25), (2, 55), (3, 115)] {
        engine.time_passes(&run, "a")?;
        holds!(
            engine.is_due(&run, "a")?,
            "the step that nobody sent is not due"
        );
        let swept = engine.sweeps(&run, "a")?;
        holds!(swept["owed"][0]["step_id"] == "a", "the sweep: {swept}");
        let left = engine.step(
            &run,
            "a",
            &format!("resends || ' ' || (due_at > now() + interval '{least} s')"),
        )?;
        holds!(left == format!("{count} true"), "resends and pause: {left}");
    }
    let attempt = engine.claims(&run, "a")?;
    holds!(attempt == 1, "sending counted as an attempt: {attempt}");
    Ok(())
}

pub(in crate::flows) fn a_doubled_message_finds_nothing(engine: &Engine) -> Told {
    let run = engine.starts(&pair(&json!({})))?;
    let attempt = engine.claims(&run, "a")?;
    let again = engine.looks(&run, "a")?;
    holds!(again["claimed"].is_null(), "claimed twice: {again}");
    engine.reports(&run, &succeeded("a", attempt, &json!("a")))?;
    let late = engine.looks(&run, "a")?;
    holds!(late["claimed"].is_null(), "claimed after its end: {late}");
    // What follows is somebody else's already.
    engine.claims(&run, "b")?;
    let late = engine.reports(&run, &succeeded("a", attempt, &json!("a")))?;
    holds!(
        late["claimed"].is_null(),
        "another worker's step is handed out: {late}"
    );
    let running = engine.told(&run, "step.running", "a")?;
    holds!(running == "1", "it ran {running} times");
    Ok(())
}

pub(in crate::flows) fn a_lost_answer_is_given_again(engine: &Engine) -> Told {
    let run = engine.starts(&pair(&json!({})))?;
    let claim = turn(&run, &["a"], &json!([]), TOKEN, 64);
    let complete = turn(
        &run,
        &[],
        &json!([succeeded("a", 1, &json!("a"))]),
        TOKEN,
        64,
    );
    for (door, claimed, again) in [(claim, "a", 0), (complete, "b", 1)] {
        let first = engine.call(&door)?;
        let second = engine.call(&door)?;
        let mine = &first["claimed"][0];
        holds!(mine["step_id"] == claimed, "the first answer: {first}");
        holds!(
            second["claimed"][0]["step_id"] == claimed,
            "the second answer: {second}"
        );
        holds!(
            second["claimed"][0]["attempt"] == mine["attempt"],
            "the second answer: {second}"
        );
        holds!(second["fenced"] == again, "the second answer: {second}");
    }
    let ends = engine.told(&run, "step.succeeded", "a")?;
    holds!(ends == "1", "a ended {ends} times");
    let open = engine.run(&run, "open_steps")?;
    holds!(open == "1", "{open} steps are open");
    Ok(())
}

fn is_made_again(engine: &Engine, effect: &str) -> Told {
    let run = engine.starts(&pair(&json!({ "effect": effect })))?;
    engine.claims(&run, "a")?;
    let swept = dies(engine, &run)?;
    holds!(
        swept["owed"][0]["step_id"] == "a",
        "nobody is told: {swept}"
    );
    let state = engine.step(&run, "a", "status || attempt || call_key")?;
    holds!(state == format!("ready1{KEY}"), "a is {state}");
    let again = engine.claims(&run, "a")?;
    holds!(again == 2, "the second attempt is {again}");
    // Workers die for ever: that ends too.
    for attempt in 2.. {
        holds!(attempt < 20, "a dying worker is replaced for ever");
        dies(engine, &run)?;
        if engine.step(&run, "a", "status")? != "ready" {
            break;
        }
        engine.claims(&run, "a")?;
    }
    let state = engine.step(&run, "a", "status")?;
    let expected = if effect == "read" {
        "failed"
    } else {
        "unknown"
    };
    holds!(state == expected, "a is {state} in the end");
    let state = engine.run(&run, "status")?;
    holds!(state == "failed", "the run is {state}");
    Ok(())
}

pub(in crate::flows) fn a_dying_read_is_made_again(engine: &Engine) -> Told {
    is_made_again(engine, "read")
}

pub(in crate::flows) fn a_dying_keyed_call_is_made_again_with_its_key(engine: &Engine) -> Told {
    is_made_again(engine, "keyed")
}

pub(in crate::flows) fn a_dying_unsafe_call_is_unknown(engine: &Engine) -> Told {
    let run = engine.starts(&pair(&json!({ "effect": "unsafe" })))?;
    engine.claims(&run, "a")?;
    dies(engine, &run)?;
    let state = engine.step(&run, "a", "status")?;
    holds!(state == "unknown", "a is {state}");
    let state = engine.run(&run, "status")?;
    holds!(state == "failed", "the run is {state}");
    for (confirmed, outcome) in [
        ("{}", "unconfirmed"),
        ("{b}", "unconfirmed"),
        ("{a}", "resumed"),
    ] {
        let resumed = engine.resumes(&run, confirmed)?;
        holds!(
            resumed["outcome"] == outcome,
            "confirmed {confirmed}: {resumed}"
        );
    }
    let key = engine.step(&run, "a", "call_key")?;
    holds!(key != KEY, "the confirmed call has the old key");
    let again = engine.claims(&run, "a")?;
    holds!(again == 2, "the attempt that was confirmed is {again}");
    Ok(())
}

pub(in crate::flows) fn an_unsafe_call_with_an_answer_is_asked_for_again(engine: &Engine) -> Told {
    let run = engine.starts(&pair(&json!({ "effect": "unsafe" })))?;
    engine.claims(&run, "a")?;
    let workspace = quoted(&engine.run(&run, "workspace_id")?);
    engine.rows(&format!(
        "delete from orchestration.idempotency;
         insert into orchestration.idempotency
             (workspace_id, scope, key, request_hash, status, execution_id, response, lease_until)
         values ({workspace}, 'tool:a_tool', '{KEY}', sha256(''), 'done', gen_random_uuid(), '{{}}', now())"
    ))?;
    let swept = dies(engine, &run);
    engine.rows("delete from orchestration.idempotency")?;
    let swept = swept?;
    holds!(
        swept["owed"][0]["step_id"] == "a",
        "nobody is told: {swept}"
    );
    let state = engine.step(&run, "a", "status || call_key")?;
    holds!(state == format!("ready{KEY}"), "a is {state}");
    Ok(())
}

/// The run that an earlier attempt began has ended and was told of, and the step was resumed since: it is not waited for.
pub(in crate::flows) fn what_ran_below_before_a_resume_is_not_waited_for(engine: &Engine) -> Told {
    let above = engine.starts(&pair(&json!({ "kind": "flow" })))?;
    let below = engine.starts_as(
        &[step("x", 0, &[], &json!({}))],
        "null",
        Some((&above, "a")),
    )?;
    engine.rows(&format!(
        "update orchestration.run_steps set status = 'failed' where run_id = '{below}';
         update orchestration.runs
         set status = 'failed', finished_at = now(), told = true, open_steps = 0
         where id = '{below}'"
    ))?;
    engine.claims(&above, "a")?;
    dies(engine, &above)?;
    let state = engine.step(&above, "a", "status || ' ' || (child_run_id is null)")?;
    holds!(state == "ready true", "a is {state}");
    Ok(())
}

/// The worker of a step began the run of another flow, and died before it said so; its successors died as well.
pub(in crate::flows) fn a_run_that_a_dying_worker_began_is_waited_for(engine: &Engine) -> Told {
    let above = engine.starts(&pair(&json!({ "kind": "flow" })))?;
    // It has died as often as it may before it began anything.
    for _ in 0..4 {
        engine.claims(&above, "a")?;
        dies(engine, &above)?;
    }
    let attempt = engine.claims(&above, "a")?;
    let below = engine.starts_as(
        &[step("x", 0, &[], &json!({}))],
        "null",
        Some((&above, "a")),
    )?;
    dies(engine, &above)?;
    let waits = engine.step(
        &above,
        "a",
        "status || (lease_until is null) || child_run_id",
    )?;
    holds!(waits == format!("runningtrue{below}"), "a is {waits}");
    holds!(!engine.is_due(&above, "a")?, "it waits and is due");
    let late = json!({ "step_id": "a", "attempt": attempt, "outcome": "failed", "error": { "code": "late" } });
    let late = engine.reports(&above, &late)?;
    holds!(late["fenced"] == 1, "the late worker: {late}");
    engine.succeeds(&below, "x")?;
    engine.succeeds(&below, "~output")?;
    engine.sweeps(&above, "a")?;
    let state = engine.step(&above, "a", "status")?;
    holds!(state == "succeeded", "a is {state}");
    let told = engine.run(&below, "told")?;
    holds!(told == "t", "the run below is told again and again");
    Ok(())
}

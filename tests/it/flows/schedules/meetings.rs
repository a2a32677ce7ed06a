//! Two who come to the same run at the same moment.

use serde_json::{Value, json};

use crate::flows::engine::{Engine, Told, holds, step, succeeded, sweep, text, turn};

const A_TOKEN: &str = "00000000-0000-4000-8000-00000000000a";
const B_TOKEN: &str = "00000000-0000-4000-8000-00000000000b";

fn pair() -> [Value; 2] {
    [
        step("a", 0, &["b"], &json!({})),
        step("b", 1, &[], &json!({})),
    ]
}

fn answer(rows: &[Vec<Option<String>>]) -> Told<Value> {
    let first = rows.first().and_then(|row| row.first().cloned().flatten());
    serde_json::from_str(&first.unwrap_or_default()).map_err(|error| error.to_string())
}

pub(in crate::flows) fn the_last_two_branches_join_once(engine: &Engine) -> Told {
    let run = engine.starts(&[
        step("a", 0, &["join"], &json!({})),
        step("b", 0, &["join"], &json!({})),
        step("join", 2, &[], &json!({})),
    ])?;
    let (a, b) = (engine.claims(&run, "a")?, engine.claims(&run, "b")?);
    let mut first = engine.session()?;
    let result = |name: &str, attempt| json!([succeeded(name, attempt, &json!(name))]);
    first.run("begin")?;
    let early = answer(&first.run(&turn(&run, &[], &result("a", a), A_TOKEN, 0))?)?;
    let (second, waits) = engine.beside(turn(&run, &[], &result("b", b), B_TOKEN, 0))?;
    first.run("commit")?;
    let late = second.join().map_err(|_| "the second broke")??;
    let late = answer(&late)?;
    holds!(waits, "the second does not wait for the first");
    holds!(early["owed"].is_null(), "the first owes {early}");
    holds!(
        late["owed"][0]["step_id"] == "join",
        "the second owes {late}"
    );
    let state = engine.step(&run, "join", "status || ' ' || deps_open")?;
    holds!(state == "ready 0", "join is {state}");
    let open = engine.run(&run, "open_steps")?;
    holds!(open == "1", "{open} steps are open");
    let events = engine.one(&format!(
        "select count(*) = max(seq) from orchestration.run_events where run_id = '{run}'"
    ))?;
    holds!(events == "t", "the events have gaps");
    engine.succeeds(&run, "join")?;
    let output = engine.step(&run, "~output", "status")?;
    holds!(output == "ready", "the run's output is {output}");
    Ok(())
}

pub(in crate::flows) fn a_cancel_before_a_claim_wins(engine: &Engine) -> Told {
    let run = engine.starts(&pair())?;
    let mut first = engine.session()?;
    first.run("begin")?;
    first.run(&engine.cancel_door(&run))?;
    let (second, waits) = engine.beside(turn(&run, &["a"], &json!([]), B_TOKEN, 64))?;
    first.run("commit")?;
    let late = answer(&second.join().map_err(|_| "the second broke")??)?;
    holds!(waits, "the claim does not wait for the cancel");
    holds!(late["claimed"].is_null(), "after the cancel: {late}");
    let state = engine.run(&run, "status")?;
    holds!(state == "cancelled", "the run is {state}");
    let running = engine.told(&run, "step.running", "a")?;
    holds!(running == "0", "a was claimed {running} times");
    Ok(())
}

pub(in crate::flows) fn a_claim_before_a_cancel_is_the_last(engine: &Engine) -> Told {
    let run = engine.starts(&[step("a", 0, &[], &json!({})), step("b", 0, &[], &json!({}))])?;
    let mut first = engine.session()?;
    first.run("begin")?;
    first.run(&turn(&run, &["a"], &json!([]), A_TOKEN, 64))?;
    let (second, waits) = engine.beside(engine.cancel_door(&run))?;
    first.run("commit")?;
    second.join().map_err(|_| "the cancel broke")??;
    holds!(waits, "the cancel does not wait for the claim");
    let late = engine.looks(&run, "b")?;
    holds!(late["claimed"].is_null(), "after the cancel: {late}");
    let state = engine.run(&run, "status")?;
    holds!(state == "cancelling", "the run is {state}");
    let ended = engine.reports(&run, &succeeded("a", 1, &json!("a")))?;
    holds!(ended["state"] == "cancelled", "at the end: {ended}");
    Ok(())
}

pub(in crate::flows) fn a_cancel_between_claim_and_result_keeps_the_result(
    engine: &Engine,
) -> Told {
    let run = engine.starts(&pair())?;
    let attempt = engine.claims(&run, "a")?;
    let state = engine.cancels(&run)?;
    holds!(state == "cancelling", "the run is {state}");
    let mut late = engine.session()?;
    late.run("begin")?;
    let result = json!([succeeded("a", attempt, &json!("kept"))]);
    let ended = answer(&late.run(&turn(&run, &[], &result, A_TOKEN, 64))?)?;
    late.run("commit")?;
    holds!(ended["state"] == "cancelled", "at the end: {ended}");
    holds!(
        ended["claimed"].is_null() && ended["owed"].is_null(),
        "what follows: {ended}"
    );
    let kept = engine.step(&run, "a", "status || ' ' || output::text")?;
    holds!(kept == "succeeded \"kept\"", "a is {kept}");
    let next = engine.step(&run, "b", "status")?;
    holds!(next == "cancelled", "b is {next}");
    Ok(())
}

pub(in crate::flows) fn a_cancel_stops_retries(engine: &Engine) -> Told {
    let run = engine.starts(&[step("a", 0, &[], &json!({ "max_attempts": 3 }))])?;
    let attempt = engine.claims(&run, "a")?;
    engine.cancels(&run)?;
    let error = json!({ "code": "upstream_5xx", "retryable": true });
    let result = json!({ "step_id": "a", "attempt": attempt, "outcome": "retry", "delay_ms": 0, "error": error });
    let ended = engine.reports(&run, &result)?;
    holds!(ended["state"] == "cancelled", "at the end: {ended}");
    let state = engine.step(&run, "a", "status")?;
    holds!(state == "failed", "a is {state}");
    Ok(())
}

pub(in crate::flows) fn two_sweepers_hand_out_once(engine: &Engine) -> Told {
    let run = engine.starts(&pair())?;
    engine.time_passes(&run, "a")?;
    holds!(engine.is_due(&run, "a")?, "a is not due");
    let mut first = engine.session()?;
    first.run("begin")?;
    let early = answer(&first.run(&sweep(&run, "a"))?)?;
    let (second, waits) = engine.beside(sweep(&run, "a"))?;
    first.run("commit")?;
    let late = answer(&second.join().map_err(|_| "the second broke")??)?;
    holds!(!waits, "the second sweeper waits for the first");
    holds!(
        text(&early["owed"][0]["step_id"]) == "a",
        "the first: {early}"
    );
    holds!(
        late["state"].is_null() && late["owed"].is_null(),
        "the second: {late}"
    );
    holds!(!engine.is_due(&run, "a")?, "a is still due");
    let again = engine.sweeps(&run, "a")?;
    holds!(again["resent"] == 0, "a third: {again}");
    Ok(())
}

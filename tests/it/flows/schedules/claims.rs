//! What a claim may come to: how much of it, for how long, and once more when its answer was lost.

use serde_json::{Value, json};

use crate::flows::engine::{Engine, Told, holds, step, turn};

const TOKEN: &str = "00000000-0000-4000-8000-00000000000d";

/// Ids of claimed steps.
fn claimed(turned: &Value) -> Vec<String> {
    let steps = turned["claimed"].as_array().into_iter().flatten();
    steps
        .filter_map(|step| step["step_id"].as_str().map(str::to_owned))
        .collect()
}

/// A step `a` that came to so many megabytes, as the row says, and steps that read it.
fn after_a_large_one(engine: &Engine, megabytes: u32, readers: &[&str]) -> Told<(String, Value)> {
    let mut steps = vec![step("a", 0, readers, &json!({}))];
    let reading = |id: &&str| step(id, 1, &[], &json!({ "reads": ["a"] }));
    steps.extend(readers.iter().map(reading));
    let run = engine.starts(&steps)?;
    engine.succeeds(&run, "a")?;
    engine.rows(&format!(
        "update orchestration.run_steps set output_bytes = {megabytes} * 1048576 where run_id = '{run}' and step_id = 'a'"
    ))?;
    let turned = engine.call(&turn(&run, readers, &json!([]), TOKEN, 64))?;
    Ok((run, turned))
}

pub(in crate::flows) fn a_claim_is_bounded_in_bytes(engine: &Engine) -> Told {
    let (run, turned) = after_a_large_one(engine, 10, &["b", "c", "d"])?;
    holds!(claimed(&turned) == ["b", "c"], "claimed: {turned}");
    holds!(
        turned["owed"][0]["step_id"] == "d" && turned["owed"][1].is_null(),
        "the rest is owed: {turned}"
    );
    let state = engine.step(&run, "d", "status || attempt")?;
    holds!(state == "ready0", "the one that is owed is {state}");
    let attempt = engine.claims(&run, "d")?;
    holds!(attempt == 1, "its attempt is {attempt}");
    Ok(())
}

pub(in crate::flows) fn a_step_that_reads_too_much_fails(engine: &Engine) -> Told {
    let (run, turned) = after_a_large_one(engine, 30, &["b", "c"])?;
    holds!(turned["claimed"].is_null(), "claimed: {turned}");
    let why = engine.step(&run, "b", "error ->> 'code'")?;
    holds!(why == "input_too_large", "the error is {why}");
    let state = engine.run(&run, "status || open_steps")?;
    holds!(state == "failed0", "the run is {state}");
    Ok(())
}

pub(in crate::flows) fn items_come_to_so_much_together(engine: &Engine) -> Told {
    let run = engine.starts(&[step("a", 0, &[], &json!({ "kind": "map" }))])?;
    let attempt = engine.claims(&run, "a")?;
    let child = json!({ "input": {}, "call_key": "00000000-0000-4000-8000-000000000100" });
    let rules = json!({ "kind": "tool", "effect": "read", "max_attempts": 1, "undo": null });
    let expand = json!({ "step_id": "a", "attempt": attempt, "outcome": "expand", "window": 2, "child": rules,
                         "children": [child, child] });
    engine.reports(&run, &expand)?;
    engine.succeeds(&run, "a[0]")?;
    engine.rows(&format!(
        "update orchestration.run_steps set output_bytes = 26 * 1048576 where run_id = '{run}' and step_id = 'a[0]'"
    ))?;
    engine.succeeds(&run, "a[1]")?;
    let why = engine.step(&run, "a", "error ->> 'code'")?;
    holds!(why == "output_too_large", "the error is {why}");
    Ok(())
}

pub(in crate::flows) fn long_steps_are_left_to_a_fresh_worker(engine: &Engine) -> Told {
    let run = engine.starts(&[
        step("a", 0, &["b", "c"], &json!({})),
        step("b", 1, &[], &json!({ "timeout_ms": 60_000 })),
        step("c", 1, &[], &json!({})),
    ])?;
    let attempt = engine.claims(&run, "a")?;
    let result = crate::flows::engine::succeeded("a", attempt, &json!(1));
    // The worker has 20 seconds left.
    let turned = engine.call(&turn(&run, &[], &json!([result]), TOKEN, 64))?;
    holds!(claimed(&turned) == ["c"], "claimed: {turned}");
    holds!(
        turned["owed"][0]["step_id"] == "b",
        "the long one is owed: {turned}"
    );
    engine.claims(&run, "b")?;
    Ok(())
}

pub(in crate::flows) fn a_lost_answer_of_an_expansion_is_given_again(engine: &Engine) -> Told {
    let run = engine.starts(&[step("a", 0, &[], &json!({ "kind": "map" }))])?;
    let attempt = engine.claims(&run, "a")?;
    let child = json!({ "input": {}, "call_key": "00000000-0000-4000-8000-000000000100" });
    let rules = json!({ "kind": "tool", "effect": "unsafe", "max_attempts": 1, "undo": null });
    let expand = json!({ "step_id": "a", "attempt": attempt, "outcome": "expand", "window": 2, "child": rules,
                         "children": [child, child] });
    let door = turn(&run, &[], &json!([expand]), TOKEN, 64);
    let (first, second) = (engine.call(&door)?, engine.call(&door)?);
    holds!(claimed(&first) == ["a[0]", "a[1]"], "at first: {first}");
    holds!(claimed(&second) == ["a[0]", "a[1]"], "again: {second}");
    Ok(())
}

pub(in crate::flows) fn attempts_that_were_no_fault_of_it_do_not_count(engine: &Engine) -> Told {
    let run = engine.starts(&[step("a", 0, &[], &json!({ "max_attempts": 2 }))])?;
    for _ in 0..2 {
        engine.claims(&run, "a")?;
        engine.time_passes(&run, "a")?;
        engine.sweeps(&run, "a")?;
    }
    for expected in ["ready", "failed"] {
        let looked = engine.looks(&run, "a")?;
        let (attempt, most) = (
            looked["claimed"][0]["attempt"].as_i64().unwrap_or_default(),
            looked["claimed"][0]["max_attempts"]
                .as_i64()
                .unwrap_or_default(),
        );
        let is_last = attempt >= most;
        holds!(
            is_last == (expected == "failed"),
            "attempt {attempt} of {most}: {looked}"
        );
        let retry = json!({ "step_id": "a", "attempt": attempt, "outcome": "retry", "error": { "code": "upstream_5xx" },
                            "delay_ms": 0, "spare": 0 });
        engine.reports(&run, &retry)?;
        let state = engine.step(&run, "a", "status")?;
        holds!(state == expected, "after attempt {attempt}: {state}");
    }
    Ok(())
}

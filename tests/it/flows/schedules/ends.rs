//! What ends by time, by others, or in an order of its own.

use serde_json::{Value, json};

use crate::flows::engine::{Engine, Told, holds, step, succeeded};

fn one(change: &Value) -> [Value; 1] {
    [step("a", 0, &[], change)]
}

/// Steps and runs as `id status`, joined.
fn states(engine: &Engine, run: &str) -> Told<String> {
    engine.one(&format!(
        "select string_agg(step_id || ' ' || status, ', ' order by step_id)
         from orchestration.run_steps where run_id = '{run}'"
    ))
}

pub(in crate::flows) fn a_run_past_its_deadline_is_cancelled(engine: &Engine) -> Told {
    for (found_by_sweep, claimed) in [(true, false), (false, false), (true, true)] {
        let run = engine.starts(&one(&json!({})))?;
        if claimed {
            engine.claims(&run, "a")?;
        }
        holds!(!engine.is_due(&run, "")?, "it is due before its deadline");
        engine.rows(&format!(
            "update orchestration.runs set deadline_at = now() - interval '1 second' where id = '{run}'"
        ))?;
        holds!(
            engine.is_due(&run, "")?,
            "a run past its deadline is not due"
        );
        let turned = match found_by_sweep {
            true => engine.sweeps(&run, "")?,
            false => engine.looks(&run, "a")?,
        };
        let state = if claimed { "cancelling" } else { "cancelled" };
        holds!(turned["state"] == state, "past its deadline: {turned}");
        holds!(turned["claimed"].is_null(), "past its deadline: {turned}");
        let why = engine.run(&run, "error -> 'error' ->> 'code'")?;
        holds!(why == "run_timeout", "the error is {why}");
        if claimed {
            let ended = engine.reports(&run, &succeeded("a", 1, &json!(1)))?;
            holds!(ended["state"] == "cancelled", "at the end: {ended}");
        }
    }
    Ok(())
}

pub(in crate::flows) fn a_due_wait_is_woken(engine: &Engine) -> Told {
    let run = engine.starts(&one(&json!({ "kind": "wait" })))?;
    let attempt = engine.claims(&run, "a")?;
    let sleep = json!({ "step_id": "a", "attempt": attempt, "outcome": "sleep", "delay_ms": 600_000, "output": "slept" });
    engine.reports(&run, &sleep)?;
    holds!(!engine.is_due(&run, "a")?, "a wait is due at once");
    engine.sweeps(&run, "a")?;
    engine.looks(&run, "a")?;
    let state = engine.step(&run, "a", "status")?;
    holds!(state == "running", "woken before its time: {state}");
    engine.time_passes(&run, "a")?;
    holds!(engine.is_due(&run, "a")?, "a wait that is over is not due");
    engine.sweeps(&run, "a")?;
    let state = engine.step(&run, "a", "status || output::text")?;
    holds!(state == "succeeded\"slept\"", "a is {state}");
    Ok(())
}

pub(in crate::flows) fn a_child_that_was_not_told_is_found(engine: &Engine) -> Told {
    let above = engine.starts(&one(&json!({ "kind": "flow" })))?;
    let attempt = engine.claims(&above, "a")?;
    let below = engine.starts_as(&one(&json!({})), "null", Some((&above, "a")))?;
    let delegate =
        json!({ "step_id": "a", "attempt": attempt, "outcome": "delegate", "child_run": below });
    engine.reports(&above, &delegate)?;
    engine.succeeds(&below, "a")?;
    holds!(!engine.is_due(&above, "a")?, "told before the end");
    let ended = engine.succeeds(&below, "~output")?;
    holds!(ended["parent_run"] == above, "whom to tell: {ended}");
    // Whoever was to tell died.
    holds!(
        engine.is_due(&above, "a")?,
        "the end that nobody told is not due"
    );
    engine.sweeps(&above, "a")?;
    let state = engine.step(&above, "a", "status || output::text")?;
    holds!(state == "succeeded\"~output\"", "the step above is {state}");
    let told = engine.run(&below, "told")?;
    holds!(told == "t", "it is told again and again");
    let end = "told || ' ' || finished_at";
    let before = engine.run(&below, end)?;
    engine.looks(&below, "a")?;
    let after = engine.run(&below, end)?;
    holds!(
        before == after,
        "a late message changes an end: {before}, {after}"
    );
    Ok(())
}

pub(in crate::flows) fn held_runs_begin_one_by_one(engine: &Engine) -> Told {
    engine.clears()?;
    let runs = [(); 3].map(|()| engine.starts_as(&one(&json!({})), "1", None));
    let [first, second, third] = runs;
    let (first, second, third) = (first?, second?, third?);
    let admit = "select orchestration.admit_runs(workspace_id, 'bare', 30000)::text from orchestration.runs limit 1";
    for held in [&second, &third] {
        let early = engine.looks(held, "a")?;
        holds!(early["claimed"].is_null(), "a held run is claimed: {early}");
        let early = engine.sweeps(held, "a")?;
        holds!(early["owed"].is_null(), "a held run is sent: {early}");
    }
    let listed = engine
        .one("select string_agg(flow_id, ' ') from orchestration.flows_with_held_runs(10)")?;
    holds!(listed == "bare", "flows with held runs: {listed}");
    for (ends, begins) in [(&first, &second), (&second, &third)] {
        let busy = engine.call(admit)?;
        holds!(busy == json!([]), "admitted while another runs: {busy}");
        engine.succeeds(ends, "a")?;
        let ended = engine.succeeds(ends, "~output")?;
        holds!(ended["admits"] == true, "the end of one: {ended}");
        let admitted = engine.call(admit)?;
        let hints = admitted.as_array().map(Vec::len);
        holds!(
            hints == Some(1) && admitted[0]["run_id"] == **begins,
            "admitted: {admitted}"
        );
    }
    engine.claims(&third, "a")?;
    engine.clears()
}

pub(in crate::flows) fn a_for_each_ends_with_its_last_item(engine: &Engine) -> Told {
    let run = engine.starts(&[
        step("a", 0, &["b"], &json!({ "kind": "map" })),
        step("b", 1, &[], &json!({})),
    ])?;
    let attempt = engine.claims(&run, "a")?;
    let child = |n: u32| json!({ "input": { "n": n }, "call_key": format!("00000000-0000-4000-8000-00000000010{n}") });
    let rules = json!({ "kind": "tool", "effect": "read", "max_attempts": 1, "undo": null });
    let expand = json!({ "step_id": "a", "attempt": attempt, "outcome": "expand", "window": 2, "child": rules,
                         "children": [child(0), child(1), child(2)] });
    engine.reports(&run, &expand)?;
    let state = states(engine, &run)?;
    holds!(
        state == "a running, a[0] ready, a[1] ready, a[2] waiting, b waiting",
        "expanded: {state}"
    );
    engine.succeeds(&run, "a[1]")?;
    let state = states(engine, &run)?;
    holds!(
        state == "a running, a[0] ready, a[1] succeeded, a[2] ready, b waiting",
        "after one: {state}"
    );
    engine.succeeds(&run, "a[2]")?;
    let state = engine.step(&run, "a", "status")?;
    holds!(state == "running", "with one item open it is {state}");
    engine.succeeds(&run, "a[0]")?;
    let state = engine.step(&run, "a", "status || output::text")?;
    holds!(
        state == r#"succeeded["a[0]", "a[1]", "a[2]"]"#,
        "at the end: {state}"
    );
    let state = engine.step(&run, "b", "status")?;
    holds!(state == "ready", "what follows is {state}");
    Ok(())
}

pub(in crate::flows) fn compensations_run_backwards(engine: &Engine) -> Told {
    let undo = json!({ "undo": { "tool_id": "undo", "effect": "keyed", "reads": [], "timeout_ms": 1000, "max_attempts": 2 } });
    let run = engine.starts(&[
        step("a", 0, &["b"], &undo),
        step("b", 1, &["c"], &undo),
        step("c", 1, &[], &json!({})),
    ])?;
    engine.succeeds(&run, "a")?;
    engine.succeeds(&run, "b")?;
    let attempt = engine.claims(&run, "c")?;
    let failed = json!({ "step_id": "c", "attempt": attempt, "outcome": "failed", "error": { "code": "upstream_4xx" } });
    let turned = engine.reports(&run, &failed)?;
    holds!(
        turned["state"] == "compensating",
        "after the failure: {turned}"
    );
    let early = engine.looks(&run, "a~compensate")?;
    holds!(
        early["claimed"].is_null(),
        "the first is undone first: {early}"
    );
    engine.succeeds(&run, "b~compensate")?;
    let ended = engine.succeeds(&run, "a~compensate")?;
    holds!(ended["state"] == "failed", "at the end: {ended}");
    let state = states(engine, &run)?;
    let all =
        "a compensated, a~compensate succeeded, b compensated, b~compensate succeeded, c failed";
    holds!(state == all, "at the end: {state}");
    Ok(())
}

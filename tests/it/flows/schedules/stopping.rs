//! Runs that stop while something of them is under way, and go on from there.

use serde_json::{Value, json};

use crate::flows::engine::{Engine, Told, holds, step, succeeded};

const NULL: &str = "null";

/// A for_each `a` of these items, all but the first so many claimed; `b` follows it.
fn expanded(engine: &Engine, change: &Value, items: u32, window: u32) -> Told<String> {
    let mut map = json!({ "kind": "map" });
    for (name, value) in change.as_object().into_iter().flatten() {
        map[name] = value.clone();
    }
    let run = engine.starts(&[
        step("a", 0, &["b"], &map),
        step("b", 1, &[], &json!({})),
        step("c", 0, &[], &json!({})),
    ])?;
    let attempt = engine.claims(&run, "a")?;
    let children: Vec<Value> = (0..items)
        .map(|n| json!({ "input": {}, "call_key": format!("00000000-0000-4000-8000-00000000010{n}") }))
        .collect();
    let effect = map.get("effect").cloned().unwrap_or(json!("read"));
    let rules = json!({ "kind": "tool", "effect": effect, "max_attempts": 1, "undo": null });
    let expand = json!({ "step_id": "a", "attempt": attempt, "outcome": "expand", "window": window, "child": rules,
                         "children": children });
    engine.reports(&run, &expand)?;
    Ok(run)
}

fn failed(step: &str, attempt: i64) -> Value {
    json!({ "step_id": step, "attempt": attempt, "outcome": "failed", "error": { "code": "upstream_4xx" } })
}

/// Two runs, one below the step `a` of the other, which knows it.
fn two_runs(engine: &Engine, change: &Value) -> Told<(String, String)> {
    let above = engine.starts(&[
        step("a", 0, &[], &json!({ "kind": "flow" })),
        step("c", 0, &[], &json!({})),
    ])?;
    let attempt = engine.claims(&above, "a")?;
    let below = engine.starts_as(&[step("x", 0, &[], change)], NULL, Some((&above, "a")))?;
    let delegate =
        json!({ "step_id": "a", "attempt": attempt, "outcome": "delegate", "child_run": below });
    engine.reports(&above, &delegate)?;
    Ok((above, below))
}

pub(in crate::flows) fn an_unknown_item_stops_the_run(engine: &Engine) -> Told {
    let run = expanded(
        engine,
        &json!({ "effect": "unsafe", "handles": true }),
        3,
        2,
    )?;
    engine.claims(&run, "a[0]")?;
    let other = engine.claims(&run, "a[1]")?;
    engine.time_passes(&run, "a[0]")?;
    engine.sweeps(&run, "a[0]")?;
    let states = engine.one(&format!(
        "select string_agg(step_id || ' ' || status, ', ' order by step_id)
         from orchestration.run_steps where run_id = '{run}'"
    ))?;
    holds!(
        states
            == "a cancelled, a[0] unknown, a[1] running, a[2] cancelled, b cancelled, c cancelled",
        "after the unknown item: {states}"
    );
    engine.reports(&run, &succeeded("a[1]", other, &json!(1)))?;
    let state = engine.run(&run, "status")?;
    holds!(state == "failed", "the run is {state}");
    let resumed = engine.resumes(&run, "{}")?;
    holds!(resumed["unknown"] == json!(["a[0]"]), "{resumed}");
    Ok(())
}

pub(in crate::flows) fn a_for_each_that_ended_while_stopping_is_joined(engine: &Engine) -> Told {
    let run = expanded(engine, &json!({}), 2, 2)?;
    let (first, second) = (engine.claims(&run, "a[0]")?, engine.claims(&run, "a[1]")?);
    let attempt = engine.claims(&run, "c")?;
    engine.reports(&run, &failed("c", attempt))?;
    engine.reports(&run, &succeeded("a[0]", first, &json!(1)))?;
    engine.reports(&run, &succeeded("a[1]", second, &json!(2)))?;
    let state = engine.run(&run, "status")?;
    holds!(state == "failed", "the run is {state}");
    let resumed = engine.resumes(&run, "{}")?;
    holds!(resumed["outcome"] == "resumed", "{resumed}");
    let state = engine.step(&run, "a", "status || output::text")?;
    holds!(state == "succeeded[1, 2]", "the for_each is {state}");
    for step in ["b", "c", "~output"] {
        engine.succeeds(&run, step)?;
    }
    let state = engine.run(&run, "status || ' ' || open_steps")?;
    holds!(state == "succeeded 0", "the run is {state}");
    Ok(())
}

pub(in crate::flows) fn nothing_starts_below_a_stopped_run(engine: &Engine) -> Told {
    let above = engine.starts(&[step("a", 0, &[], &json!({ "kind": "flow" }))])?;
    let attempt = engine.claims(&above, "a")?;
    engine.cancels(&above)?;
    let started = engine.starts_as(&[step("x", 0, &[], &json!({}))], NULL, Some((&above, "a")));
    holds!(
        started
            .as_ref()
            .is_err_and(|why| why.contains(r#""outcome":"over""#)),
        "below a cancelled run: {started:?}"
    );
    let stopped = json!({ "step_id": "a", "attempt": attempt, "outcome": "stopped" });
    let turned = engine.reports(&above, &stopped)?;
    holds!(turned["state"] == "cancelled", "{turned}");
    Ok(())
}

pub(in crate::flows) fn a_cancel_reaches_runs_that_no_step_knows(engine: &Engine) -> Told {
    let above = engine.starts(&[step("a", 0, &[], &json!({ "kind": "flow" }))])?;
    engine.claims(&above, "a")?;
    // Its worker started the run and died before it said so.
    let below = engine.starts_as(&[step("x", 0, &[], &json!({}))], NULL, Some((&above, "a")))?;
    engine.cancels(&above)?;
    let state = engine.run(&below, "status")?;
    holds!(state == "cancelled", "the run below is {state}");
    Ok(())
}

pub(in crate::flows) fn a_cancel_of_a_failing_run_reaches_the_runs_below(engine: &Engine) -> Told {
    let (above, below) = two_runs(engine, &json!({}))?;
    let attempt = engine.claims(&above, "c")?;
    engine.reports(&above, &failed("c", attempt))?;
    let state = engine.cancels(&above)?;
    holds!(state == "failed", "the run is {state}");
    let state = engine.run(&below, "status")?;
    holds!(state == "cancelled", "the run below is {state}");
    Ok(())
}

pub(in crate::flows) fn unknown_steps_below_are_confirmed_by_their_whole_name(
    engine: &Engine,
) -> Told {
    let (above, below) = two_runs(engine, &json!({ "effect": "unsafe" }))?;
    engine.claims(&below, "x")?;
    engine.time_passes(&below, "x")?;
    engine.sweeps(&below, "x")?;
    engine.looks(&above, "a")?;
    let state = engine.run(&above, "status")?;
    holds!(state == "failed", "the run is {state}");
    for confirmed in ["{}", "{x}", "{a}"] {
        let resumed = engine.resumes(&above, confirmed)?;
        holds!(
            resumed["outcome"] == "unconfirmed" && resumed["unknown"] == json!(["a/x"]),
            "confirmed {confirmed}: {resumed}"
        );
        let state = engine.run(&below, "status")?;
        holds!(state == "failed", "the run below is {state} already");
    }
    let resumed = engine.resumes(&above, "{a/x}")?;
    let hints: Vec<&str> = resumed["owed"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|owed| owed["step_id"].as_str())
        .collect();
    holds!(
        hints.contains(&"x") && hints.contains(&"c"),
        "who is told: {resumed}"
    );
    engine.succeeds(&below, "x")?;
    engine.succeeds(&below, "~output")?;
    engine.looks(&above, "a")?;
    let state = engine.step(&above, "a", "status")?;
    holds!(state == "succeeded", "the step above is {state}");
    Ok(())
}

pub(in crate::flows) fn a_held_run_that_is_resumed_waits_again(engine: &Engine) -> Told {
    engine.clears()?;
    let bare = [step("a", 0, &[], &json!({}))];
    let first = engine.starts_as(&bare, "1", None)?;
    let second = engine.starts_as(&bare, "1", None)?;
    engine.cancels(&second)?;
    let resumed = engine.resumes(&second, "{}")?;
    holds!(resumed["owed"].is_null(), "it is sent: {resumed}");
    let looked = engine.looks(&second, "a")?;
    holds!(
        looked["claimed"].is_null() && looked["owed"].is_null(),
        "it is looked at: {looked}"
    );
    // One that ran takes its turn as well.
    engine.cancels(&first)?;
    let third = engine.starts_as(&bare, "1", None)?;
    let state = engine.run(&third, "admitted")?;
    holds!(state == "f", "it overtakes the one that waits");
    let admit = "select orchestration.admit_runs(workspace_id, 'bare', 30000)::text from orchestration.runs limit 1";
    let admitted = engine.call(admit)?;
    holds!(
        admitted[0]["run_id"] == second.as_str(),
        "admitted: {admitted}"
    );
    let resumed = engine.resumes(&first, "{}")?;
    holds!(resumed["owed"].is_null(), "two at once: {resumed}");
    engine.claims(&second, "a")?;
    engine.clears()
}

pub(in crate::flows) fn a_resumed_run_has_its_time_and_attempts_once_more(engine: &Engine) -> Told {
    let run = engine.starts(&[step("a", 0, &[], &json!({ "max_attempts": 2 }))])?;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let left = engine.run(
            &run,
            "extract(epoch from deadline_at - now())::int between 590 and 600",
        )?;
        holds!(left == "t", "its time is not its flow's");
        engine.rows(&format!(
            "update orchestration.runs set created_at = created_at - interval '10 days' where id = '{run}'"
        ))?;
        let last = engine.step(&run, "a", "max_attempts - attempt")?;
        seen.push(last);
        let attempt = engine.claims(&run, "a")?;
        engine.reports(&run, &failed("a", attempt))?;
        engine.resumes(&run, "{}")?;
    }
    holds!(seen == ["2", "2", "2"], "attempts that it had: {seen:?}");
    Ok(())
}

pub(in crate::flows) fn a_lost_call_of_a_stopped_run_is_unknown(engine: &Engine) -> Told {
    let run = engine.starts(&[step("a", 0, &[], &json!({ "effect": "keyed" }))])?;
    engine.claims(&run, "a")?;
    let key = engine.step(&run, "a", "call_key")?;
    engine.cancels(&run)?;
    engine.time_passes(&run, "a")?;
    engine.sweeps(&run, "a")?;
    let state = engine.step(&run, "a", "status")?;
    holds!(state == "unknown", "a is {state}");
    // Its key tells, so nobody has to confirm it.
    let resumed = engine.resumes(&run, "{}")?;
    holds!(resumed["outcome"] == "resumed", "{resumed}");
    let state = engine.step(&run, "a", "status || call_key")?;
    holds!(state == format!("ready{key}"), "a is {state}");
    Ok(())
}

pub(in crate::flows) fn what_may_be_undone_does_not_go_on(engine: &Engine) -> Told {
    let undo = json!({ "undo": { "tool_id": "undo", "effect": "unsafe", "reads": [], "timeout_ms": 1000, "max_attempts": 1 } });
    let run = engine.starts(&[step("a", 0, &["c"], &undo), step("c", 1, &[], &json!({}))])?;
    engine.succeeds(&run, "a")?;
    let attempt = engine.claims(&run, "c")?;
    engine.reports(&run, &failed("c", attempt))?;
    engine.claims(&run, "a~compensate")?;
    engine.time_passes(&run, "a~compensate")?;
    engine.sweeps(&run, "a~compensate")?;
    let state = engine.run(&run, "status")?;
    holds!(state == "failed", "the run is {state}");
    let resumed = engine.resumes(&run, "{}")?;
    holds!(resumed["outcome"] == "compensated", "{resumed}");
    Ok(())
}

pub(in crate::flows) fn late_workers_of_before_a_resume_are_fenced(engine: &Engine) -> Told {
    let undo = json!({ "undo": { "tool_id": "undo", "effect": "keyed", "reads": [], "timeout_ms": 1000, "max_attempts": 1 } });
    let run = engine.starts(&[step("a", 0, &["c"], &undo), step("c", 1, &[], &json!({}))])?;
    engine.succeeds(&run, "a")?;
    engine.succeeds(&run, "c")?;
    let old = engine.claims(&run, "~output")?;
    let error = json!({ "step_id": "~output", "attempt": old, "outcome": "failed", "error": { "code": "expression_failed" } });
    engine.reports(&run, &error)?;
    let attempt = engine.claims(&run, "a~compensate")?;
    let refused = failed("a~compensate", attempt);
    engine.reports(&run, &refused)?;
    engine.resumes(&run, "{}")?;
    let new = engine.claims(&run, "~output")?;
    holds!(new == old + 1, "the output's attempt is {new} again");
    let late = engine.reports(&run, &succeeded("~output", old, &json!("old")))?;
    holds!(late["fenced"] == 1, "{late}");
    Ok(())
}

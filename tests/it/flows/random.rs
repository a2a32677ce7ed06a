//! Random flows with random failures, run by the engine and compared with a simple model of what must come of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use testkit::upstream::Reply;
use testkit::{Answer, TestApp};

use super::acts::{plain, ran, state, step};
use super::saved;

/// A small generator of numbers (SplitMix64), so that a case is its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

/// What becomes of a step, if it runs.
#[derive(Clone, Copy, PartialEq)]
enum Plan {
    Transform,
    Each,
    /// A tool that succeeds after so many failures, with three attempts.
    Tool(u64),
    /// A tool that fails for good, and whether that is borne.
    Fails(bool),
    /// `when` is false.
    Unwanted,
}

struct Drawn {
    plan: Plan,
    always: bool,
    needs: Vec<usize>,
}

fn draw(dice: &mut Dice) -> Vec<Drawn> {
    let size = 3 + dice.roll(10);
    let mut flaky = 0;
    (0..size)
        .map(|n| {
            let plan = match dice.roll(12) {
                0..=3 => Plan::Transform,
                4 | 5 => Plan::Each,
                // A tool may be tried again ten times in a minute.
                6 | 7 if flaky < 3 => {
                    flaky += 1;
                    Plan::Tool(dice.roll(4))
                }
                6..=8 => Plan::Tool(0),
                9 => Plan::Fails(true),
                10 => Plan::Fails(dice.roll(3) > 0),
                _ => Plan::Unwanted,
            };
            let needs = (0..n)
                .filter(|_| dice.roll(3) == 0)
                .map(|it| usize::try_from(it).unwrap());
            Drawn {
                plan,
                needs: needs.collect(),
                always: dice.roll(4) == 0,
            }
        })
        .collect()
}

fn written(case: u64, drawn: &[Drawn]) -> Value {
    let step = |(n, it): (usize, &Drawn)| {
        let needs: Vec<String> = it.needs.iter().map(|need| format!("s{need}")).collect();
        let mut step = json!({ "id": format!("s{n}"), "depends_on": needs });
        if it.always {
            step["run_if"] = json!("always");
        }
        if matches!(it.plan, Plan::Each | Plan::Tool(_) | Plan::Fails(_)) {
            step["tool"] = json!(format!("call_{case}"));
            step["input"] = json!({ "key": format!("{case}-{n}") });
        }
        match it.plan {
            Plan::Transform => step["transform"] = json!(n),
            Plan::Unwanted => {
                step["transform"] = json!(n);
                step["when"] = json!("{{ input.no }}");
            }
            Plan::Each => step["for_each"] = json!("{{ range(3) | list }}"),
            Plan::Tool(_) => {
                step["retry"] = json!({ "max_attempts": 3, "backoff_ms": 1 });
            }
            Plan::Fails(borne) => {
                step["on_error"] = if borne {
                    json!("continue")
                } else {
                    json!("fail")
                };
            }
        }
        step
    };
    let steps: Vec<Value> = drawn.iter().enumerate().map(step).collect();
    let outputs: Vec<String> = (0..drawn.len())
        .map(|n| format!("{{{{ steps.s{n}.output }}}}"))
        .collect();
    json!({ "id": format!("f{case}"), "name": "f", "steps": steps, "output": outputs })
}

/// Each step's state as if nothing ended the run early, and whether something does.
fn expected(drawn: &[Drawn]) -> (Vec<&'static str>, bool) {
    let mut states: Vec<&'static str> = Vec::new();
    let mut fails = false;
    // A step behind a fatal failure never begins.
    let mut dead: Vec<bool> = Vec::new();
    for it in drawn {
        let behind = it.needs.iter().any(|need| dead[*need]);
        let skipped = !it.always && it.needs.iter().any(|need| states[*need] == "skipped");
        let (state, fatal) = match it.plan {
            _ if skipped => ("skipped", false),
            _ if behind => ("cancelled", false),
            Plan::Unwanted => ("skipped", false),
            Plan::Transform | Plan::Each | Plan::Tool(0..=2) => ("succeeded", false),
            Plan::Tool(_) => ("failed", true),
            Plan::Fails(borne) => ("failed", !borne),
        };
        fails |= fatal;
        states.push(state);
        // Skipped as soon as one of its needs is, whatever the others come to.
        dead.push(state != "skipped" && (behind || fatal));
    }
    (states, fails)
}

/// The steps that have ended before this one begins. A skipped step waits only for the first of its needs that is skipped.
fn before(drawn: &[Drawn], states: &[&str], step: usize) -> Vec<usize> {
    let mut before = Vec::new();
    let mut open = drawn[step].needs.clone();
    while let Some(need) = open.pop() {
        if before.contains(&need) {
            continue;
        }
        before.push(need);
        if states[need] != "skipped" {
            open.extend(&drawn[need].needs);
        }
    }
    before
}

fn output(n: usize, plan: Plan, state: &str) -> Value {
    match plan {
        _ if state != "succeeded" => Value::Null,
        Plan::Transform | Plan::Unwanted => json!(n),
        Plan::Each => json!([{ "ok": n }, { "ok": n }, { "ok": n }]),
        Plan::Tool(_) | Plan::Fails(_) => json!({ "ok": n }),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_flows_come_to_what_a_simple_model_says() {
    let cases = std::env::var("FLOW_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let plans: Arc<Mutex<HashMap<String, (usize, Plan)>>> = Arc::default();
    let seen = Arc::clone(&plans);
    let reply = move |request: &testkit::Captured| {
        let key = request.query()[0].1.clone();
        let mut plans = seen.lock().unwrap();
        let (n, plan) = plans.get_mut(&key).unwrap();
        match plan {
            // Not 503: many of those in a row pause a whole host.
            Plan::Tool(left) if *left > 0 => {
                *left -= 1;
                Answer::text("later").status(429).into()
            }
            Plan::Fails(_) => Answer::text("no").status(404).into(),
            _ => Reply::from(json!({ "ok": *n })),
        }
    };
    app.upstream().on("/do", Reply::made(reply));
    let mut steps = 0;
    for case in 0..cases {
        let drawn = draw(&mut Dice(case));
        steps += drawn.len();
        for (n, it) in drawn.iter().enumerate() {
            plans
                .lock()
                .unwrap()
                .insert(format!("{case}-{n}"), (n, it.plan));
        }
        alice
            .registers(plain("GET", "/do", &format!("call_{case}")))
            .await;
        let flow = written(case, &drawn);
        saved(&alice, &flow).await;
        let run = ran(&alice, &format!("f{case}"), json!({ "no": false })).await;
        let (states, fails) = expected(&drawn);
        let told = format!("case {case}: {flow:#}\n{run:#}");
        assert_eq!(
            run["status"],
            if fails { "failed" } else { "succeeded" },
            "{told}"
        );
        let fatal = run["error"]["step_id"].as_str();
        let fatal: Option<usize> = fatal.map(|id| id[1..].parse().unwrap());
        let through = fatal.map_or_else(Vec::new, |fatal| before(&drawn, &states, fatal));
        for (n, state_expected) in states.iter().enumerate() {
            let id = format!("s{n}");
            let is = state(&run, &id);
            // After a fatal failure, what had not begun is cancelled, and what was under way finishes, but is not tried again.
            let flaky = matches!(drawn[n].plan, Plan::Tool(failures) if failures > 0);
            assert!(
                is == *state_expected
                    || (fails && !through.contains(&n) && is == "cancelled")
                    || (fails && !through.contains(&n) && flaky && is == "failed"),
                "{id} is {is}: {told}"
            );
            let own = &step(&run, &id)["output"];
            if is == *state_expected {
                assert_eq!(*own, output(n, drawn[n].plan, is), "{id}: {told}");
            }
        }
        if fails {
            let fatal = format!("s{}", fatal.expect("a step that failed"));
            assert_eq!(state(&run, &fatal), "failed", "{told}");
        } else {
            let outputs: Vec<Value> = states
                .iter()
                .enumerate()
                .map(|(n, it)| output(n, drawn[n].plan, it))
                .collect();
            assert_eq!(run["output"], json!(outputs), "{told}");
        }
    }
    eprintln!("{cases} random flows with {steps} steps");
}

//! What must be true of every run that has ended, read from the database and from what the upstream was sent.

mod rows;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::engine::{Engine, step};
use super::session::Session;

/// What an upstream was asked to do.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    /// Whether it may happen once only, and honours no key.
    pub(super) is_unsafe: bool,
    /// The key that it came with.
    pub(super) key: Option<String>,
    /// Which step wanted it, as `run/step`.
    pub(super) of: String,
}

/// Violations by the invariant's name; an invariant that holds has an empty list.
pub(super) type Violations = BTreeMap<&'static str, Vec<String>>;

/// Judges a database in which nothing is under way any more.
pub(super) fn violations(session: &mut Session, effects: &[Effect]) -> Violations {
    let mut all = rows::violations(session);
    all.extend(told::violations(session));
    all.extend(of_effects(session, effects));
    all
}

fn of_effects(session: &mut Session, effects: &[Effect]) -> Violations {
    let mut by_step: BTreeMap<&str, Vec<&Effect>> = BTreeMap::new();
    for effect in effects {
        by_step.entry(&effect.of).or_default().push(effect);
    }
    let (mut twice, mut keys) = (Vec::new(), Vec::new());
    for (of, effects) in &by_step {
        if effects.iter().any(|effect| effect.is_unsafe) && effects.len() > 1 {
            twice.push(format!("{of}: {} times", effects.len()));
        }
        let used: BTreeSet<_> = effects.iter().map(|effect| effect.key.as_ref()).collect();
        if used.len() > 1 {
            keys.push(format!("{of}: {used:?}"));
        }
    }
    let made = session.run(
        "select run_id || '/' || step_id from orchestration.run_steps
         where kind in ('tool', 'compensation') and status in ('succeeded', 'compensated') and effect <> 'read'",
    );
    let missing = made
        .unwrap()
        .into_iter()
        .filter_map(|mut row| row.pop().flatten());
    let missing = missing.filter(|of| !by_step.contains_key(of.as_str()));
    BTreeMap::from([
        ("an unsafe effect happens once at most", twice),
        ("all attempts of a call have one key", keys),
        ("what succeeded has had its effect", missing.collect()),
    ])
}

/// Runs of several shapes, all of them ended, with the effects that they had.
fn some_runs(engine: &Engine) -> Vec<Effect> {
    let undo = json!({ "undo": { "tool_id": "undo", "effect": "read", "reads": [], "timeout_ms": 1000, "max_attempts": 2 } });
    let map = engine
        .starts(&[
            step("a", 0, &["b"], &json!({ "kind": "map" })),
            step("b", 1, &[], &json!({})),
        ])
        .unwrap();
    let attempt = engine.claims(&map, "a").unwrap();
    let child = |n: u32| json!({ "input": {}, "call_key": format!("00000000-0000-4000-8000-00000000010{n}") });
    let rules = json!({ "kind": "tool", "effect": "read", "max_attempts": 1, "undo": null });
    let expand = json!({ "step_id": "a", "attempt": attempt, "outcome": "expand", "window": 2, "child": rules,
                         "children": [child(0), child(1)] });
    engine.reports(&map, &expand).unwrap();
    for name in ["a[1]", "a[0]", "b", "~output"] {
        engine.succeeds(&map, name).unwrap();
    }
    let undone = engine
        .starts(&[
            step("a", 0, &["b"], &undo),
            step("b", 1, &["c"], &undo),
            step("c", 1, &[], &json!({})),
        ])
        .unwrap();
    engine.succeeds(&undone, "a").unwrap();
    engine.succeeds(&undone, "b").unwrap();
    let attempt = engine.claims(&undone, "c").unwrap();
    let failed = json!({ "step_id": "c", "attempt": attempt, "outcome": "failed", "error": { "code": "x" } });
    engine.reports(&undone, &failed).unwrap();
    engine.succeeds(&undone, "b~compensate").unwrap();
    engine.succeeds(&undone, "a~compensate").unwrap();
    let above = engine
        .starts(&[step("a", 0, &[], &json!({ "kind": "flow" }))])
        .unwrap();
    let attempt = engine.claims(&above, "a").unwrap();
    let send = [step("send", 0, &[], &json!({ "effect": "unsafe" }))];
    let below = engine
        .starts_as(&send, "null", Some((&above, "a")))
        .unwrap();
    let delegate =
        json!({ "step_id": "a", "attempt": attempt, "outcome": "delegate", "child_run": below });
    engine.reports(&above, &delegate).unwrap();
    engine.succeeds(&below, "send").unwrap();
    engine.succeeds(&below, "~output").unwrap();
    engine.sweeps(&above, "a").unwrap();
    engine.succeeds(&above, "~output").unwrap();
    let late = engine
        .starts(&[step("a", 0, &[], &json!({})), step("b", 0, &[], &json!({}))])
        .unwrap();
    engine.claims(&late, "a").unwrap();
    engine.cancels(&late).unwrap();
    let result = super::engine::succeeded("a", 1, &json!(1));
    engine.reports(&late, &result).unwrap();
    let effect = Effect {
        is_unsafe: true,
        key: Some("key".to_owned()),
        of: format!("{below}/send"),
    };
    vec![effect]
}

/// Changes of finished runs that each break one invariant (others may break with it).
const BREAKAGES: [(&str, &str); 13] = [
    (
        "every run ends",
        "update orchestration.runs set status = 'running', finished_at = null where parent_run_id is not null",
    ),
    (
        "an ended run has nothing open",
        "update orchestration.runs set open_steps = 1",
    ),
    (
        "a success is applied once",
        "delete from orchestration.step_attempts where step_id = 'b'",
    ),
    (
        "every attempt ends once",
        "update orchestration.run_steps set attempt = 2, max_attempts = 5 where step_id = 'b'",
    ),
    (
        "nothing runs before what it needs",
        "update orchestration.run_steps set dependants = '{a}' where step_id = 'b'",
    ),
    (
        "a for_each has all its items",
        "delete from orchestration.run_steps where step_id = 'a[0]'",
    ),
    (
        "a for_each answers in order",
        "update orchestration.run_steps set output = '[2, 1]' where kind = 'map'",
    ),
    (
        "attempts are limited",
        "update orchestration.run_steps set attempt = 12 where step_id = 'b'",
    ),
    (
        "nothing is claimed after a stop",
        "update orchestration.run_events set kind = 'step.running' where kind = 'step.cancelled'",
    ),
    (
        "events have no gaps",
        "delete from orchestration.run_events where seq = 2",
    ),
    (
        "every change is allowed",
        "update orchestration.run_events set kind = 'step.skipped' where kind = 'step.running'",
    ),
    (
        "compensations run backwards",
        "update orchestration.run_steps set done_seq = -done_seq where kind = 'compensation'",
    ),
    (
        "parents are told",
        "update orchestration.runs set told = false where parent_run_id is not null",
    ),
];

#[tokio::test]
async fn each_breakage_is_seen_and_good_runs_break_nothing() {
    let engine = Engine::start().await;
    let effects = some_runs(&engine);
    let mut session = engine.session().unwrap();
    let good = violations(&mut session, &effects);
    assert!(good.values().all(Vec::is_empty), "{good:#?}");
    let mut seen = BTreeSet::new();
    for (name, breakage) in BREAKAGES {
        session.run("begin").unwrap();
        session.run(breakage).unwrap();
        let found = violations(&mut session, &effects);
        session.run("rollback").unwrap();
        assert!(!found[name].is_empty(), "{name}: {found:#?}");
        seen.insert(name);
    }
    let again: Vec<Effect> = [&effects[..], &effects[..]].concat();
    let other = Effect {
        key: None,
        ..effects[0].clone()
    };
    for (name, effects) in [
        ("an unsafe effect happens once at most", again),
        (
            "all attempts of a call have one key",
            vec![effects[0].clone(), other],
        ),
        ("what succeeded has had its effect", vec![]),
    ] {
        let found = violations(&mut session, &effects);
        assert!(!found[name].is_empty(), "{name}: {found:#?}");
        seen.insert(name);
    }
    let names: BTreeSet<&str> = good.into_keys().collect();
    assert_eq!(seen, names, "each invariant has a breakage");
}

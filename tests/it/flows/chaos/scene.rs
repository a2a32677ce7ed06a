//! The flows that live through the chaos, and the upstream that remembers what was done.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use testkit::upstream::{Captured, Reply};
use testkit::{Answer, FakeUpstream, Persona, ToolBuilder};

use super::chance::Chance;
use super::points::{Point, Surroundings};
use crate::flows::invariants::Effect;
use crate::flows::saved;

/// The flows' ids.
pub(super) const FLOWS: [&str; 7] = [
    "chain", "fan", "items", "retried", "undone", "above", "mailed",
];

/// What the upstream was asked to do so far.
pub(super) type Effects = Arc<Mutex<Vec<Effect>>>;

/// Answers, and kills the worker that calls where it is to die.
pub(super) fn script(
    upstream: &FakeUpstream,
    workers: &[Surroundings],
    effects: &Effects,
    chance: &Chance,
) {
    upstream.on("/look", json!({ "price": 7 }));
    let luck = chance.clone();
    let flaky = move |_: &Captured| -> Reply {
        match luck.below(10) < 4 {
            true => Answer::text("down").status(503).into(),
            false => Answer::json(&json!({ "price": 8 })).into(),
        }
    };
    upstream.on("/flaky", Reply::made(flaky));
    for path in ["/keep", "/send", "/undo", "/refuse"] {
        let (workers, effects) = (workers.to_vec(), Arc::clone(effects));
        let made = move |request: &Captured| called(path, request, &workers, &effects);
        upstream.on(path, Reply::made(made));
    }
}

fn called(path: &str, request: &Captured, workers: &[Surroundings], effects: &Effects) -> Reply {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let of = body["of"].as_str().unwrap().to_owned();
    let run = of.split('/').next().unwrap_or_default().to_owned();
    if path != "/refuse" {
        effects.lock().unwrap().push(Effect {
            is_unsafe: path == "/send",
            key: request.header("idempotency-key").map(str::to_owned),
            of: of.clone(),
        });
    }
    let dies = |point| {
        let mut callers = workers.iter().filter(|worker| worker.has(&run));
        callers.any(|worker| worker.reaches(point))
    };
    if dies(Point::CallHeld) {
        return Reply::Hang(Vec::new());
    }
    dies(Point::CallAnswered);
    let status = if path == "/refuse" { 422 } else { 200 };
    Answer::json(&json!({ "of": of })).status(status).into()
}

/// Saves the tools and the flows.
pub(super) async fn saves(alice: &Persona) {
    for path in ["/look", "/flaky"] {
        let tool = ToolBuilder::get(path).id(&path[1..]);
        alice.registers(tool.set("/api/timeout_ms", 1_500)).await;
    }
    for path in ["/keep", "/send", "/undo", "/refuse"] {
        let tool = ToolBuilder::post(path)
            .id(&path[1..])
            .set("/api/timeout_ms", 1_500);
        let tool = match path {
            "/keep" | "/undo" => tool.set("/idempotency", json!({})),
            _ => tool,
        };
        alice.registers(tool).await;
    }
    let call = |id: &str, tool: &str, after: &[&str]| json!({ "id": id, "tool": tool, "input": { "of": format!("{{{{ run.id }}}}/{id}") }, "depends_on": after });
    let undone = |id: &str, after: &[&str]| {
        let mut step = call(id, "keep", after);
        step["compensate"] = json!({ "tool": "undo", "input": { "of": format!("{{{{ run.id }}}}/{id}~compensate") } });
        step
    };
    let look = |id: &str, tool: &str| json!({ "id": id, "tool": tool, "retry": { "max_attempts": 10, "backoff_ms": 10 } });
    let items = json!({ "id": "items", "tool": "keep", "for_each": [0, 1, 2, 3, 4, 5], "max_concurrency": 2,
                        "input": { "of": "{{ run.id }}/items[{{ index }}]" } });
    let sum = json!({ "id": "sum", "transform": "{{ steps.items.output | map(attribute='of') | list }}" });
    let join = json!({ "id": "join", "transform": "{{ [steps.a.output.price, steps.b.output.of, steps.c.output.price] }}" });
    for (id, steps) in [
        (
            "chain",
            json!([
                look("a", "look"),
                call("b", "keep", &["a"]),
                call("c", "keep", &["b"]),
                call("d", "keep", &["c"])
            ]),
        ),
        (
            "fan",
            json!([
                look("a", "look"),
                call("b", "keep", &[]),
                look("c", "flaky"),
                join
            ]),
        ),
        ("items", json!([items, sum])),
        (
            "retried",
            json!([look("a", "flaky"), call("b", "keep", &["a"])]),
        ),
        (
            "undone",
            json!([
                undone("a", &[]),
                undone("b", &["a"]),
                undone("c", &["b"]),
                call("d", "refuse", &["c"])
            ]),
        ),
        (
            "above",
            json!([{ "id": "a", "flow": "chain" }, call("b", "keep", &["a"])]),
        ),
        (
            "mailed",
            json!([
                call("a", "keep", &[]),
                call("b", "send", &["a"]),
                call("c", "keep", &["b"])
            ]),
        ),
    ] {
        saved(alice, &json!({ "id": id, "name": id, "steps": steps })).await;
    }
}

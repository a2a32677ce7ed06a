//! What the tests of flows share: a small flow around one expression, and the faults of a document in short.

mod badinputs;
mod checks;
mod definitions;
mod drawings;
mod expressions;
mod graphs;
mod hostile;
mod properties;
mod works;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::fault::Fault;

/// The example of the design.
fn example() -> Value {
    json!({
        "id": "ticker_brief", "name": "Ticker brief",
        "description": "Quote and news for a list of tickers",
        "input_schema": {
            "type": "object", "required": ["symbols"],
            "properties": { "symbols": { "type": "array", "items": { "type": "string" } } } },
        "steps": [
            { "id": "quotes", "tool": "get_stock_quote", "for_each": "{{ input.symbols }}",
              "max_concurrency": 10, "input": { "symbol": "{{ item }}" },
              "retry": { "max_attempts": 3, "backoff_ms": 500 }, "timeout_ms": 30000 },
            { "id": "best",
              "transform": "{{ steps.quotes.output | selectattr('price', 'gt', 100) | list }}" },
            { "id": "mail", "tool": "send_mail", "when": "{{ steps.best.output | length > 0 }}",
              "input": { "text": "{{ steps.best.output }}" }, "on_error": "continue",
              "compensate": null }
        ],
        "output": { "best": "{{ steps.best.output }}" }
    })
}

/// A flow of these steps.
fn of(steps: &Value) -> Value {
    json!({ "name": "A flow", "steps": steps })
}

/// Pointers and codes of a document's faults.
fn told(document: &Value) -> Vec<(String, &'static str)> {
    short(&read(document).err().unwrap_or_default())
}

/// Every fault says what to do about it, in its hint or since it says what is expected.
fn short(faults: &[Fault]) -> Vec<(String, &'static str)> {
    const EXPECTED: [&str; 6] = [
        "required",
        "invalid_type",
        "invalid_value",
        "invalid_length",
        "out_of_range",
        "too_large",
    ];
    for fault in faults {
        let plain = EXPECTED.contains(&fault.code) || fault.message.contains("expression");
        assert!(fault.hint.is_some() || plain, "{fault:?}");
    }
    let short = faults
        .iter()
        .map(|fault| (fault.pointer.clone(), fault.code));
    short.collect()
}

fn ids(ids: &[StepId]) -> Vec<&str> {
    ids.iter().map(StepId::as_str).collect()
}

/// What steps are to expressions in most tests.
struct World {
    input: Value,
    run: Value,
    steps: BTreeMap<String, StepView>,
}

impl World {
    fn new(input: Value) -> Self {
        let run = json!({ "id": "r1", "flow_id": "f", "version": 3, "started_at": "2026-01-01T00:00:00Z" });
        let quotes = json!({ "symbol": "ABC", "price": 185.2, "tags": ["a", "b"], "none": null });
        let steps = [
            ("a", "succeeded", quotes, Value::Null),
            ("bad", "failed", Value::Null, json!({ "code": "timeout" })),
        ];
        let steps = steps.map(|(id, status, output, error)| {
            let status = status.to_owned();
            let view = StepView {
                status,
                output,
                error,
            };
            (id.to_owned(), view)
        });
        Self {
            input,
            run,
            steps: steps.into(),
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            input: &self.input,
            run: &self.run,
            steps: &self.steps,
            item: None,
            index: None,
        }
    }
}

/// A flow whose step `x` computes this template; it may read the steps `a` and `bad`.
fn computing(template: &Value) -> Value {
    of(&json!([
        { "id": "a", "transform": 1 },
        { "id": "bad", "transform": 1 },
        { "id": "x", "transform": template },
    ]))
}

/// What a template comes to.
fn rendered(template: &Value, world: &World) -> Result<Value, String> {
    let flow = read(&computing(template)).map_err(|faults| format!("{faults:?}"))?;
    match work(flow.step("x").unwrap(), &world.scope()) {
        Ok(Work::Done(value)) => Ok(value),
        Ok(other) => Err(format!("{other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

//! What steps come to.

use std::time::Duration;

use super::*;

fn world() -> World {
    World::new(json!({ "list": ["a", "b"], "none": [], "ms": 1500, "o": { "k": 1 }, "no": null }))
}

fn step(mut step: Value) -> Step {
    step["id"] = json!("x");
    let others = [
        json!({ "id": "a", "transform": 1 }),
        json!({ "id": "bad", "transform": 1 }),
    ];
    let mut steps = others.to_vec();
    steps.push(step);
    read(&of(&json!(steps))).unwrap().step("x").unwrap().clone()
}

fn comes_to(value: Value) -> Result<Work, String> {
    work(&step(value), &world().scope()).map_err(|error| error.to_string())
}

fn call(input: Value) -> Result<Work, String> {
    let tool = "t".parse().unwrap();
    Ok(Work::Call { tool, input })
}

#[test]
fn a_step_comes_to_its_work() {
    let run = Work::Run {
        flow: "f".parse().unwrap(),
        input: json!({ "a": 1 }),
    };
    let sleep = |ms| Ok(Work::Sleep(Duration::from_millis(ms)));
    for (value, work) in [
        (json!({ "tool": "t" }), call(json!({}))),
        (
            json!({ "tool": "t", "input": { "a": "{{ input.ms }}" } }),
            call(json!({ "a": 1500 })),
        ),
        (
            json!({ "tool": "t", "input": "{{ input.o }}" }),
            call(json!({ "k": 1 })),
        ),
        (json!({ "flow": "f", "input": { "a": 1 } }), Ok(run)),
        (
            json!({ "transform": ["{{ steps.a.output.price }}"] }),
            Ok(Work::Done(json!([185.2]))),
        ),
        (json!({ "wait": { "duration_ms": 0 } }), sleep(0)),
        (
            json!({ "wait": { "duration_ms": "{{ input.ms / 2 }}" } }),
            sleep(750),
        ),
        (json!({ "wait": { "signal": "x" } }), Ok(Work::Await)),
        (json!({ "wait": { "approval": "x" } }), Ok(Work::Await)),
        (json!({ "tool": "t", "when": false }), Ok(Work::Skip)),
        (
            json!({ "tool": "t", "when": "{{ input.ms > 2000 }}" }),
            Ok(Work::Skip),
        ),
        (
            json!({ "tool": "t", "when": "{{ input.no }}" }),
            Ok(Work::Skip),
        ),
        (
            json!({ "tool": "t", "when": "{{ steps.a.status == 'succeeded' }}" }),
            call(json!({})),
        ),
        (
            json!({ "tool": "t", "for_each": "{{ input.none }}" }),
            Ok(Work::Expand(vec![])),
        ),
        (
            json!({ "transform": 1, "for_each": [] }),
            Ok(Work::Done(json!([]))),
        ),
        (
            json!({ "transform": "{{ index }}{{ item }}", "for_each": "{{ input.list }}" }),
            Ok(Work::Done(json!(["0a", "1b"]))),
        ),
        // Nothing of a skipped step is evaluated.
        (
            json!({ "tool": "t", "when": false, "input": { "a": "{{ 1 / 0 }}" } }),
            Ok(Work::Skip),
        ),
    ] {
        assert_eq!(comes_to(value.clone()), work, "{value}");
    }
}

#[test]
fn a_list_comes_to_its_items() {
    let each = json!({ "tool": "t", "for_each": "{{ input.list }}",
        "input": { "i": "{{ item }}", "n": "{{ index + 1 }}", "p": "{{ steps.a.output.price }}" } });
    let items = ["a", "b"].into_iter().zip(1..).map(|(item, n)| Item {
        item: json!(item),
        input: json!({ "i": item, "n": n, "p": 185.2 }),
    });
    assert_eq!(comes_to(each), Ok(Work::Expand(items.collect())));
}

#[test]
fn what_cannot_stand_there_is_told() {
    for (value, why) in [
        (
            json!({ "tool": "t", "when": "{{ input.list }}" }),
            "\"when\" must come to true or false, but came to an array",
        ),
        (
            json!({ "tool": "t", "for_each": "{{ input.o }}" }),
            "\"for_each\" must come to an array, but came to an object",
        ),
        (
            json!({ "tool": "t", "input": "{{ input.ms }}" }),
            "\"input\" must come to an object, but came to 1500",
        ),
        (
            json!({ "wait": { "duration_ms": "{{ -1 }}" } }),
            "but came to -1",
        ),
        (
            json!({ "wait": { "duration_ms": "{{ 1.5 }}" } }),
            "but came to 1.5",
        ),
        (
            json!({ "wait": { "duration_ms": "{{ 2592000001 }}" } }),
            "from 0 to 2592000000",
        ),
        (
            json!({ "tool": "t", "for_each": "{{ range(10001) }}" }),
            "came to 10001 items, at most 10000",
        ),
        (
            json!({ "tool": "t", "for_each": [1], "input": { "a": "{{ item.x }}" } }),
            "item.x is undefined; item is a number",
        ),
    ] {
        let error = comes_to(value.clone()).unwrap_err();
        assert!(error.contains(why), "{value}: {error}");
    }
}

#[test]
fn ten_thousand_items_that_read_a_large_output_are_expanded() {
    let mut world = world();
    let rows: Vec<Value> = (0..10_000).map(|n| json!({ "n": n })).collect();
    if let Some(view) = world.steps.get_mut("a") {
        view.output = json!({ "rows": rows });
    }
    let each = step(json!({ "tool": "t", "for_each": "{{ range(10000) }}",
        "input": { "row": "{{ steps.a.output.rows[item].n + 0 }}" } }));
    let Ok(Work::Expand(items)) = work(&each, &world.scope()) else {
        panic!();
    };
    assert_eq!(items.len(), 10_000);
    assert_eq!(items[9_999].input, json!({ "row": 9_999 }));
    // Each of them would hold all of it: that has no room.
    let all = step(
        json!({ "tool": "t", "for_each": "{{ range(10000) }}", "input": { "a": "{{ steps.a.output }}" } }),
    );
    let error = work(&all, &world.scope()).unwrap_err();
    assert!(
        error.message.starts_with("the inputs of all items"),
        "{error}"
    );
}

#[test]
fn a_run_comes_to_what_nobody_needs_or_what_it_says() {
    let mut document = computing(&json!("{{ steps.a.output }}"));
    let world = world();
    let without = output(&read(&document).unwrap(), &world.scope());
    assert_eq!(without, Ok(json!({ "bad": null, "x": null })));
    document["output"] = json!({ "s": "{{ steps.a.output.symbol }} of {{ run.id }}", "n": [1] });
    let stated = output(&read(&document).unwrap(), &world.scope());
    assert_eq!(stated, Ok(json!({ "s": "ABC of r1", "n": [1] })));
    document["output"] = json!("{{ steps.a.output.nix }}");
    assert!(output(&read(&document).unwrap(), &world.scope()).is_err());
}

#[test]
fn a_compensation_reads_the_steps_own_output() {
    let paid = step(
        json!({ "tool": "pay", "for_each": [7], "depends_on": ["a"], "compensate": { "tool": "refund", "input": {
        "id": "{{ steps.x.output.id }}", "price": "{{ steps.a.output.price }}", "item": "{{ item }}" } } }),
    );
    let mut world = world();
    let view = StepView {
        status: "succeeded".to_owned(),
        output: json!({ "id": "p1" }),
        error: Value::Null,
    };
    world.steps.insert("x".to_owned(), view);
    let seven = json!(7);
    let scope = Scope {
        item: Some(&seven),
        index: Some(0),
        ..world.scope()
    };
    assert_eq!(
        undo(&paid, &scope),
        Ok(json!({ "id": "p1", "price": 185.2, "item": 7 }))
    );
    let nothing = undo(&step(json!({ "tool": "pay" })), &scope).unwrap_err();
    assert_eq!(nothing.to_string(), "nothing undoes the step \"x\"");
}

#[test]
fn views_and_reasons_are_json() {
    let view = StepView {
        status: "failed".to_owned(),
        output: Value::Null,
        error: json!({ "code": "timeout" }),
    };
    let value = serde_json::to_value(&view).unwrap();
    assert_eq!(
        value,
        json!({ "status": "failed", "output": null, "error": { "code": "timeout" } })
    );
    assert_eq!(serde_json::from_value::<StepView>(value).unwrap(), view);
}

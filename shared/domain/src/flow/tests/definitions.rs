//! What a definition says, and what is said of one that is wrong.

use super::*;

#[test]
fn reads_the_example_of_the_design() {
    let flow = read(&example()).unwrap();
    assert_eq!(flow.id.as_ref().map(ToolId::as_str), Some("ticker_brief"));
    assert_eq!(
        (flow.timeout_ms, flow.max_concurrency, flow.enabled),
        (3_600_000, None, true)
    );
    let quotes = flow.step("quotes").unwrap();
    assert!(quotes.needs.is_empty());
    assert_eq!(
        quotes.for_each.as_ref().map(|each| each.max_concurrency),
        Some(10)
    );
    assert_eq!(
        quotes.retry,
        Retry {
            max_attempts: 3,
            backoff_ms: 500
        }
    );
    assert_eq!(
        (quotes.timeout_ms, &quotes.on_error),
        (Some(30_000), &OnError::Fail)
    );
    let mail = flow.step("mail").unwrap();
    assert_eq!(
        (ids(&mail.needs), ids(&mail.reads)),
        (vec!["best"], vec!["best"])
    );
    assert_eq!(
        (mail.timeout_ms, mail.compensate.is_none()),
        (Some(25_000), true)
    );
    assert_eq!(
        mail.retry,
        Retry {
            max_attempts: 1,
            backoff_ms: 1_000
        }
    );
    assert_eq!(flow.step("nobody"), None);
    assert_eq!(flow.step("Not an id"), None);
    assert_eq!(read(&example()).unwrap(), flow);
}

#[test]
fn every_member_has_its_meaning() {
    let document = json!({
        "name": "All", "title": "All of it", "tags": ["x"], "enabled": false, "metadata": { "a": 1 },
        "timeout_ms": 1000, "max_concurrency": 5, "x-note": "free",
        "steps": [
            { "id": "a", "name": "First", "tool": "t", "on_error": { "output": [1] }, "timeout_ms": 100 },
            { "id": "b", "transform": { "n": "{{ index }}", "v": "{{ item.v }}" },
              "for_each": [{ "v": "{{ steps.a.output }}" }], "depends_on": ["a"] },
            { "id": "c", "flow": "sub", "input": "{{ steps.b.output[0] }}", "run_if": "always", "when": false },
            { "id": "d", "wait": { "duration_ms": 5 }, "depends_on": ["c", "a", "c"] },
            { "id": "e", "wait": { "duration_ms": "{{ input.ms }}" } },
            { "id": "f", "wait": { "signal": "The parcel is there", "schema": { "properties": {} } },
              "timeout_ms": 2_592_000_000_u64 },
            { "id": "g", "wait": { "approval": "May it be sent?" } },
            { "id": "h", "tool": "pay", "depends_on": ["d"],
              "compensate": { "tool": "refund", "input": {
                  "id": "{{ steps.h.output.id }}", "of": "{{ steps.c.output }}" } } }
        ]
    });
    let flow = read(&document).unwrap();
    assert_eq!(
        (flow.id.as_ref(), flow.title.as_deref(), flow.enabled),
        (None, Some("All of it"), false)
    );
    assert_eq!((flow.timeout_ms, flow.max_concurrency), (1_000, Some(5)));
    let step = |id: &str| flow.step(id).unwrap();
    assert_eq!(step("a").on_error, OnError::Output(json!([1])));
    assert_eq!(
        (ids(&step("b").needs), ids(&step("b").reads)),
        (vec!["a"], vec!["a"])
    );
    assert_eq!(
        step("b").for_each.as_ref().map(|each| each.max_concurrency),
        Some(50)
    );
    assert!(step("c").always && step("c").when.as_ref().is_some_and(Template::is_literal));
    assert_eq!(
        (ids(&step("d").needs), step("d").reads.len()),
        (vec!["c", "a"], 0)
    );
    assert_eq!(
        (step("d").timeout_ms, step("f").timeout_ms),
        (None, Some(2_592_000_000))
    );
    let payload = json!({ "type": "object", "properties": {} });
    let Action::Wait(Wait::Signal { about, schema }) = &step("f").action else {
        panic!();
    };
    assert_eq!(
        (&**about, schema.as_ref()),
        ("The parcel is there", Some(&payload))
    );
    let undoing = step("h").compensate.as_ref().unwrap();
    assert_eq!(
        (undoing.tool.as_str(), ids(&undoing.reads)),
        ("refund", vec!["c"])
    );
    assert_eq!(ids(&step("h").needs), ["d"]);
}

#[test]
fn every_fault_is_told_at_once() {
    let document = json!({
        "nme": "x", "timeout_ms": 999, "max_concurrency": 0, "input_schema": { "type": "string" },
        "outputs": 1,
        "steps": [
            { "id": "a", "tool": "t", "transform": 1 },
            { "id": "A", "tool": "Not An Id", "foreach": [] },
            { "id": "b", "tool": "t", "input": [1], "retry": { "max": 3, "max_attempts": 11 } },
            { "id": "b", "transform": "{{ steps.zzz.output }}", "depends_on": ["c", 1, "b"], "retry": {} },
            { "id": "d", "wait": { "duration_ms": -1, "signal": "x" }, "for_each": [1] },
            { "id": "e", "wait": { "signal": "", "schema": { "type": "nope" } } },
            { "id": "f", "tool": "t", "when": "yes", "run_if": "never", "on_error": "ignore", "timeout_ms": 1 },
            { "id": "g", "tool": "t", "max_concurrency": 2, "on_error": { "output": "{{ 1 }}" } },
            { "id": "h", "flow": "f", "timeout_ms": 1000, "compensate": { "tool": "u" } },
            "i"
        ],
        "output": "{{ steps.nobody.output }}"
    });
    let mut told = told(&document);
    told.sort();
    let expected = [
        ("/input_schema/type", "invalid_value"),
        ("/max_concurrency", "out_of_range"),
        ("/name", "required"),
        ("/nme", "unknown_field"),
        ("/output", "unknown_step"),
        ("/outputs", "unknown_field"),
        ("/steps/0", "conflict"),
        ("/steps/1/foreach", "unknown_field"),
        ("/steps/1/id", "invalid_value"),
        ("/steps/1/tool", "invalid_value"),
        ("/steps/2/input", "invalid_type"),
        ("/steps/2/retry/max", "unknown_field"),
        ("/steps/2/retry/max_attempts", "out_of_range"),
        ("/steps/3/depends_on/0", "unknown_step"),
        ("/steps/3/depends_on/1", "invalid_type"),
        ("/steps/3/depends_on/2", "cycle"),
        ("/steps/3/id", "conflict"),
        ("/steps/3/retry", "conflict"),
        ("/steps/3/retry/max_attempts", "required"),
        ("/steps/3/transform", "unknown_step"),
        ("/steps/4/for_each", "conflict"),
        ("/steps/4/wait", "conflict"),
        ("/steps/5/wait/schema/type", "invalid_value"),
        ("/steps/5/wait/signal", "invalid_length"),
        ("/steps/6/on_error", "invalid_value"),
        ("/steps/6/run_if", "invalid_value"),
        ("/steps/6/timeout_ms", "out_of_range"),
        ("/steps/6/when", "invalid_value"),
        ("/steps/7/max_concurrency", "conflict"),
        ("/steps/7/on_error/output", "invalid_expression"),
        ("/steps/8/compensate", "conflict"),
        ("/steps/8/timeout_ms", "conflict"),
        ("/steps/9", "invalid_type"),
        ("/timeout_ms", "out_of_range"),
    ];
    let told: Vec<(&str, &str)> = told.iter().map(|(at, code)| (&**at, *code)).collect();
    assert_eq!(told, expected);
}

#[test]
fn a_transform_that_comes_to_null_is_a_transform() {
    let step = json!({ "id": "a", "transform": null });
    assert_eq!(told(&of(&json!([step]))), []);
    for (name, value) in [
        ("retry", json!({ "max_attempts": 3 })),
        ("input", json!({})),
        ("compensate", json!({ "tool": "delete_mail" })),
    ] {
        let mut step = step.clone();
        step[name] = value;
        let at = format!("/steps/0/{name}");
        assert_eq!(told(&of(&json!([step]))), [(at, "conflict")]);
    }
}

#[test]
fn hints_say_what_was_meant() {
    for (step, hint) in [
        (
            json!({ "id": "a", "tool_id": "t" }),
            "it belongs here as \"tool\"",
        ),
        (json!({ "id": "a", "tol": "t" }), "did you mean \"tool\"?"),
        (
            json!({ "id": "a", "tool": "t", "dependsOn": [] }),
            "did you mean \"depends_on\"?",
        ),
        (
            json!({ "id": "a", "tool": "t", "map": {} }),
            "it belongs here as \"for_each\"",
        ),
        (
            json!({ "id": "a", "tool": "t", "depends_on": ["aa"] }),
            "did you mean \"a\"?",
        ),
        (
            json!({ "id": "a", "tool": "t", "depends_on": ["quite_other"] }),
            "steps here: a",
        ),
        (
            json!({ "id": "a" }),
            "write exactly one of tool, transform, flow, wait",
        ),
    ] {
        let faults = read(&of(&json!([step]))).unwrap_err();
        let hints: Vec<&str> = faults
            .iter()
            .filter_map(|fault| fault.hint.as_deref())
            .collect();
        assert!(hints.contains(&hint), "{hints:?}");
    }
}

#[test]
fn a_definition_has_steps() {
    for (document, at) in [
        (json!([]), ""),
        (json!({ "name": "a" }), "/steps"),
        (json!({ "name": "a", "steps": [] }), "/steps"),
        (json!({ "name": "a", "steps": {} }), "/steps"),
        (
            json!({ "name": "a", "steps": vec![json!({ "id": "a", "transform": 1 }); 10_001] }),
            "/steps",
        ),
        (json!({ "name": "a", "steps": [{}] }), "/steps/0/id"),
    ] {
        assert!(
            told(&document).iter().any(|(pointer, _)| pointer == at),
            "{at}"
        );
    }
}

#[test]
fn an_item_is_only_where_items_are() {
    let each = json!({ "id": "a", "tool": "t", "for_each": [1], "input": { "i": "{{ item }}", "n": "{{ index }}" },
        "compensate": { "tool": "u", "input": { "i": "{{ item }}" } } });
    assert_eq!(told(&of(&json!([each]))), []);
    for (name, value) in [
        ("for_each", json!("{{ item }}")),
        ("when", json!("{{ item }}")),
    ] {
        let mut step = each.clone();
        step[name] = value;
        assert_eq!(
            told(&of(&json!([step]))),
            [(format!("/steps/0/{name}"), "unknown_name")]
        );
    }
    let mut document = of(&json!([each]));
    document["output"] = json!({ "x": ["{{ index }}"] });
    assert_eq!(
        told(&document),
        [("/output/x/0".to_owned(), "unknown_name")]
    );
}

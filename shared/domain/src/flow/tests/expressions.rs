//! What expressions come to, and what is said of those that come to nothing.

use super::*;

fn world() -> World {
    World::new(json!({
        "s": "abc", "n": 3, "f": 1.0, "big": u64::MAX, "low": i64::MIN, "t": true, "nil": null,
        "list": [3, 1, 2], "d": { "a": { "b": 1 } }, "odd-name": { "x": 1 },
        "people": [{ "n": "A", "age": 30 }, { "n": "B", "age": 20 }]
    }))
}

#[test]
fn a_whole_expression_keeps_its_type() {
    let world = world();
    for (expression, value) in [
        ("input.s", json!("abc")),
        ("input.n", json!(3)),
        ("input.f", json!(1.0)),
        ("input.big", json!(u64::MAX)),
        ("input.low", json!(i64::MIN)),
        ("input.big - 1", json!(u64::MAX - 1)),
        ("input.f * 2", json!(2.0)),
        ("input.n / 2", json!(1.5)),
        ("input.n + 1", json!(4)),
        ("input.t", json!(true)),
        ("input.nil", json!(null)),
        ("none", json!(null)),
        ("input.list", json!([3, 1, 2])),
        ("input.list | sort", json!([1, 2, 3])),
        ("input.list[0]", json!(3)),
        ("input.list[1:]", json!([1, 2])),
        ("input.d", json!({ "a": { "b": 1 } })),
        ("input.d.a.b + input['d']['a'].b", json!(2)),
        ("input['odd-name'].x", json!(1)),
        ("input | length", json!(11)),
        (
            "{'a': 1.0, 'b': [none, true]}",
            json!({ "a": 1.0, "b": [null, true] }),
        ),
        ("{'a': {'b': 1}}", json!({ "a": { "b": 1 } })),
        ("dict(a=1)", json!({ "a": 1 })),
        ("range(3)", json!([0, 1, 2])),
        ("(1, 2)", json!([1, 2])),
        ("input.x | default('none there')", json!("none there")),
        ("input.x is defined", json!(false)),
        (
            "input.s ~ '-' ~ input.n ~ input.nil ~ input.list",
            json!("abc-3null[3,1,2]"),
        ),
        ("'}}' ~ \"{{\"", json!("}}{{")),
        (
            "input.people | map(attribute='n') | join(', ')",
            json!("A, B"),
        ),
        (
            "input.people | selectattr('age', '>', 25) | map(attribute='n') | list",
            json!(["A"]),
        ),
        ("input.people | sum(attribute='age')", json!(50)),
        ("input.list | batch(2)", json!([[3, 1], [2]])),
        ("input.list | string", json!("[3,1,2]")),
        ("'a' if input.n > 2 and not input.nil else 'b'", json!("a")),
        ("input.n in input.list", json!(true)),
        ("2 * input.n + -1", json!(5)),
        ("'ab' * 2", json!("abab")),
        ("steps.a.output.price", json!(185.2)),
        ("steps['a'].output.tags | first", json!("a")),
        ("steps.a.status", json!("succeeded")),
        ("steps.a.error", json!(null)),
        ("steps.bad.error.code", json!("timeout")),
        (
            "steps.a.status == 'succeeded' and steps.bad.output is none",
            json!(true),
        ),
        ("run.version", json!(3)),
        (
            "run",
            json!({ "id": "r1", "flow_id": "f", "version": 3, "started_at": "2026-01-01T00:00:00Z" }),
        ),
    ] {
        for text in [
            format!("{{{{ {expression} }}}}"),
            format!(" {{{{{expression} }}}}\n"),
        ] {
            assert_eq!(
                rendered(&json!(text), &world),
                Ok(value.clone()),
                "{expression}"
            );
        }
    }
}

#[test]
fn other_texts_are_rendered() {
    let world = world();
    for (text, value) in [
        ("plain", json!("plain")),
        ("{ not one } }}", json!("{ not one } }}")),
        ("{{ input.s }}!", json!("abc!")),
        ("{{input.n}}{{ input.f }}", json!("31.0")),
        ("a {{ input.nil }} {{ input.t }}", json!("a null true")),
        (
            "{{ input.list }} {{ input.d }}",
            json!("[3,1,2] {\"a\":{\"b\":1}}"),
        ),
        ("{{ '{{' }} and {{ '{%' }} ", json!("{{ and {% ")),
        ("ünï {{ input.s }} 日本", json!("ünï abc 日本")),
    ] {
        assert_eq!(rendered(&json!(text), &world), Ok(value), "{text}");
    }
}

#[test]
fn templates_are_filled_in_everywhere() {
    let template = json!({
        "a": ["{{ input.n }}", 1, { "b": "x{{ input.n }}" }], "c": null, "d": "{{ steps.a.output }}" });
    let world = world();
    let output = &world.steps["a"].output;
    let expected = json!({ "a": [3, 1, { "b": "x3" }], "c": null, "d": output });
    assert_eq!(rendered(&template, &world), Ok(expected));
}

#[test]
fn arazzo_is_understood_as_a_whole_text() {
    let world = world();
    for (text, value) in [
        ("$inputs.d.a.b", json!(1)),
        ("$inputs.odd-name.x", json!(1)),
        ("$steps.a.outputs.price", json!(185.2)),
        ("$steps.a.outputs", world.steps["a"].output.clone()),
        ("see $inputs.s", json!("see $inputs.s")),
        ("$input.s", json!("$input.s")),
    ] {
        assert_eq!(rendered(&json!(text), &world), Ok(value), "{text}");
    }
    let flow = read(&computing(&json!("$steps.a.outputs.price"))).unwrap();
    assert_eq!(ids(&flow.step("x").unwrap().needs), ["a"]);
    for bad in [
        "$steps.a",
        "$steps.a.output.b",
        "$steps.A.outputs",
        "$inputs.",
        "$inputs.a b",
    ] {
        let told = told(&computing(&json!(bad)));
        assert_eq!(
            told,
            [("/steps/2/transform".to_owned(), "invalid_expression")],
            "{bad}"
        );
    }
}

#[test]
fn says_what_is_missing_and_what_is_there() {
    let world = world();
    for (expression, why) in [
        (
            "input.x",
            "input.x is undefined; input has s, n, f, big, low, t, nil, list, d, odd-name and more",
        ),
        ("input.x + 1", "input.x is undefined; input has"),
        (
            "input.d.a.c.e ~ ''",
            "input.d.a.c is undefined; input.d.a has b",
        ),
        (
            "steps.a.output.prise",
            "steps.a.output.prise is undefined; steps.a.output has symbol, price",
        ),
        (
            "steps.bad.output.price * 2",
            "steps.bad.output.price is undefined; steps.bad.output is null",
        ),
        (
            "steps.a.output.tags.x",
            "steps.a.output.tags.x is undefined; steps.a.output.tags is a list",
        ),
        ("input.s.x", "input.s.x is undefined; input.s is a string"),
        ("input.list[7]", "not there"),
        ("1 / 0", "unable to calculate 1 / 0"),
        ("2 ** 100", "beyond 64 bits"),
        ("1e308 * 10", "no finite number"),
        ("{1: 2, none: 3}", "a member's name is no text"),
        ("input.list * 2", "a list cannot be repeated"),
    ] {
        let error = rendered(&json!(format!("{{{{ {expression} }}}}")), &world).unwrap_err();
        let begin = format!("the expression {{{{ {expression} }}}} has no value: ");
        assert!(error.starts_with(&begin) && error.contains(why), "{error}");
    }
    let error = rendered(&json!("x {{ steps.a.output.nix }}"), &world).unwrap_err();
    assert!(error.contains("steps.a.output.nix is undefined"), "{error}");
}

#[test]
fn a_step_that_did_not_run_is_told_as_undefined() {
    let mut world = world();
    world.steps.remove("a");
    let error = rendered(&json!("{{ steps.a.output.price }}"), &world).unwrap_err();
    assert!(error.ends_with("steps.a is undefined"), "{error}");
}

#[test]
fn what_is_not_there_is_refused_when_the_flow_is_saved() {
    for (text, at, code, hint) in [
        ("{{ secrets.TOKEN }}", 3, "unknown_name", "never visible"),
        ("{{ env.HOME }}", 3, "unknown_name", "never visible"),
        ("x {{ inputs.a }}", 5, "unknown_name", "write input"),
        (
            "{{ inptu.a }}",
            3,
            "unknown_name",
            "did you mean \"input\"?",
        ),
        ("{{ item }}", 3, "unknown_name", ""),
        ("{{ 1 + index }}", 7, "unknown_name", ""),
        ("{{ loop.index }}", 3, "unknown_name", ""),
        (
            "{{ input.a | uper }}",
            13,
            "unknown_name",
            "did you mean \"upper\"?",
        ),
        ("{{ input.a | safe }}", 13, "unknown_name", "filters: abs"),
        (
            "{{ input.a | map('uper') }}",
            17,
            "unknown_name",
            "did you mean \"upper\"?",
        ),
        (
            "{{ input.a | select('od') }}",
            20,
            "unknown_name",
            "did you mean \"odd\"?",
        ),
        (
            "{{ input.a | selectattr('b', 'gtt') }}",
            29,
            "unknown_name",
            "did you mean \"gt\"?",
        ),
        (
            "{{ input.a is evn }}",
            14,
            "unknown_name",
            "did you mean \"even\"?",
        ),
        (
            "{{ input.a is not evn }}",
            18,
            "unknown_name",
            "did you mean \"even\"?",
        ),
        (
            "{{ rnge(3) }}",
            3,
            "unknown_name",
            "did you mean \"range\"?",
        ),
        (
            "{{ length(input.a) }}",
            3,
            "unknown_name",
            "it is a filter: … | length",
        ),
        ("{{ debug() }}", 3, "unknown_name", ""),
        (
            "{{ input.a.upper() }}",
            11,
            "unknown_name",
            "filter: … | upper",
        ),
        ("{{ [1].index(1) }}", 7, "unknown_name", "filter"),
        ("{{ now() }}", 3, "unknown_name", ""),
        (
            "{{ random() }}",
            3,
            "unknown_name",
            "functions: dict, range",
        ),
        ("{{ run.idd }}", 3, "unknown_name", "did you mean \"id\"?"),
        ("{{ steps }}", 3, "invalid_expression", "steps.<id>.output"),
        (
            "{{ steps[input.a].output }}",
            3,
            "invalid_expression",
            "steps.<id>.output",
        ),
        (
            "{{ steps | length }}",
            3,
            "invalid_expression",
            "steps.<id>.output",
        ),
        ("{{ steps.a }}", 3, "invalid_expression", "steps.a.output"),
        (
            "{{ steps.a.outputs }}",
            3,
            "unknown_name",
            "did you mean \"output\"?",
        ),
        (
            "{{ steps.aa.output }}",
            3,
            "unknown_step",
            "did you mean \"a\"?",
        ),
        ("{{ steps.x.output }}", 3, "cycle", ""),
        ("{{ }}", 2, "invalid_expression", ""),
        ("{{ 1 + }}", 5, "invalid_expression", ""),
        ("{{ input.a 'b' }}", 11, "invalid_expression", ""),
        ("{{ 'a' * 2 ) }}", 11, "invalid_expression", ""),
        ("{{ 'a' ~ }}", 7, "invalid_expression", ""),
        ("{{ 1 +", 0, "invalid_expression", "close it"),
        ("a {% if 1 %}", 2, "invalid_expression", "write {{ '{%' }}"),
        ("a {# b #}", 2, "invalid_expression", "write {{ '{#' }}"),
        ("{{- input.a }}", 2, "invalid_expression", "space"),
        ("{{ and }}", 2, "invalid_expression", ""),
    ] {
        let faults = read(&computing(&json!(text))).unwrap_err();
        let [fault] = faults.as_slice() else {
            panic!("{text}: {faults:?}");
        };
        assert_eq!(
            (&*fault.pointer, fault.code),
            ("/steps/2/transform", code),
            "{text}"
        );
        assert!(
            fault.message.ends_with(&format!("(at byte {at})")),
            "{text}: {}",
            fault.message
        );
        let told = fault.hint.as_deref().unwrap_or_default();
        assert!(told.contains(hint), "{text}: {told}");
    }
}

#[test]
fn secrets_are_not_filled_in() {
    let faults = told(&computing(&json!({ "a": "Bearer ${TOKEN}" })));
    assert_eq!(
        faults,
        [("/steps/2/transform/a".to_owned(), "secret_not_allowed")]
    );
    let faults = told(&computing(&json!({ "{{ input.a }}": 1 })));
    assert_eq!(faults.len(), 1);
}

#[test]
fn nothing_is_evaluated_twice() {
    let world = World::new(json!({ "x": "{{ run.id }}", "y": "$inputs.x" }));
    for (text, value) in [
        ("{{ input.x }}", "{{ run.id }}"),
        ("{{ input.y }}!", "$inputs.x!"),
    ] {
        assert_eq!(rendered(&json!(text), &world), Ok(json!(value)));
    }
}

//! Expressions that try to use up the stack, the memory or the processor.

use std::thread;

use super::super::template::Node;
use super::super::templates::MOST_KEPT;
use super::*;

/// A quarter of what a worker's thread has.
const STACK: usize = 512 * 1024;

fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(STACK).spawn(run).unwrap();
    thread.join().unwrap();
}

fn filled(begin: &str, again: &str, end: &str) -> String {
    let room = 500 - begin.len() - end.len();
    format!("{begin}{}{end}", again.repeat(room / again.len()))
}

#[test]
fn no_expression_overflows_the_stack() {
    on_a_small_stack(|| {
        let world = World::new(json!({ "a": 1, "l": [1, 2], "s": "x" }));
        let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(16), close.repeat(16));
        let expressions = [
            filled("", "(", ""),
            filled("", "[", ""),
            filled("", "{", ""),
            filled("", "-", "1"),
            filled("", "- ", "1"),
            filled("", "not ", "1"),
            filled("", "1+", "1"),
            filled("", "1~", "1"),
            filled("", "1*", "1"),
            filled("", "1**", "1"),
            filled("", "1//", "1"),
            filled("", "1<", "1"),
            filled("", "1 in ", "1"),
            filled("", "1 or ", "1"),
            filled("", "1 and ", "1"),
            filled("", "1 if 1 else ", "1"),
            filled("1", " if 1", ""),
            filled("input", ".a", ""),
            filled("input", "[0]", ""),
            filled("input.l", "[0:]", ""),
            filled("range", "(1)", ""),
            filled("1", "|d", ""),
            filled("1", "|d(1)", ""),
            filled("1", " is odd", ""),
            filled("1", " is not odd", ""),
            filled("[", "1,", "]"),
            filled("{", "'a':1,", "}"),
            filled("", "'a' ", ""),
            filled("input.l", "+input.l", ""),
            filled("", "input.l~", "1"),
            nested("(", ")"),
            nested("[", "]"),
            nested("{'a':", "}"),
            nested("(-", ")"),
            nested("[1 if 1 else -not ", "]"),
            nested("dict(a=", ")"),
            nested("1|d(", ")"),
            nested("input.l[", "]"),
            nested("(1~(2*", "))"),
            nested("(not -", ")"),
        ];
        for expression in expressions {
            let text = json!(format!("{{{{ {expression} }}}}"));
            // Refused or evaluated, as long as it comes back.
            let _ = rendered(&text, &world);
        }
    });
}

#[test]
fn the_longest_and_the_deepest_are_refused_before_they_are_parsed() {
    let at = ("/steps/2/transform".to_owned(), "too_deep");
    for expression in [
        "(".repeat(17),
        format!("{}1{}", "[".repeat(17), "]".repeat(17)),
        format!("'{}'", "(".repeat(17)),
        format!("{}1", "-".repeat(17)),
        format!("{}1", "not ".repeat(17)),
        format!("{}1", "1 if 1 else ".repeat(17)),
    ] {
        let text = json!(format!("{{{{ {expression} }}}}"));
        assert_eq!(
            told(&computing(&text)),
            std::slice::from_ref(&at),
            "{expression}"
        );
    }
    let most = |bytes: usize| json!(format!("{{{{'{}'}}}}", "a".repeat(bytes - 2)));
    assert!(told(&computing(&most(512))).is_empty());
    let at = ("/steps/2/transform".to_owned(), "too_large");
    assert_eq!(told(&computing(&most(513))), [at]);
    assert!(
        told(&computing(&json!(format!(
            "{{{{ {}1{} }}}}",
            "(".repeat(16),
            ")".repeat(16)
        ))))
        .is_empty()
    );
}

#[test]
fn work_and_memory_are_bounded() {
    let list: Vec<Value> = (0..1_000)
        .map(|n| json!({ "n": n, "t": "some text" }))
        .collect();
    let world = World::new(json!({ "l": list, "s": "x".repeat(3_000_000), "n": 100_000_000 }));
    for expression in [
        "'x' * 10 ** 9",
        "'x' * input.n",
        "[1] * input.n",
        "([1] * 1000000000) ~ ''",
        "'' ~ ([1] * 1000000000)",
        "1 in [1] * 1000000000",
        "[1] * 1000000000 == [1] * 1000000000",
        "2 * ([1, 2] | list)",
        "2 * 1 is even | default([1], true)",
        "(1, 2) * input.n",
        "range(10 ** 9)",
        "range(100000) | map('default', input.l, true) | map('default', [input.l], true) | list ~ ''",
        "range(100000) | map(attribute='x', default=input.l)",
        "(range(100000) | map(attribute='x', default=input.s)) ~ ''",
        "'a\nb' | indent(input.n)",
        "('a' * 100000) | replace('a', 'b' * 100000)",
        "range(100000) | join('y' * 100000)",
        "[range(100000)] | map('join', 'y' * 1000) | list",
        "'%0999999999d' | format(1)",
        "'%.999999999f' | format(1.0)",
        "'%999999999s' | format('a')",
        "range(10) | batch(10000000000, input.s)",
        "[input.s, input.s, input.s]",
        "[input.s, input.s, input.s, input.s, input.s, input.s, input.s, input.s, input.s] | length",
        "{'a': input.s, 'b': {'c': input.s, 'd': input.s}}",
        "input.s ~ input.s ~ input.s",
        "[input.s, input.s, input.s] | string | length",
        "range(100000) | sort(attribute='x')",
        "input.s | list | sort | reverse | list | unique | list | length",
        "9 ** 9 ** 9 ** 9",
    ] {
        let text = json!(format!("{{{{ {expression} }}}}"));
        let ended = rendered(&text, &world);
        assert!(
            ended.is_err(),
            "{expression}: {:.80}",
            ended.unwrap().to_string()
        );
    }
    let thrice = json!({ "a": "{{ input.s }}", "b": ["{{ input.s }}", "{{ input.s }}"] });
    assert!(
        rendered(&thrice, &world)
            .unwrap_err()
            .contains("6291456 bytes")
    );
    assert!(rendered(&json!("{{ input.s }} {{ input.s }} {{ input.s }}"), &world).is_err());
}

#[test]
fn the_work_of_all_expressions_together_is_bounded() {
    let world = World::new(json!({ "l": [3, 1, 2], "s": "x".repeat(3_000_000) }));
    let too_much = |ended: Result<String, String>| {
        let error = ended.unwrap_err();
        assert!(error.contains("together take too much work"), "{error}");
    };
    let list = |text: &str| rendered(&Value::Array(vec![json!(text); 40_000]), &world);
    too_much(list("{{ range(99999) | sum }}").map(|value| value.to_string()));
    let text = "{{ input.s | length }}";
    assert_eq!(rendered(&json!(text), &world), Ok(json!(3_000_000)));
    too_much(list(text).map(|value| value.to_string()));
    for doing in [
        json!({ "transform": text }),
        json!({ "tool": "t", "input": { "n": text } }),
    ] {
        let mut each = json!({ "id": "x", "for_each": "{{ range(10000) }}" });
        each.as_object_mut()
            .unwrap()
            .extend(doing.as_object().unwrap().clone());
        too_much(expanded(&each, &world).map(|work| format!("{work:?}")));
    }
    // What people do for each of the most items there are.
    let sorted = json!("{{ item + (input.l | sort | last) }}");
    let each = json!({ "id": "x", "for_each": "{{ range(10000) }}", "transform": sorted });
    assert!(expanded(&each, &world).is_ok());
}

fn expanded(step: &Value, world: &World) -> Result<Work, String> {
    let flow = read(&of(&json!([step]))).map_err(|faults| format!("{faults:?}"))?;
    work(flow.step("x").unwrap(), &world.scope()).map_err(|error| error.to_string())
}

/// Expressions of a transform that are held compiled.
fn kept(flow: &Flow) -> usize {
    let Action::Transform(Template(Node::Array(nodes))) = &flow.step("x").unwrap().action else {
        panic!("no list of expressions");
    };
    let held = |node: &&Node| matches!(node, Node::Whole(expression) if expression.is_kept());
    nodes.iter().filter(held).count()
}

#[test]
fn what_a_flow_holds_is_bounded() {
    let texts: Vec<Value> = (0..MOST_KEPT + 500)
        .map(|n| json!(format!("{{{{ input.a + {n} }}}}")))
        .collect();
    let flow = read(&of(&json!([{ "id": "x", "transform": texts }]))).unwrap();
    // A workspace's flows that nobody runs hold nothing.
    assert_eq!(kept(&flow), 0);
    let world = World::new(json!({ "a": 1 }));
    for _ in 0..2 {
        let Work::Done(Value::Array(values)) =
            work(flow.step("x").unwrap(), &world.scope()).unwrap()
        else {
            panic!("it is no transform");
        };
        assert_eq!(
            (&values[0], &values[MOST_KEPT + 499]),
            (&json!(1), &json!(MOST_KEPT + 500))
        );
        assert_eq!(kept(&flow), MOST_KEPT);
    }
}

#[test]
fn nothing_steps_out_of_what_is_put_around_an_expression() {
    for (expression, at) in [
        ("1)+(2", 4),
        ("1) | list | (2", 4),
        ("[1]] + [2", 6),
        ("1 + (2", 7),
        ("{'a': 1}}", 11),
    ] {
        let text = json!(format!("{{{{ {expression} }}}}"));
        let faults = read(&computing(&text)).unwrap_err();
        let [fault] = faults.as_slice() else {
            panic!("{expression}: {faults:?}");
        };
        let place = format!("(at byte {at})");
        assert!(fault.message.contains(&place), "{expression}: {fault:?}");
    }
    let world = World::new(json!({ "a": 1 }));
    for (expression, value) in [
        ("')' ~ '('", json!(")(")),
        ("(1) + (2)", json!(3)),
        ("1 if input.a else 2", json!(1)),
        ("[1, 2]", json!([1, 2])),
    ] {
        let text = json!(format!("{{{{ {expression} }}}}"));
        assert_eq!(rendered(&text, &world), Ok(value), "{expression}");
    }
    let missing = rendered(&json!("{{ 1 if input.a == 2 }}"), &world);
    assert!(missing.unwrap_err().contains("is not there"));
}

#[test]
fn what_people_do_with_ten_thousand_items_is_within_the_bounds() {
    let list: Vec<Value> = (0..10_000)
        .map(|n| json!({ "price": n * 7_919 % 10_007, "symbol": format!("S{}", n % 500) }))
        .collect();
    let world = World::new(json!({ "l": list }));
    for (expression, value) in [
        ("input.l | length", json!(10_000)),
        (
            "input.l | sort(attribute='price') | map(attribute='price') | first",
            json!(0),
        ),
        (
            "input.l | selectattr('price', 'gt', 5000) | list | length > 4000",
            json!(true),
        ),
        ("input.l | groupby('symbol') | length", json!(500)),
        (
            "input.l | map(attribute='symbol') | unique | list | length",
            json!(500),
        ),
        ("input.l | map(attribute='price') | sum > 0", json!(true)),
        ("input.l | batch(100) | length", json!(100)),
        ("(input.l | tojson | length) > 100000", json!(true)),
        (
            "input.l | map(attribute='symbol') | join(',') | length > 10000",
            json!(true),
        ),
    ] {
        assert_eq!(
            rendered(&json!(format!("{{{{ {expression} }}}}")), &world),
            Ok(value),
            "{expression}"
        );
    }
}

#[test]
fn a_value_does_not_grow_deeper_from_step_to_step() {
    let mut world = World::new(json!(null));
    let mut depth = 0;
    loop {
        match rendered(&json!({ "a": ["{{ input }}"] }), &world) {
            Ok(value) => world.input = value,
            Err(error) => {
                assert!(error.contains("128 levels"), "{error}");
                break;
            }
        }
        depth += 2;
        assert!(depth <= 128);
    }
    assert_eq!(depth, 128);
}

#[test]
fn every_name_of_the_language_is_there() {
    let environment = super::super::engine::environment();
    let none: [minijinja::Value; 0] = [];
    for filter in super::super::engine::FILTERS {
        let error = environment.empty_state().apply_filter(filter, &none);
        let kind = error.err().map(|error| error.kind());
        assert_ne!(kind, Some(minijinja::ErrorKind::UnknownFilter), "{filter}");
    }
    for test in super::super::engine::TESTS {
        let error = environment.empty_state().perform_test(test, &none);
        let kind = error.err().map(|error| error.kind());
        assert_ne!(kind, Some(minijinja::ErrorKind::UnknownTest), "{test}");
    }
    let functions: Vec<&str> = environment.globals().map(|(name, _)| name).collect();
    assert_eq!(functions, super::super::engine::FUNCTIONS);
    for gone in ["safe", "escape", "e", "pprint", "slice", "urlencode"] {
        let error = environment
            .empty_state()
            .apply_filter(gone, &none)
            .unwrap_err();
        assert_eq!(error.kind(), minijinja::ErrorKind::UnknownFilter, "{gone}");
    }
}

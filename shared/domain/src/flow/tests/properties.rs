//! What holds for every definition and every expression.

use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

/// JSON with the words of definitions in it.
fn json_value() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "a",
        "b",
        "{{ steps.a.output }}",
        "{{ input.x }}",
        "{{ item",
        "{{ 1 + 1 }} x",
        "$steps.a.outputs",
        "$inputs.x",
        "always",
        "continue",
        "t",
        "{% x %}",
        "}}",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "id",
        "name",
        "steps",
        "tool",
        "transform",
        "flow",
        "wait",
        "input",
        "depends_on",
        "when",
        "run_if",
        "for_each",
        "retry",
        "max_attempts",
        "timeout_ms",
        "on_error",
        "output",
        "compensate",
        "signal",
        "schema",
        "duration_ms",
        "approval",
        "input_schema",
        "tags",
        "zzz",
    ]);
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((names.clone(), inner), 0..8).prop_map(|members| {
                let members = members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value));
                Value::Object(members.collect())
            }),
        ]
    })
}

/// Plain JSON whose numbers are as JSON writes them.
fn plain_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        Just(json!(1.0)),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((".{0,6}", inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Expressions that are nearly right.
fn source() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "input", ".x", "['x']", "[0]", "steps", ".a", ".output", "run", "1", "2.5", "'a'", "\"b\"",
        "'", "(", ")", "[", "]", "{", "}", ",", ":", "|", "length", "default", "list", "map", "~",
        "*", "**", "+", "-", "/", "//", "%", " is ", "not ", " in ", " and ", " if ", " else ",
        "odd", "==", "<", "=", "range", "}}", "{{", "\\", "é",
    ]);
    prop_oneof![
        vec(words, 0..60).prop_map(|words| words.concat()),
        ".{0,128}",
        vec(any::<u8>(), 0..512).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]
}

/// Edges from earlier to later steps, and an order in which the document lists the steps.
fn graph() -> impl Strategy<Value = (Vec<(usize, usize)>, Vec<usize>)> {
    (2..40_usize).prop_flat_map(|size| {
        let edges = vec((0..size, 0..size), 0..120).prop_map(|edges| {
            let edges = edges.into_iter().filter(|(one, other)| one != other);
            edges
                .map(|(one, other)| (one.min(other), one.max(other)))
                .collect()
        });
        (edges, Just((0..size).collect::<Vec<_>>()).prop_shuffle())
    })
}

fn drawn(edges: &[(usize, usize)], order: &[usize]) -> Value {
    let step = |step: &usize| {
        let needs: Vec<String> = edges
            .iter()
            .filter(|(_, to)| to == step)
            .map(|(from, _)| format!("s{from}"))
            .collect();
        json!({ "id": format!("s{step}"), "transform": 1, "depends_on": needs })
    };
    of(&order.iter().map(step).collect())
}

proptest! {
    #[test]
    fn any_document_is_read_or_refused(value in json_value(), steps in vec(json_value(), 0..4)) {
        let _ = read(&value);
        let _ = read(&of(&json!(steps)));
        let _ = read(&computing(&value));
    }

    #[test]
    fn a_graph_without_circles_is_accepted((edges, order) in graph()) {
        let flow = read(&drawn(&edges, &order)).unwrap();
        for (from, to) in &edges {
            let from = format!("s{from}").parse().unwrap();
            let to = flow.step(&format!("s{to}")).unwrap();
            prop_assert!(to.needs.contains(&from));
        }
        prop_assert_eq!(flow.steps.len(), order.len());
    }

    #[test]
    fn a_circle_that_is_planted_is_named((mut edges, order) in graph(), picked in vec(any::<prop::sample::Index>(), 2..6)) {
        let mut circle: Vec<usize> = picked.iter().map(|index| index.index(order.len())).collect();
        circle.sort_unstable();
        circle.dedup();
        prop_assume!(circle.len() > 1);
        edges.extend(circle.windows(2).map(|pair| (pair[0], pair[1])));
        edges.push((circle[circle.len() - 1], circle[0]));
        let faults = read(&drawn(&edges, &order)).unwrap_err();
        let circles: Vec<&Fault> = faults.iter().filter(|fault| fault.code == "cycle").collect();
        prop_assert!(!circles.is_empty());
        prop_assert_eq!(circles.len(), faults.len());
        for fault in circles {
            let words = fault.message.rsplit(": ").next().unwrap();
            let steps: Vec<usize> = words.split(" → ").filter_map(|step| step.strip_prefix('s')?.parse().ok()).collect();
            if words.contains("more)") {
                continue;
            }
            prop_assert_eq!(steps.first(), steps.last());
            for pair in steps.windows(2) {
                prop_assert!(edges.contains(&(pair[0], pair[1])), "{}", words);
            }
            let place = order.iter().position(|step| Some(step) == steps.first()).unwrap();
            prop_assert_eq!(&fault.pointer, &format!("/steps/{place}"));
        }
    }

    #[test]
    fn a_value_comes_out_as_it_went_in(value in plain_value()) {
        let world = World::new(json!({ "x": value }));
        for text in ["{{ input.x }}", "{{ [input.x][0] }}", "{{ input.x if true else 1 }}", "$inputs.x"] {
            let rendered = rendered(&json!(text), &world);
            // As text: the order of an object's members counts as well.
            prop_assert_eq!(rendered.map(|value| value.to_string()), Ok(value.to_string()));
        }
        let text = match &value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        prop_assert_eq!(rendered(&json!("{{ input.x }}!"), &world), Ok(json!(format!("{text}!"))));
        prop_assert_eq!(rendered(&json!("{{ input.x ~ '' }}"), &world), Ok(json!(text)));
    }
}

#[test]
fn no_text_panics_or_overflows() {
    let small = thread::Builder::new().stack_size(512 * 1024);
    let thread = small.spawn(|| {
        let world = World::new(json!({ "x": [1, "a", { "x": 2 }] }));
        let mut runner = TestRunner::default();
        let tried = runner.run(&source(), |source| {
            let _ = rendered(&json!(format!("{{{{ {source} }}}}")), &world);
            let _ = rendered(&json!(source), &world);
            Ok(())
        });
        tried.unwrap();
    });
    thread.unwrap().join().unwrap();
}

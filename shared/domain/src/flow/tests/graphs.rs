//! How steps hang together: circles in words, chains of any length, and who is an ancestor.

use super::*;

fn circles(steps: &Value) -> Vec<(String, String)> {
    let faults = read(&of(steps)).err().unwrap_or_default();
    let circles = faults.into_iter().filter(|fault| fault.code == "cycle");
    circles
        .map(|fault| (fault.pointer, fault.message))
        .collect()
}

#[test]
fn a_circle_is_told_in_words() {
    let steps = json!([
        { "id": "start", "transform": 1 },
        { "id": "b", "transform": "{{ steps.a.output }}" },
        { "id": "a", "transform": "{{ steps.c.output }}", "depends_on": ["start"] },
        { "id": "c", "transform": 1, "depends_on": ["b"] },
        { "id": "end", "transform": "{{ steps.c.output }}" },
        { "id": "x", "transform": 1, "depends_on": ["y"] },
        { "id": "y", "transform": 1, "depends_on": ["x"] },
    ]);
    let told = |at: &str, words: &str| {
        (
            at.to_owned(),
            format!("the steps need one another in a circle: {words}"),
        )
    };
    let expected = [
        told("/steps/1", "b → c → a → b"),
        told("/steps/5", "x → y → x"),
    ];
    assert_eq!(circles(&steps), expected);
}

#[test]
fn a_step_does_not_need_itself() {
    let steps = json!([
        { "id": "a", "transform": 1, "depends_on": ["a"] },
        { "id": "b", "tool": "t", "when": "{{ steps.b.output }}" },
    ]);
    let circles = circles(&steps);
    let [(first, words), (second, others)] = circles.as_slice() else {
        panic!("{circles:?}");
    };
    assert_eq!(
        (&**first, &**second),
        ("/steps/0/depends_on/0", "/steps/1/when")
    );
    assert!(words.starts_with("a → a") && others.starts_with("b → b"));
}

fn chain(length: usize, closed: bool) -> Value {
    let step = |at: usize| match at.checked_sub(1) {
        Some(before) => {
            json!({ "id": format!("s{at}"), "transform": format!("{{{{ steps.s{before}.output }}}}") })
        }
        None if closed => {
            json!({ "id": "s0", "transform": 1, "depends_on": [format!("s{}", length - 1)] })
        }
        None => json!({ "id": "s0", "transform": 1 }),
    };
    // Backwards: every step stands before what it needs.
    of(&(0..length).rev().map(step).collect())
}

#[test]
fn the_longest_chain_is_walked_without_recursion() {
    let small = std::thread::Builder::new().stack_size(512 * 1024);
    let thread = small.spawn(|| {
        let flow = read(&chain(10_000, false)).unwrap();
        assert_eq!(
            flow.step("s9999").unwrap().needs,
            ["s9998".parse().unwrap()]
        );
        let faults = read(&chain(10_000, true)).unwrap_err();
        let message = &faults.first().unwrap().message;
        assert!(message.contains("s9999 → s0 → s1 → s2"), "{message}");
        assert!(message.ends_with("s18 → (9980 more) → s9999"), "{message}");
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn a_dense_graph_is_refused() {
    let before: Vec<String> = (0..500).map(|n| format!("a{n}")).collect();
    let mut steps: Vec<Value> = before
        .iter()
        .map(|id| json!({ "id": id, "transform": 1 }))
        .collect();
    steps.extend(
        (0..500).map(|n| json!({ "id": format!("b{n}"), "transform": 1, "depends_on": before })),
    );
    assert_eq!(
        told(&of(&json!(steps))),
        [("/steps".to_owned(), "too_many_edges")]
    );
    steps.truncate(600);
    assert_eq!(told(&of(&json!(steps))), []);
}

#[test]
fn a_compensation_reads_what_was_done_before() {
    let steps = |reads: &str, depends: Value| {
        of(&json!([
            { "id": "far", "transform": 1 },
            { "id": "near", "transform": "{{ steps.far.output }}" },
            { "id": "aside", "transform": 1 },
            { "id": "own", "tool": "pay", "input": { "a": "{{ steps.near.output }}" }, "depends_on": depends,
              "compensate": { "tool": "refund", "input": { "x": format!("{{{{ steps.{reads}.output }}}}") } } },
            { "id": "later", "transform": "{{ steps.own.output }}" },
        ]))
    };
    for ok in ["far", "near", "own"] {
        assert_eq!(told(&steps(ok, json!([]))), [], "{ok}");
    }
    assert_eq!(told(&steps("aside", json!(["aside"]))), []);
    let at = "/steps/3/compensate/input/x".to_owned();
    for bad in ["aside", "later"] {
        assert_eq!(
            told(&steps(bad, json!([]))),
            [(at.clone(), "not_an_ancestor")],
            "{bad}"
        );
    }
    assert_eq!(told(&steps("nobody", json!([]))), [(at, "unknown_step")]);
}

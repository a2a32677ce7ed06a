//! Prompts: what is refused, and with which advice; what filling in does with values.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn weather() -> Value {
    json!({
        "name": "Weather report",
        "description": "Tells the weather",
        "instructions": "Write for {{audience}}.",
        "messages": [
            { "role": "user", "content": "Weather in Oslo, {{ days }} days" },
            { "role": "assistant", "content": "Rain." },
            { "role": "user", "content": "Weather in {{city}}, {{days}} days, metric: {{metric}}" }
        ],
        "variables": {
            "city": { "type": "string", "description": "Where", "minLength": 2, "maxLength": 20 },
            "days": { "type": "integer", "minimum": 1, "maximum": 7, "default": 3 },
            "audience": { "enum": ["sailors", "farmers"], "required": false },
            "metric": { "type": "boolean", "default": true }
        },
        "tools": ["get_weather"],
        "model": "a-model",
        "text_format": { "type": "json_object" },
        "metadata": { "team": "forecast" },
        "x-note": "free"
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut document = weather();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        parent => parent[name] = value,
    }
    document
}

fn told(document: &Value) -> Vec<(String, &'static str)> {
    read(document)
        .err()
        .into_iter()
        .flatten()
        .map(|fault| (fault.pointer, fault.code))
        .collect()
}

fn values(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is no object"),
    }
}

#[test]
fn reads_a_whole_prompt() {
    let prompt = read(&weather()).unwrap();
    assert_eq!(prompt.id.as_str(), "weather_report");
    assert_eq!(prompt.messages.len(), 3);
    let names: Vec<_> = prompt
        .variables
        .iter()
        .map(|variable| (variable.name.as_str(), variable.required))
        .collect();
    let expected = [
        ("city", true),
        ("days", false),
        ("audience", false),
        ("metric", false),
    ];
    for variable in expected {
        assert!(names.contains(&variable), "{variable:?} in {names:?}");
    }
    assert_eq!(prompt.tools.unwrap()[0].as_str(), "get_weather");
}

#[test]
fn a_template_is_one_message() {
    let prompt = read(&json!({ "name": "n", "template": "Hello" })).unwrap();
    assert_eq!(prompt.messages.len(), 1);
    assert_eq!(prompt.messages[0].role, Role::User);
    let alone = read(&json!({ "name": "n", "instructions": "Be brief." })).unwrap();
    assert!(alone.messages.is_empty());
}

#[test]
fn tells_each_fault_where_it_is() {
    for (pointer, value, at, code) in [
        ("/id", json!("Daily Report"), "/id", "invalid_value"),
        ("/id", json!(7), "/id", "invalid_type"),
        ("/name", json!(""), "/name", "invalid_length"),
        ("/name", json!("a\nb"), "/name", "invalid_value"),
        ("/name", json!("a\u{202e}b"), "/name", "invalid_character"),
        (
            "/description",
            json!("\u{e0041}"),
            "/description",
            "invalid_character",
        ),
        (
            "/instructions",
            json!("{{audience}} \u{200b}"),
            "/instructions",
            "invalid_character",
        ),
        (
            "/instructions",
            json!("{{audence}} {{audience}}"),
            "/instructions",
            "unknown_variable",
        ),
        (
            "/messages/0/content",
            json!("{{days}} {{"),
            "/messages/0/content",
            "invalid_placeholder",
        ),
        (
            "/messages/0/role",
            json!("system"),
            "/messages/0/role",
            "invalid_value",
        ),
        (
            "/messages/0/role",
            json!("usr"),
            "/messages/0/role",
            "invalid_value",
        ),
        (
            "/messages/1",
            json!({ "role": "user" }),
            "/messages/1/content",
            "required",
        ),
        ("/messages/1", json!("hi"), "/messages/1", "invalid_type"),
        (
            "/messages/1/content",
            json!(""),
            "/messages/1/content",
            "invalid_length",
        ),
        (
            "/messages/1/content",
            json!(["a"]),
            "/messages/1/content",
            "invalid_type",
        ),
        ("/template", json!("Hello"), "/messages", "conflict"),
        (
            "/variables/days/default",
            json!("3"),
            "/variables/days/default",
            "invalid_type",
        ),
        (
            "/variables/days/default",
            json!(3.5),
            "/variables/days/default",
            "invalid_type",
        ),
        (
            "/variables/days/default",
            json!(8),
            "/variables/days/default",
            "out_of_range",
        ),
        (
            "/variables/days/required",
            json!(true),
            "/variables/days/default",
            "conflict",
        ),
        (
            "/variables/days/minimum",
            json!(9),
            "/variables/days/minimum",
            "conflict",
        ),
        (
            "/variables/days/minimum",
            json!("1"),
            "/variables/days/minimum",
            "invalid_type",
        ),
        (
            "/variables/city/minimum",
            json!(1),
            "/variables/city/minimum",
            "invalid_value",
        ),
        (
            "/variables/city/minLength",
            json!(21),
            "/variables/city/minLength",
            "conflict",
        ),
        (
            "/variables/city/min_length",
            json!(2),
            "/variables/city/min_length",
            "unknown_field",
        ),
        (
            "/variables/city/type",
            json!("text"),
            "/variables/city/type",
            "invalid_value",
        ),
        (
            "/variables/audience/enum",
            json!([]),
            "/variables/audience/enum",
            "invalid_length",
        ),
        (
            "/variables/audience/enum",
            json!(["a", "a"]),
            "/variables/audience/enum/1",
            "conflict",
        ),
        (
            "/variables/audience/enum",
            json!([1]),
            "/variables/audience/enum/0",
            "invalid_type",
        ),
        (
            "/variables/unused",
            json!({}),
            "/variables/unused",
            "unused_variable",
        ),
        (
            "/variables/a-b",
            json!({}),
            "/variables/a-b",
            "invalid_value",
        ),
        (
            "/tools",
            json!(["get_weather", "get_weather"]),
            "/tools/1",
            "conflict",
        ),
        (
            "/tools",
            json!(["Get Weather"]),
            "/tools/0",
            "invalid_value",
        ),
        ("/tools", json!("get_weather"), "/tools", "invalid_type"),
        ("/model", json!(" "), "/model", "invalid_length"),
        (
            "/text_format",
            json!({ "type": "xml" }),
            "/text_format/type",
            "invalid_value",
        ),
        ("/text_format", json!({}), "/text_format/type", "required"),
        ("/metadata", json!([]), "/metadata", "invalid_type"),
        ("/system", json!("x"), "/system", "unknown_field"),
    ] {
        let told = told(&with(pointer, value.clone()));
        assert!(
            told.contains(&(at.to_owned(), code)),
            "{pointer} {value}: {told:?}"
        );
    }
}

#[test]
fn tells_all_faults_at_once_with_advice() {
    let faults = read(&json!({
        "nmae": "x",
        "template": "{{citty}}",
        "variables": { "city": { "type": "string" } },
    }))
    .unwrap_err();
    let told: Vec<_> = faults
        .iter()
        .map(|fault| (fault.pointer.as_str(), fault.code, fault.hint.as_deref()))
        .collect();
    assert!(
        told.contains(&("/nmae", "unknown_field", Some("did you mean \"name\"?"))),
        "{told:?}"
    );
    assert!(told.contains(&("/name", "required", None)));
    assert!(told.contains(&(
        "/template",
        "unknown_variable",
        Some("did you mean \"city\"?")
    )));
    assert!(
        told.iter()
            .any(|(at, code, _)| (*at, *code) == ("/variables/city", "unused_variable"))
    );
}

#[test]
fn refuses_what_is_no_prompt_at_all() {
    for document in [
        json!(null),
        json!([]),
        json!("x"),
        json!({}),
        json!({ "name": "n" }),
    ] {
        assert!(read(&document).is_err(), "{document}");
    }
    let large = json!({ "name": "n", "template": "x", "metadata": { "m": "m".repeat(MAX_DOCUMENT_BYTES) } });
    assert_eq!(told(&large), [(String::new(), "too_large")]);
    let many: Map<String, Value> = (0..10_000).map(|n| (format!("v{n}"), json!({}))).collect();
    let many = json!({ "name": "n", "template": "x", "variables": many });
    assert_eq!(told(&many), [("/variables".to_owned(), "too_large")]);
    let braces = json!({ "name": "n", "template": "{{x".repeat(20_000) });
    assert_eq!(told(&braces).len(), 100);
}

#[test]
fn fills_in_values_and_defaults() {
    let prompt = read(&weather()).unwrap();
    let filled = prompt
        .fill(&values(json!({ "city": "Bergen", "metric": false })))
        .unwrap();
    assert_eq!(filled.instructions.as_deref(), Some("Write for ."));
    let (before, last) = filled.split_prompt();
    assert_eq!(
        last.as_deref(),
        Some("Weather in Bergen, 3 days, metric: false")
    );
    assert_eq!(before.len(), 2);
    assert_eq!(before[1].role, Role::Assistant);
    let numbers = read(&json!({
        "name": "n", "template": "{{a}} {{b}}",
        "variables": { "a": { "type": "number" }, "b": { "type": "integer" } },
    }))
    .unwrap();
    let filled = numbers
        .fill(&values(json!({ "a": 1e21, "b": 5.0 })))
        .unwrap();
    assert_eq!(filled.messages[0].text, "1e+21 5");
}

#[test]
fn tells_every_fault_of_the_values() {
    let prompt = read(&weather()).unwrap();
    for (given, at, code) in [
        (json!({}), "/variables/city", "required"),
        (json!({ "city": null }), "/variables/city", "required"),
        (json!({ "city": 7 }), "/variables/city", "invalid_type"),
        (
            json!({ "city": ["Oslo"] }),
            "/variables/city",
            "invalid_type",
        ),
        (json!({ "city": "O" }), "/variables/city", "invalid_length"),
        (
            json!({ "city": "O".repeat(21) }),
            "/variables/city",
            "invalid_length",
        ),
        (
            json!({ "city": "Oslo", "days": 0 }),
            "/variables/days",
            "out_of_range",
        ),
        (
            json!({ "city": "Oslo", "days": u64::MAX }),
            "/variables/days",
            "out_of_range",
        ),
        (
            json!({ "city": "Oslo", "days": "3" }),
            "/variables/days",
            "invalid_type",
        ),
        (
            json!({ "city": "Oslo", "audience": "sailor" }),
            "/variables/audience",
            "invalid_value",
        ),
        (
            json!({ "city": "Oslo", "ciy": "x" }),
            "/variables/ciy",
            "unknown_variable",
        ),
        (
            json!({ "city": "Oslo", "a/b~c": "x" }),
            "/variables/a~1b~0c",
            "unknown_variable",
        ),
    ] {
        let faults = prompt.fill(&values(given.clone())).unwrap_err();
        let told: Vec<_> = faults
            .iter()
            .map(|fault| (fault.pointer.as_str(), fault.code))
            .collect();
        assert_eq!(told, [(at, code)], "{given}");
        if code == "unknown_variable" || code == "invalid_value" || code == "required" {
            assert!(faults[0].hint.is_some());
        }
    }
    let several = json!({ "days": 99, "audience": "nobody", "x": 1 });
    assert_eq!(prompt.fill(&values(several)).unwrap_err().len(), 4);
}

#[test]
fn bounds_what_filling_in_makes() {
    let document = json!({
        "name": "n", "template": "{{a}}".repeat(1000), "variables": { "a": { "type": "string" } },
    });
    let prompt = read(&document).unwrap();
    let faults = prompt
        .fill(&values(json!({ "a": "x".repeat(500_000) })))
        .unwrap_err();
    assert_eq!(
        (faults[0].pointer.as_str(), faults[0].code),
        ("/variables", "too_large")
    );
    assert!(
        prompt
            .fill(&values(json!({ "a": "x".repeat(262) })))
            .is_ok()
    );
}

#[test]
fn arguments_that_came_as_texts_get_their_types() {
    let prompt = read(&weather()).unwrap();
    let texts = json!({ "city": "1234", "days": " 5 ", "metric": "false", "other": "1" });
    let typed = prompt.typed(values(texts));
    let expected = json!({ "city": "1234", "days": 5, "metric": false, "other": "1" });
    assert_eq!(Value::Object(typed), expected);
    let typed = prompt.typed(values(
        json!({ "city": "Oslo", "days": "five", "metric": "1" }),
    ));
    assert_eq!(prompt.fill(&typed).unwrap_err().len(), 2);
}

proptest! {
    #[test]
    fn a_value_is_put_in_as_it_is(value in ".{0,40}|(\\{|\\}|a|b){0,12}", other in "(\\{|\\}|a|b){0,12}") {
        let document = json!({
            "name": "n", "template": "<{{a}}|{{b}}>",
            "variables": { "a": { "type": "string" }, "b": { "type": "string" } },
        });
        let prompt = read(&document).unwrap();
        let filled = prompt.fill(&values(json!({ "a": value, "b": other }))).unwrap();
        prop_assert_eq!(&filled.messages[0].text, &format!("<{value}|{other}>"));
    }

    #[test]
    fn a_text_written_for_the_template_comes_out_as_it_was(text in "(\\{|\\}|a|\\n| |ä){1,40}x") {
        let document = json!({ "name": "n", "template": text.replace("{{", "{{{{") });
        let prompt = read(&document).unwrap();
        prop_assert_eq!(&prompt.fill(&Map::new()).unwrap().messages[0].text, &text);
    }
}

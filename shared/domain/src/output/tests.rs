//! Mapping of responses, by tables.

use serde_json::{Value, json};

use super::*;
use crate::config::{JsonType, OutputMapping};
use crate::sample::sample;

fn plan(output_schema: Value, response_path: Option<&str>, rules: Option<Vec<OutputRule>>) -> Plan {
    let mut config = sample();
    config.output_schema = output_schema;
    config.mapping.output = OutputMapping {
        response_path: response_path.map(|path| ResponsePath(path.to_owned())),
        rules,
    };
    Plan::compile(&config)
}

fn rule(output: &str, path: &str) -> OutputRule {
    OutputRule {
        output: output.to_owned(),
        source: OutputSource::Path(ResponsePath(path.to_owned())),
        as_type: None,
        default: None,
        required: false,
    }
}

fn required(output: &str, path: &str) -> OutputRule {
    OutputRule {
        required: true,
        ..rule(output, path)
    }
}

fn quote() -> Value {
    json!({ "Global Quote": {
        "01. symbol": "IBM", "05. price": "185.2000", "06. volume": "3891502",
        "10. change percent": "0.7946%", "note": null
    } })
}

#[test]
fn maps_the_example_of_the_specification() {
    let schema = json!({ "type": "object", "properties": {
        "price": { "type": "number" }, "volume": { "type": "integer" }, "symbol": {} } });
    let rules = vec![
        rule("price", "Global Quote.05. price"),
        rule("volume", "$['Global Quote']['06. volume']"),
        rule("symbol", "/Global Quote/01. symbol"),
    ];
    let output = plan(schema, None, Some(rules)).apply(&quote());
    assert_eq!(
        output,
        Ok(json!({ "price": 185.2, "volume": 3891502, "symbol": "IBM" }))
    );
}

#[test]
fn without_rules_the_whole_data_is_the_output() {
    let schema = json!({ "type": "object" });
    assert_eq!(
        plan(schema.clone(), None, None).apply(&quote()),
        Ok(quote())
    );
    let below = plan(schema, Some("Global Quote"), None).apply(&quote());
    assert_eq!(below, Ok(quote()["Global Quote"].clone()));
}

#[test]
fn says_which_rule_found_nothing_and_what_is_near() {
    let rules = vec![required("price", "Global Quote.06. price")];
    let failure = plan(json!({}), None, Some(rules))
        .apply(&quote())
        .unwrap_err();
    assert_eq!(failure.code, FailureCode::MappingFailed);
    assert_eq!(
        failure.message,
        r#"mapping of output "price": nothing at "Global Quote.06. price""#
    );
    assert_eq!(failure.hint, r#"nearest key: "Global Quote.05. price""#);
    let details = json!({ "rule": "price", "path": "Global Quote.06. price",
                          "found_type": "absent", "nearest": "Global Quote.05. price" });
    assert_eq!(Value::Object(failure.details), details);

    let failure = plan(json!({}), Some("data"), None)
        .apply(&quote())
        .unwrap_err();
    assert_eq!(failure.details["rule"], "response_path");
}

#[test]
fn refuses_what_cannot_be_coerced() {
    let schema = json!({ "properties": { "change": { "type": "number" } } });
    let rules = vec![rule("change", "Global Quote.10. change percent")];
    let failure = plan(schema, None, Some(rules)).apply(&quote()).unwrap_err();
    assert!(
        failure.message.contains(r#""0.7946%" is not a number"#),
        "{}",
        failure.message
    );
    assert_eq!(failure.details["found_type"], "string");
}

#[test]
fn what_is_missing_is_defaulted_left_out_or_null() {
    let schema = json!({ "properties": {
        "plain": { "type": "number" },
        "nullable": { "type": ["number", "null"] },
        "either": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
        "note": { "type": "string" },
        "noted": { "type": ["string", "null"] },
        "preset": { "type": "number" },
    } });
    let mut preset = required("preset", "nope");
    preset.default = Some(json!(7));
    let rules = vec![
        rule("plain", "nope"),
        rule("nullable", "nope"),
        rule("either", "nope"),
        rule("note", "Global Quote.note"),
        rule("noted", "Global Quote.note"),
        rule("untyped", "Global Quote.note"),
        preset,
    ];
    let output = plan(schema.clone(), None, Some(rules)).apply(&quote());
    let expected =
        json!({ "nullable": null, "either": null, "noted": null, "untyped": null, "preset": 7 });
    assert_eq!(output, Ok(expected));

    let rules = vec![required("note", "Global Quote.note")];
    let failure = plan(schema, None, Some(rules)).apply(&quote()).unwrap_err();
    assert_eq!(failure.details["found_type"], "null");
}

#[test]
fn const_each_and_type_of_a_rule() {
    let schema = json!({ "properties": {
        "source": { "type": "string" },
        "rows": { "type": "array", "items": { "type": "object", "properties": {
            "n": { "type": "integer" } } } },
    } });
    let mut wide = rule("wide", "list.0.n");
    wide.as_type = Some(JsonType::Integer);
    let rules = vec![
        OutputRule {
            source: OutputSource::Const(json!("alpha")),
            ..rule("source", "x")
        },
        OutputRule {
            source: OutputSource::Each {
                path: ResponsePath("list".to_owned()),
                rules: vec![required("n", "n"), rule("m", "deep.m")],
            },
            ..rule("rows", "x")
        },
        wide,
    ];
    let plan = plan(schema, None, Some(rules));
    let response = json!({ "list": [{ "n": "1", "deep": { "m": true } }, { "n": 2 }] });
    let rows = json!([{ "n": 1, "m": true }, { "n": 2 }]);
    let expected = json!({ "source": "alpha", "rows": rows, "wide": 1 });
    assert_eq!(plan.apply(&response), Ok(expected));

    let failure = plan
        .apply(&json!({ "list": [{ "n": 1 }, { "x": 2 }] }))
        .unwrap_err();
    assert_eq!(failure.details["rule"], "rows[1].n");
    let failure = plan.apply(&json!({ "list": { "n": 1 } })).unwrap_err();
    assert_eq!(failure.details["found_type"], "object");
}

#[test]
fn several_values_are_an_array_unless_one_is_wanted() {
    let schema = json!({ "properties": {
        "all": { "type": "array", "items": { "$ref": "#/$defs/price" } },
        "one": { "type": "number" } },
        "$defs": { "price": { "type": "number" } } });
    let response = json!({ "list": [{ "id": "a", "p": "1.5" }, { "id": "b", "p": "2" }] });
    let plan_of = |path: &str| {
        let rules = vec![rule("all", "$.list[*].p"), rule("one", path)];
        plan(schema.clone(), None, Some(rules))
    };
    let one = plan_of("$.list[?@.id == 'b'].p").apply(&response);
    assert_eq!(one, Ok(json!({ "all": [1.5, 2], "one": 2 })));
    let none = plan_of("$.list[?@.id == 'c'].p").apply(&response);
    assert_eq!(none, Ok(json!({ "all": [1.5, 2] })));
    let failure = plan_of("$.list[*].p").apply(&response).unwrap_err();
    assert!(
        failure.message.contains("2 values where one is wanted"),
        "{}",
        failure.message
    );
}

#[test]
fn a_path_that_does_not_parse_fails_when_used() {
    let failure = plan(json!({}), Some("$.["), None)
        .apply(&json!({}))
        .unwrap_err();
    assert_eq!(failure.code, FailureCode::MappingFailed);
}

#[test]
fn a_short_mapping_cannot_multiply_a_large_response() {
    let large = "x".repeat(4 << 20);
    let nested = (0..100).fold(json!(large), |below, _| json!([below]));
    let rows = json!({ "rows": vec![1; 100_000] });
    let twenty: Vec<OutputRule> = (0..20).map(|n| rule(&format!("o{n}"), "$")).collect();
    let constant = OutputRule {
        source: OutputSource::Const(json!("x".repeat(1_000))),
        ..rule("c", "")
    };
    let each = OutputRule {
        source: OutputSource::Each {
            path: ResponsePath("rows".to_owned()),
            rules: vec![constant],
        },
        ..rule("rows", "")
    };
    for (rules, response, named) in [
        (twenty, json!([large]), "o15"),
        (vec![rule("all", "$..*")], nested, "all"),
        (vec![each], rows, "rows[62080].c"),
    ] {
        let applied = plan(json!({}), None, Some(rules)).apply(&response);
        let failure = applied.unwrap_err();
        assert_eq!(failure.code, FailureCode::MappingFailed);
        assert_eq!(failure.details["rule"], named);
        assert!(failure.message.contains("64 MB"), "{}", failure.message);
    }
}

#[test]
fn an_empty_text_is_nothing_where_no_text_is_wanted() {
    let schema = json!({ "type": "object", "properties": {
        "text": { "type": "string" }, "number": { "type": "number" },
        "maybe": { "type": ["number", "null"] }, "flag": { "type": "boolean" },
        "rows": { "type": "array", "items": { "properties": {
            "text": { "type": "string" }, "number": { "type": "number" }, "maybe": { "type": ["integer", "null"] } } } } } });
    let row = json!({ "text": "", "number": " ", "maybe": "", "other": "" });
    let answer = json!({ "e": "", "rows": [row] });
    let with_default = OutputRule {
        default: Some(json!(false)),
        ..rule("flag", "e")
    };
    let rules = vec![
        rule("text", "e"),
        rule("number", "e"),
        rule("maybe", "e"),
        with_default,
        rule("rows", "rows"),
    ];
    let output = plan(schema.clone(), None, Some(rules)).apply(&answer);
    let row = json!({ "text": "", "maybe": null, "other": "" });
    assert_eq!(
        output,
        Ok(json!({ "text": "", "maybe": null, "flag": false, "rows": [row] }))
    );
    let failure = plan(schema, None, Some(vec![required("number", "e")])).apply(&answer);
    let failure = failure.unwrap_err();
    assert_eq!(
        failure.message,
        r#"mapping of output "number": an empty text at "e""#
    );
}

#[test]
fn one_element_of_xml_is_a_list_of_one() {
    let schema = json!({ "type": "object", "properties": {
        "prices": { "type": "array", "items": { "type": "number" } },
        "nested": { "properties": { "prices": { "type": "array", "items": { "type": "number" } } } } } });
    let each = OutputRule {
        source: OutputSource::Each {
            path: ResponsePath("item".to_owned()),
            rules: vec![rule("price", "p")],
        },
        ..rule("rows", "")
    };
    let typed = OutputRule {
        as_type: Some(JsonType::Array),
        ..rule("typed", "p")
    };
    let rules = vec![rule("prices", "p"), rule("nested", "n"), each, typed];
    let answer = json!({ "p": "1.5", "n": { "prices": "2" }, "item": { "p": "3" } });
    let mut config = sample();
    config.output_schema = schema;
    config.mapping.output.rules = Some(rules);
    assert!(Plan::compile(&config).apply(&answer).is_err());
    config.response.format = ResponseFormat::Xml;
    assert_eq!(
        Plan::compile(&config).apply(&answer),
        Ok(
            json!({ "prices": [1.5], "nested": { "prices": [2] }, "rows": [{ "price": "3" }], "typed": ["1.5"] })
        )
    );
    let none = json!({ "p": "", "n": "", "item": "" });
    assert_eq!(
        Plan::compile(&config).apply(&none),
        Ok(json!({ "nested": "" }))
    );
}

#[test]
fn a_table_without_rules_is_of_the_types_in_the_schema() {
    let schema =
        json!({ "type": "array", "items": { "properties": { "n": { "type": "number" } } } });
    let rows = json!([{ "n": "1.5", "t": "a" }, { "n": "", "t": "" }, { "n": "x" }]);
    let mut config = sample();
    config.output_schema = schema;
    assert_eq!(Plan::compile(&config).apply(&rows), Ok(rows.clone()));
    config.response.format = ResponseFormat::Csv;
    assert_eq!(
        Plan::compile(&config).apply(&rows),
        Ok(json!([{ "n": 1.5, "t": "a" }, { "t": "" }, { "n": "x" }]))
    );
}

#[test]
fn an_output_of_nothing_tells_where_the_first_path_went_astray() {
    let mut config = sample();
    config.mapping.output.rules = Some(vec![rule("id", "dta.0.id"), rule("name", "dta.0.name")]);
    let plan = Plan::compile(&config);
    let hint = |answer: &Value| plan.hint_of_nothing(answer, &plan.apply(answer).unwrap());
    let told = hint(&json!({ "data": [{ "id": 1 }] })).unwrap();
    assert!(
        told.contains("\"dta.0.id\"") && told.contains("\"data\""),
        "{told}"
    );
    assert_eq!(hint(&json!({ "dta": [{ "name": "x" }] })), None);
    config.mapping.output.rules = Some(Vec::new());
    let plan = Plan::compile(&config);
    assert_eq!(plan.hint_of_nothing(&json!({}), &json!({})), None);
}

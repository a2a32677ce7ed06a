//! Schemas made strict, arguments restored, and tools that cannot be offered.

use serde_json::json;

use super::node::{Kind, Node, set_null};
use super::*;
use crate::formats::{ToolView, visible};
use crate::sample::sample;

mod generate;
mod generated;
mod real;
mod rules;

fn view(schema: Value) -> ToolView {
    let mut config = sample();
    config.input_schema = schema;
    ToolView::new(&config)
}

fn made(schema: &Value) -> Strict {
    let strict = strict(schema).unwrap_or_else(|why| panic!("{why}: {schema}"));
    rules::check(strict.schema());
    strict
}

#[test]
fn a_usual_tool_becomes_strict() {
    let schema = json!({
        "type": "object",
        "properties": {
            "symbol": { "type": "string", "description": "Ticker", "pattern": "^[A-Z]+$" },
            "count": { "type": "integer", "minimum": 1, "maximum": 9, "default": 5 },
            "side": { "enum": ["buy", "sell"] },
            "kind": { "const": "stock" },
            "tags": { "type": "array", "items": { "type": "string" }, "maxItems": 3, "uniqueItems": true },
            "place": { "type": "object", "properties": { "city": { "type": "string" } }, "title": "Where" },
        },
        "required": ["symbol", "kind"],
    });
    let expected = json!({
        "type": "object",
        "properties": {
            "symbol": { "description": "Ticker (pattern: ^[A-Z]+$)", "type": "string" },
            "count": { "description": "at least 1; at most 9; default: 5", "type": ["integer", "null"] },
            "side": { "type": ["string", "null"], "enum": ["buy", "sell", null] },
            "kind": { "type": "string", "enum": ["stock"] },
            "tags": { "description": "at most 3 items; no item twice",
                      "anyOf": [{ "type": "array", "items": { "type": "string" } }, { "type": "null" }] },
            "place": { "description": "Where", "anyOf": [
                { "type": "object", "properties": { "city": { "type": ["string", "null"] } },
                  "required": ["city"], "additionalProperties": false },
                { "type": "null" } ] },
        },
        "required": ["symbol", "count", "side", "kind", "tags", "place"],
        "additionalProperties": false,
    });
    // "title" stands beside the object, so it is said above the choice.
    let strict = made(&schema);
    assert_eq!(strict.schema(), &expected);
    let given = json!({ "symbol": "IBM", "count": null, "side": null, "kind": "stock", "tags": ["a"],
                        "place": { "city": null } });
    let restored = json!({ "symbol": "IBM", "kind": "stock", "tags": ["a"], "place": {} });
    assert_eq!(strict.restore(given), restored);
}

#[test]
fn null_means_left_out_and_can_still_be_said() {
    let schema = json!({
        "properties": {
            "due": { "type": ["string", "null"] },
            "owner": { "anyOf": [{ "type": "integer" }, { "type": "null" }] },
            "parent": { "type": ["string", "null"] },
            "list": { "type": "array", "items": { "type": ["integer", "null"] } },
        },
        "required": ["parent", "list"],
    });
    let strict = made(&schema);
    let cases = [
        (
            json!({ "due": null, "owner": null, "parent": null, "list": [null, 1] }),
            json!({ "parent": null, "list": [null, 1] }),
        ),
        (
            json!({ "due": { "null": true }, "owner": { "null": true }, "parent": "p", "list": [] }),
            json!({ "due": null, "owner": null, "parent": "p", "list": [] }),
        ),
        // A server that does not enforce the schema leaves things out by itself.
        (
            json!({ "due": "today", "parent": null, "list": [] }),
            json!({ "due": "today", "parent": null, "list": [] }),
        ),
    ];
    for (given, restored) in cases {
        assert_eq!(strict.restore(given), restored);
    }
    assert_eq!(
        strict.schema()["properties"]["due"],
        json!({ "anyOf": [{ "type": ["string", "null"] }, { "$ref": "#/$defs/null" }] }),
    );
}

#[test]
fn choices_references_and_joins_are_restored() {
    let tree = json!({
        "type": "object",
        "properties": { "root": { "$ref": "#/$defs/node" } },
        "required": ["root"],
        "$defs": { "node": { "type": "object", "required": ["name"], "properties": {
            "name": { "type": "string" }, "note": { "type": "string" },
            "children": { "type": "array", "items": { "$ref": "#/$defs/node" } },
        } } },
    });
    let given = json!({ "root": { "name": "a", "note": null, "children": [
        { "name": "b", "note": "n", "children": null } ] } });
    let restored = json!({ "root": { "name": "a", "children": [{ "name": "b", "note": "n" }] } });
    assert_eq!(made(&tree).restore(given), restored);

    let choice = json!({
        "oneOf": [
            { "properties": { "kind": { "const": "card" }, "number": { "type": "string" }, "cvc": { "type": "string" } },
              "required": ["kind", "number"] },
            { "properties": { "kind": { "const": "cash" }, "amount": { "type": "number" } }, "required": ["kind"] },
        ],
    });
    let strict = made(&choice);
    assert_eq!(strict.schema()["required"], json!(["input"]));
    let given = json!({ "input": { "kind": "card", "number": "1", "cvc": null } });
    assert_eq!(
        strict.restore(given),
        json!({ "kind": "card", "number": "1" })
    );
    // A server that does not enforce the schema; "input" is the tool's own here.
    for given in [
        json!({ "input": "x" }),
        json!({ "input": null }),
        json!({ "input": [1] }),
    ] {
        assert_eq!(strict.restore(given.clone()), given);
    }

    let joined = json!({
        "allOf": [
            { "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"] },
            { "type": "object", "properties": { "a": { "type": "number", "maximum": 3 }, "b": { "type": "string" } } },
        ],
    });
    let strict = made(&joined);
    assert_eq!(
        strict.schema()["properties"]["a"],
        json!({ "description": "at most 3", "type": "integer" })
    );
    assert_eq!(
        strict.restore(json!({ "a": 1, "b": null })),
        json!({ "a": 1 })
    );
}

#[test]
fn what_cannot_be_strict_says_where() {
    let no = |properties: Value| json!({ "type": "object", "properties": properties });
    let deep = (0..11).fold(
        json!({ "type": "string" }),
        |inner, _| json!({ "type": "object", "properties": { "a": inner } }),
    );
    for (schema, pointer) in [
        (no(json!({ "a": {} })), "/properties/a"),
        (no(json!({ "a": { "type": "object" } })), "/properties/a"),
        (no(json!({ "a": { "type": "array" } })), "/properties/a"),
        // Only the empty array fits.
        (
            no(json!({ "a": { "allOf": [
                { "type": "array", "items": { "type": "string" } },
                { "type": "array", "items": { "type": "integer" } },
            ] } })),
            "/properties/a/allOf/0/items",
        ),
        (
            no(json!({ "a": { "type": "object", "additionalProperties": { "type": "string" } } })),
            "/properties/a/additionalProperties",
        ),
        (
            no(json!({ "a": { "type": "object", "patternProperties": { "^x": {} } } })),
            "/properties/a/patternProperties",
        ),
        (
            json!({ "type": "object", "additionalProperties": true }),
            "/additionalProperties",
        ),
        (
            no(json!({ "a": { "enum": [{ "b": 1 }] } })),
            "/properties/a",
        ),
        (
            json!({ "properties": { "a": { "type": "string" } }, "required": ["a", "b"] }),
            "/required/1",
        ),
        (
            no(json!({ "a": { "$ref": "#/$defs/none" } })),
            "/properties/a/$ref",
        ),
        (
            json!({ "properties": { "a": { "type": "string" } },
                    "then": { "properties": { "b": { "type": "string" } } }, "if": {} }),
            "/then",
        ),
        (json!({ "type": "string" }), ""),
        (deep, ""),
    ] {
        let why = strict(&schema).expect_err(&schema.to_string());
        assert_eq!(why.pointer, pointer, "{why} {schema}");
    }
}

#[test]
fn a_type_that_cannot_be_leaves_the_others() {
    let schema = json!({ "required": ["a"], "properties": { "a": {
        "type": ["object", "null"], "required": ["b"],
        "properties": { "b": { "type": "string", "enum": [1] } },
    } } });
    assert_eq!(
        made(&schema).schema()["properties"]["a"],
        json!({ "type": "null" })
    );
}

#[test]
fn alternatives_that_nulls_would_mix_up_are_not_strict() {
    let schema = json!({ "properties": { "a": { "anyOf": [
        { "type": "object", "properties": { "x": { "type": "string" }, "y": { "type": "string" } } },
        { "type": "object", "properties": { "x": { "type": ["string", "null"] }, "y": { "type": "string" } },
          "required": ["x", "y"] },
    ] } } });
    assert!(strict(&schema).unwrap_err().reason.contains("told apart"));
}

#[test]
fn objects_of_a_choice_begin_differently() {
    let of = |kind: &str, more: &str| {
        json!({ "type": "object", "required": ["kind", more],
                "properties": { "kind": { "const": kind }, more: { "type": "string" } } })
    };
    let schema =
        json!({ "properties": { "a": { "anyOf": [of("x", "b"), of("y", "c"), of("z", "d")] } } });
    let strict = made(&schema);
    let first = |index: usize| {
        let alternative = &strict.schema()["properties"]["a"]["anyOf"][index];
        alternative["properties"]
            .as_object()
            .unwrap()
            .keys()
            .next()
            .unwrap()
            .clone()
    };
    assert_eq!([first(0), first(1), first(2)], ["kind", "c", "d"]);
    let same = json!({ "properties": { "a": { "anyOf": [
        { "type": "object", "required": ["k"], "properties": { "k": { "const": 1 } } },
        { "type": "object", "required": ["k"], "properties": { "k": { "const": 2 } } },
    ] } } });
    assert!(super::strict(&same).is_err());
}

#[test]
fn definitions_always_say_whether_they_are_strict() {
    let usual = definition(&view(
        json!({ "type": "object", "properties": { "a": { "type": "string" } } }),
    ));
    let usual = usual.unwrap();
    assert_eq!(usual.function()["strict"], true);
    assert_eq!(usual.function()["name"], "quote");
    assert_eq!(usual.not_strict(), None);

    let free = json!({ "type": "object", "properties": { "a": { "type": "object" } } });
    let loose = definition(&view(free.clone())).unwrap();
    assert_eq!(
        (&loose.function()["strict"], &loose.function()["parameters"]),
        (&json!(false), &free)
    );
    assert_eq!(loose.not_strict().unwrap().pointer, "/properties/a");
    assert_eq!(
        loose.restore(json!({ "a": { "b": null } })),
        json!({ "a": { "b": null } })
    );

    let none = definition(&view(json!({ "type": "object" }))).unwrap();
    assert_eq!(none.function()["strict"], true);
}

#[test]
fn a_loose_schema_has_what_providers_insist_on() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "additionalProperties": true,
        "definitions": { "p": { "type": "array", "items": [{ "type": "string" }], "additionalItems": false } },
    });
    let loose = definition(&view(schema)).unwrap();
    rules::check_definition(&loose);
    let parameters = &loose.function()["parameters"];
    assert_eq!(parameters["properties"], json!({}));
    assert_eq!(
        parameters["definitions"]["p"],
        json!({ "type": "array", "prefixItems": [{ "type": "string" }], "items": false })
    );
    let schema = json!({ "type": "object", "properties": {
        "items": { "type": ["array", "null"], "default": { "type": "array" } } } });
    let loose = definition(&view(schema)).unwrap();
    rules::check_definition(&loose);
    assert_eq!(
        loose.function()["parameters"]["properties"]["items"],
        json!({ "type": ["array", "null"], "default": { "type": "array" }, "items": {} })
    );
}

#[test]
fn a_root_that_no_provider_takes_is_wrapped() {
    let schema = json!({
        "type": "object",
        "anyOf": [{ "$ref": "#/$defs/a" }, { "type": "object", "additionalProperties": true }],
        "$defs": { "a": { "type": "object", "properties": { "default": { "$ref": "#/$defs/b" } } },
                   "b": { "type": "object" } },
    });
    let loose = definition(&view(schema)).unwrap();
    let parameters = &loose.function()["parameters"];
    assert_eq!(loose.function()["strict"], false);
    assert_eq!(
        parameters["properties"]["input"]["anyOf"][0]["$ref"],
        "#/properties/input/$defs/a"
    );
    assert_eq!(crate::schema::check(parameters), vec![]);
    assert_eq!(
        loose.restore(json!({ "input": { "x": 1 } })),
        json!({ "x": 1 })
    );
    for own in [json!({ "x": 1 }), json!({ "input": "x" })] {
        assert_eq!(loose.restore(own.clone()), own);
    }
}

#[test]
fn a_tool_that_no_provider_takes_is_told() {
    let wide: serde_json::Map<String, Value> = (0..3_000)
        .map(|n| (format!("p{n}"), json!({ "type": "object" })))
        .collect();
    for schema in [
        json!({ "type": "objekt", "properties": { "a": {} } }),
        json!({ "properties": { "a": { "$ref": "#/nowhere" } } }),
        json!({ "properties": { "a": { "$ref": "https://evil.example/s" } } }),
        json!({ "properties": wide }),
        json!(true),
    ] {
        let unusable = definition(&view(schema)).unwrap_err();
        assert_eq!(unusable.tool, "quote");
    }
    let mut named = view(json!({ "type": "object" }));
    named.id = "a b".to_owned();
    assert!(definition(&named).is_err());
}

#[test]
fn descriptions_are_bounded() {
    let mut long = view(json!({ "type": "object" }));
    long.description = "ä ".repeat(2_000);
    let definition = definition(&long).unwrap();
    let text = definition.function()["description"].as_str().unwrap();
    assert!(text.chars().count() <= MAX_DESCRIPTION && text.ends_with('…'));
}

#[test]
fn hidden_inputs_never_appear() {
    let schema = json!({
        "type": "object",
        "properties": {
            "a": { "type": "string" },
            "secretly": { "const": "GLOBAL", "x-hidden": true },
            "in": { "type": "object", "properties": {
                "b": { "type": "string" }, "secretly": { "default": 1, "x-hidden": true } } },
        },
        "required": ["secretly"],
        "default": { "a": "x", "secretly": "GLOBAL" },
        "examples": [{ "a": "x", "secretly": "GLOBAL" }],
        "not": { "required": ["secretly"], "maxProperties": 1 },
    });
    let strict = made(&visible(&schema));
    assert!(!strict.schema().to_string().contains("GLOBAL"));
    assert!(!strict.schema().to_string().contains("secretly"));
}

//! Schemas that are refused, schemas that are not, and what is said about values.

use serde_json::json;

use super::*;

fn found(schema: &Value) -> Vec<(String, &'static str)> {
    check(schema)
        .into_iter()
        .map(|fault| (fault.pointer, fault.code))
        .collect()
}

#[test]
fn ordinary_schemas_pass_and_compile() {
    for schema in [
        json!({}),
        json!({"properties": {"symbol": {"type": "string"}}}),
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}],
               "definitions": {"a": true}, "dependencies": {"a": ["b"], "c": {"type": "object"}}}),
        json!({"type": ["object", "null"], "required": ["a"], "additionalProperties": false,
               "properties": {"a": {"enum": [1, "b", null]}, "b": {"type": "array", "items": {"type": "integer"},
               "minItems": 1, "maxItems": 9_223_372_036_854_775_807_u64, "uniqueItems": true}}}),
        json!({"properties": {"a": {"type": "string", "pattern": "^[A-Z]{1,5}(\\.[A-Z]+)?$", "nullable": true,
               "example": "IBM", "xml": {"name": "A"}, "x-anything": 1, "externalDocs": {}}}}),
        json!({"$defs": {"node": {"type": "object", "properties": {"left": {"$ref": "#/$defs/node"},
               "right": {"$ref": "#/$defs/node"}}}}, "$ref": "#/$defs/node"}),
        json!({"properties": {"next": {"$ref": "#"}}}),
        json!({"properties": {"a b": true, "c": {"$ref": "#/properties/a%20b"}}}),
        json!({"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}],
               "$defs": {"a": {"properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}}, "b": {"type": "null"}}}),
    ] {
        assert_eq!(check(&schema), vec![], "{schema}");
        assert!(Compiled::new(&schema).is_ok(), "{schema}");
    }
}

#[test]
fn malformed_schemas_are_refused_with_pointers() {
    let deep = (0..40).fold(json!({}), |inner, _| json!({ "items": inner }));
    let wide: serde_json::Map<String, Value> = (0..20_000)
        .map(|n| (format!("p{n}"), json!({"type": "string"})))
        .collect();
    for (schema, pointer, code) in [
        (json!(false), "", "invalid_type"),
        (json!("object"), "", "invalid_type"),
        (json!({"type": "objekt"}), "/type", "invalid_value"),
        (
            json!({"type": ["string", "string"]}),
            "/type/1",
            "invalid_value",
        ),
        (json!({"type": []}), "/type", "invalid_type"),
        (
            json!({"properties": {"a": {"type": "str"}}}),
            "/properties/a/type",
            "invalid_value",
        ),
        (
            json!({"properties": {"a": "string"}}),
            "/properties/a",
            "invalid_type",
        ),
        (json!({"properties": []}), "/properties", "invalid_type"),
        (json!({"required": "a"}), "/required", "invalid_type"),
        (json!({"required": [1]}), "/required/0", "invalid_type"),
        (
            json!({"required": ["a", "a"]}),
            "/required/1",
            "invalid_value",
        ),
        (
            json!({"properties": {"a": {"required": true}}}),
            "/properties/a/required",
            "invalid_type",
        ),
        (json!({"enum": []}), "/enum", "invalid_value"),
        (json!({"anyOf": []}), "/anyOf", "invalid_value"),
        (json!({"anyOf": {}}), "/anyOf", "invalid_type"),
        (json!({"items": [{}]}), "/items", "invalid_type"),
        (json!({"minLength": 1e18}), "/minLength", "out_of_range"),
        (json!({"minLength": -1}), "/minLength", "out_of_range"),
        (json!({"maxLength": 1.5}), "/maxLength", "out_of_range"),
        (json!({"maxLength": 1e30}), "/maxLength", "out_of_range"),
        (json!({"maxItems": "3"}), "/maxItems", "invalid_type"),
        (json!({"multipleOf": 0}), "/multipleOf", "out_of_range"),
        (json!({"minimum": "1"}), "/minimum", "invalid_type"),
        (
            json!({"exclusiveMinimum": true}),
            "/exclusiveMinimum",
            "invalid_type",
        ),
        (json!({"pattern": "("}), "/pattern", "invalid_pattern"),
        (json!({"pattern": "(?=a)b"}), "/pattern", "invalid_pattern"),
        (json!({"pattern": "(a)\\1"}), "/pattern", "invalid_pattern"),
        (
            json!({"pattern": "((a{1,1000}){1,1000}){1,1000}"}),
            "/pattern",
            "invalid_pattern",
        ),
        (
            json!({"patternProperties": {"[": {}}}),
            "/patternProperties/[",
            "invalid_pattern",
        ),
        (
            json!({"$schema": "https://evil.example/meta"}),
            "/$schema",
            "invalid_value",
        ),
        (
            json!({"$ref": "https://evil.example/s.json"}),
            "/$ref",
            "invalid_ref",
        ),
        (
            json!({"$ref": "file:///etc/passwd"}),
            "/$ref",
            "invalid_ref",
        ),
        (json!({"$ref": "other.json#/a"}), "/$ref", "invalid_ref"),
        (json!({"$ref": "#/$defs/none"}), "/$ref", "invalid_ref"),
        (
            json!({"$ref": "#/x-hole", "x-hole": {"pattern": "("}}),
            "/$ref",
            "invalid_ref",
        ),
        (json!({"$ref": "#"}), "", "recursive_ref"),
        (
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
            "",
            "recursive_ref",
        ),
        (
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"type": "null"}, {"not": {"$ref": "#/$defs/a"}}]}}}),
            "",
            "recursive_ref",
        ),
        (json!({"$dynamicRef": "#a"}), "/$dynamicRef", "unsupported"),
        (
            json!({"properties": {"a": {"$id": "https://a.example/b"}}}),
            "/properties/a/$id",
            "unsupported",
        ),
        (json!({"propertis": {}}), "/propertis", "unknown_field"),
        (json!({"description": 5}), "/description", "invalid_type"),
        (
            json!({"description": "hidden\u{e0041}"}),
            "/description",
            "invalid_character",
        ),
        (
            json!({"properties": {"a\u{202e}": {}}}),
            "/properties/a\u{202e}",
            "invalid_character",
        ),
        (
            json!({"properties": {"a": {"default": "${API_KEY}"}}}),
            "/properties/a/default",
            "secret_not_allowed",
        ),
        (
            json!({"properties": {"a": {"x-hidden": "yes"}}}),
            "/properties/a/x-hidden",
            "invalid_type",
        ),
        (json!({"properties": wide}), "", "too_large"),
        (
            json!({"description": "a".repeat(1_000_000)}),
            "",
            "too_large",
        ),
    ] {
        let found = found(&schema);
        assert_eq!(
            found,
            [(pointer.to_owned(), code)],
            "{}",
            &schema.to_string()[..schema.to_string().len().min(200)]
        );
        assert!(Compiled::new(&schema).is_err());
    }
    assert_eq!(found(&deep)[0].1, "too_deep");
}

#[test]
fn tells_every_fault_and_what_was_meant() {
    let faults =
        check(&json!({"type": "strng", "required": 1, "properties": {"a": {"type": "Integer"}}}));
    let hints: Vec<_> = faults.iter().map(|fault| fault.hint.as_deref()).collect();
    assert_eq!(
        hints,
        [
            Some("did you mean \"string\"?"),
            None,
            Some("did you mean \"integer\"?")
        ]
    );
    let faults = check(&json!({"$ref": "#/$defs/adress", "$defs": {"address": {}}}));
    assert_eq!(
        faults[0].hint.as_deref(),
        Some("did you mean \"#/$defs/address\"?")
    );
    let faults = check(
        &json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
    );
    assert!(
        faults[0]
            .message
            .ends_with("#/$defs/a → #/$defs/b → #/$defs/a"),
        "{}",
        faults[0].message
    );
}

#[test]
fn references_that_multiply_are_refused() {
    let mut defs = serde_json::Map::new();
    for n in 0..30 {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        defs.insert(
            format!("d{n}"),
            json!({"properties": {"a": {"anyOf": [next, next]}}}),
        );
    }
    defs.insert("d30".into(), json!({"type": "null"}));
    let schema = json!({"$ref": "#/$defs/d0", "$defs": defs});
    assert_eq!(found(&schema), [(String::new(), "too_large")]);
}

#[test]
fn recursion_that_branches_takes_shallow_values_only() {
    let schema = json!({
        "$ref": "#/$defs/t",
        "$defs": {"t": {"properties": {"c": {"anyOf": [{"$ref": "#/$defs/t"}, {"$ref": "#/$defs/t"}]}},
                        "required": ["end"]}}
    });
    let compiled = Compiled::new(&schema).unwrap();
    let value =
        |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({"c": inner, "end": 1}));
    assert_eq!(compiled.faults(&value(60))[0].code, "too_deep");
    assert!(!compiled.is_valid(&value(60)));
    assert_eq!(compiled.faults(&value(3))[0].code, "invalid_value");
    let tree = json!({"properties": {"l": {"$ref": "#"}, "r": {"$ref": "#"}}});
    let deep = (0..120).fold(json!({}), |inner, _| json!({ "l": inner }));
    assert!(Compiled::new(&tree).unwrap().is_valid(&deep));
}

#[test]
fn says_what_is_wrong_with_a_value() {
    let schema = json!({
        "type": "object",
        "required": ["symbol"],
        "additionalProperties": false,
        "properties": {
            "symbol": {"type": "string", "minLength": 1, "maxLength": 5},
            "count": {"type": "integer", "minimum": 1},
            "unit": {"enum": ["celsius", "fahrenheit"]},
            "list": {"type": "array", "items": {"type": "number"}},
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "code": {"pattern": "^[A-Z]+$"},
            "form": {"oneOf": [{"type": "object", "required": ["a"]}, {"type": "array"}]}
        }
    });
    let compiled = Compiled::new(&schema).unwrap();
    assert_eq!(
        compiled.faults(&json!({"symbol": "IBM", "count": 1, "either": null})),
        vec![]
    );
    for (value, pointer, code, hint) in [
        (json!({}), "/symbol", "required", None),
        (
            json!({"symbl": "IBM", "symbol": "x"}),
            "/symbl",
            "unknown_field",
            Some("did you mean \"symbol\"?"),
        ),
        (
            json!({"symbol": 5}),
            "/symbol",
            "invalid_type",
            Some("send it in quotation marks"),
        ),
        (
            json!({"symbol": "toolong"}),
            "/symbol",
            "invalid_length",
            None,
        ),
        (
            json!({"symbol": "x", "count": "3"}),
            "/count",
            "invalid_type",
            Some("send it without quotation marks"),
        ),
        (
            json!({"symbol": "x", "count": 0}),
            "/count",
            "out_of_range",
            None,
        ),
        (
            json!({"symbol": "x", "unit": "celcius"}),
            "/unit",
            "invalid_value",
            Some("did you mean \"celsius\"?"),
        ),
        (
            json!({"symbol": "x", "unit": 7}),
            "/unit",
            "invalid_value",
            Some("allowed: \"celsius\", \"fahrenheit\""),
        ),
        (
            json!({"symbol": "x", "list": [1, "a"]}),
            "/list/1",
            "invalid_type",
            None,
        ),
        (
            json!({"symbol": "x", "either": 1}),
            "/either",
            "invalid_type",
            None,
        ),
        (
            json!({"symbol": "x", "code": "ab"}),
            "/code",
            "pattern_mismatch",
            None,
        ),
        (
            json!({"symbol": "x", "form": {}}),
            "/form",
            "invalid_value",
            Some("the nearest one says: /form/a \"a\" is required"),
        ),
        (json!([]), "", "invalid_type", None),
    ] {
        let faults = compiled.faults(&value);
        assert_eq!(faults.len(), 1, "{value}: {faults:?}");
        let fault = &faults[0];
        assert_eq!(
            (fault.pointer.as_str(), fault.code, fault.hint.as_deref()),
            (pointer, code, hint),
            "{value}"
        );
    }
}

#[test]
fn never_repeats_the_value() {
    let compiled = Compiled::new(&json!({"properties": {"a": {"type": "integer", "maximum": 3},
        "b": {"pattern": "^x$"}, "c": {"const": 1}, "d": {"oneOf": [{"const": 1}]}, "e": {"format": "date"}}})).unwrap();
    let secret = "s3cr3t-value";
    let faults =
        compiled.faults(&json!({"a": secret, "b": secret, "c": secret, "d": secret, "e": secret}));
    assert!(faults.len() >= 4);
    assert!(!format!("{faults:?}").contains(secret));
}

#[test]
fn a_huge_wrong_value_has_one_fault() {
    let compiled = Compiled::new(&json!({"type": "array", "items": {"type": "string"}})).unwrap();
    assert_eq!(compiled.faults(&json!(vec![1; 50_000])).len(), 1);
    assert_eq!(compiled.faults(&json!(vec![1; 500])).len(), 100);
}

#[test]
fn a_schema_without_type_is_an_object() {
    assert_eq!(
        with_type(&json!({"properties": {}})),
        json!({"type": "object", "properties": {}})
    );
    assert_eq!(
        with_type(&json!({"type": "array"})),
        json!({"type": "array"})
    );
}

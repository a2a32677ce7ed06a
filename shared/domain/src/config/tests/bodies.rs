//! What `body` may say, and what it may not.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{accepted, faults};
use crate::config::{BodyKind, InputMapping, Method, Node, ParamStyle, Rest, Target};

/// A POST with two inputs and this body; `mapping` is left out when it is null.
fn document(body: Value, mapping: Value) -> Value {
    let mut document = json!({
        "name": "t", "description": "d",
        "api": { "base_url": "https://api.example.com", "method": "POST", "path": "/x" },
        "input_schema": { "properties": { "a": { "type": "string" }, "b": { "type": "object" } } },
        "output_schema": {},
    });
    document["body"] = body;
    if !mapping.is_null() {
        document["mapping"] = mapping;
    }
    document
}

fn refused(body: Value, mapping: Value, pointer: &str, code: &str) {
    let document = document(body, mapping);
    let faults = faults(&document);
    let found = faults
        .first()
        .map(|fault| (fault.pointer.as_str(), fault.code));
    assert_eq!(found, Some((pointer, code)), "{document} {faults:?}");
}

#[test]
fn the_kind_is_stated_or_follows_from_the_rest() {
    let one = json!({ "$input": "a" });
    let both = json!({ "a": one, "b": { "$input": "b" } });
    for (body, kind) in [
        (json!({}), BodyKind::Unstated),
        (json!({ "type": "json" }), BodyKind::Json),
        (json!({ "type": "form" }), BodyKind::Form),
        (json!({ "type": "multipart" }), BodyKind::Multipart),
        (json!({ "type": "none" }), BodyKind::None),
        (json!({ "template": both }), BodyKind::Json),
        (
            json!({ "graphql": "query ($a: String, $b: In) { c(a: $a, b: $b) }" }),
            BodyKind::GraphQl,
        ),
        (
            json!({ "type": "xml", "template": { "r": both } }),
            BodyKind::Xml,
        ),
        (
            json!({ "type": "text", "template": [one, " and ", { "$input": "b" }] }),
            BodyKind::Text,
        ),
    ] {
        let config = accepted(&document(body, Value::Null));
        assert_eq!(config.body.kind, kind);
        assert_eq!(config.mapping.inputs, InputMapping::Identity);
    }
}

#[test]
fn the_kind_says_where_unmapped_inputs_go() {
    for (method, kind, expected) in [
        (Method::Get, BodyKind::Unstated, Rest::Query),
        (Method::Delete, BodyKind::Unstated, Rest::Query),
        (Method::Post, BodyKind::Unstated, Rest::Body),
        (Method::Post, BodyKind::None, Rest::Query),
        (Method::Delete, BodyKind::Json, Rest::Body),
        (Method::Put, BodyKind::Form, Rest::Body),
    ] {
        let rules = crate::config::BodyRules {
            kind,
            ..Default::default()
        };
        assert_eq!(rules.rest(method), expected, "{method:?} {kind:?}");
    }
}

#[test]
fn a_template_keeps_literals_and_marks_inputs() {
    let template = json!({
        "a": { "$input": "a", "default": 1, "omit_empty": true },
        "deep": [{ "b": { "$input": "b" } }, "text", { "$filter": "x" }],
        "quoted": { "$literal": { "$input": "no input", "x": "${KEY}" } },
        "plain": { "n": [1, { "$literal": { "$input": 1 } }] },
    });
    let config = accepted(&document(json!({ "template": template }), Value::Null));
    let Some(Node::Object(members)) = config.body.template else {
        panic!()
    };
    assert_eq!(
        members[0].1,
        Node::Input {
            name: "a".to_owned(),
            default: Some(json!(1)),
            omit_empty: true
        }
    );
    assert_eq!(
        members[2].1,
        Node::Literal(json!({ "$input": "no input", "x": "${KEY}" }))
    );
    assert_eq!(
        members[3].1,
        Node::Literal(json!({ "n": [1, { "$input": 1 }] }))
    );
    assert_eq!(Node::Object(members).inputs(), HashSet::from(["a", "b"]));
}

#[test]
fn templates_that_cannot_be_meant_are_refused() {
    let both = |a: Value| json!({ "template": { "a": a, "b": { "$input": "b" }, "c": { "$input": "a" } } });
    for (a, pointer, code) in [
        (
            json!({ "$input": "A" }),
            "/body/template/a/$input",
            "unknown_input",
        ),
        (
            json!({ "$input": 1 }),
            "/body/template/a/$input",
            "invalid_type",
        ),
        (
            json!({ "$input": "a", "x": 1 }),
            "/body/template/a/x",
            "unknown_field",
        ),
        (
            json!({ "$inputs": "a" }),
            "/body/template/a/$inputs",
            "unknown_field",
        ),
        (
            json!({ "$literal": 1, "x": 1 }),
            "/body/template/a/x",
            "unknown_field",
        ),
        (json!("${KEY}"), "/body/template/a", "secret_not_allowed"),
        (
            json!({ "$input": "a", "default": "${KEY}" }),
            "/body/template/a/default",
            "secret_not_allowed",
        ),
    ] {
        refused(both(a), Value::Null, pointer, code);
    }
    refused(
        json!({ "template": { "a": { "$input": "a" } } }),
        Value::Null,
        "/input_schema/properties/b",
        "unused_input",
    );
    // With a mapping, what is not mapped is not sent; nothing is mapped over the template.
    let template = json!({ "template": { "a": { "$input": "a" } } });
    accepted(&document(
        template.clone(),
        json!({ "input_to_params": { "b": "b" } }),
    ));
    refused(
        template,
        json!({ "input_to_body": { "b": "b" } }),
        "/mapping/input_to_body",
        "conflict",
    );
}

#[test]
fn kinds_refuse_what_they_cannot_write() {
    let a = json!({ "$input": "a" });
    for (body, mapping, pointer, code) in [
        (
            json!({ "type": "yaml" }),
            Value::Null,
            "/body/type",
            "invalid_value",
        ),
        (
            json!({ "content_type": "x" }),
            Value::Null,
            "/body/content_type",
            "unknown_field",
        ),
        (
            json!({ "type": "none", "template": {} }),
            json!({ "input_to_params": {} }),
            "/body/template",
            "conflict",
        ),
        (
            json!({ "type": "form", "template": [a] }),
            json!({ "input_to_params": {} }),
            "/body/template",
            "invalid_type",
        ),
        (
            json!({ "type": "text", "template": {} }),
            json!({ "input_to_params": {} }),
            "/body/template",
            "invalid_type",
        ),
        (json!({ "type": "text" }), Value::Null, "/body", "required"),
        (
            json!({ "type": "text" }),
            json!({ "input_to_body": { "a": "a" } }),
            "/body",
            "required",
        ),
        (json!({ "type": "xml" }), Value::Null, "/body", "required"),
        (
            json!({ "type": "xml" }),
            json!({ "input_to_body": { "a": "r.a", "b": "s.b" } }),
            "/body",
            "required",
        ),
        (
            json!({ "type": "xml" }),
            json!({ "input_to_body": { "a": "r&.a" } }),
            "/body",
            "invalid_value",
        ),
        (
            json!({ "type": "xml", "template": { "r": 1, "s": 2 } }),
            json!({ "input_to_params": {} }),
            "/body/template",
            "invalid_value",
        ),
        (
            json!({ "type": "xml", "template": { "r": { "<x>": a } } }),
            json!({ "input_to_params": {} }),
            "/body/template/r/<x>",
            "invalid_value",
        ),
        (
            json!({ "type": "multipart" }),
            json!({ "input_to_headers": { "a": "content-type" } }),
            "/body/type",
            "conflict",
        ),
        (
            json!({ "type": "multipart" }),
            json!({ "input_to_body": { "a": { "name": "x", "style": "form" } } }),
            "/mapping/input_to_body/a/style",
            "unknown_field",
        ),
        (
            json!({ "type": "json" }),
            json!({ "input_to_body": { "a": "x.0", "b": "x.y" } }),
            "/mapping/input_to_body/b",
            "conflict",
        ),
        (
            json!({ "type": "json" }),
            json!({ "input_to_body": { "a": "x", "b": "" } }),
            "/mapping/input_to_body/b",
            "conflict",
        ),
        (
            json!({ "type": "json" }),
            json!({ "input_to_body": { "a": "x.256" } }),
            "/mapping/input_to_body/a",
            "invalid_value",
        ),
        (
            json!({ "type": "form" }),
            json!({ "input_to_body": { "a": "x", "b": "x" } }),
            "/mapping/input_to_body/b",
            "conflict",
        ),
    ] {
        refused(body, mapping, pointer, code);
    }
}

#[test]
fn a_query_is_checked_against_its_variables() {
    let text = "query Q($a: String!, $b: In) { c(a: $a, b: $b) }";
    accepted(&document(json!({ "graphql": text }), Value::Null));
    let of = |graphql: &str| json!({ "type": "graphql", "graphql": graphql });
    let to_body = |target: &str| json!({ "input_to_body": { "a": target } });
    accepted(&document(of(text), to_body("/a")));
    for (body, mapping, code) in [
        (json!({ "type": "graphql" }), Value::Null, "required"),
        (
            json!({ "type": "json", "graphql": text }),
            json!({}),
            "conflict",
        ),
        (of("query {"), Value::Null, "invalid_graphql"),
        (
            of("query { a } query { b }"),
            Value::Null,
            "invalid_graphql",
        ),
        (
            of("query { a(b: \"${KEY}\") }"),
            Value::Null,
            "secret_not_allowed",
        ),
        (of("query ($a: Int) { c }"), Value::Null, "unknown_variable"),
        (of(text), to_body("b.x"), "required"),
        (of(text), to_body("aa"), "unknown_variable"),
    ] {
        refused(body, mapping, "/body/graphql", code);
    }
}

#[test]
fn get_and_head_have_no_body() {
    for method in ["GET", "HEAD"] {
        for body in [
            json!({ "type": "form" }),
            json!({ "template": { "$input": "a" } }),
        ] {
            let mut document = document(body, json!({}));
            document["api"]["method"] = json!(method);
            let fault = faults(&document).remove(0);
            assert_eq!(fault.code, "conflict");
            assert!(fault.hint.unwrap().contains("input_to_params"));
        }
    }
}

#[test]
fn fields_have_plain_names_and_styles() {
    let mapping = json!({ "input_to_body": {
        "a": "user[a.b]", "b": { "name": "b", "style": "deepObject" } } });
    let config = accepted(&document(json!({ "type": "form" }), mapping));
    let InputMapping::Exact(rules) = config.mapping.inputs else {
        panic!()
    };
    let targets: Vec<Target> = rules.into_iter().map(|rule| rule.target).collect();
    assert_eq!(
        targets,
        [
            Target::Field {
                name: "user[a.b]".to_owned(),
                style: ParamStyle::FormExplode
            },
            Target::Field {
                name: "b".to_owned(),
                style: ParamStyle::DeepObject
            },
        ]
    );
}

#[test]
fn every_style_of_a_path_is_known() {
    for (style, explode, expected) in [
        ("simple", false, ParamStyle::Simple),
        ("simple", true, ParamStyle::SimpleExplode),
        ("label", false, ParamStyle::Label),
        ("label", true, ParamStyle::LabelExplode),
        ("matrix", false, ParamStyle::Matrix),
        ("matrix", true, ParamStyle::MatrixExplode),
    ] {
        let rule = json!({ "name": "a", "style": style, "explode": explode });
        let mut document = document(json!({}), json!({ "input_to_path": { "a": rule } }));
        document["api"]["path"] = json!("/x/{a}");
        let InputMapping::Exact(rules) = accepted(&document).mapping.inputs else {
            panic!()
        };
        let Target::Path { style, .. } = rules[0].target else {
            panic!()
        };
        assert_eq!(style, expected);
    }
}

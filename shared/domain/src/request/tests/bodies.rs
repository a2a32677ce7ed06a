//! Bodies of every kind, from documents and inputs.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Body, Draft, FormPart};
use super::build;
use crate::config;
use crate::egress::Policy;
use crate::fault::Fault;

/// A POST with these properties, this body and this mapping (null: none).
fn tool(properties: Value, body: Value, mapping: Value) -> config::ToolConfig {
    let mut document = json!({
        "name": "t", "description": "d",
        "api": { "base_url": "https://api.example.com", "method": "POST", "path": "/x" },
        "input_schema": {},
        "output_schema": {},
    });
    document["input_schema"]["properties"] = properties;
    document["body"] = body;
    if !mapping.is_null() {
        document["mapping"] = mapping;
    }
    match config::read(&document, &Policy::default()) {
        Ok(config) => config,
        Err(faults) => panic!("{document}: {faults:#?}"),
    }
}

fn body(tool: &config::ToolConfig, input: Value) -> Option<Body> {
    draft(tool, input).unwrap().body
}

fn draft(tool: &config::ToolConfig, input: Value) -> Result<Draft, Vec<Fault>> {
    build(tool, input)
}

fn form(pairs: &[(&str, &str)]) -> Option<Body> {
    let pairs = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Some(Body::Form(pairs.collect()))
}

#[test]
fn a_form_has_a_field_for_every_input() {
    let inputs = json!({ "to": {}, "tags": {}, "meta": {} });
    let plain = tool(inputs.clone(), json!({ "type": "form" }), Value::Null);
    let input = json!({ "to": "+49 1", "tags": ["a", 2], "meta": { "k": true }, "gone": null });
    assert_eq!(
        body(&plain, input.clone()),
        form(&[("to", "+49 1"), ("tags", "a"), ("tags", "2"), ("k", "true")])
    );
    let mapping = json!({ "input_to_body": {
        "to": "To[0]", "tags": { "name": "Tags", "explode": false },
        "meta": { "name": "metadata", "style": "deepObject" } } });
    let mapped = tool(inputs, json!({ "type": "form" }), mapping);
    assert_eq!(
        body(&mapped, input),
        form(&[("To[0]", "+49 1"), ("Tags", "a,2"), ("metadata[k]", "true")])
    );
    assert_eq!(body(&mapped, json!({})), form(&[]));
    // An object does not name another input's field, and lists of lists have no form.
    for input in [
        json!({ "meta": { "to": 1 }, "to": "x" }),
        json!({ "tags": [[1]] }),
    ] {
        let fault = draft(&plain, input).unwrap_err().remove(0);
        assert_eq!(fault.code, "unfit_value");
        assert_ne!(fault.pointer, "");
    }
}

#[test]
fn a_template_is_filled_with_typed_nodes() {
    let template = json!({
        "model": "m", "messages": [
            { "role": "system", "content": { "$input": "system" } },
            { "role": "user", "content": { "$input": "prompt" } },
        ],
        "limit": { "$input": "limit", "default": 10 },
        "tags": { "$input": "tags", "omit_empty": true },
        "list": [{ "$input": "system" }, 1],
        "raw": { "$literal": { "$input": "prompt" } },
    });
    let names = json!({ "system": {}, "prompt": {}, "limit": {}, "tags": {} });
    let tool = tool(names, json!({ "template": template }), Value::Null);
    let evil = "\"}], \"admin\": true, {{ x }} ${KEY}";
    let input = json!({ "prompt": evil, "tags": [], "limit": null });
    assert_eq!(
        body(&tool, input),
        Some(Body::Json(json!({
            "model": "m", "messages": [{ "role": "system" }, { "role": "user", "content": evil }],
            "limit": null, "list": [1], "raw": { "$input": "prompt" },
        })))
    );
    let found = body(
        &tool,
        json!({ "prompt": { "n": [1.50] }, "system": false, "tags": ["t"] }),
    );
    assert_eq!(
        found,
        Some(Body::Json(json!({
            "model": "m",
            "messages": [{ "role": "system", "content": false }, { "role": "user", "content": { "n": [1.5] } }],
            "limit": 10, "tags": ["t"], "list": [false, 1], "raw": { "$input": "prompt" },
        })))
    );
}

#[test]
fn a_template_can_be_one_input() {
    let items = json!({ "template": { "$input": "items" } });
    let template = tool(json!({ "items": {} }), items, Value::Null);
    let to_root = json!({ "input_to_body": { "items": "" } });
    let mapped = tool(json!({ "items": {} }), json!({}), to_root);
    for tool in [template, mapped] {
        let found = body(&tool, json!({ "items": [1, 2] }));
        assert_eq!(found, Some(Body::Json(json!([1, 2]))));
        assert_eq!(body(&tool, json!({})), None);
    }
}

#[test]
fn a_short_template_makes_no_long_body() {
    let many: Vec<Value> = (0..1000).map(|_| json!({ "$input": "a" })).collect();
    let body = json!({ "template": { "all": many } });
    let tool = tool(json!({ "a": {} }), body, Value::Null);
    assert!(draft(&tool, json!({ "a": "x".repeat(100) })).is_ok());
    for long in [json!("x".repeat(10_000)), json!(vec![0; 10_000])] {
        let fault = draft(&tool, json!({ "a": long })).unwrap_err().remove(0);
        assert!(fault.message.contains("1024 KB"), "{}", fault.message);
    }
}

#[test]
fn what_is_too_long_as_it_is_sent_is_refused() {
    for (kind, fits, long) in [
        ("json", "\u{1}".repeat(170_000), "\u{1}".repeat(180_000)),
        ("form", "é".repeat(170_000), "é".repeat(180_000)),
        ("text", "x".repeat(1024 * 1024), "x".repeat(1024 * 1024 + 1)),
    ] {
        let tool = tool(json!({ "a": {} }), json!({ "type": kind }), Value::Null);
        assert!(draft(&tool, json!({ "a": fits })).is_ok(), "{kind}");
        let fault = draft(&tool, json!({ "a": long })).unwrap_err().remove(0);
        assert!(fault.message.contains("1024 KB"), "{}", fault.message);
    }
}

#[test]
fn paths_and_headers_have_their_bounds() {
    let mapping = json!({ "input_to_path": { "a": "a" }, "input_to_headers": { "b": "X-B" } });
    let document = json!({
        "name": "t", "description": "d", "output_schema": {}, "mapping": mapping,
        "api": { "base_url": "https://api.example.com", "path": "/{a}" },
        "input_schema": { "properties": { "a": {}, "b": {} } },
    });
    let tool = config::read(&document, &Policy::default()).unwrap();
    let of = |a: usize, b: usize| json!({ "a": "x".repeat(a), "b": "y".repeat(b) });
    assert!(draft(&tool, of(8192, 8192)).is_ok());
    for (input, pointer) in [(of(8193, 1), "/a"), (of(1, 8193), "/b")] {
        let fault = draft(&tool, input).unwrap_err().remove(0);
        assert_eq!(
            (fault.pointer.as_str(), fault.code),
            (pointer, "unfit_value")
        );
    }
}

#[test]
fn places_have_names_and_indexes() {
    let mapping = json!({ "input_to_body": {
        "a": "to.0.email", "b": "/to/1/email", "c": "note" } });
    let tool = tool(json!({ "a": {}, "b": {}, "c": {} }), json!({}), mapping);
    assert_eq!(
        body(&tool, json!({ "a": "x", "b": "y" })),
        Some(Body::Json(
            json!({ "to": [{ "email": "x" }, { "email": "y" }] })
        ))
    );
    assert_eq!(
        body(&tool, json!({ "b": "y", "c": { "d": null } })),
        Some(Body::Json(
            json!({ "to": [{ "email": "y" }], "note": { "d": null } })
        ))
    );
}

#[test]
fn graphql_inputs_are_variables() {
    let text = "query Find($id: ID!, $in: In) { order(id: $id, in: $in) { total } }";
    let names = json!({ "id": {}, "in": {}, "n": {} });
    let evil = "1\") { admin } #";
    let mapping = json!({ "input_to_body": { "id": "id", "n": "in.n" } });
    let mapped = tool(names, json!({ "graphql": text }), mapping);
    let expected = |variables: Value| {
        Some(Body::Json(
            json!({ "query": text, "variables": variables, "operationName": "Find" }),
        ))
    };
    assert_eq!(
        body(&mapped, json!({ "id": evil, "n": 7 })),
        expected(json!({ "id": evil, "in": { "n": 7 } }))
    );
    let names = json!({ "id": {}, "in": {} });
    let identity = tool(names.clone(), json!({ "graphql": text }), Value::Null);
    assert_eq!(
        body(&identity, json!({ "id": 1 })),
        expected(json!({ "id": 1 }))
    );
    let variables = json!({ "graphql": text, "template": {
        "id": { "$input": "id" }, "in": { "first": { "$input": "in" } } } });
    let template = tool(names, variables, Value::Null);
    assert_eq!(
        body(&template, json!({ "id": 1, "in": [2] })),
        expected(json!({ "id": 1, "in": { "first": [2] } }))
    );
}

#[test]
fn xml_keeps_its_structure() {
    let template = json!({ "order": { "@id": { "$input": "id" }, "item": { "$input": "items" } } });
    let names = json!({ "id": {}, "items": {} });
    let xml = json!({ "type": "xml", "template": template });
    let template = tool(names.clone(), xml, Value::Null);
    let mapping = json!({ "input_to_body": { "id": "order.@id", "items": "order.item" } });
    let mapped = tool(names, json!({ "type": "xml" }), mapping);
    for tool in [&template, &mapped] {
        let Some(Body::Xml(text)) =
            body(tool, json!({ "id": "\"<", "items": ["a&b", { "c": 1 }] }))
        else {
            panic!()
        };
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><order id=\"&quot;&lt;\">\
             <item>a&amp;b</item><item><c>1</c></item></order>"
        );
        let odd = draft(tool, json!({ "id": 1, "items": { "a b": 1 } })).unwrap_err();
        assert_eq!(odd[0].code, "unfit_value");
    }
    assert_eq!(body(&mapped, json!({})), None);
}

#[test]
fn a_text_is_an_input_or_joined() {
    let one = tool(
        json!({ "note": {} }),
        json!({ "type": "text" }),
        Value::Null,
    );
    let joined = json!({ "type": "text", "template": ["Dear ", { "$input": "note" }, "!"] });
    let joined = tool(json!({ "note": {} }), joined, Value::Null);
    for (input, plain, letter) in [
        (json!({ "note": "a\nb" }), Some("a\nb"), "Dear a\nb!"),
        (json!({ "note": 7 }), Some("7"), "Dear 7!"),
        (json!({}), None, "Dear !"),
    ] {
        let expected = plain.map(|text| Body::Text(text.to_owned()));
        assert_eq!(body(&one, input.clone()), expected);
        assert_eq!(body(&joined, input), Some(Body::Text(letter.to_owned())));
    }
    assert!(draft(&one, json!({ "note": { "a": 1 } })).is_err());
}

#[test]
fn multipart_has_fields_and_files() {
    let mapping = json!({ "input_to_body": { "note": "comment", "files": "file" } });
    let names = json!({ "note": {}, "files": {} });
    let tool = tool(names, json!({ "type": "multipart" }), mapping);
    let input = json!({ "note": "x", "files": [
        { "filename": "a.txt", "content_type": "text/plain", "text": "A" },
        { "filename": "b.bin", "base64": "AAE=" } ] });
    let part = |name: &str, file: Option<(&str, &str)>, content: &[u8]| FormPart {
        name: name.to_owned(),
        filename: file.map(|(name, _)| name.to_owned()),
        content_type: file.map(|(_, kind)| kind.to_owned()),
        content: content.to_vec(),
    };
    assert_eq!(
        body(&tool, input),
        Some(Body::Multipart(vec![
            part("comment", None, b"x"),
            part("file", Some(("a.txt", "text/plain")), b"A"),
            part("file", Some(("b.bin", "application/octet-stream")), &[0, 1]),
        ]))
    );
    let odd = json!({ "files": { "filename": "a\"\r\nX: 1", "text": "" } });
    let fault = draft(&tool, odd).unwrap_err().remove(0);
    assert_eq!(
        (fault.pointer.as_str(), fault.code),
        ("/files", "unfit_value")
    );
}

#[test]
fn connection_variables_are_checked_when_they_are_filled_in() {
    let mut tool = tool(json!({}), json!({}), Value::Null);
    let variable = |allowed: &[&str], default: Option<&str>| config::ConnectionVar {
        name: "v".to_owned(),
        default: default.map(str::to_owned),
        allowed: allowed.iter().map(ToString::to_string).collect(),
        pattern: None,
    };
    tool.api.path = vec![config::PathSegment(vec![config::Piece::Placeholder(
        "v".to_owned(),
    )])];
    // The only value that it allows is its value.
    tool.api.connection_vars = vec![variable(&["eu"], None)];
    assert_eq!(draft(&tool, json!({})).unwrap().segments, ["eu"]);
    for bad in [
        variable(&["eu", "us"], None),
        variable(&["eu"], Some("us")),
        variable(&[], Some("")),
        variable(&[], Some("..")),
        variable(&[], None),
    ] {
        tool.api.connection_vars = vec![bad];
        assert_eq!(
            draft(&tool, json!({})).unwrap_err()[0].code,
            "connection_var"
        );
    }
}

proptest! {
    #[test]
    fn no_input_breaks_any_body(a in super::any_json(), b in super::any_json()) {
        let names = || json!({ "a": {}, "b": {} });
        let node = json!({ "@x": { "$input": "a" }, "y": [{ "$input": "b" }] });
        for body in [
            json!({ "type": "form" }),
            json!({ "type": "multipart" }),
            json!({ "type": "form", "template": node }),
            json!({ "type": "xml", "template": { "r": node } }),
            json!({ "type": "text", "template": [{ "$input": "a" }, { "$input": "b" }] }),
            json!({ "graphql": "query ($a: A, $b: B) { c(a: $a, b: $b) }" }),
        ] {
            let tool = tool(names(), body, Value::Null);
            let input = json!({ "a": a, "b": b });
            let Ok(draft) = draft(&tool, input.clone()) else {
                continue;
            };
            match draft.body {
                Some(Body::Multipart(parts)) => {
                    let texts = parts.iter().flat_map(|part| [Some(&part.name), part.filename.as_ref()]);
                    prop_assert!(!texts.flatten().any(|text| text.chars().any(char::is_control)));
                }
                Some(Body::Json(value)) => prop_assert_eq!(&value["variables"], &input),
                Some(Body::Xml(text)) => prop_assert!(text.ends_with("</r>")),
                Some(Body::Form(_) | Body::Text(_)) | None => {}
            }
        }
    }
}

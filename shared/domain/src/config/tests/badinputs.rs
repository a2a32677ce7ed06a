//! The hostile documents of the project's list, as far as reading alone decides about them.

use std::fs;

use serde_json::{Value, json};

use super::super::read;
use crate::egress::Policy;

/// What reading alone does not decide, and who does.
const ELSEWHERE: [(&str, &str); 1] = [("config-083", "the database: the id exists already")];

fn lines() -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/cases/badinputs.jsonl"
    );
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Fills fixtures and writes out what stands in round brackets for generated bulk.
fn expanded(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.as_str() {
            "(64 KB of a)" => json!("a".repeat(64 * 1024)),
            "(100 KB)" => json!("a".repeat(100 * 1024)),
            "(1 MB)" => json!({"description": "a".repeat(1024 * 1024)}),
            "(object with 20,000 properties)" => {
                let properties: serde_json::Map<String, Value> =
                    (0..20_000).map(|n| (format!("p{n}"), json!({}))).collect();
                json!({"type": "object", "properties": properties})
            }
            long if long.ends_with("...(10 KB)") => json!(format!("/{}", "a".repeat(10 * 1024))),
            text => {
                assert!(!text.starts_with('('), "unknown bulk: {text}");
                json!(filled(text))
            }
        },
        Value::Array(items) => items.iter().map(expanded).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), expanded(value)))
            .collect(),
        other => other.clone(),
    }
}

fn filled(text: &str) -> String {
    [
        ("{{UPSTREAM}}", "upstream.example.com"),
        ("{{UPSTREAM_HOST}}", "upstream.example.com"),
        ("{{DNS_NAME}}", "rebind.example.com"),
        ("{{OTHER_ORIGIN}}", "other.example.com"),
        ("{{SUPABASE_HOST}}", "project.supabase.co"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (fixture, value)| {
        text.replace(fixture, value)
    })
}

fn policy() -> Policy {
    Policy {
        allow: vec![],
        own_hosts: vec!["project.supabase.co".into()],
    }
}

#[test]
fn hostile_documents_are_refused_and_odd_ones_are_not() {
    let mut tried = 0;
    for line in lines() {
        let (id, request) = (line["id"].as_str().unwrap(), &line["payload"]["request"]);
        let is_config = matches!(line["area"].as_str(), Some("config" | "ssrf"))
            && request["path"] == "/api/v1/tools"
            && request["method"] == "POST"
            && request["body"].is_object();
        if !is_config || ELSEWHERE.iter().any(|(other, _)| *other == id) {
            continue;
        }
        tried += 1;
        let what = &line["what"];
        let outcome = read(&expanded(&request["body"]), &policy());
        match line["expect"].as_str().unwrap() {
            either if either.contains("or blocked") => {}
            expect if expect.starts_with("400") => {
                let faults = outcome.expect_err(&format!("{id} {what}"));
                assert!(!faults.is_empty(), "{id}");
                assert!(
                    faults.iter().all(|fault| fault.message.len() < 600),
                    "{id}: {faults:?}"
                );
            }
            _ => assert!(outcome.is_ok(), "{id} {what}: {outcome:?}"),
        }
    }
    assert!(tried >= 150, "only {tried} lines were tried");
}

#[test]
fn the_tools_that_set_a_scene_can_be_saved() {
    for line in lines() {
        let tool = &line["payload"]["tool"];
        if !matches!(line["area"].as_str(), Some("ssrf" | "input" | "http")) || !tool.is_object() {
            continue;
        }
        let outcome = read(&expanded(tool), &policy());
        assert!(outcome.is_ok(), "{}: {tool} {outcome:?}", line["id"]);
    }
}

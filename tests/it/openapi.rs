//! The API's description is complete, and what stands in `docs/` is what the routes say.

use std::collections::{BTreeMap, HashSet};
use std::fs;

use domain::rights::{Needs, RIGHTS};
use serde_json::Value;

use crate::lambda::event;

fn spec() -> Value {
    let path = xtask::export::root().join("docs/api-spec.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Every operation with its name for messages, such as `get /health`.
fn operations(spec: &Value) -> Vec<(String, &Value)> {
    let paths = spec["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let item = item.as_object().unwrap();
            item.iter()
                .map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

#[test]
fn generated_documents_are_fresh() {
    for (name, text) in xtask::export::documents().unwrap() {
        let stands = fs::read_to_string(xtask::export::root().join(name)).unwrap();
        assert!(
            stands == text,
            "{name} is not fresh. Type: cargo xtask export"
        );
    }
}

#[test]
fn is_openapi_3_1() {
    assert_eq!(spec()["openapi"], "3.1.0");
}

#[test]
fn every_operation_is_named_once_and_explained() {
    let spec = spec();
    let mut seen = HashSet::new();
    for (name, operation) in operations(&spec) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(seen.insert(id.to_owned()), "{id} names two operations");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty(), "{name} has no summary");
        assert_eq!(
            operation["tags"].as_array().map(Vec::len),
            Some(1),
            "{name}"
        );
    }
}

#[test]
fn every_parameter_is_described() {
    let spec = spec();
    for (name, operation) in operations(&spec) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let text = parameter["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{name}: {parameter}");
        }
    }
}

#[test]
fn every_answer_with_json_has_an_example() {
    let spec = spec();
    for (name, operation) in operations(&spec) {
        let body = &operation["requestBody"]["content"]["application/json"];
        if !body.is_null() {
            assert!(
                exemplified(&spec, body),
                "{name} takes a body without an example"
            );
        }
        let successes = operation["responses"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(status, _)| status.starts_with('2'));
        let mut count = 0;
        for (status, response) in successes {
            count += 1;
            let media = &response["content"]["application/json"];
            assert!(
                media.is_null() || exemplified(&spec, media),
                "{name} {status} has no example"
            );
        }
        assert!(count > 0, "{name} never succeeds");
    }
}

/// Whether a media type shows an example: of its own, or on every property of its schema that is no object itself.
fn exemplified(spec: &Value, media: &Value) -> bool {
    let own = ["example", "examples"]
        .iter()
        .any(|name| !media[name].is_null());
    own || has_example(spec, &media["schema"])
}

fn has_example(spec: &Value, schema: &Value) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        return spec
            .pointer(reference.trim_start_matches('#'))
            .is_some_and(|s| has_example(spec, s));
    }
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let properties = schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(|map| map.values());
    !schema["example"].is_null()
        || !schema["examples"].is_null()
        || schema == &Value::Object(serde_json::Map::new())
        || parts
            .chain(properties)
            .chain([&schema["items"]])
            .any(|s| !s.is_null() && has_example(spec, s))
}

#[test]
fn only_public_operations_ask_for_no_token() {
    let spec = spec();
    for (name, operation) in operations(&spec) {
        let open = operation["security"] == serde_json::json!([{}]);
        let id = operation["operationId"].as_str().unwrap();
        let right = RIGHTS.iter().find(|right| right.operation == id);
        let needs = right.map(|right| right.needs);
        let public = matches!(needs, Some(Needs::Public | Needs::Link));
        assert_eq!(open, !name.contains("/api/v1/") || public, "{name}");
        assert_eq!(operation["responses"]["401"].is_null(), open, "{name}");
    }
}

#[test]
fn operations_are_named_for_their_files() {
    let spec = spec();
    let ids: BTreeMap<String, &str> = operations(&spec)
        .into_iter()
        .map(|(name, operation)| (name, operation["operationId"].as_str().unwrap()))
        .collect();
    for (group, verb) in event::all() {
        let event: Value = serde_json::from_str(&event::text(&group, &verb)).unwrap();
        let method = event["httpMethod"].as_str().unwrap().to_lowercase();
        let Some(id) = ids.get(&format!("{method} {}", event["resource"].as_str().unwrap())) else {
            continue;
        };
        assert!(id.contains(&verb), "{group}/{verb}.json is {id}");
    }
}

#[test]
fn the_collection_has_every_operation_and_checks_its_status() {
    let [_, (_, collection), ..] = xtask::export::documents().unwrap();
    let collection: Value = serde_json::from_str(&collection).unwrap();
    let items: Vec<&Value> = collection["item"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|folder| folder["item"].as_array().unwrap())
        .collect();
    let spec = spec();
    assert_eq!(items.len(), operations(&spec).len());
    for item in items {
        let script = item["event"][0]["script"]["exec"].to_string();
        assert!(script.contains("status is 2"), "{}: {script}", item["name"]);
    }
}

//! The API's description is complete, and what stands in `docs/` is what the routes say.

use std::collections::{BTreeMap, HashSet};
use std::fs;

use domain::rights::{Needs, RIGHTS};
use serde_json::{Value, json};

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
    let parts = ["allOf", "anyOf", "oneOf"]
        .into_iter()
        .flat_map(|name| schema[name].as_array().into_iter().flatten());
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
        assert_eq!(open, public, "{name}");
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

fn collection() -> Value {
    let [_, (_, collection), ..] = xtask::export::documents().unwrap();
    serde_json::from_str(&collection).unwrap()
}

/// Every request of the collection, in the order of a run.
fn requests(collection: &Value) -> Vec<&Value> {
    let folders = collection["item"].as_array().unwrap().iter();
    folders
        .flat_map(|folder| folder["item"].as_array().unwrap())
        .collect()
}

#[test]
fn the_collection_has_every_operation_and_checks_its_status() {
    let collection = collection();
    let items = requests(&collection);
    let text = |item: &Value, event: usize| item["event"][event]["script"]["exec"].to_string();
    for (name, _) in operations(&spec()) {
        let (method, path) = name.split_once(' ').unwrap();
        let operation = format!("\\\"{} {path}\\\"", method.to_uppercase());
        assert!(
            items.iter().any(|item| text(item, 0).contains(&operation)),
            "{name} is not in the collection"
        );
    }
    let mut ids = HashSet::new();
    for item in items {
        assert!(text(item, 1).contains("status is "), "{}", item["name"]);
        assert!(ids.insert(item["id"].as_str().unwrap()), "{}", item["id"]);
    }
}

#[test]
fn the_collection_explains_every_variable_that_it_uses() {
    let collection = collection();
    let mut told = HashSet::new();
    for variable in collection["variable"].as_array().unwrap() {
        assert!(
            !variable["description"].as_str().unwrap().is_empty(),
            "{variable}"
        );
        told.insert(variable["key"].as_str().unwrap());
    }
    let used = regex::Regex::new(r"\{\{(\w+)\}\}").unwrap();
    for item in requests(&collection) {
        let request = &item["request"];
        // A body may hold a template of the product's own; the variables of a run stand in ids.
        let place = format!("{}{}{}", request["url"], request["header"], request["auth"]);
        for found in used.captures_iter(&place) {
            assert!(told.contains(&found[1]), "{}: {}", item["name"], &found[0]);
        }
    }
}

#[test]
fn every_example_fits_its_schema() {
    let spec = spec();
    let mut wrong = Vec::new();
    let mut seen = 0;
    visit(&spec, "", &mut |at, node| {
        let schema = match &node["schema"] {
            // A schema that shows an example of itself.
            Value::Null if is_schema(node) => node,
            schema => schema,
        };
        for example in examples(node) {
            seen += 1;
            wrong.extend(faults(&spec, schema, example).map(|fault| format!("{at}: {fault}")));
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 300, "only {seen} examples were found");
}

/// Every object in the document below this one, with its place; examples themselves are no part of the document.
fn visit<'a>(node: &'a Value, at: &str, see: &mut impl FnMut(&str, &'a Value)) {
    match node {
        Value::Object(members) => {
            see(at, node);
            for (name, member) in members {
                let is_name = at.ends_with("/properties") || at.ends_with("/schemas");
                if is_name || !matches!(name.as_str(), "example" | "examples" | "default") {
                    visit(member, &format!("{at}/{name}"), see);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit(item, &format!("{at}/{index}"), see);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_schema(node: &Value) -> bool {
    ["type", "$ref", "allOf", "oneOf", "anyOf"]
        .iter()
        .any(|name| node[name].is_string() || node[name].is_array())
}

/// What a parameter, a media type or a schema shows: alone, by name, or in a list.
fn examples(node: &Value) -> Vec<&Value> {
    let named = node["examples"].as_object().into_iter();
    let named = named.flat_map(|map| map.values().filter_map(|example| example.get("value")));
    let listed = node["examples"].as_array().into_iter().flatten();
    // A property may be called `example`.
    let alone = node.get("example").filter(|it| !it["type"].is_string());
    alone.into_iter().chain(named).chain(listed).collect()
}

fn faults<'a>(
    spec: &Value,
    schema: &Value,
    example: &'a Value,
) -> impl Iterator<Item = String> + 'a {
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "allOf": [schema],
        "components": spec["components"],
    });
    let validator = jsonschema::validator_for(&whole).unwrap();
    let faults: Vec<String> = validator
        .iter_errors(example)
        .map(|fault| format!("{fault} at {}", fault.instance_path()))
        .collect();
    faults.into_iter()
}

#[test]
fn every_link_leads_to_an_operation_and_starts_at_a_member() {
    let spec = spec();
    let all = operations(&spec);
    let mut count = 0;
    for (name, operation) in &all {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            for link in answer["links"]
                .as_object()
                .into_iter()
                .flat_map(|it| it.values())
            {
                count += 1;
                let (_, to) = all
                    .iter()
                    .find(|(_, other)| other["operationId"] == link["operationId"])
                    .unwrap_or_else(|| panic!("{name}: {link}"));
                let taken = to["parameters"].as_array().unwrap();
                for (parameter, from) in link["parameters"].as_object().unwrap() {
                    assert!(
                        taken.iter().any(|it| it["name"] == *parameter),
                        "{name}: {link}"
                    );
                    let Some(member) = from.as_str().unwrap().strip_prefix("$response.body#/")
                    else {
                        continue;
                    };
                    let schema = &answer["content"]["application/json"]["schema"];
                    let first = member.split('/').next().unwrap();
                    assert!(has_member(&spec, schema, first), "{name} {status}: {link}");
                }
            }
        }
    }
    assert!(count > 40, "{count}");
}

fn has_member(spec: &Value, schema: &Value, name: &str) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = spec.pointer(reference.trim_start_matches('#')).unwrap();
        return has_member(spec, schema, name);
    }
    let parts = schema["allOf"].as_array().into_iter().flatten();
    !schema["properties"][name].is_null() || parts.into_iter().any(|it| has_member(spec, it, name))
}

#[test]
fn every_operation_in_a_workspace_may_meet_none() {
    let spec = spec();
    for (name, operation) in operations(&spec) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let mut parameters = parameters.filter(|it| it["name"] == "X-Workspace-Id");
        if parameters.next().is_some() {
            let answer = &operation["responses"]["404"]["content"];
            assert!(!answer["application/problem+json"].is_null(), "{name}");
        }
    }
}

#[test]
fn parameters_are_never_null_and_bodies_have_no_unknown_members() {
    let spec = spec();
    for (name, operation) in operations(&spec) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(
                !parameter["schema"].to_string().contains("null"),
                "{name}: {parameter}"
            );
        }
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if let Some(reference) = schema["$ref"].as_str() {
            let schema = spec.pointer(reference.trim_start_matches('#')).unwrap();
            assert_eq!(schema["additionalProperties"], false, "{name}");
        }
    }
}

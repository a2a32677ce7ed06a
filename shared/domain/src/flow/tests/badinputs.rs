//! The hostile definitions of the project's list, in the words of this product.

use std::fs;

use super::*;

fn lines() -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/cases/badinputs.jsonl"
    );
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["payload"]["request"]["path"] == "/api/v1/flows")
        .collect()
}

/// A step of the list as a step of ours.
fn translated(step: &Value) -> Value {
    let mut ours = serde_json::Map::new();
    for (name, value) in step.as_object().unwrap() {
        match name.as_str() {
            "tool_id" => ours.insert("tool".to_owned(), json!("quote")),
            "flow_id" => ours.insert("flow".to_owned(), json!("a_flow")),
            "retry" => ours.insert(name.clone(), json!({ "max_attempts": value["max"] })),
            "map" => {
                if let Some(most) = value.get("max_concurrency") {
                    ours.insert("max_concurrency".to_owned(), most.clone());
                }
                let path = value["over"]
                    .as_str()
                    .unwrap()
                    .trim_start_matches("$.")
                    .to_owned();
                ours.insert(
                    "for_each".to_owned(),
                    json!(format!("{{{{ input.{path} }}}}")),
                )
            }
            _ => ours.insert(name.clone(), value.clone()),
        };
    }
    Value::Object(ours)
}

fn generated(bulk: &str) -> Vec<Value> {
    match bulk {
        "(chain of 2,000)" => (0..2_000)
            .map(|n: usize| {
                let before: Vec<String> = n
                    .checked_sub(1)
                    .map(|n| format!("s{n}"))
                    .into_iter()
                    .collect();
                json!({ "id": format!("s{n}"), "tool": "quote", "depends_on": before })
            })
            .collect(),
        "(250,000 edges)" => {
            let first: Vec<String> = (0..500).map(|n| format!("a{n}")).collect();
            let steps = first.iter().map(|id| json!({ "id": id, "tool": "quote" }));
            let joins = (0..500)
                .map(|n| json!({ "id": format!("b{n}"), "tool": "quote", "depends_on": first }));
            steps.chain(joins).collect()
        }
        other => panic!("unknown bulk: {other}"),
    }
}

struct Itself(Flow);

impl Known for Itself {
    fn find(&self, id: &ToolId) -> Option<Callee<'_>> {
        Some(Callee {
            input_schema: None,
            flow: (id.as_str() == "a_flow").then_some(&self.0),
            usable: Ok(()),
        })
    }

    fn ids(&self) -> Vec<&str> {
        vec!["a_flow"]
    }
}

#[test]
fn hostile_definitions_are_refused_and_odd_ones_are_not() {
    let expected = [
        ("flow-002", vec!["cycle"]),
        ("flow-005", vec!["conflict"]),
        ("flow-009", vec![]),
        ("flow-010", vec!["too_many_edges"]),
        ("flow-014", vec!["cycle"]),
        ("flow-017", vec!["out_of_range"]),
        // What these do, they do when they run.
        ("flow-020", vec![]),
        ("flow-022", vec![]),
        ("flow-023", vec!["out_of_range"]),
    ];
    let mut told = Vec::new();
    for line in lines() {
        let steps = &line["payload"]["request"]["body"]["steps"];
        let steps: Vec<Value> = match steps {
            Value::Array(steps) => steps.iter().map(translated).collect(),
            bulk => generated(bulk.as_str().unwrap()),
        };
        let faults = match read(&of(&json!(steps))) {
            Ok(flow) => check(&flow, &Itself(flow.clone())),
            Err(faults) => faults,
        };
        let codes = faults.iter().map(|fault| fault.code).collect::<Vec<_>>();
        told.push((line["id"].as_str().unwrap().to_owned(), codes));
    }
    let told: Vec<(&str, Vec<&str>)> = told
        .iter()
        .map(|(id, codes)| (&**id, codes.clone()))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn a_million_items_are_refused_when_the_step_is_claimed() {
    let document = of(&json!([{ "id": "m", "tool": "quote", "for_each": "{{ input.xs }}" }]));
    let flow = read(&document).unwrap();
    let world = World::new(json!({ "xs": vec![0; 1_000_000] }));
    let error = work(flow.step("m").unwrap(), &world.scope()).unwrap_err();
    assert!(error.message.contains("at most 10000"), "{error}");
}

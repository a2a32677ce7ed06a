//! How much of what real APIs offer can be said in a tool config: every operation of nineteen real descriptions is made
//! a config, read, and built into a request that is compared with the description.
//!
//! The descriptions are other people's texts, so they are read where they lie beside the project, and only if they do.

mod description;
mod document;
mod request;
mod schema;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use domain::config::{self, Method, ToolConfig};
use domain::egress::Policy;
use domain::fault::Fault;
use domain::request::{Body, Draft, Plan};
use domain::schema::Compiled;
use serde_json::{Value, json};
use testkit::{TestApp, ToolBuilder};

use self::description::{Description, Operation};

/// Hosts that an operator would have to allow: they are private, or speak plain http.
const ALLOWED: &str = "discourse.local:80,mercure.local:80,techport.nasa.gov:80";

/// Per cent of the operations.
const LEAST: usize = 95;

#[test]
#[allow(
    clippy::print_stdout,
    reason = "the table is what a person runs it for"
)]
fn nearly_every_operation_of_real_apis_can_be_said() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases/openapi");
    if !folder.is_dir() {
        return crate::skip::skip("tools::reach", "there is no folder ../shared/cases/openapi");
    }
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut auths: BTreeMap<String, usize> = BTreeMap::new();
    let (mut total, mut reached) = (0, 0);
    for file in descriptions(&folder) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let description = Description::new(parsed(&file));
        let found =
            fs::read_to_string(folder.join("oracle").join(format!("{name}.jsonl"))).unwrap();
        for line in found.lines() {
            let operation = description.operation(serde_json::from_str(line).unwrap());
            total += 1;
            match said(&description, &operation, &format!("op_{total}")) {
                Ok(auth) => {
                    reached += 1;
                    *auths.entry(auth).or_default() += 1;
                }
                Err(reason) => {
                    let whose = format!(
                        "{name} {} {}",
                        operation.text("method"),
                        operation.text("path")
                    );
                    reasons.entry(reason).or_default().push(whose);
                }
            }
        }
    }
    println!("{reached} of {total} operations can be said; by credential: {auths:?}");
    for (reason, whose) in &reasons {
        println!("{:>4}  {reason}; such as {}", whose.len(), whose[0]);
    }
    assert!(total > 1000, "only {total} operations were found");
    assert!(
        reached * 100 >= total * LEAST,
        "{reached} of {total}: {reasons:#?}"
    );
}

#[tokio::test]
async fn what_is_said_is_registered_and_shown() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases/openapi");
    if !folder.is_dir() {
        return crate::skip::skip("tools::reach", "there is no folder ../shared/cases/openapi");
    }
    let hosts = ALLOWED.split(',');
    let app = hosts
        .fold(TestApp::setup(), testkit::Setup::allow)
        .start()
        .await;
    let alice = app.alice();
    for (number, file) in descriptions(&folder).iter().enumerate() {
        let name = file.file_name().unwrap().to_str().unwrap();
        let description = Description::new(parsed(file));
        let found =
            fs::read_to_string(folder.join("oracle").join(format!("{name}.jsonl"))).unwrap();
        let operations = found
            .lines()
            .map(|line| description.operation(serde_json::from_str(line).unwrap()));
        // The first with a body, if there is one.
        let mut operations: Vec<Operation> = operations.collect();
        operations.sort_by_key(|operation| operation.body.is_none());
        let (document, operation) = operations
            .iter()
            .find_map(|operation| {
                let documents =
                    document::documents(&description, operation, &format!("real_{number}"));
                let mut fine = documents
                    .into_iter()
                    .filter(|document| config::read(document, &policy()).is_ok());
                fine.next().map(|document| (document, operation))
            })
            .unwrap();
        let tool = alice.registers(ToolBuilder::raw(document)).await;
        let input = schema::value(&tool.document["input_schema"], true);
        let shown = alice
            .post(&tool.preview_path(), &json!({ "input": input }))
            .await;
        assert_eq!(shown.status(), 200, "{name}: {}", shown.text());
        let shown = shown.json();
        assert_eq!(shown["method"], operation.text("method"), "{name}");
        assert!(
            shown["url"]
                .as_str()
                .unwrap()
                .starts_with(operation.text("base_url")),
            "{name}: {shown}"
        );
        if operation.body.is_some() {
            let headers = shown["headers"].as_object().unwrap();
            let kind = headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            let kind = kind.unwrap().1.as_str().unwrap().split(';').next().unwrap();
            let kinds = operation.found["body_types"].as_array().unwrap();
            assert!(kinds.iter().any(|known| known == kind), "{name}: {kind}");
        }
    }
}

#[test]
fn a_request_that_is_another_one_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases/openapi");
    if !folder.is_dir() {
        return crate::skip::skip("tools::reach", "there is no folder ../shared/cases/openapi");
    }
    let description = Description::new(parsed(&folder.join("mercure.json")));
    let found = fs::read_to_string(folder.join("oracle/mercure.json.jsonl")).unwrap();
    let subscribe = found.lines().next().unwrap();
    let operation = description.operation(serde_json::from_str(subscribe).unwrap());
    let document = document::documents(&description, &operation, "subscribe").remove(0);
    let config = config::read(&document, &policy()).unwrap();
    let input = schema::value(&config.input_schema, false);
    let plan = Plan::compile(&config);
    let draft = plan.build(&config, input.as_object().unwrap()).unwrap();
    assert_eq!(request::fault(&description, &operation, &draft), None);
    let changes: [fn(&mut Draft); 5] = [
        |draft| draft.method = Method::Post,
        |draft| draft.query.clear(),
        |draft| draft.trailing_slash = true,
        |draft| draft.segments.push("more".into()),
        |draft| draft.body = Some(Body::Text("more".to_owned())),
    ];
    for change in changes {
        let mut other = draft.clone();
        change(&mut other);
        let fault = request::fault(&description, &operation, &other);
        assert!(fault.is_some(), "{other:?}");
    }
}

fn policy() -> Policy {
    Policy {
        allow: Policy::parse_allow(ALLOWED).unwrap(),
        own_hosts: Vec::new(),
    }
}

fn descriptions(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .collect();
    files.sort();
    files
}

fn parsed(file: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// The credential with which the operation can be said, or why it cannot.
fn said(description: &Description, operation: &Operation, id: &str) -> Result<String, String> {
    let policy = policy();
    let mut reason = String::new();
    for document in document::documents(description, operation, id) {
        let outcome = config::read(&document, &policy)
            .map_err(|faults| format!("refused: {}", first(&faults)))
            .and_then(|config| works(description, operation, &config));
        match outcome {
            Ok(()) => {
                let auth = document["api"]["auth"]["method"].as_str();
                return Ok(auth.unwrap_or("none").to_owned());
            }
            Err(why) => reason = why,
        }
    }
    Err(reason)
}

/// Whether the config builds the request that the description asks for, from little and from much input.
fn works(
    description: &Description,
    operation: &Operation,
    config: &ToolConfig,
) -> Result<(), String> {
    let plan = Plan::compile(config);
    let schema = Compiled::new(&config.input_schema)
        .map_err(|faults| format!("schema: {}", first(&faults)))?;
    for all in [false, true] {
        let input = schema::value(&config.input_schema, all);
        let misfits = schema.faults(&input);
        if !misfits.is_empty() {
            return Err(format!(
                "the made-up input does not fit: {}",
                first(&misfits)
            ));
        }
        let draft = plan.build(config, input.as_object().unwrap());
        let draft = draft.map_err(|faults| format!("not built: {}", first(&faults)))?;
        if let Some(fault) = request::fault(description, operation, &draft) {
            return Err(format!("not as described: {fault}"));
        }
    }
    Ok(())
}

fn first(faults: &[Fault]) -> String {
    let fault = &faults[0];
    format!("{} {} ({})", fault.code, fault.pointer, fault.message)
}

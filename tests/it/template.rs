//! What is deployed: every operation is in the template, has an event, and is where its name says.

mod stack;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use stack::{Stack, root};

use crate::lambda::event;

/// Served, but no part of the API's own description.
const UNDESCRIBED: [&str; 1] = ["/docs/{asset}"];

/// Set by the template or by Lambda, read by libraries.
const NOT_OURS: [&str; 1] = ["AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH"];

#[test]
fn every_operation_of_the_api_is_deployed() {
    let spec: Value =
        serde_json::from_str(&fs::read_to_string(root().join("docs/api-spec.json")).unwrap())
            .unwrap();
    let described: BTreeSet<(String, String)> = spec["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let deployed: BTreeSet<(String, String)> = Stack::read()
        .routes()
        .into_iter()
        .filter(|route| !UNDESCRIBED.contains(&route.path.as_str()))
        .map(|route| (route.method, route.path))
        .collect();
    assert_eq!(described, deployed);
}

#[test]
fn every_operation_has_an_event_of_its_name() {
    let routes: BTreeMap<(String, String), (String, String)> = Stack::read()
        .routes()
        .into_iter()
        .map(|route| ((route.binary, route.name), (route.method, route.path)))
        .collect();
    let events: BTreeMap<(String, String), (String, String)> = event::all()
        .into_iter()
        .map(|(group, verb)| {
            let event: Value = serde_json::from_str(&event::text(&group, &verb)).unwrap();
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            ((group, verb), (text("httpMethod"), text("resource")))
        })
        .collect();
    assert_eq!(routes, events);
}

#[test]
fn every_operation_is_one_file() {
    let missing: Vec<String> = event::all()
        .into_iter()
        .filter(|(_, verb)| verb != "docs_asset")
        .map(|(group, verb)| format!("functions/{group}/src/{verb}.rs"))
        .filter(|file| !root().join(file).exists())
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn events_are_whole_and_carry_the_stage() {
    for (group, verb) in event::all() {
        let event: Value = serde_json::from_str(&event::text(&group, &verb)).unwrap();
        let context = &event["requestContext"];
        assert_eq!(context["stage"], "prod", "{group}/{verb}");
        assert_eq!(
            context["path"].as_str().unwrap(),
            format!("/prod{}", event["path"].as_str().unwrap()),
            "{group}/{verb}"
        );
        assert_eq!(context["resourcePath"], event["resource"], "{group}/{verb}");
        let single: BTreeSet<&String> = event["headers"].as_object().unwrap().keys().collect();
        let multiple: BTreeSet<&String> = event["multiValueHeaders"]
            .as_object()
            .unwrap()
            .keys()
            .collect();
        assert_eq!(single, multiple, "{group}/{verb}");
        let mut path = event["resource"].as_str().unwrap().to_owned();
        for (name, value) in event["pathParameters"].as_object().into_iter().flatten() {
            path = path.replace(&format!("{{{name}}}"), value.as_str().unwrap());
        }
        assert_eq!(event["path"], path.as_str(), "{group}/{verb}");
    }
}

#[test]
fn every_function_is_built_and_started_alike() {
    let stack = Stack::read();
    let folders: BTreeSet<String> = fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let binaries: BTreeSet<String> = stack
        .functions()
        .map(|function| function.binary())
        .collect();
    assert_eq!(folders, binaries);
    for function in stack.functions() {
        let variables = function.variables();
        assert_eq!(
            variables
                .get("AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH")
                .map(String::as_str),
            Some("true"),
            "{}",
            function.binary()
        );
        assert_eq!(function.metadata("BuildMethod"), "rust-cargolambda");
    }
}

#[test]
fn sets_only_variables_that_are_read() {
    for function in Stack::read().functions() {
        for name in function.variables().keys() {
            let known = runtime::config::VARIABLES
                .iter()
                .any(|variable| variable.name == name)
                || NOT_OURS.contains(&name.as_str());
            assert!(
                known,
                "{} sets {name}, which nothing reads",
                function.binary()
            );
        }
    }
}

#[test]
fn no_role_reaches_everything() {
    let stack = Stack::read();
    let (logs, others): (Vec<_>, Vec<_>) = stack
        .statements()
        .into_iter()
        .partition(|(_, _, actions)| actions.iter().all(|action| action.starts_with("logs:")));
    assert_eq!(logs.len(), stack.functions().count(), "one log a function");
    for (role, resource, actions) in logs {
        assert_eq!(
            resource,
            format!("{}Logs.Arn", role.trim_end_matches("Role"))
        );
        assert_eq!(
            actions,
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            "{role}"
        );
    }
    // Who runs tools reads the tenants' secrets, who manages them changes them: below the prefix, and nowhere else.
    let tenants = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}/tenants/*";
    let [(tools, at_tools, reads), (secrets, at_secrets, keeps)] = others.as_slice() else {
        panic!("{others:?}");
    };
    assert_eq!((*tools, *secrets), ("ToolsRole", "SecretsRole"));
    assert_eq!((*at_tools, *at_secrets), (tenants, tenants));
    assert_eq!(*reads, ["secretsmanager:GetSecretValue"]);
    for action in keeps {
        let verb = action.strip_prefix("secretsmanager:").unwrap();
        let known = [
            "GetSecretValue",
            "CreateSecret",
            "PutSecretValue",
            "DeleteSecret",
            "RestoreSecret",
        ];
        assert!(known.contains(&verb), "{action}");
    }
}

#[test]
fn functions_name_the_tenants_secrets_as_their_roles_may() {
    for function in Stack::read().functions() {
        let variables = function.variables();
        let prefix = variables.get("SECRET_AWS_PREFIX").map(String::as_str);
        let opens = variables.contains_key("MASTER_KEYS");
        let expected = opens.then_some("${AWS::StackName}/tenants");
        assert_eq!(prefix, expected, "{}", function.binary());
    }
}

#[test]
fn gateway_answers_are_problems_of_the_catalogue() {
    let stack = Stack::read();
    let responses = stack.gateway_responses();
    for (kind, status, template) in &responses {
        let problem: Value = serde_json::from_str(template).unwrap();
        let code = problem["code"].as_str().unwrap();
        let entry = web::CATALOGUE.iter().find(|entry| entry.code == code);
        let entry =
            entry.unwrap_or_else(|| panic!("{kind} answers {code}, which is not documented"));
        assert_eq!(problem["title"], entry.title, "{kind}");
        assert_eq!(problem["type"], format!("urn:problem:{code}"), "{kind}");
        if let Some(status) = status {
            assert_eq!(*status, i64::from(entry.status), "{kind}");
            assert_eq!(problem["status"], *status, "{kind}");
        }
    }
    assert!(responses.iter().any(|(kind, ..)| *kind == "DEFAULT_5XX"));
}

#[test]
fn linters_accept_the_template() {
    let tools = root().join(".ci-tools/venv/bin");
    let python = tools.join("python");
    if !python.exists() {
        return crate::skip::skip(
            "linters_accept_the_template",
            "aws-sam-translator and cfn-lint are not installed (.ci/run installs them)",
        );
    }
    let file = |name: &str| root().join(name).display().to_string();
    let (template, script) = (file("template.yaml"), file(".ci/transform.py"));
    let transformed = format!("{}/transformed.json", env!("CARGO_TARGET_TMPDIR"));
    run(&python, &[&script, &template, &transformed]);
    let linter = tools.join("cfn-lint");
    run(&linter, &[&template]);
    // The transform itself resolves parameters (W2001) and repeats dependencies (W3005).
    run(&linter, &["-i", "W2001", "W3005", "--", &transformed]);
}

fn run(program: &Path, arguments: &[&str]) {
    let output = std::process::Command::new(program)
        .args(arguments)
        .env("AWS_DEFAULT_REGION", "eu-central-1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}:\n{told}", program.display());
}

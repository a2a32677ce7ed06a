//! What is deployed: every operation is in the template, has an event, and is where its name says.

mod alarms;
mod queue;
mod stack;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;
use stack::Stack;
use testkit::TestApp;

use crate::lambda::event;
use crate::repository::root;

/// Served, but no part of the API's own description.
const UNDESCRIBED: [&str; 1] = ["/docs/{asset}"];

/// The same answer at another address, in the file of the first.
const BESIDE_ANOTHER: [&str; 2] = ["docs_asset", "metadata_of_mcp"];

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
        .filter(|(_, verb)| !BESIDE_ANOTHER.contains(&verb.as_str()))
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
    }
}

/// One mode a function: the gateway would wait for the whole of a stream, or hand out a stream's head as its body.
#[test]
fn the_routes_of_functions_that_stream_stream_and_no_others() {
    let mut streaming = BTreeSet::new();
    for function in Stack::read().functions() {
        let binary = function.binary();
        let program = root().join(format!("functions/{binary}/src/main.rs"));
        let streams = fs::read_to_string(program)
            .unwrap()
            .contains("serve_streaming(");
        let expected = match streams {
            true => (Some("RESPONSE_STREAM".to_owned()), Some(900_000)),
            false => (None, None),
        };
        for route in function.routes() {
            assert_eq!(route.transfer, expected, "{} {}", route.method, route.path);
        }
        // Not longer than the gateway waits.
        let longest = if streams { 900 } else { 29 };
        if !function.routes().is_empty() {
            assert_eq!(function.timeout(), longest, "{binary}");
        }
        if streams {
            streaming.insert(binary);
        }
    }
    assert_eq!(
        streaming,
        BTreeSet::from(["flows", "mcp", "orchestrate"].map(str::to_owned))
    );
}

/// A run must be able to say that its time is over.
#[test]
fn a_run_ends_before_its_function() {
    let stack = Stack::read();
    let longest = stack.parameter("ModelDeadlineSeconds", "MaxValue").unwrap();
    let function = stack
        .functions()
        .find(|function| function.binary() == "orchestrate")
        .unwrap();
    assert!(longest + 60 <= function.timeout(), "{longest}");
}

/// Defaults and bounds stand twice: in the template, where they are asked for, and where they are read.
#[test]
fn numbers_are_as_they_are_read() {
    let stack = Stack::read();
    let usual = runtime::config::ModelConfig::default();
    let kept = runtime::config::Keep::default();
    for (name, variable, default) in [
        ("ModelToolTokens", "MODEL_TOOL_TOKENS", usual.tool_tokens),
        (
            "ModelOutputTokens",
            "MODEL_OUTPUT_TOKENS",
            usual.output_tokens,
        ),
        ("ModelMaxTurns", "MODEL_MAX_TURNS", usual.max_turns),
        ("ModelTokenBudget", "MODEL_TOKEN_BUDGET", usual.token_budget),
        (
            "ModelDeadlineSeconds",
            "MODEL_DEADLINE_SECONDS",
            usual.deadline_s,
        ),
        (
            "ExecutionsKeepDays",
            "EXECUTIONS_KEEP_DAYS",
            kept.executions_days,
        ),
        (
            "AnalyticsHoursKeepDays",
            "ANALYTICS_HOURS_KEEP_DAYS",
            kept.hours_days,
        ),
        (
            "AnalyticsDaysKeepDays",
            "ANALYTICS_DAYS_KEEP_DAYS",
            kept.days_days,
        ),
    ] {
        let stands = |what| stack.parameter(name, what).unwrap();
        assert_eq!(stands("Default"), i64::from(default), "{name}");
        for (what, beyond) in [("MinValue", -1), ("MaxValue", 1)] {
            let read = |value: i64| {
                runtime::Config::from_lookup(|asked| match asked {
                    "DATABASE_URL" => Some("postgres://localhost/x".to_owned()),
                    asked if asked == variable => Some(value.to_string()),
                    _ => None,
                })
            };
            assert!(read(stands(what)).is_ok(), "{name} {what}");
            assert!(read(stands(what) + beyond).is_err(), "{name} {what}");
        }
    }
}

/// The sweep removes what the reports then know to be gone.
#[test]
fn what_is_kept_can_be_set() {
    let stack = Stack::read();
    for (function, names) in [
        (
            "flow-worker",
            &["EXECUTIONS", "ANALYTICS_HOURS", "ANALYTICS_DAYS"][..],
        ),
        ("analytics", &["ANALYTICS_HOURS", "ANALYTICS_DAYS"]),
    ] {
        let mut functions = stack.functions();
        let function = functions.find(|one| one.binary() == function).unwrap();
        for name in names {
            let variable = format!("{name}_KEEP_DAYS");
            assert!(function.variables().contains_key(&variable), "{variable}");
        }
    }
}

#[test]
fn every_limit_of_a_run_can_be_set() {
    let stack = Stack::read();
    let function = stack
        .functions()
        .find(|function| function.binary() == "orchestrate")
        .unwrap();
    let set = function.variables();
    let limits = runtime::config::VARIABLES
        .iter()
        .filter(|variable| variable.name.starts_with("MODEL_"));
    for variable in limits {
        // MODEL_MAX_TURNS is set by the parameter ModelMaxTurns.
        let parameter: String = variable
            .name
            .split('_')
            .map(|word| word[..1].to_owned() + &word[1..].to_ascii_lowercase())
            .collect();
        assert_eq!(set.get(variable.name), Some(&parameter));
        assert!(stack.has_parameter(&parameter), "{parameter}");
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
    // X-Ray knows no narrower resource than all of it; nothing is read there.
    let (traces, others): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|(_, _, actions)| actions.iter().all(|action| action.starts_with("xray:")));
    assert_eq!(traces.len(), stack.functions().count(), "each is traced");
    for (role, resource, actions) in traces {
        assert_eq!(resource, "*", "{role}");
        let sends = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];
        assert_eq!(actions, sends, "{role}");
    }
    let (queues, others): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|(_, _, actions)| actions.iter().all(|action| action.starts_with("sqs:")));
    // Who starts flows sends hints, the worker takes them: of this queue, and no other.
    for (role, resource, actions) in &queues {
        assert_eq!(*resource, "FlowQueue.Arn", "{role}");
        assert!(*role == "FlowWorkerRole" || *actions == ["sqs:SendMessage"]);
    }
    let senders: Vec<&str> = queues.iter().map(|(role, ..)| *role).collect();
    let expected = [
        "ToolsRole",
        "FlowsRole",
        "OrchestrateRole",
        "McpRole",
        "FlowWorkerRole",
    ];
    assert_eq!(senders, expected);
    // Who runs tools reads the tenants' secrets, the sweep finishes deletions, who manages them changes them: below the prefix,
    // and nowhere else.
    let tenants = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}/tenants/*";
    assert!(others.iter().all(|(_, resource, _)| *resource == tenants));
    let (readers, keepers): (Vec<_>, Vec<_>) = others
        .iter()
        .partition(|(_, _, actions)| *actions == ["secretsmanager:GetSecretValue"]);
    let roles: Vec<&str> = readers.iter().map(|(role, ..)| *role).collect();
    assert_eq!(roles, ["ToolsRole", "OrchestrateRole", "McpRole"]);
    let [("SecretsRole", _, keeps), ("FlowWorkerRole", _, sweeps)] = keepers.as_slice() else {
        panic!("{keepers:?}");
    };
    let sweeping = [
        "secretsmanager:GetSecretValue",
        "secretsmanager:DeleteSecret",
    ];
    assert_eq!(*sweeps, sweeping);
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

/// Deployed, the gateway answers preflights; locally the routes do.
#[tokio::test]
async fn preflights_allow_what_they_allow_locally() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let preflight = alice
        .request(Method::OPTIONS, "/mcp")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "POST");
    let response = alice.send(preflight).await;
    let locally = response.header("access-control-allow-headers").unwrap();
    let deployed = Stack::read().allowed_headers();
    for name in locally.split(',') {
        assert!(deployed.iter().any(|allowed| allowed == name), "{name}");
    }
    for name in ["mcp-method", "last-event-id"] {
        assert!(locally.contains(name), "{name}: {locally}");
    }
}

#[tokio::test]
async fn answers_of_the_gateway_show_what_those_of_the_functions_do() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let request = alice
        .request(Method::GET, "/api/v1/flows")
        .header("origin", "https://app.example.com");
    let response = alice.send(request).await;
    let locally = response.header("access-control-expose-headers").unwrap();
    let mut locally: Vec<&str> = locally.split(',').collect();
    locally.sort_unstable();
    assert!(locally.contains(&"preference-applied"), "{locally:?}");
    for deployed in Stack::read().exposed_headers() {
        assert_eq!(deployed, locally);
    }
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

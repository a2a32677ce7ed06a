//! The metrics in the lines, as CloudWatch takes them.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use telemetry::metrics::{METRICS, NAMESPACE};
use testkit::emf::{self, Extracted};
use testkit::upstream::Answer;
use testkit::{Persona, TestApp, ToolBuilder, logs};
use uuid::Uuid;

use super::{ended, executed, line_of, lines_with, saved, sent};
use crate::lambda::event::{self, Fill};
use crate::lambda::harness::Function;
use crate::lambda::variables;

/// Registers a tool in a request of this name.
async fn registered(persona: &Persona, id: &str, config: &Value) -> Value {
    let headers = [("x-request-id", id)];
    sent(
        persona,
        Method::POST,
        "/api/v1/tools",
        &headers,
        Some(config),
    )
    .await;
    line_of(id).await
}

#[tokio::test]
async fn a_registration_counts_unless_its_author_is_at_fault() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let id = || Uuid::new_v4().to_string();
    let config = ToolBuilder::get("/weather").document(&app.upstream().base_url());
    let good = registered(&alice, &id(), &config).await;
    assert_eq!(good["status"], 201, "{good}");
    assert_eq!(
        (&good["registrations"], &good["registrations_failed"]),
        (&json!(1), &json!(0))
    );

    // Theirs: nothing that could succeed, and no failure of ours.
    for (who, config) in [
        (&alice, json!({})),
        (&alice, config.clone()),
        (&app.viewer(), config.clone()),
    ] {
        let line = registered(who, &id(), &config).await;
        assert_eq!(line["errors_4xx"], 1, "{line}");
        assert_eq!(
            (line.get("registrations"), line.get("registrations_failed")),
            (None, None),
            "{line}"
        );
    }
    let other = id();
    sent(
        &alice,
        Method::GET,
        "/api/v1/tools",
        &[("x-request-id", &other)],
        None,
    )
    .await;
    assert_eq!(line_of(&other).await.get("registrations"), None);

    // Ours: the database is away.
    app.rooms().db.close().await;
    let line = registered(&alice, &id(), &config).await;
    assert_eq!(line["faults"], 1, "{line}");
    assert_eq!(
        (&line["registrations"], &line["registrations_failed"]),
        (&json!(1), &json!(1)),
        "{line}"
    );
}

#[tokio::test]
async fn a_tool_that_fails_is_no_fault_of_this_product() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/broken", Answer::text("no").status(500));
    let tool = ToolBuilder::get("/broken").set("/retry", json!({ "max_attempts": 1 }));
    let tool = alice.registers(tool).await;
    let id = Uuid::new_v4().to_string();
    let failed = executed(&alice, &tool.path(), &[("x-request-id", &id)]).await;
    assert_eq!(failed.status(), 500, "{}", failed.text());
    let line = line_of(&id).await;
    assert_eq!(
        (&line["errors_5xx"], &line["faults"]),
        (&json!(1), &json!(0)),
        "{line}"
    );
    assert_eq!(line["tool_failures"], 1);
    let code = failed.json()["error"]["code"].as_str().unwrap().to_owned();
    assert_eq!(line["tool_codes"], format!("{code}:1"));
    assert_eq!(line.get("tool_successes"), None);
}

/// What one process wrote: every line that says that it holds metrics must be one that CloudWatch accepts.
fn extracted(log: &str) -> Vec<Extracted> {
    let lines = log.lines().filter(|line| line.contains("\"_aws\""));
    lines
        .flat_map(|line| {
            let line: Value =
                serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
            emf::extracted(&line).unwrap_or_else(|why| panic!("{why}"))
        })
        .collect()
}

/// Does everything that has a metric.
async fn everything(app: &TestApp) {
    let alice = app.alice();
    app.upstream().on("/weather", json!({ "celsius": 9 }));
    app.upstream().on("/broken", Answer::text("no").status(500));
    let tool = alice
        .registers(ToolBuilder::get("/weather").id("weather"))
        .await;
    let once = json!({ "max_attempts": 1 });
    let broken = ToolBuilder::get("/broken").id("broken").set("/retry", once);
    let broken = alice.registers(broken).await;
    executed(&alice, &tool.path(), &[]).await;
    executed(&alice, &broken.path(), &[]).await;
    let off = ToolBuilder::get("/weather")
        .id("off")
        .set("/enabled", false);
    let off = alice.registers(off).await;
    executed(&alice, &off.path(), &[]).await;
    app.model()
        .otherwise(testkit::scripted_model::say("Nine degrees.").tokens(130, 32));
    alice
        .post(
            "/api/v1/orchestrate",
            &json!({ "prompt": "How warm is it?" }),
        )
        .await;

    let retry = json!({ "max_attempts": 2, "backoff_ms": 1 });
    for (id, steps) in [
        ("fine", json!([{ "id": "a", "tool": "weather" }])),
        (
            "fails",
            json!([{ "id": "a", "tool": "broken", "retry": retry }]),
        ),
        ("waits", json!([{ "id": "a", "wait": { "signal": "go" } }])),
    ] {
        saved(&alice, &json!({ "id": id, "name": id, "steps": steps })).await;
        let execute = format!("/api/v1/flows/{id}/execute");
        let started = alice.post(&execute, &json!({ "input": {} })).await;
        let path = started.header("location").unwrap().to_owned();
        if id == "waits" {
            alice.post(&format!("{path}/cancel"), &json!({})).await;
        }
        let run = ended(&alice, &path).await;
        if id != "waits" {
            lines_with("work", "run_id", run["run_id"].as_str().unwrap()).await;
        }
    }
}

#[tokio::test]
async fn every_metric_is_written_as_cloudwatch_takes_it_and_as_the_list_says() {
    let setup = TestApp::setup().scripted_model().without_built_in_tools();
    let app = setup.start().await;
    everything(&app).await;
    let mut all = extracted(&logs::text());

    // The schedule is the worker's alone.
    let mut set = variables(app.config());
    let aws = |name, value: &str| (name, value.to_owned());
    set.extend([
        aws(
            "FLOW_QUEUE_URL",
            "https://sqs.eu-central-1.amazonaws.com/123456789012/flows",
        ),
        aws("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1"),
        aws("AWS_ACCESS_KEY_ID", "testing"),
        aws("AWS_SECRET_ACCESS_KEY", "testing"),
        aws("METRICS_SERVICE", "a-stack"),
        // Metrics are no matter of how much is logged.
        aws("LOG_LEVEL", "error"),
    ]);
    let mut worker = Function::start("flow-worker", &set).await.unwrap();
    worker
        .invoke(event::filled("flow-worker", "schedule", &Fill::new()))
        .await;
    let of_worker = extracted(&worker.printed());
    let alive = of_worker
        .iter()
        .find(|it| it.name == "sweeps")
        .expect("a sign of life");
    assert_eq!(
        (alive.value, alive.dimensions[0].1.as_str()),
        (1.0, "a-stack")
    );
    all.extend(of_worker);

    let mut seen: BTreeMap<&str, BTreeSet<Vec<&str>>> = BTreeMap::new();
    for one in &all {
        assert_eq!(one.namespace, NAMESPACE);
        let known = METRICS.iter().find(|metric| metric.name == one.name);
        let known = known.unwrap_or_else(|| panic!("{one:?} is in no list"));
        assert_eq!(known.unit, one.unit, "{one:?}");
        seen.entry(known.name).or_default().insert(one.set());
    }
    for metric in METRICS {
        let sets: BTreeSet<Vec<&str>> = metric
            .reach
            .dimensions()
            .iter()
            .map(|set| set.to_vec())
            .collect();
        assert_eq!(seen.get(metric.name), Some(&sets), "{}", metric.name);
    }
}

#[tokio::test]
async fn a_function_writes_metrics_only_where_they_are_wanted_and_follows_lambdas_trace() {
    let app = TestApp::start().await;
    let wanted = ("METRICS_SERVICE", "a-stack".to_owned());
    for (more, expected) in [(vec![], 0), (vec![wanted], 1)] {
        let mut set = variables(app.config());
        set.extend(more);
        let mut system = Function::start("system", &set).await.unwrap();
        system
            .invoke(event::filled("system", "health", &Fill::new()))
            .await;
        let printed = system.printed();
        let access = printed.lines().filter(|line| line.contains("\"answered\""));
        let access: Vec<Value> = access
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(access.len(), 1, "{printed}");
        // The one that the Runtime API told of.
        assert_eq!(
            access[0]["trace_id"], "690c8a2f3f1c5b7d0a9e4c2b6d8f1e3a",
            "{printed}"
        );
        let with_metrics = extracted(&printed);
        let requests = with_metrics.iter().filter(|it| it.name == "requests");
        let sets: Vec<Vec<&str>> = requests.map(|it| it.set()).collect();
        assert_eq!(sets.len(), expected * 2, "{printed}");
        for one in &with_metrics {
            let value = |name: &str| {
                let found = one.dimensions.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value.as_str())
            };
            assert_eq!(value("service"), Some("a-stack"));
            assert!(
                [None, Some("under-test")].contains(&value("function")),
                "{one:?}"
            );
        }
    }
}

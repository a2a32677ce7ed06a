//! The alarms: each watches a metric that exists, under the name and the dimensions under which it is written.

use std::collections::BTreeSet;
use std::fs;

use telemetry::metrics::{METRICS, NAMESPACE};
use yaml_rust2::Yaml;

use super::stack::{Route, Stack};
use crate::repository::root;

/// The names of AWS's own metrics that alarms may watch, by their namespace, and the dimension of each.
const AWS: [(&str, &[&str], &str); 3] = [
    (
        "AWS/SQS",
        &[
            "ApproximateNumberOfMessagesVisible",
            "ApproximateAgeOfOldestMessage",
        ],
        "QueueName",
    ),
    ("AWS/Events", &["Invocations"], "RuleName"),
    ("AWS/Lambda", &["Errors", "Throttles"], "FunctionName"),
];

/// A metric as an alarm names it: where, what, by which dimensions.
#[derive(Debug)]
struct Watched<'a> {
    #[expect(dead_code, reason = "says in messages which alarm it is")]
    alarm: &'a str,
    namespace: &'a str,
    name: &'a str,
    dimensions: Vec<(&'a str, &'a str)>,
    unit: Option<&'a str>,
}

fn watched(stack: &Stack) -> Vec<Watched<'_>> {
    let mut all = Vec::new();
    for (alarm, properties) in stack.all("AWS::CloudWatch::Alarm") {
        let metrics = match properties["Metrics"].as_vec() {
            None => vec![properties],
            Some(parts) => parts
                .iter()
                .map(|part| &part["MetricStat"]["Metric"])
                .filter(|metric| !metric.is_badvalue())
                .collect(),
        };
        assert!(!metrics.is_empty(), "{alarm} watches nothing");
        for metric in metrics {
            let text = |name: &str| metric[name].as_str().unwrap_or_default();
            let dimensions = metric["Dimensions"].as_vec().unwrap().iter();
            all.push(Watched {
                alarm,
                namespace: text("Namespace"),
                name: text("MetricName"),
                dimensions: dimensions
                    .map(|it| (it["Name"].as_str().unwrap(), it["Value"].as_str().unwrap()))
                    .collect(),
                unit: metric["Unit"].as_str(),
            });
        }
    }
    all
}

#[test]
fn alarms_watch_metrics_that_are_written_so() {
    let stack = Stack::read();
    let service = stack
        .functions()
        .map(|function| function.variables()["METRICS_SERVICE"].clone())
        .collect::<BTreeSet<_>>();
    // One name, which every function writes its metrics under.
    assert_eq!(service, BTreeSet::from(["AWS::StackName".to_owned()]));
    let mut ours = 0;
    for watched in watched(&stack) {
        if let Some((_, names, dimension)) = AWS.iter().find(|(it, ..)| *it == watched.namespace) {
            assert!(names.contains(&watched.name), "{watched:?}");
            assert_eq!(watched.dimensions.len(), 1, "{watched:?}");
            assert_eq!(watched.dimensions[0].0, *dimension, "{watched:?}");
            continue;
        }
        assert_eq!(watched.namespace, NAMESPACE, "{watched:?}");
        let metric = METRICS.iter().find(|metric| metric.name == watched.name);
        let metric = metric.unwrap_or_else(|| panic!("nobody writes it: {watched:?}"));
        let names: Vec<&str> = watched.dimensions.iter().map(|(name, _)| *name).collect();
        assert!(
            metric.reach.dimensions().contains(&names.as_slice()),
            "it is not written by these dimensions: {watched:?}"
        );
        // An alarm with another unit than the metric's finds no values.
        assert!(
            watched.unit.is_none_or(|unit| unit == metric.unit),
            "{watched:?}"
        );
        let (service, of_an_operation) = watched.dimensions.split_first().unwrap();
        assert_eq!(*service, ("service", "AWS::StackName"), "{watched:?}");
        if let [("method", method), ("route", path)] = of_an_operation {
            let is = |route: &Route| (route.method.as_str(), route.path.as_str()) == (method, path);
            assert!(stack.routes().iter().any(is), "{watched:?}");
        } else {
            assert!(of_an_operation.is_empty(), "{watched:?}");
        }
        ours += 1;
    }
    assert!(ours >= 6, "{ours}");
}

#[test]
fn what_counts_as_a_registration_is_an_operation() {
    let routes: BTreeSet<(String, String)> = Stack::read()
        .routes()
        .into_iter()
        .map(|route| (route.method, route.path))
        .collect();
    for (method, path) in web::REGISTRATIONS {
        assert!(
            routes.contains(&(method.to_owned(), path.to_owned())),
            "{method} {path}"
        );
    }
}

#[test]
fn what_is_promised_is_watched_with_the_promised_numbers() {
    let stack = Stack::read();
    for (alarm, threshold, comparison) in [
        ("OverheadAlarm", 100.0, "GreaterThanThreshold"),
        ("RegistrationsAlarm", 99.0, "LessThanThreshold"),
        ("AvailabilityAlarm", 99.9, "LessThanThreshold"),
        ("FunctionErrorsAlarm", 0.0, "GreaterThanThreshold"),
        ("FunctionThrottlesAlarm", 0.0, "GreaterThanThreshold"),
        ("FlowDeadLettersAlarm", 0.0, "GreaterThanThreshold"),
        ("FlowSweepSilentAlarm", 1.0, "LessThanThreshold"),
        ("HealthAlarm", 0.0, "GreaterThanThreshold"),
    ] {
        let properties = stack.properties(alarm);
        let number = &properties["Threshold"];
        let number = number.as_f64().or(number.as_i64().map(|it| it as f64));
        assert_eq!(number, Some(threshold), "{alarm}");
        let compares = properties["ComparisonOperator"].as_str();
        assert_eq!(compares, Some(comparison), "{alarm}");
    }
    let overhead = stack.properties("OverheadAlarm");
    assert_eq!(overhead["ExtendedStatistic"].as_str(), Some("p95"));
    // Silence is no sign of life.
    for alarm in ["FlowSweepSilentAlarm", "HealthAlarm"] {
        let silent = stack.properties(alarm)["TreatMissingData"].as_str();
        assert_eq!(silent, Some("breaching"), "{alarm}");
    }
}

/// Metric math names metrics by their ids: one that is misspelt makes an alarm that never has a value.
#[test]
fn expressions_are_about_the_metrics_beside_them() {
    let stack = Stack::read();
    let mut seen = 0;
    for (alarm, properties) in stack.all("AWS::CloudWatch::Alarm") {
        let Some(parts) = properties["Metrics"].as_vec() else {
            continue;
        };
        let (expressions, metrics): (Vec<&Yaml>, Vec<&Yaml>) = parts
            .iter()
            .partition(|part| part["Expression"].as_str().is_some());
        let [expression] = expressions[..] else {
            panic!("{alarm}: one expression");
        };
        let text = expression["Expression"].as_str().unwrap();
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let named: BTreeSet<&str> = words
            .filter(|word| word.starts_with(|letter: char| letter.is_ascii_lowercase()))
            .collect();
        let there: BTreeSet<&str> = metrics
            .iter()
            .map(|metric| metric["Id"].as_str().unwrap())
            .collect();
        assert_eq!(named, there, "{alarm}");
        // CloudWatch takes no more in one alarm.
        assert!(there.len() <= 10, "{alarm}");
        for metric in metrics {
            assert_eq!(metric["ReturnData"].as_bool(), Some(false), "{alarm}");
            assert_eq!(
                metric["MetricStat"]["Stat"].as_str(),
                Some("Sum"),
                "{alarm}"
            );
        }
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn every_function_is_watched_and_traced() {
    let stack = Stack::read();
    for metric in ["Errors", "Throttles"] {
        let of_metric: BTreeSet<String> = watched(&stack)
            .into_iter()
            .filter(|watched| watched.namespace == "AWS/Lambda" && watched.name == metric)
            .map(|watched| watched.dimensions[0].1.to_owned())
            .collect();
        let functions = stack.all("AWS::Serverless::Function").into_iter();
        let functions: BTreeSet<String> = functions.map(|(name, _)| name.to_owned()).collect();
        assert_eq!(of_metric, functions, "{metric}");
    }
    let text = fs::read_to_string(root().join("template.yaml")).unwrap();
    assert!(text.contains("    Tracing: !If [WithTracing, Active, PassThrough]\n"));
    assert!(text.contains("      TracingEnabled: !If [WithTracing, true, false]\n"));
}

#[test]
fn every_alarm_can_tell_somebody_and_has_a_page() {
    let stack = Stack::read();
    let page = fs::read_to_string(root().join("docs/operate.md")).unwrap();
    for (alarm, properties) in stack.all("AWS::CloudWatch::Alarm") {
        let tells = properties["AlarmActions"][1][0].as_str();
        assert_eq!(tells, Some("AlarmTopic"), "{alarm}");
        let name = properties["AlarmName"].as_str().unwrap();
        let name = name.strip_prefix("${AWS::StackName}-").unwrap();
        assert!(
            page.contains(&format!("`{name}`")),
            "{name} is not in docs/operate.md"
        );
    }
    for metric in METRICS {
        let row = format!("| `{}` | {} | ", metric.name, metric.unit);
        let line = page.lines().find(|line| line.starts_with(&row));
        let line = line.unwrap_or_else(|| panic!("{} is not in docs/operate.md", metric.name));
        assert!(
            line.contains(metric.meaning),
            "{line}\nshould say: {}",
            metric.meaning
        );
    }
}

//! The queue of the flows as it is deployed, and the functions that send to it and work on it.

use std::collections::BTreeSet;

use workflow::{MAX_BATCH, MAX_RECEIVES};

use super::stack::Stack;

#[test]
fn the_queue_is_as_the_code_expects() {
    let stack = Stack::read();
    let worker = stack
        .functions()
        .find(|function| function.binary() == "flow-worker")
        .unwrap();
    let queue = stack.properties("FlowQueue");
    let visibility = queue["VisibilityTimeout"].as_i64().unwrap();
    assert!(visibility >= 6 * worker.timeout(), "{visibility}");
    assert_eq!(queue["SqsManagedSseEnabled"].as_bool(), Some(true));
    // A standard queue.
    assert!(queue["FifoQueue"].is_badvalue());
    let redrive = &queue["RedrivePolicy"];
    let receives = redrive["maxReceiveCount"].as_i64();
    assert_eq!(receives, Some(MAX_RECEIVES.into()));
    let target = redrive["deadLetterTargetArn"].as_str();
    assert_eq!(target, Some("FlowDeadLetterQueue.Arn"));
    let dead = stack.properties("FlowDeadLetterQueue");
    assert_eq!(dead["MessageRetentionPeriod"].as_i64(), Some(14 * 86_400));
    assert_eq!(dead["SqsManagedSseEnabled"].as_bool(), Some(true));
}

#[test]
fn the_worker_is_fed_in_batches_that_fail_message_by_message() {
    let stack = Stack::read();
    let worker = stack
        .functions()
        .find(|function| function.binary() == "flow-worker")
        .unwrap();
    assert!(worker.routes().is_empty());
    assert_eq!(worker.property("RecursiveLoop").as_str(), Some("Allow"));
    let [source] = worker.events("SQS")[..] else {
        panic!("one queue");
    };
    assert_eq!(source["Queue"].as_str(), Some("FlowQueue.Arn"));
    let size = i64::try_from(MAX_BATCH).unwrap();
    assert_eq!(source["BatchSize"].as_i64(), Some(size));
    let reports = source["FunctionResponseTypes"].as_vec().unwrap();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].as_str(), Some("ReportBatchItemFailures"));
    let concurrency = source["ScalingConfig"]["MaximumConcurrency"].as_str();
    assert_eq!(concurrency, Some("FlowConcurrency"));
    // AWS allows no fewer.
    assert_eq!(stack.parameter("FlowConcurrency", "MinValue"), Some(2));
    let [schedule] = worker.events("Schedule")[..] else {
        panic!("one schedule");
    };
    assert_eq!(schedule["Schedule"].as_str(), Some("rate(1 minute)"));
}

#[test]
fn somebody_is_told_when_hints_die_or_nobody_sweeps() {
    let stack = Stack::read();
    for (alarm, metric, threshold, missing) in [
        (
            "FlowDeadLettersAlarm",
            "ApproximateNumberOfMessagesVisible",
            0,
            "notBreaching",
        ),
        ("FlowSweepMissingAlarm", "Invocations", 1, "breaching"),
        ("FlowWorkerErrorsAlarm", "Errors", 2, "notBreaching"),
        (
            "FlowQueueAgeAlarm",
            "ApproximateAgeOfOldestMessage",
            900,
            "notBreaching",
        ),
    ] {
        let alarm = stack.properties(alarm);
        assert_eq!(alarm["MetricName"].as_str(), Some(metric));
        assert_eq!(alarm["Threshold"].as_i64(), Some(threshold), "{metric}");
        let treats = alarm["TreatMissingData"].as_str();
        assert_eq!(treats, Some(missing), "{metric}");
    }
    let watched = &stack.properties("FlowDeadLettersAlarm")["Dimensions"][0]["Value"];
    assert_eq!(watched.as_str(), Some("FlowDeadLetterQueue.QueueName"));
}

/// Whoever starts or steers runs sends hints; and whoever runs tools may be asked to run a flow: both have one namespace of ids.
#[test]
fn who_runs_tools_or_flows_knows_the_queue() {
    let stack = Stack::read();
    let knows = |function: &super::stack::Function<'_>| {
        let queue = function.variables().get("FLOW_QUEUE_URL").cloned();
        assert!(queue.as_deref().is_none_or(|queue| queue == "FlowQueue"));
        queue.is_some()
    };
    let known: BTreeSet<String> = stack
        .functions()
        .filter(knows)
        .map(|function| function.binary())
        .collect();
    let expected = ["tools", "flows", "orchestrate", "mcp", "flow-worker"];
    assert_eq!(known, expected.map(str::to_owned).into());
}

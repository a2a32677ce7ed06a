//! A queue that feeds a function: batches in, what succeeded deleted, what failed left to come again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::REGION;
use crate::aws::Aws;
use crate::function::Function;
use crate::runtime_api::Answer;
use crate::stack::MappingSpec;

/// After a poll that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Feeds the function until it is aborted.
pub(crate) async fn feed(
    mapping: MappingSpec,
    queue_url: String,
    aws: Aws,
    function: Arc<Function>,
) {
    let permits = Arc::new(Semaphore::new(mapping.concurrency));
    let mapping = Arc::new(mapping);
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        let request = json!({
            "QueueUrl": queue_url,
            "MaxNumberOfMessages": mapping.batch.min(10),
            "WaitTimeSeconds": 20,
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let messages = match aws.sqs("ReceiveMessage", request).await {
            Ok(mut answer) => answer["Messages"].take(),
            Err(_) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let messages = messages.as_array().cloned().unwrap_or_default();
        if messages.is_empty() {
            continue;
        }
        let (mapping, queue_url, aws) = (Arc::clone(&mapping), queue_url.clone(), aws.clone());
        let function = Arc::clone(&function);
        tokio::spawn(async move {
            let event = event(&mapping.queue, &messages);
            let answer = function.invoke(event.to_string(), crate::new_trace()).await;
            let entries: Vec<Value> = done(&answer, &messages, mapping.reports_failures)
                .iter()
                .enumerate()
                .map(|(index, message)| json!({ "Id": index.to_string(), "ReceiptHandle": message["ReceiptHandle"] }))
                .collect();
            if !entries.is_empty() {
                let request = json!({ "QueueUrl": queue_url, "Entries": entries });
                // What is not deleted comes again, which its function must bear anyway.
                let _ = aws.sqs("DeleteMessageBatch", request).await;
            }
            drop(permit);
        });
    }
}

/// The event of a batch.
fn event(queue: &str, messages: &[Value]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            let attributes = message["MessageAttributes"].as_object().into_iter().flatten();
            let attributes: Map<String, Value> = attributes
                .map(|(name, value)| {
                    let value = json!({
                        "stringValue": value["StringValue"], "binaryValue": value["BinaryValue"],
                        "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"],
                    });
                    (name.clone(), value)
                })
                .collect();
            json!({
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": attributes,
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": queue,
                "awsRegion": REGION,
            })
        })
        .collect();
    json!({ "Records": records })
}

/// The messages that need not come again. An answer that cannot be read is a failure of the whole batch.
fn done<'m>(answer: &Answer, messages: &'m [Value], reports_failures: bool) -> Vec<&'m Value> {
    let Answer::Whole(told) = answer else {
        return Vec::new();
    };
    if !reports_failures {
        return messages.iter().collect();
    }
    let Ok(told) = serde_json::from_slice::<Value>(told) else {
        return Vec::new();
    };
    let failures = match &told["batchItemFailures"] {
        Value::Null => &Vec::new(),
        Value::Array(failures) => failures,
        _ => return Vec::new(),
    };
    let known: BTreeSet<&str> = messages
        .iter()
        .filter_map(|message| message["MessageId"].as_str())
        .collect();
    let failed: Option<BTreeSet<&str>> = failures
        .iter()
        .map(|failure| {
            failure["itemIdentifier"]
                .as_str()
                .filter(|id| known.contains(id))
        })
        .collect();
    let Some(failed) = failed else {
        return Vec::new();
    };
    let succeeded = |message: &&Value| {
        message["MessageId"]
            .as_str()
            .is_some_and(|id| !failed.contains(id))
    };
    messages.iter().filter(succeeded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages() -> Vec<Value> {
        let message = |id: &str| {
            json!({ "MessageId": id, "ReceiptHandle": format!("r-{id}"), "Body": "{}", "MD5OfBody": "m",
                "Attributes": { "ApproximateReceiveCount": "1" },
                "MessageAttributes": { "trace": { "StringValue": "t", "DataType": "String" } } })
        };
        vec![message("a"), message("b")]
    }

    #[test]
    fn an_event_has_the_members_of_a_recorded_one() {
        let recorded: Value =
            serde_json::from_str(include_str!("../../../events/flow-worker/sqs.json")).unwrap();
        let event = event("arn:aws:sqs:x", &messages());
        let names = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(names(&event["Records"][0]), names(&recorded["Records"][0]));
        let record = &event["Records"][1];
        assert_eq!(
            (&record["messageId"], &record["receiptHandle"]),
            (&json!("b"), &json!("r-b"))
        );
        assert_eq!(record["messageAttributes"]["trace"]["stringValue"], "t");
        assert_eq!(record["eventSourceARN"], "arn:aws:sqs:x");
    }

    #[test]
    fn what_failed_comes_again() {
        let messages = messages();
        let done = |answer: &Answer, reports| {
            let done = done(answer, &messages, reports).into_iter();
            done.map(|message| message["MessageId"].as_str().unwrap())
                .collect::<Vec<_>>()
        };
        let whole = |text: &'static str| Answer::Whole(text.into());
        for (answer, expected) in [
            (r#"{"batchItemFailures":[]}"#, &["a", "b"][..]),
            ("null", &["a", "b"]),
            ("{}", &["a", "b"]),
            (r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#, &["b"]),
            (r#"{"batchItemFailures":[{"itemIdentifier":"c"}]}"#, &[]),
            (r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, &[]),
            (r#"{"batchItemFailures":[{}]}"#, &[]),
            (r#"{"batchItemFailures":7}"#, &[]),
            ("no JSON", &[]),
        ] {
            assert_eq!(done(&whole(answer), true), expected, "{answer}");
        }
        assert_eq!(done(&whole("no JSON"), false), ["a", "b"]);
        assert_eq!(done(&Answer::failed("x", "y"), false), [""; 0]);
    }
}

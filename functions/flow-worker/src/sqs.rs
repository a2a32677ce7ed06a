//! A batch of the queue: each message is worked on, and answered, by itself.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use workflow::{Delivery, Hint, Worker};

use crate::EventError;

/// What we need of the event (AWS: "Using Lambda with Amazon SQS"). Its own crate would bring twenty others for these members.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    receipt_handle: String,
    body: String,
    attributes: Attributes,
    event_source: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    approximate_receive_count: String,
}

/// The answer to an event source mapping with `ReportBatchItemFailures`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    batch_item_failures: Vec<Failure<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    item_identifier: &'a str,
}

/// The messages of one event.
#[derive(Debug, PartialEq)]
pub(crate) struct Batch {
    deliveries: Vec<Delivery>,
}

/// Reads the event. A record that is not whole cannot be answered by itself: then the batch comes again.
pub(crate) fn read(event: &Value) -> Result<Batch, EventError> {
    let event = Event::deserialize(event);
    let event = event.map_err(|error| EventError::Malformed(error.to_string()))?;
    // An empty name of a failed message would mean the whole batch.
    if event.records.iter().any(|it| it.message_id.is_empty()) {
        let why = "a record has an empty messageId".to_owned();
        return Err(EventError::Malformed(why));
    }
    let deliveries = event.records.into_iter().map(delivery).collect();
    Ok(Batch { deliveries })
}

fn delivery(record: Record) -> Delivery {
    // What another service sends is none of ours, and goes where its failures go.
    let hint = match record.event_source.as_str() {
        "aws:sqs" => Hint::read(&record.body),
        _ => Err("the record is none of SQS".to_owned()),
    };
    let received = record.attributes.approximate_receive_count;
    Delivery {
        hint,
        id: record.message_id,
        receipt: record.receipt_handle,
        received: received.parse().unwrap_or(1),
    }
}

/// Works on one delivery; whether it was done.
pub(crate) async fn one(worker: &Worker, delivery: &Delivery, until: Instant) -> bool {
    let deliveries = std::slice::from_ref(delivery);
    worker.handle(deliveries, until).await.is_empty()
}

impl Batch {
    /// Works on each message, all at once; one that panics takes no other with it. Answers those that are to come again:
    /// what failed, and what is no hint, which ends in the dead letters so.
    pub(crate) async fn work<'a, F>(&'a self, one: impl Fn(&'a Delivery) -> F) -> Value
    where
        F: Future<Output = bool>,
    {
        let works = self.deliveries.iter().map(|delivery| {
            let one = &one;
            let work = async move {
                match &delivery.hint {
                    Ok(_) => one(delivery).await,
                    Err(why) => {
                        let Delivery { id, received, .. } = delivery;
                        tracing::error!(message_id = id, received, why, "a message is no hint");
                        false
                    }
                }
            };
            // The panic itself is logged by the hook.
            AssertUnwindSafe(work)
                .catch_unwind()
                .map(move |done| (delivery, done.unwrap_or(false)))
        });
        let failed = join_all(works).await.into_iter();
        let failed = failed
            .filter(|(_, done)| !done)
            .map(|(delivery, _)| Failure {
                item_identifier: &delivery.id,
            });
        serde_json::json!(Answer {
            batch_item_failures: failed.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        let text = include_str!("../../../events/flow-worker/sqs.json");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_batch_is_read_whole() {
        let batch = read(&event()).unwrap();
        let [first, second] = batch.deliveries.as_slice() else {
            panic!("{batch:?}");
        };
        assert_eq!(first.hint.as_ref().unwrap().step_id, "quotes[3]");
        assert_eq!((first.received, second.received), (1, 2));
        assert_ne!(first.id, second.id);
        assert!(!first.receipt.is_empty());
    }

    #[test]
    fn a_record_that_is_not_whole_cannot_be_answered() {
        for member in [
            "messageId",
            "receiptHandle",
            "body",
            "attributes",
            "eventSource",
        ] {
            let mut event = event();
            event["Records"][1].as_object_mut().unwrap().remove(member);
            let told = read(&event).unwrap_err().to_string();
            assert!(told.contains(member), "{told}");
        }
        let mut event = event();
        event["Records"][1]["messageId"] = json!("");
        let told = read(&event).unwrap_err().to_string();
        assert_eq!(
            told,
            "the batch cannot be read: a record has an empty messageId"
        );
    }

    #[tokio::test]
    async fn each_message_is_answered_by_itself() {
        let mut event = event();
        let record = event["Records"][0].clone();
        let mut add = |id: &str, name: &str, value: &str| {
            let mut record = record.clone();
            record["messageId"] = id.into();
            record[name] = value.into();
            event["Records"].as_array_mut().unwrap().push(record);
        };
        add("no hint", "body", "hunter22");
        add("of another source", "eventSource", "aws:kinesis");
        add("fails", "receiptHandle", "fails");
        add("panics", "receiptHandle", "panics");
        add("done", "receiptHandle", "done");
        let batch = read(&event).unwrap();
        let answer = batch
            .work(|delivery| async {
                // A panic before others are done.
                assert_ne!(delivery.receipt, "panics");
                tokio::task::yield_now().await;
                delivery.receipt != "fails"
            })
            .await;
        let failed = ["no hint", "of another source", "fails", "panics"];
        let failed = failed.map(|id| json!({ "itemIdentifier": id }));
        assert_eq!(answer, json!({ "batchItemFailures": failed }));
    }

    #[tokio::test]
    async fn a_batch_that_is_done_is_answered_so() {
        let batch = read(&event()).unwrap();
        let answer = batch.work(|_| async { true }).await;
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
    }
}

//! A batch of the queue: read whole, answered message by message.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use workflow::{Delivery, Hint};

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

impl Batch {
    /// The messages, for the worker: those of one run are worked on together.
    pub(crate) fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// Names those that are to come again: what failed, and what is no hint, which ends in the dead letters so.
    pub(crate) fn answer(&self, failed: &[usize]) -> Value {
        let failed = failed
            .iter()
            .filter_map(|index| self.deliveries.get(*index));
        let failed = failed.map(|delivery| Failure {
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

    #[test]
    fn what_is_no_hint_of_ours_is_told_so() {
        let mut event = event();
        event["Records"][0]["body"] = json!("hunter22");
        event["Records"][1]["eventSource"] = json!("aws:kinesis");
        let batch = read(&event).unwrap();
        for delivery in batch.deliveries() {
            let why = delivery.hint.as_ref().unwrap_err();
            assert!(!why.contains("hunter22"), "{why}");
        }
    }

    #[test]
    fn failed_messages_are_answered_by_their_names() {
        let batch = read(&event()).unwrap();
        assert_eq!(batch.answer(&[]), json!({ "batchItemFailures": [] }));
        let second = &batch.deliveries()[1].id;
        assert_eq!(
            batch.answer(&[1]),
            json!({ "batchItemFailures": [{ "itemIdentifier": second }] })
        );
    }
}

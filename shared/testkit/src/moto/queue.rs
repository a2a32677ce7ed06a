//! A queue at the emulated SQS, with its dead letters.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;
use workflow::SqsConfig;

use super::{FakeAws, Gate, REGION, Service};

const SQS: Service = Service {
    name: "sqs",
    target: "AmazonSQS",
    content: "application/x-amz-json-1.0",
};

/// A queue of its own, reached through the gate.
pub struct FakeQueue {
    gate: Arc<Gate>,
    gate_url: String,
    url: String,
    dead_url: String,
}

impl FakeAws {
    /// Makes a queue: how long a delivered message is invisible (whole seconds), how often one is delivered.
    ///
    /// # Panics
    /// When the emulator makes none.
    pub async fn queue(&self, visibility: Duration, max_receives: u32) -> FakeQueue {
        let name = format!("flows-{}", Uuid::new_v4().simple());
        let dead = json!({ "QueueName": format!("{name}-dead") });
        let dead = self.gate.ask(&SQS, "CreateQueue", dead).await;
        let arn = format!("arn:aws:sqs:{REGION}:123456789012:{name}-dead");
        let redrive = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": max_receives });
        let request = json!({ "QueueName": name, "Attributes": {
            "VisibilityTimeout": visibility.as_secs().to_string(), "RedrivePolicy": redrive.to_string(),
        } });
        let made = self.gate.ask(&SQS, "CreateQueue", request).await;
        let url = |answer: &Value| match answer["QueueUrl"].as_str() {
            Some(url) => url.to_owned(),
            None => panic!("no queue: {answer}"),
        };
        FakeQueue {
            gate: Arc::clone(&self.gate),
            gate_url: self.url.clone(),
            url: url(&made),
            dead_url: url(&dead),
        }
    }
}

impl FakeQueue {
    /// How an app reaches it.
    pub fn config(&self) -> SqsConfig {
        SqsConfig {
            queue_url: self.url.clone(),
            region: REGION.to_owned(),
            endpoint_url: Some(self.gate_url.clone()),
            access_key_id: "testing".to_owned(),
            secret_access_key: "testing".into(),
            session_token: None,
        }
    }

    /// Sends a message with any body, past the product.
    ///
    /// # Panics
    /// When the emulator does not take it.
    pub async fn put(&self, body: &str) {
        let request = json!({ "QueueUrl": self.url, "MessageBody": body });
        let answer = self.gate.ask(&SQS, "SendMessage", request).await;
        assert!(answer["MessageId"].is_string(), "{answer}");
    }

    /// The bodies of up to ten dead letters, which stay there.
    pub async fn dead_letters(&self) -> Vec<String> {
        let request =
            json!({ "QueueUrl": self.dead_url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0 });
        let answer = self.gate.ask(&SQS, "ReceiveMessage", request).await;
        let messages = answer["Messages"].as_array().into_iter().flatten();
        let bodies = messages.filter_map(|message| message["Body"].as_str());
        bodies.map(str::to_owned).collect()
    }
}

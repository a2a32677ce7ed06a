//! A queue that loses, doubles and shuffles; who sends to it speaks to it as to SQS.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::chance::Chance;
use super::points::{Point, Surroundings};

/// Of a hundred messages.
const LOST: u64 = 10;
const DOUBLED: u64 = 20;

/// A message that was not lost.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) body: String,
    received: u32,
}

/// How it went so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) sent: usize,
    pub(super) lost: usize,
    pub(super) doubled: usize,
}

#[derive(Default)]
struct Inside {
    messages: Vec<Message>,
    figures: Figures,
    closed: bool,
}

/// The queue.
#[derive(Clone)]
pub(super) struct Queue {
    inside: Arc<Mutex<Inside>>,
    news: Arc<Notify>,
    chance: Chance,
}

impl Queue {
    pub(super) fn new(chance: Chance) -> Self {
        Self {
            inside: Arc::default(),
            news: Arc::default(),
            chance,
        }
    }

    fn put(&self, body: &str) {
        let mut inside = self.inside.lock().unwrap();
        inside.figures.sent += 1;
        let fate = self.chance.below(100);
        let copies = match fate {
            fate if fate < LOST => 0,
            fate if fate < LOST + DOUBLED => 2,
            _ => 1,
        };
        inside.figures.lost += usize::from(copies == 0);
        inside.figures.doubled += usize::from(copies == 2);
        for _ in 0..copies {
            let message = Message {
                body: body.to_owned(),
                received: 0,
            };
            inside.messages.push(message);
        }
        drop(inside);
        self.news.notify_waiters();
    }

    /// These come again.
    pub(super) fn give_back(&self, messages: impl IntoIterator<Item = Message>) {
        self.inside.lock().unwrap().messages.extend(messages);
        self.news.notify_waiters();
    }

    /// Some messages, in no order; none when it is closed.
    pub(super) async fn take(&self) -> Vec<Message> {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            // From here on, no news is missed.
            news.as_mut().enable();
            {
                let mut inside = self.inside.lock().unwrap();
                if inside.closed {
                    return Vec::new();
                }
                let mut batch = Vec::new();
                for _ in 0..=self.chance.below(6) {
                    let Some(index) = self.chance.index(inside.messages.len()) else {
                        break;
                    };
                    let mut message = inside.messages.swap_remove(index);
                    message.received += 1;
                    batch.push(message);
                }
                if !batch.is_empty() {
                    return batch;
                }
            }
            news.await;
        }
    }

    /// Nobody gets anything any more.
    pub(super) fn close(&self) {
        self.inside.lock().unwrap().closed = true;
        self.news.notify_waiters();
    }

    pub(super) fn figures(&self) -> Figures {
        self.inside.lock().unwrap().figures
    }

    /// Where somebody sends to it: the address of an SQS of their own.
    pub(super) async fn listen(&self, worker: Option<Surroundings>) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .fallback(answer)
            .with_state((self.clone(), worker));
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }
}

async fn answer(
    State((queue, worker)): State<(Queue, Option<Surroundings>)>,
    headers: HeaderMap,
    body: String,
) -> Json<Value> {
    let dies = |point| worker.as_ref().is_some_and(|worker| worker.reaches(point));
    let target = headers
        .get("x-amz-target")
        .map(axum::http::HeaderValue::as_bytes);
    // Nobody polls it: events are handed out as Lambda does.
    if target != Some(b"AmazonSQS.SendMessageBatch".as_slice()) || dies(Point::BeforeSend) {
        return std::future::pending().await;
    }
    let asked: Value = serde_json::from_str(&body).unwrap();
    let mut done = Vec::new();
    for entry in asked["Entries"].as_array().unwrap() {
        queue.put(entry["MessageBody"].as_str().unwrap());
        done.push(json!({ "Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": "" }));
    }
    if dies(Point::SendTaken) {
        return std::future::pending().await;
    }
    Json(json!({ "Successful": done, "Failed": [] }))
}

/// The event with which Lambda delivers a batch.
pub(super) fn event(batch: &[Message]) -> Value {
    let records = batch.iter().enumerate().map(|(index, message)| {
        json!({
            "messageId": index.to_string(), "receiptHandle": "receipt", "body": message.body,
            "attributes": { "ApproximateReceiveCount": message.received.to_string() },
            "eventSource": "aws:sqs",
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

//! Events on their way from a run to whoever hears it. A reader that falls behind costs little: words that wait are one text, and when
//! too much waits, the run is ended.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::failure::Failure;
use tokio::sync::Notify;

use super::Event;

/// Most bytes that wait for a reader, about.
const MAX_WAITING: usize = 16 << 20;

#[derive(Debug, Default)]
struct Queue {
    /// With what each takes.
    waiting: VecDeque<(Event, usize)>,
    bytes: usize,
    closed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something came, or nothing more will.
    arrived: Notify,
    /// The reader fell too far behind.
    overflowed: Notify,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The run's end: events go in. Dropped, the stream is at its end.
#[derive(Debug)]
pub(super) struct Mouth(Arc<Shared>);

/// The reader's end: events come out.
#[derive(Debug)]
pub(super) struct Ears(Arc<Shared>);

/// A new way between both.
pub(super) fn pair() -> (Mouth, Ears) {
    let shared = Arc::new(Shared::default());
    (Mouth(Arc::clone(&shared)), Ears(shared))
}

impl Mouth {
    /// Puts an event behind the others.
    pub(super) fn tell(&self, event: Event) {
        let size = size(&event);
        let mut queue = self.0.queue();
        queue.bytes += size;
        match (queue.waiting.back_mut(), event) {
            (Some((Event::Delta { text }, of_both)), Event::Delta { text: more }) => {
                text.push_str(&more);
                *of_both += size;
            }
            (_, event) => queue.waiting.push_back((event, size)),
        }
        let overflowed = queue.bytes > MAX_WAITING;
        drop(queue);
        self.0.arrived.notify_one();
        if overflowed {
            self.0.overflowed.notify_one();
        }
    }

    /// Returns when the reader fell too far behind.
    pub(super) async fn overflow(&self) {
        self.0.overflowed.notified().await;
    }
}

impl Drop for Mouth {
    fn drop(&mut self) {
        self.0.queue().closed = true;
        self.0.arrived.notify_one();
    }
}

impl Ears {
    /// The next event; none: the run is over.
    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            {
                let mut queue = self.0.queue();
                if let Some((event, size)) = queue.waiting.pop_front() {
                    queue.bytes = queue.bytes.saturating_sub(size);
                    return Some(event);
                }
                if queue.closed {
                    return None;
                }
            }
            self.0.arrived.notified().await;
        }
    }
}

/// What an event takes, about: values by the length of their JSON.
fn size(event: &Event) -> usize {
    match event {
        Event::Delta { text } => text.len(),
        Event::ToolCall { input, .. } => 200 + input.to_string().len(),
        Event::ToolResult { outcome, .. } => match outcome {
            Ok(output) => 200 + output.to_string().len(),
            Err(failure) => 500 + failure.message.len() + of_details(failure),
        },
    }
}

fn of_details(failure: &Failure) -> usize {
    let values = failure.details.values();
    values.map(|value| value.to_string().len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(text: &str) -> Event {
        Event::Delta {
            text: text.to_owned(),
        }
    }

    #[tokio::test]
    async fn words_that_wait_are_one_text() {
        let (mouth, mut ears) = pair();
        let call = Event::ToolCall {
            tool: "a".to_owned(),
            call_id: "c".to_owned(),
            input: serde_json::json!({}),
        };
        mouth.tell(delta("It "));
        mouth.tell(delta("is "));
        mouth.tell(call.clone());
        mouth.tell(delta("18"));
        assert_eq!(ears.next().await, Some(delta("It is ")));
        assert_eq!(ears.next().await, Some(call));
        drop(mouth);
        assert_eq!(ears.next().await, Some(delta("18")));
        assert_eq!(ears.next().await, None);
    }

    #[tokio::test]
    async fn too_much_that_waits_is_told() {
        let (mouth, _ears) = pair();
        let part = "x".repeat(MAX_WAITING / 2);
        mouth.tell(delta(&part));
        mouth.tell(delta(&part));
        mouth.tell(delta("y"));
        mouth.overflow().await;
    }
}

//! Answers of read-only tools that serve again, and calls that several ask for at once and one makes; in this process.
//!
//! Across processes the ledger does the same (see `run/admission.rs`); what it answered is kept here too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::ids::WorkspaceId;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::ledger::{Kept, MAX_CACHED, Outcome};

/// All answers together, in bytes of memory. Many small values take a multiple of their JSON.
const MAX_BYTES: usize = 32 * 1024 * 1024;
const MAX_ENTRIES: usize = 4096;

/// Whose answer to what: the second part is the whole question's hash.
pub(crate) type Question = (WorkspaceId, [u8; 32]);

struct Entry {
    kept: Arc<Kept>,
    bytes: usize,
    until: Instant,
    used: u64,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Question, Entry>,
    bytes: usize,
    clock: u64,
    flights: HashMap<Question, watch::Receiver<Option<Arc<Kept>>>>,
}

/// The answers of this process. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Answers(Arc<Mutex<Inner>>);

/// What there is for a question.
pub(crate) enum Found {
    /// The answer.
    Answer(Arc<Kept>),
    /// Nothing, and nobody asks: the caller does, for all.
    Lead(Flight),
    /// Somebody is asking.
    Follow(Follower),
}

/// The duty to ask, for all who follow. Dropped without [`Flight::land`], they ask themselves, one for all again.
pub(crate) struct Flight {
    answers: Answers,
    question: Question,
    sender: watch::Sender<Option<Arc<Kept>>>,
}

/// Waits for another's answer.
pub(crate) struct Follower(watch::Receiver<Option<Arc<Kept>>>);

impl Answers {
    /// The answer, or who gets it.
    pub(crate) fn find(&self, question: Question, now: Instant) -> Found {
        let mut inner = self.inner();
        inner.clock += 1;
        let clock = inner.clock;
        match inner.entries.get_mut(&question) {
            Some(entry) if now < entry.until => {
                entry.used = clock;
                return Found::Answer(Arc::clone(&entry.kept));
            }
            Some(_) => inner.remove(&question),
            None => {}
        }
        if let Some(flight) = inner.flights.get(&question) {
            return Found::Follow(Follower(flight.clone()));
        }
        let (sender, receiver) = watch::channel(None);
        inner.flights.insert(question, receiver);
        Found::Lead(Flight {
            answers: self.clone(),
            question,
            sender,
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remove(&mut self, question: &Question) {
        if let Some(entry) = self.entries.remove(question) {
            self.bytes -= entry.bytes;
        }
    }

    fn keep(&mut self, question: Question, kept: Arc<Kept>, bytes: usize, until: Instant) {
        self.remove(&question);
        let bytes = bytes + held(&kept);
        while self.is_full(bytes) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(question, _)| *question) else {
                break;
            };
            self.remove(&oldest);
        }
        self.clock += 1;
        let entry = Entry {
            kept,
            bytes,
            until,
            used: self.clock,
        };
        self.entries.insert(question, entry);
        self.bytes += bytes;
    }

    fn is_full(&self, more: usize) -> bool {
        self.bytes + more > MAX_BYTES || self.entries.len() >= MAX_ENTRIES
    }
}

/// What an answer takes beside its texts, which its JSON holds as well.
fn held(kept: &Kept) -> usize {
    match &kept.outcome {
        Outcome::Output(output) => size_of::<Value>() * parts(output),
        Outcome::Error(_) => 0,
    }
}

/// How many values there are; each member counts thrice, for its name and its place.
fn parts(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
        Value::Array(items) => 1 + items.iter().map(parts).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(|it| 2 + parts(it)).sum::<usize>(),
    }
}

impl Flight {
    /// Tells all who follow, and keeps the answer until then unless it is too large.
    pub(crate) fn land(self, kept: &Arc<Kept>, bytes: usize, until: Option<Instant>) {
        if let Some(until) = until
            && bytes <= MAX_CACHED
        {
            let mut inner = self.answers.inner();
            inner.keep(self.question, Arc::clone(kept), bytes, until);
        }
        let _ = self.sender.send(Some(Arc::clone(kept)));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.answers.inner().flights.remove(&self.question);
    }
}

impl Follower {
    /// What the other was answered; `None` when it ended without an answer.
    pub(crate) async fn landed(mut self) -> Option<Arc<Kept>> {
        let landed = self.0.wait_for(Option::is_some).await.ok()?;
        landed.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use uuid::Uuid;

    fn question(number: u32) -> Question {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&number.to_be_bytes());
        (WorkspaceId(Uuid::nil()), hash)
    }

    fn kept(number: u32) -> Arc<Kept> {
        Arc::new(Kept {
            outcome: Outcome::Output(json!(number)),
            execution_time_ms: 1,
            cut: None,
            warnings: Vec::new(),
        })
    }

    fn lead(answers: &Answers, number: u32) -> Flight {
        match answers.find(question(number), Instant::now()) {
            Found::Lead(flight) => flight,
            Found::Answer(_) | Found::Follow(_) => panic!("{number} is there"),
        }
    }

    fn answered(answers: &Answers, number: u32) -> bool {
        matches!(
            answers.find(question(number), Instant::now()),
            Found::Answer(_)
        )
    }

    fn later() -> Option<Instant> {
        Some(Instant::now() + std::time::Duration::from_secs(60))
    }

    #[test]
    fn an_answer_serves_until_its_time_is_over() {
        let answers = Answers::default();
        let now = Instant::now();
        let until = now + std::time::Duration::from_secs(60);
        lead(&answers, 1).land(&kept(1), 10, Some(until));
        let serves = |number, at| matches!(answers.find(question(number), at), Found::Answer(_));
        assert!(serves(1, now));
        assert!(!serves(2, now));
        assert!(!serves(1, until));
    }

    #[tokio::test]
    async fn one_asks_for_all() {
        let answers = Answers::default();
        let flight = lead(&answers, 1);
        let Found::Follow(follower) = answers.find(question(1), Instant::now()) else {
            panic!("asked twice");
        };
        flight.land(&kept(7), 10, None);
        assert_eq!(follower.landed().await, Some(kept(7)));
        assert!(!answered(&answers, 1), "told, but not kept");
    }

    #[tokio::test]
    async fn who_follows_a_flight_that_ended_asks_anew() {
        let answers = Answers::default();
        let flight = lead(&answers, 1);
        let Found::Follow(follower) = answers.find(question(1), Instant::now()) else {
            panic!("asked twice");
        };
        drop(flight);
        assert_eq!(follower.landed().await, None);
        drop(lead(&answers, 1));
    }

    #[test]
    fn many_small_values_count_for_what_they_take() {
        let answers = Answers::default();
        let small = Kept {
            outcome: Outcome::Output(json!(vec![0; MAX_CACHED / 4])),
            ..(*kept(0)).clone()
        };
        let small = Arc::new(small);
        for number in 0..64 {
            lead(&answers, number).land(&small, MAX_CACHED / 2, later());
        }
        let inner = answers.inner();
        let values = inner.entries.len() * (MAX_CACHED / 4) * size_of::<Value>();
        assert!(values <= MAX_BYTES, "{values} bytes");
        assert!(inner.entries.len() > 1);
    }

    #[test]
    fn the_least_used_makes_room() {
        let answers = Answers::default();
        let size = MAX_CACHED - held(&kept(0));
        let fit = u32::try_from(MAX_BYTES / MAX_CACHED).unwrap();
        for number in 0..fit {
            lead(&answers, number).land(&kept(number), size, later());
        }
        assert!(answered(&answers, 0));
        lead(&answers, fit).land(&kept(fit), size, later());
        assert!(answered(&answers, 0) && answered(&answers, fit));
        assert!(!answered(&answers, 1));
        assert!(answers.inner().bytes <= MAX_BYTES);
        lead(&answers, fit + 1).land(&kept(0), MAX_CACHED + 1, later());
        assert!(!answered(&answers, fit + 1), "too large");
    }
}

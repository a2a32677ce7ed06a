//! The messages of the queue in this process. The time comes in; every operation costs the logarithm of their number.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::LocalSettings;
use super::faults::{Dice, Faults};
use crate::{Delivery, Hint};

/// So many dead letters are kept, the newest ones: a server that lives for months must not collect them, and the steps that they
/// were about are rows.
const MOST_DEAD: usize = 1_000;

/// How many messages there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not delivered, or to be delivered again: visible now, or after a delay.
    pub waiting: usize,
    /// Delivered and not acknowledged yet.
    pub in_flight: usize,
    /// Delivered too often.
    pub dead: usize,
}

/// A message that was delivered too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message's id.
    pub id: String,
    /// What it holds.
    pub body: String,
    /// How often it was delivered.
    pub received: u32,
}

#[derive(Debug)]
struct Message {
    body: String,
    received: u32,
    place: Place,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In `visible`.
    Visible,
    /// In `invisible` until then: sent with a delay.
    Delayed(Instant),
    /// In `invisible` until then: delivered.
    InFlight(Instant),
}

#[derive(Debug, Default)]
pub(super) struct State {
    settings: LocalSettings,
    dice: Option<Dice>,
    next_id: u64,
    messages: HashMap<u64, Message>,
    /// The ids that can be delivered now, the oldest first. One of a message that is gone is passed over.
    visible: VecDeque<u64>,
    /// The ids that become visible, by when.
    invisible: BTreeSet<(Instant, u64)>,
    dead: VecDeque<DeadLetter>,
}

impl State {
    pub(super) fn new(settings: LocalSettings, faults: Option<Faults>) -> Self {
        Self {
            settings,
            dice: faults.map(Dice::new),
            ..Self::default()
        }
    }

    #[allow(clippy::needless_pass_by_value, reason = "a doubled message is a copy")]
    pub(super) fn send(&mut self, body: String, now: Instant, delay: Duration) {
        let copies = self.dice.as_mut().map_or(1, Dice::copies);
        for _ in 0..copies {
            self.next_id += 1;
            let place = match delay {
                Duration::ZERO => Place::Visible,
                delay => Place::Delayed(now + delay),
            };
            let message = Message {
                body: body.clone(),
                received: 0,
                place,
            };
            self.messages.insert(self.next_id, message);
            self.enter(self.next_id, place);
        }
    }

    fn enter(&mut self, id: u64, place: Place) {
        match place {
            Place::Visible => self.visible.push_back(id),
            Place::Delayed(due) | Place::InFlight(due) => {
                self.invisible.insert((due, id));
            }
        }
    }

    fn leave(&mut self, id: u64, place: Place) {
        match place {
            // Passed over when its turn comes.
            Place::Visible => {}
            Place::Delayed(due) | Place::InFlight(due) => {
                self.invisible.remove(&(due, id));
            }
        }
    }

    /// Moves what is due.
    fn wake(&mut self, now: Instant) {
        while let Some(&(due, id)) = self.invisible.first()
            && due <= now
        {
            self.invisible.pop_first();
            if let Some(message) = self.messages.get_mut(&id) {
                message.place = Place::Visible;
                self.visible.push_back(id);
            }
        }
    }

    /// Until when, unless somebody sends or gives back, nothing can become visible: what another one takes from now on
    /// stays away for a whole visibility.
    pub(super) fn look_again(&self, now: Instant) -> Instant {
        let taken = now + self.settings.visibility.max(Duration::from_millis(1));
        let next = self.invisible.first().map(|(due, _)| *due);
        next.map_or(taken, |next| next.min(taken))
    }

    pub(super) fn receive(&mut self, most: usize, now: Instant) -> Vec<Delivery> {
        self.wake(now);
        let mut deliveries = Vec::new();
        while deliveries.len() < most {
            let len = self.visible.len();
            let place = self.dice.as_mut().map_or(0, |dice| dice.place(len));
            let Some(id) = self.visible.swap_remove_front(place) else {
                break;
            };
            let Some(message) = self.messages.get_mut(&id) else {
                continue;
            };
            if message.received >= self.settings.max_receives {
                self.bury(id);
                continue;
            }
            message.received += 1;
            message.place = Place::InFlight(now + self.settings.visibility);
            deliveries.push(Delivery {
                hint: Hint::read(&message.body),
                id: id.to_string(),
                receipt: format!("{id}.{}", message.received),
                received: message.received,
            });
            let place = message.place;
            self.enter(id, place);
        }
        deliveries
    }

    fn bury(&mut self, id: u64) {
        if let Some(message) = self.messages.remove(&id) {
            if self.dead.len() == MOST_DEAD {
                self.dead.pop_front();
            }
            self.dead.push_back(DeadLetter {
                id: id.to_string(),
                body: message.body,
                received: message.received,
            });
        }
    }

    /// The message of a receipt, if that is its latest one.
    fn of_receipt(&self, receipt: &str) -> Option<(u64, &Message)> {
        let (id, received) = receipt.split_once('.')?;
        let id = id.parse().ok()?;
        let message = self.messages.get(&id)?;
        (received.parse() == Ok(message.received)).then_some((id, message))
    }

    /// Deletes a message, in flight or visible again. One that is gone is deleted; whether the receipt was.
    pub(super) fn delete(&mut self, receipt: &str) -> bool {
        let known = receipt.split_once('.').is_some_and(|(id, received)| {
            let id: Option<u64> = id.parse().ok();
            let given = id.is_some_and(|id| 0 < id && id <= self.next_id);
            given && received.parse::<u32>().is_ok_and(|times| times > 0)
        });
        if let Some((id, message)) = self.of_receipt(receipt) {
            let place = message.place;
            self.leave(id, place);
            self.messages.remove(&id);
        }
        known
    }

    /// Changes when a message in flight is visible again; whether it is in flight by this receipt.
    pub(super) fn give_back(&mut self, receipt: &str, now: Instant, after: Duration) -> bool {
        self.wake(now);
        let Some((id, message)) = self.of_receipt(receipt) else {
            return false;
        };
        let place = message.place;
        if !matches!(place, Place::InFlight(_)) {
            return false;
        }
        self.leave(id, place);
        let place = match after {
            Duration::ZERO => Place::Visible,
            after => Place::InFlight(now + after),
        };
        if let Some(message) = self.messages.get_mut(&id) {
            message.place = place;
        }
        self.enter(id, place);
        true
    }

    pub(super) fn counts(&self, now: Instant) -> Counts {
        let flies = |message: &&Message| matches!(message.place, Place::InFlight(due) if due > now);
        let in_flight = self.messages.values().filter(flies).count();
        Counts {
            waiting: self.messages.len() - in_flight,
            in_flight,
            dead: self.dead.len(),
        }
    }

    pub(super) fn dead_letters(&self) -> Vec<DeadLetter> {
        self.dead.iter().cloned().collect()
    }
}

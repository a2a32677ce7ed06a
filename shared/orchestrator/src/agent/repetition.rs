//! Which calls of one run are made again when the model asks for the very same once more. Pure.
//!
//! A call that failed in passing may be repeated, and one that only reads may be: the world may have changed. Each is made three times at
//! most. Anything else is made once: the model is told to work with the first result.

use std::collections::HashMap;

use domain::canonical;
use domain::failure::{Failure, FailureCode};
use serde_json::Value;

/// How often the same call is made at most.
const MOST: u32 = 3;

/// After so many turns in a row in which nothing was done but refused, the model has to answer in words.
const PATIENCE: u32 = 3;

#[derive(Clone, Copy, Debug)]
struct Made {
    times: u32,
    /// The turn in which it was made last.
    turn: u32,
    again: bool,
}

/// The calls of a run so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Repetition {
    made: HashMap<[u8; 32], Made>,
    /// Turns in a row in which every call was refused.
    idle: u32,
}

/// A call as it is told apart from others: its function and its arguments, whatever their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) fn of(name: &str, input: &Value) -> Self {
        Self(canonical::digest(&Value::from(vec![
            Value::from(name),
            input.clone(),
        ])))
    }
}

impl Repetition {
    /// Takes note that the call is asked for in this turn.
    ///
    /// # Errors
    /// What the model is told when it is not made.
    pub(super) fn ask(&mut self, name: &str, key: Key, turn: u32) -> Result<(), Failure> {
        let Some(made) = self.made.get_mut(&key.0) else {
            let made = Made {
                times: 1,
                turn,
                again: false,
            };
            self.made.insert(key.0, made);
            return Ok(());
        };
        if made.turn == turn || !made.again || made.times >= MOST {
            let message = format!(
                "{name} was called with exactly these arguments before; it was not called again."
            );
            let hint = "Work with the result that you have. If it is not what you need, change the arguments or say what is missing.";
            return Err(Failure::new(FailureCode::RepeatedCall, message, hint));
        }
        made.times += 1;
        made.turn = turn;
        Ok(())
    }

    /// Says whether a call that was made may be made once more.
    pub(super) fn settle(&mut self, key: Key, again: bool) {
        if let Some(made) = self.made.get_mut(&key.0) {
            made.again = again;
        }
    }

    /// Says that nothing was called after all.
    pub(super) fn forget(&mut self, key: Key) {
        match self.made.get_mut(&key.0) {
            Some(made) if made.times > 1 => made.times -= 1,
            Some(_) => {
                self.made.remove(&key.0);
            }
            None => {}
        }
    }

    /// Says whether anything was done in a turn. True: the model goes in circles.
    pub(super) const fn turn_ended(&mut self, idle: bool) -> bool {
        self.idle = if idle { self.idle + 1 } else { 0 };
        self.idle >= PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_arguments_makes_no_other_call() {
        let one = Key::of("f", &json!({ "a": 1, "b": [1, 2] }));
        assert_eq!(one, Key::of("f", &json!({ "b": [1, 2], "a": 1 })));
        assert_ne!(one, Key::of("f", &json!({ "b": [2, 1], "a": 1 })));
        assert_ne!(one, Key::of("g", &json!({ "a": 1, "b": [1, 2] })));
    }

    #[test]
    fn a_call_that_does_something_is_made_once() {
        let mut calls = Repetition::default();
        let key = Key::of("order", &json!({}));
        assert_eq!(calls.ask("order", key, 1), Ok(()));
        calls.settle(key, false);
        for turn in [1, 2, 3] {
            let refusal = calls.ask("order", key, turn).unwrap_err();
            assert_eq!(refusal.code, FailureCode::RepeatedCall);
        }
    }

    #[test]
    fn what_may_pass_is_made_three_times_in_three_turns() {
        let mut calls = Repetition::default();
        let key = Key::of("state", &json!({}));
        for turn in 1..=3 {
            assert_eq!(calls.ask("state", key, turn), Ok(()));
            assert!(calls.ask("state", key, turn).is_err(), "twice in one turn");
            calls.settle(key, true);
        }
        assert!(calls.ask("state", key, 4).is_err());
    }

    #[test]
    fn what_was_not_called_counts_for_nothing() {
        let mut calls = Repetition::default();
        let key = Key::of("order", &json!({}));
        for turn in 1..=9 {
            assert_eq!(calls.ask("order", key, turn), Ok(()));
            calls.forget(key);
        }
        let key = Key::of("state", &json!({}));
        assert_eq!(calls.ask("state", key, 1), Ok(()));
        calls.settle(key, true);
        assert_eq!(calls.ask("state", key, 2), Ok(()));
        calls.forget(key);
        assert_eq!(calls.ask("state", key, 3), Ok(()));
        assert_eq!(calls.ask("state", key, 4), Ok(()));
        assert!(calls.ask("state", key, 5).is_err(), "three times in all");
    }

    #[test]
    fn three_turns_of_nothing_are_a_circle() {
        let mut calls = Repetition::default();
        assert_eq!(
            [true, true, false, true, true, true].map(|idle| calls.turn_ended(idle)),
            [false, false, false, false, false, true]
        );
    }
}

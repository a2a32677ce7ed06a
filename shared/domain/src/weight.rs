//! How much memory values take, about: so that a short rule cannot copy a large response many times.

use std::cell::Cell;

use serde_json::Value;

/// What one output may weigh: every response of the default size passes, once.
const MOST: usize = 64 * 1024 * 1024;

/// What a value weighs besides its texts.
const EACH: usize = 16;

/// What it weighs more as a member of an object: its name, its place in the index.
const MEMBER: usize = 64;

/// More would have been copied than one output may weigh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this copies the response so often that the output would be larger than 64 MB")]
pub struct TooLarge;

/// What may still be copied.
#[derive(Debug)]
pub(crate) struct Budget(Cell<usize>);

impl Budget {
    /// As much as one output may weigh.
    pub(crate) const fn full() -> Self {
        Self(Cell::new(MOST))
    }

    /// Takes the weight of a value that is about to be copied.
    pub(crate) fn spend(&self, value: &Value) -> Result<(), TooLarge> {
        self.0.set(weigh(value, self.0.get())?);
        Ok(())
    }

    /// The same for one that becomes the member of an object.
    pub(crate) fn spend_member(&self, name: &str, value: &Value) -> Result<(), TooLarge> {
        self.0.set(weigh_member(name, value, self.0.get())?);
        Ok(())
    }
}

fn take(left: usize, weight: usize) -> Result<usize, TooLarge> {
    left.checked_sub(weight).ok_or(TooLarge)
}

/// What is left after this value.
fn weigh(value: &Value, left: usize) -> Result<usize, TooLarge> {
    let left = take(left, EACH)?;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(left),
        Value::String(text) => take(left, text.len()),
        Value::Array(items) => items.iter().try_fold(left, |left, item| weigh(item, left)),
        Value::Object(members) => members
            .iter()
            .try_fold(left, |left, (name, value)| weigh_member(name, value, left)),
    }
}

fn weigh_member(name: &str, value: &Value, left: usize) -> Result<usize, TooLarge> {
    weigh(value, take(left, MEMBER + name.len())?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_copied_adds_up() {
        let budget = Budget::full();
        let half = json!(["x".repeat(MOST / 2)]);
        assert_eq!(budget.spend_member("a", &half), Ok(()));
        assert_eq!(budget.spend_member("a", &half), Err(TooLarge));
        // What was refused is not counted.
        assert_eq!(
            budget.spend_member("a", &json!({"a": [1, null, true]})),
            Ok(())
        );
    }

    #[test]
    fn a_response_of_the_default_size_may_be_copied_once() {
        let ones = Value::from(vec![1; 5 * 1024 * 1024 / 2]);
        let objects = Value::from(vec![json!({"a": 1}); 5 * 1024 * 1024 / 8]);
        for value in [&ones, &objects] {
            let budget = Budget::full();
            assert_eq!(budget.spend(value), Ok(()));
            assert_eq!(budget.spend(value), Err(TooLarge));
        }
    }
}

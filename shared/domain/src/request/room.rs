//! How large the parts of a request may become: counted while they are built, so that a short tool cannot copy
//! a long input many times.

use serde_json::Value;

/// Largest body that is sent, in bytes.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Longest query, in bytes before it is encoded; servers take 8 to 64 KB.
pub(super) const MAX_QUERY_BYTES: usize = 64 * 1024;

/// Longest value that an input gives a header, in bytes.
pub(super) const MAX_HEADER_BYTES: usize = 8 * 1024;

/// Longest segment of a path, in bytes before it is encoded.
pub(super) const MAX_SEGMENT_BYTES: usize = 8 * 1024;

/// What may still be written.
#[derive(Debug)]
pub(super) struct Room {
    left: usize,
    most: usize,
}

impl Room {
    pub(super) const fn body() -> Self {
        Self::of(MAX_BODY_BYTES)
    }

    pub(super) const fn query() -> Self {
        Self::of(MAX_QUERY_BYTES)
    }

    pub(super) const fn of(most: usize) -> Self {
        Self { left: most, most }
    }

    /// Takes the bytes that are about to be written.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), String> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(format!("it would be longer than {} KB", self.most / 1024)),
        }
    }

    /// Takes about what the value is as JSON; never more.
    pub(super) fn take_json(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => self.take(1),
            Value::String(text) => self.take(text.len() + 2),
            Value::Array(items) => {
                self.take(2)?;
                items.iter().try_for_each(|item| self.take_json(item))
            }
            Value::Object(members) => {
                self.take(2)?;
                members.iter().try_for_each(|(name, value)| {
                    self.take(name.len() + 3)?;
                    self.take_json(value)
                })
            }
        }
    }
}

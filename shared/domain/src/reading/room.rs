//! What an answer may take in memory when it is read: short texts of some formats make very many values.

use serde_json::Value;

use super::Unreadable;

/// In bytes, about.
const MOST: usize = 128 * 1024 * 1024;

/// The same for JSON, whose structure is only guessed before it is read.
const MOST_JSON: usize = 384 * 1024 * 1024;

/// Not even nothing but brackets and commas makes so little JSON too large.
const ALWAYS_FITS: usize = 512 * 1024;

/// A value by itself.
const VALUE: usize = size_of::<Value>();

/// A member of an object: its value, its name, its place in the order and in the index.
const MEMBER: usize = VALUE + size_of::<String>() + 24;

/// An object or a list before anything is in it: the space is taken for some members at once.
const CONTAINER: usize = 4 * MEMBER;

/// What is left.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Room {
    pub(super) const fn full() -> Self {
        Self(MOST)
    }

    /// Before a document of JSON is read.
    pub(super) fn check_json(body: &[u8]) -> Result<(), Unreadable> {
        if body.len() <= ALWAYS_FITS {
            return Ok(());
        }
        Self(MOST_JSON).json(body)
    }

    /// Before a value of JSON is read and kept: by its brackets and commas, also those in texts.
    pub(super) fn json(&mut self, text: &[u8]) -> Result<(), Unreadable> {
        let (mut containers, mut commas) = (0, 0);
        for byte in text {
            containers += usize::from(matches!(byte, b'{' | b'['));
            commas += usize::from(*byte == b',');
        }
        self.take(VALUE + text.len() + containers * CONTAINER + commas * MEMBER)
    }

    /// Before an element is added to a list.
    pub(super) fn element(&mut self, text: usize) -> Result<(), Unreadable> {
        self.take(VALUE + text)
    }

    /// Before a member is added to an object.
    pub(super) fn member(&mut self, name: &str, text: usize) -> Result<(), Unreadable> {
        self.take(MEMBER + name.len() + text)
    }

    /// Before an object or a list is made.
    pub(super) fn container(&mut self) -> Result<(), Unreadable> {
        self.take(CONTAINER)
    }

    fn take(&mut self, bytes: usize) -> Result<(), Unreadable> {
        match self.0.checked_sub(bytes) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => Err(Unreadable::new(
                "it holds so many values that they would take hundreds of megabytes",
                "Ask the upstream for less: a filter, fewer fields, a smaller page.",
            )),
        }
    }
}

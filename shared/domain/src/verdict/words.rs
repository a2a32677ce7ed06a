//! Somebody else's words in a message: found, bounded, without hidden characters, and said to be theirs.

use std::borrow::Cow;

use serde_json::Value;

use crate::path::Path;
use crate::text::hidden_character;

/// As much of a text is looked at.
const LOOKED_AT: usize = 64 * 1024;

/// Characters that are told.
pub(super) const MAX_WORDS: usize = 300;

/// The message that holds somebody else's words: that they are, and no more than that.
///
/// ```
/// let message = domain::verdict::said("no such\u{1b}[2J\n symbol");
/// assert_eq!(message, "The upstream says: no such [2J symbol");
/// ```
pub fn said(words: &str) -> String {
    format!("The upstream says: {}", bounded(words))
}

/// As much of a text as is looked at.
pub(super) fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(LOOKED_AT)]
}

/// The upstream's words at a path, of several the first that are any.
pub(super) fn words(path: &Path, body: &Value) -> Option<String> {
    let found = path.find(body).ok()??;
    let found = match &*found {
        Value::Array(values) if path.is_multiple() => {
            values.iter().find(|value| !value.is_null())?
        }
        other => other,
    };
    let words = match found {
        Value::Null => return None,
        Value::String(text) => Cow::Borrowed(beginning(text)),
        Value::Bool(_) | Value::Number(_) => Cow::Owned(found.to_string()),
        Value::Array(_) | Value::Object(_) => Cow::Owned(written(found)),
    };
    (!words.trim().is_empty()).then(|| words.into_owned())
}

/// The beginning of a value as JSON: not all of a large one is written for it.
fn written(value: &Value) -> String {
    let mut beginning = Beginning(Vec::new());
    // It ends with an error as soon as there is enough.
    let _ = serde_json::to_writer(&mut beginning, value);
    String::from_utf8_lossy(&beginning.0).into_owned()
}

struct Beginning(Vec<u8>);

impl std::io::Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() > 8 * MAX_WORDS {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// In one line, without hidden characters, at most [`MAX_WORDS`] characters.
fn bounded(words: &str) -> String {
    let mut told = String::new();
    let mut count = 0;
    let mut pause = false;
    for c in words.chars() {
        if c.is_whitespace() || hidden_character(c.encode_utf8(&mut [0; 4])).is_some() {
            pause = !told.is_empty();
            continue;
        }
        if count >= MAX_WORDS {
            told.push('…');
            break;
        }
        if std::mem::take(&mut pause) {
            told.push(' ');
            count += 1;
        }
        told.push(c);
        count += 1;
    }
    told
}

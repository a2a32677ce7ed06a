//! What was taken out of an output that was too large, and how it is read on: piece by piece, in order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::tokens::{self, ELEMENT, weigh, weigh_byte, weigh_name};

/// Stands where a value is not stored.
const REDACTED: &str = "[redacted]";

/// What was taken out at one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rest {
    /// JSON pointer into the output.
    pub at: String,
    /// How many elements, characters or members stayed there.
    pub kept: u64,
    /// What did not.
    #[serde(flatten)]
    pub left: Left,
}

/// Elements, characters or members that were taken out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "unit", content = "left", rename_all = "snake_case")]
pub enum Left {
    /// The last elements of an array.
    Items(Vec<Value>),
    /// The end of a text.
    #[serde(rename = "characters")]
    Text(String),
    /// Members of an object.
    Members(Map<String, Value>),
}

impl Left {
    /// What is counted: `items`, `characters` or `members`.
    pub const fn unit(&self) -> &'static str {
        match self {
            Self::Items(_) => "items",
            Self::Text(_) => "characters",
            Self::Members(_) => "members",
        }
    }

    /// How many.
    pub fn count(&self) -> u64 {
        let count = match self {
            Self::Items(items) => items.len(),
            Self::Text(text) => text.chars().count(),
            Self::Members(members) => members.len(),
        };
        count as u64
    }
}

impl Rest {
    /// How many elements, characters or members there were.
    pub fn total(&self) -> u64 {
        self.kept + self.left.count()
    }
}

impl Rest {
    /// Replaces the value at this JSON pointer into the whole output, as far as it was taken out here: what is
    /// not to be stored is not kept either.
    pub fn redact(&mut self, pointer: &str) {
        let inside = |whole: &str, part: &str| {
            let behind = part.strip_prefix(whole);
            behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('/'))
        };
        if inside(pointer, &self.at) {
            match &mut self.left {
                Left::Items(items) => items.fill(REDACTED.into()),
                Left::Text(text) => REDACTED.clone_into(text),
                Left::Members(members) => {
                    members
                        .values_mut()
                        .for_each(|value| *value = REDACTED.into());
                }
            }
            return;
        }
        if !inside(&self.at, pointer) {
            return;
        }
        let below = &pointer[self.at.len() + 1..];
        let (token, behind) = match below.find('/') {
            Some(slash) => below.split_at(slash),
            None => (below, ""),
        };
        let child = match &mut self.left {
            Left::Items(items) => {
                let index: Option<u64> = token.parse().ok();
                let index = index.and_then(|index| index.checked_sub(self.kept));
                index.and_then(|index| items.get_mut(usize::try_from(index).ok()?))
            }
            Left::Text(_) => None,
            Left::Members(members) => members.get_mut(&token.replace("~1", "/").replace("~0", "~")),
        };
        if let Some(value) = child.and_then(|child| child.pointer_mut(behind)) {
            *value = REDACTED.into();
        }
    }
}

/// Where reading goes on: which kept rests, which of them, and after how many of its elements, characters or members.
///
/// As text it is opaque; the id in it has 122 random bits, so that nobody guesses one, and it is only ever looked for in
/// the workspace of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Under what the rests are kept.
    pub id: Uuid,
    /// Which of them.
    pub rest: u32,
    /// How much of it was read.
    pub from: u32,
}

const PREFIX: &str = "more_";

impl Cursor {
    /// Where reading begins.
    pub const fn begin(id: Uuid) -> Self {
        Self {
            id,
            rest: 0,
            from: 0,
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PREFIX}{}{:08x}{:08x}",
            self.id.simple(),
            self.rest,
            self.from
        )
    }
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor")]
pub struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let digits = text.strip_prefix(PREFIX).ok_or(NoCursor)?;
        if digits.len() != 48 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NoCursor);
        }
        let number = |from: usize| u32::from_str_radix(&digits[from..from + 8], 16);
        Ok(Self {
            id: Uuid::try_parse(&digits[..32]).map_err(|_| NoCursor)?,
            rest: number(32).map_err(|_| NoCursor)?,
            from: number(40).map_err(|_| NoCursor)?,
        })
    }
}

/// One piece of a rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// JSON pointer into the output: the place that it continues.
    pub at: String,
    /// What is counted: `items`, `characters` or `members`.
    pub unit: &'static str,
    /// How many of them stand before this piece.
    pub from: u64,
    /// How many there are altogether.
    pub total: u64,
    /// An array of the next elements, the text that follows, or an object of further members.
    pub part: Value,
    /// Where the next piece begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// The piece at the cursor, of about `max_tokens`, but never nothing: one element is not divided. `None` when the cursor
/// leads beyond the end.
pub fn part(rests: &[Rest], cursor: Cursor, max_tokens: u32) -> Option<Part> {
    let rest = rests.get(usize::try_from(cursor.rest).ok()?)?;
    let from = usize::try_from(cursor.from).ok()?;
    let mut room = Room {
        left: tokens::weight(max_tokens.into()),
        is_empty: true,
    };
    let part = match &rest.left {
        Left::Items(items) => {
            let items = items.iter().skip(from);
            let taken = items.take_while(|item| room.takes(ELEMENT + weigh(item)));
            Value::Array(taken.cloned().collect())
        }
        Left::Text(text) => {
            let weigh = |c: char| c.encode_utf8(&mut [0; 4]).bytes().map(weigh_byte).sum();
            let taken = text
                .chars()
                .skip(from)
                .take_while(|c| room.takes(weigh(*c)));
            Value::String(taken.collect())
        }
        Left::Members(members) => {
            let members = members.iter().skip(from);
            let taken =
                members.take_while(|(name, value)| room.takes(weigh_name(name) + weigh(value)));
            let taken = taken.map(|(name, value)| (name.clone(), value.clone()));
            Value::Object(taken.collect())
        }
    };
    let count = match &part {
        Value::Array(items) => items.len(),
        Value::String(text) => text.chars().count(),
        Value::Object(members) => members.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    let read = from + count;
    let next = if count == 0 {
        return None;
    } else if (read as u64) < rest.left.count() {
        let from = u32::try_from(read).ok()?;
        Some(Cursor { from, ..cursor })
    } else {
        let next = Cursor {
            rest: cursor.rest + 1,
            from: 0,
            ..cursor
        };
        ((next.rest as usize) < rests.len()).then_some(next)
    };
    Some(Part {
        at: rest.at.clone(),
        unit: rest.left.unit(),
        from: rest.kept + u64::from(cursor.from),
        total: rest.total(),
        part,
        next,
    })
}

/// What may still be taken.
struct Room {
    left: u64,
    is_empty: bool,
}

impl Room {
    /// Whether this still fits; the first always does.
    fn takes(&mut self, weight: u64) -> bool {
        let first = std::mem::take(&mut self.is_empty);
        let fits = weight <= self.left;
        self.left = self.left.saturating_sub(weight);
        first || fits
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let cursor = Cursor {
            id: Uuid::from_u128(7),
            rest: 3,
            from: 70_000,
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        let text = cursor.to_string();
        for bad in [
            "",
            "more_",
            "more_00",
            &text[5..],
            &format!("{text}0"),
            &text.replace('7', "é"),
        ] {
            assert_eq!(bad.parse::<Cursor>(), Err(NoCursor), "{bad}");
        }
    }

    #[test]
    fn a_piece_is_never_nothing_and_never_beyond_the_end() {
        let rests = [Rest {
            at: "/rows".to_owned(),
            kept: 2,
            left: Left::Items(vec![json!("x".repeat(1000)), json!(1), json!(2)]),
        }];
        let cursor = Cursor::begin(Uuid::nil());
        let first = part(&rests, cursor, 10).unwrap();
        assert_eq!((first.from, first.total, first.unit), (2, 5, "items"));
        assert_eq!(first.part.as_array().unwrap().len(), 1);
        let second = part(&rests, first.next.unwrap(), 10).unwrap();
        assert_eq!(
            (second.part, second.next, second.from),
            (json!([1, 2]), None, 3)
        );
        for beyond in [
            Cursor { from: 3, ..cursor },
            Cursor {
                from: u32::MAX,
                ..cursor
            },
            Cursor { rest: 1, ..cursor },
        ] {
            assert_eq!(part(&rests, beyond, 10), None);
        }
    }

    #[test]
    fn what_is_not_to_be_stored_is_replaced() {
        let rest = |at: &str, kept, left| Rest {
            at: at.to_owned(),
            kept,
            left,
        };
        let rows = || {
            Left::Items(vec![
                json!({ "card": "1", "n": 1 }),
                json!({ "card": "2", "n": 2 }),
            ])
        };
        let members = || Left::Members(Map::from_iter([("a/b".to_owned(), json!([7, 8]))]));
        let one = json!([{ "card": "[redacted]", "n": 1 }, { "card": "2", "n": 2 }]);
        for (mut rest, pointer, left) in [
            (rest("/rows", 5, rows()), "/rows/5/card", one.clone()),
            (rest("", 5, rows()), "/5/card", one),
            (
                rest("/rows", 5, rows()),
                "/rows/6",
                json!([{ "card": "1", "n": 1 }, "[redacted]"]),
            ),
            (
                rest("/rows", 5, rows()),
                "/rows",
                json!(["[redacted]", "[redacted]"]),
            ),
            (
                rest("/rows", 5, rows()),
                "",
                json!(["[redacted]", "[redacted]"]),
            ),
            (
                rest("/x/0", 5, Left::Text("end".to_owned())),
                "/x",
                json!("[redacted]"),
            ),
            (
                rest("/x", 5, Left::Text("end".to_owned())),
                "/x/0",
                json!("end"),
            ),
            (
                rest("/m", 1, members()),
                "/m/a~1b/1",
                json!({ "a/b": [7, "[redacted]"] }),
            ),
            (
                rest("/m", 1, members()),
                "/m",
                json!({ "a/b": "[redacted]" }),
            ),
            (
                rest("/m", 1, members()),
                "/mm/a~1b",
                json!({ "a/b": [7, 8] }),
            ),
            (rest("/m", 1, members()), "/m/c", json!({ "a/b": [7, 8] })),
        ] {
            rest.redact(pointer);
            let stored = serde_json::to_value(&rest).unwrap();
            assert_eq!(stored["left"], left, "{} {pointer}", rest.at);
        }
    }

    #[test]
    fn rests_are_stored_with_their_units() {
        let rest = Rest {
            at: "/a".to_owned(),
            kept: 1,
            left: Left::Text("b".to_owned()),
        };
        let stored = json!({ "at": "/a", "kept": 1, "unit": "characters", "left": "b" });
        assert_eq!(serde_json::to_value(&rest).unwrap(), stored);
        assert_eq!(serde_json::from_value::<Rest>(stored).unwrap(), rest);
    }
}

//! JSON in and out of the expression language, never more than there is room for.

use minijinja::Value as Inner;
use minijinja::value::ValueKind;
use serde_json::{Map, Number, Value};

/// Levels of arrays and objects in a rendered value at most.
pub(super) const MOST_LEVELS: usize = 128;

/// Room for a value, in bytes of JSON.
#[derive(Debug)]
pub(super) struct Room {
    left: usize,
    whole: usize,
}

impl Room {
    pub(super) const fn new(whole: usize) -> Self {
        Self { left: whole, whole }
    }

    /// Takes some of it.
    ///
    /// # Errors
    /// There is not that much, in words.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or_else(|| format!("the value is larger than {} bytes of JSON", self.whole))?;
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        let escapes = text
            .bytes()
            .map(|b| match b {
                b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
                0..=0x1f => 5,
                _ => 0,
            })
            .sum::<usize>();
        self.take(text.len() + escapes + 2)
    }

    /// Room for a value that is copied as it stands.
    ///
    /// # Errors
    /// It is too large or too deep, in words.
    pub(super) fn json(&mut self, value: &Value, level: usize) -> Result<(), String> {
        match value {
            Value::Null | Value::Bool(_) => self.take(5),
            Value::Number(number) => self.take(digits(number)),
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                deeper(level)?;
                self.take(2 + items.len())?;
                items.iter().try_for_each(|item| self.json(item, level + 1))
            }
            Value::Object(members) => {
                deeper(level)?;
                self.take(2 + 2 * members.len())?;
                members.iter().try_for_each(|(name, value)| {
                    self.text(name)?;
                    self.json(value, level + 1)
                })
            }
        }
    }
}

/// How long a number is in JSON; a fraction is taken for a usual one.
fn digits(number: &Number) -> usize {
    match (number.as_u64(), number.as_i64()) {
        (Some(whole), _) => whole.checked_ilog10().unwrap_or_default() as usize + 1,
        (None, Some(negative)) => negative.unsigned_abs().ilog10() as usize + 2,
        (None, None) => 8,
    }
}

/// # Errors
/// A level more would be too deep, in words.
pub(super) fn deeper(level: usize) -> Result<(), String> {
    if level >= MOST_LEVELS {
        return Err(format!(
            "the value is nested deeper than {MOST_LEVELS} levels"
        ));
    }
    Ok(())
}

/// A JSON value for the expression language.
pub(super) fn from_json(value: &Value) -> Inner {
    match value {
        Value::Null => Inner::from(()),
        Value::Bool(flag) => Inner::from(*flag),
        Value::Number(number) => number_in(number),
        Value::String(text) => Inner::from(text.as_str()),
        Value::Array(items) => Inner::from(items.iter().map(from_json).collect::<Vec<_>>()),
        Value::Object(members) => Inner::from_pairs(
            members
                .iter()
                .map(|(name, value)| (Inner::from(name.as_str()), from_json(value))),
        ),
    }
}

fn number_in(number: &Number) -> Inner {
    match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(whole), _, _) => Inner::from(whole),
        (None, Some(whole), _) => Inner::from(whole),
        (None, None, Some(float)) => Inner::from(float),
        (None, None, None) => Inner::from(()),
    }
}

/// What an expression came to, as JSON.
///
/// # Errors
/// It has no JSON form, or there is no room for it; in words.
pub(super) fn to_json(value: &Inner, room: &mut Room) -> Result<Value, String> {
    Out { room, keep: true }.value(value, 0)
}

/// The same, `level` levels down in what is rendered.
///
/// # Errors
/// As [`to_json`].
pub(super) fn to_json_at(value: &Inner, room: &mut Room, level: usize) -> Result<Value, String> {
    Out { room, keep: true }.value(value, level)
}

/// Checks a value's size without keeping anything.
///
/// # Errors
/// As [`to_json`].
pub(super) fn weigh(value: &Inner, most: usize) -> Result<(), String> {
    let mut room = Room::new(most);
    Out {
        room: &mut room,
        keep: false,
    }
    .value(value, 0)
    .map(drop)
}

struct Out<'r> {
    room: &'r mut Room,
    keep: bool,
}

impl Out<'_> {
    fn value(&mut self, value: &Inner, level: usize) -> Result<Value, String> {
        match value.kind() {
            ValueKind::None => self.room.take(4).map(|()| Value::Null),
            ValueKind::Bool => self.room.take(5).map(|()| Value::Bool(value.is_true())),
            ValueKind::Number => self.number(value),
            ValueKind::String => {
                let text = value.as_str().unwrap_or_default();
                self.room.text(text)?;
                Ok(self.text(text))
            }
            ValueKind::Seq | ValueKind::Iterable => self.list(value, level),
            ValueKind::Map => self.map(value, level),
            ValueKind::Undefined if self.keep => Err("a part of it is undefined".to_owned()),
            ValueKind::Undefined => Ok(Value::Null),
            ValueKind::Invalid => Err(invalid(value)),
            ValueKind::Bytes | ValueKind::Plain => Err("it is no JSON value".to_owned()),
            _ => Err("it is no JSON value".to_owned()),
        }
    }

    fn text(&self, text: &str) -> Value {
        if self.keep {
            Value::String(text.to_owned())
        } else {
            Value::Null
        }
    }

    fn number(&mut self, value: &Inner) -> Result<Value, String> {
        let number = if value.is_integer() {
            let whole = i64::try_from(value.clone()).map(Number::from);
            let whole = whole.or_else(|_| u64::try_from(value.clone()).map(Number::from));
            whole.map_err(|_| "it is a whole number beyond 64 bits")?
        } else {
            let float = f64::try_from(value.clone()).ok();
            let float = float.and_then(Number::from_f64);
            float.ok_or("it is no finite number")?
        };
        self.room.take(digits(&number))?;
        Ok(Value::Number(number))
    }

    fn list(&mut self, value: &Inner, level: usize) -> Result<Value, String> {
        deeper(level)?;
        self.room.take(2)?;
        let mut items = Vec::new();
        for item in value.try_iter().map_err(|_| invalid(value))? {
            self.room.take(1)?;
            let item = self.value(&item, level + 1)?;
            if self.keep {
                items.push(item);
            }
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, value: &Inner, level: usize) -> Result<Value, String> {
        deeper(level)?;
        self.room.take(2)?;
        let mut members = Map::new();
        for key in value.try_iter().map_err(|_| invalid(value))? {
            let inner = value.get_item(&key).map_err(|_| invalid(value))?;
            let name = match key.kind() {
                ValueKind::String => key.as_str().unwrap_or_default().to_owned(),
                ValueKind::Number | ValueKind::Bool => key.to_string(),
                _ => return Err("a member's name is no text".to_owned()),
            };
            self.room.text(&name)?;
            self.room.take(2)?;
            let inner = self.value(&inner, level + 1)?;
            if self.keep {
                members.insert(name, inner);
            }
        }
        Ok(Value::Object(members))
    }
}

/// An error that stands in a value's place.
fn invalid(value: &Inner) -> String {
    match value.try_iter() {
        Err(error) => super::expression::reason(&error),
        Ok(_) => "it is no JSON value".to_owned(),
    }
}

/// A value's size in bytes of JSON, roughly; at most a little more than what is ever read.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 4,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(size).sum::<usize>() + items.len() + 2,
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() + 4 + size(value))
            .sum::<usize>()
            .saturating_add(2),
    }
}

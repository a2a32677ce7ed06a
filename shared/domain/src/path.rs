//! Paths into a response: literal key, dotted, JSON pointer or JSONPath; parsed once, looked up often.
//!
//! A path is always tried as a literal member name first, so `"05. price"` and `"$id"` need no
//! escaping. Otherwise its first characters say what it is:
//!
//! | starts with | is | example |
//! |---|---|---|
//! | `$`, `$.`, `$[` | JSONPath (RFC 9535) | `$.items[?@.price > 100].name` |
//! | `/` | JSON pointer (RFC 6901) | `/items/0/name` |
//! | anything else | dotted | `Global Quote.05. price`, `items.0.name`, `items[0].name` |
//!
//! In a dotted path every segment is literal first as well: of all ways to cut the rest at a dot
//! the longest key that leads to a value wins.

mod jsonpath;
mod nearest;

use std::borrow::Cow;

use serde_json::Value;

pub use crate::weight::TooLarge;
pub use jsonpath::MAX_DEPTH;

/// Longest path, in bytes.
pub const MAX_BYTES: usize = 512;

/// Key look-ups that one dotted path may cost. A response cannot make a short path expensive.
const MAX_LOOKUPS: u32 = 10_000;

/// A parsed path.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// With `a[0].b` also written as `a.0.b`.
    Dotted {
        unbracketed: Option<String>,
    },
    Pointer(Vec<String>),
    Json(Box<jsonpath::Query>),
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// One sentence on what is wrong: empty, over [`MAX_BYTES`], brackets nested deeper than
    /// [`MAX_DEPTH`], broken syntax, or a JSONPath whose cost has no sensible bound.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a path is not empty; `$` is the whole response".to_owned());
        }
        if text.len() > MAX_BYTES {
            return Err(format!("a path has at most {MAX_BYTES} bytes"));
        }
        let kind = if text == "$" || text.starts_with("$.") || text.starts_with("$[") {
            Kind::Json(Box::new(jsonpath::Query::parse(text)?))
        } else if text.starts_with('/') {
            Kind::Pointer(pointer_tokens(text)?)
        } else {
            Kind::Dotted {
                unbracketed: without_brackets(text),
            }
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
        })
    }

    /// The path as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it may lead to several values, which [`find`](Self::find) gives as an array.
    pub fn is_multiple(&self) -> bool {
        match &self.kind {
            Kind::Json(query) => query.is_multiple(),
            Kind::Dotted { .. } | Kind::Pointer(_) => false,
        }
    }

    /// The value at the path. A JSONPath that may lead to several values gives an array of them,
    /// in document order, empty when there are none.
    ///
    /// # Errors
    /// [`TooLarge`] when those several values together are.
    pub fn find<'v>(&self, value: &'v Value) -> Result<Option<Cow<'v, Value>>, TooLarge> {
        if let Some(found) = value.as_object().and_then(|map| map.get(&self.text)) {
            return Ok(Some(Cow::Borrowed(found)));
        }
        let found = match &self.kind {
            Kind::Dotted { unbracketed } => dotted(value, &self.text)
                .or_else(|| unbracketed.as_deref().and_then(|text| dotted(value, text))),
            Kind::Pointer(tokens) => steps(value, tokens),
            Kind::Json(query) => return query.find(value),
        };
        Ok(found.map(Cow::Borrowed))
    }

    /// For a path that finds nothing: the path to the most similar key that is there, in the same
    /// notation.
    pub fn nearest(&self, value: &Value) -> Option<String> {
        match &self.kind {
            Kind::Dotted { unbracketed } => {
                let text = unbracketed.as_deref().unwrap_or(&self.text);
                nearest::of_dotted(value, text).map(|steps| steps.join("."))
            }
            Kind::Pointer(tokens) => nearest::of_steps(value, tokens).map(|steps| {
                let escaped = steps.iter().map(|step| format!("/{}", escape_token(step)));
                escaped.collect()
            }),
            Kind::Json(query) => {
                nearest::of_steps(value, query.plain_start()).map(|s| jsonpath::written(&s))
            }
        }
    }
}

/// `name` as one token of a JSON pointer (RFC 6901): `~` and `/` escaped.
pub fn escape_token(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) {
        Cow::Owned(name.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(name)
    }
}

fn pointer_tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    for token in text.split('/').skip(1) {
        let mut after = token.match_indices('~').map(|(at, _)| &token[at + 1..]);
        if !after.all(|rest| rest.starts_with(['0', '1'])) {
            return Err("in a JSON pointer `~` is written `~0` and `/` is written `~1`".to_owned());
        }
        tokens.push(token.replace("~1", "/").replace("~0", "~"));
    }
    Ok(tokens)
}

/// `items[0].name` as `items.0.name`; `None` when there is no index in brackets.
fn without_brackets(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let close = open + rest[open..].find(']')?;
        index(&rest[open + 1..close])?;
        plain.push_str(&rest[..open]);
        if !plain.is_empty() {
            plain.push('.');
        }
        plain.push_str(&rest[open + 1..close]);
        rest = &rest[close + 1..];
    }
    plain.push_str(rest);
    (plain.len() != text.len()).then_some(plain)
}

/// An array index: digits without leading zeros.
fn index(text: &str) -> Option<usize> {
    let plain = text == "0" || !text.starts_with('0');
    (plain && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// The member or element of that name.
fn child<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Object(map) => map.get(name),
        Value::Array(items) => items.get(index(name)?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn steps<'v>(value: &'v Value, names: &[String]) -> Option<&'v Value> {
    names
        .iter()
        .try_fold(value, |value, name| child(value, name))
}

fn dotted<'v>(value: &'v Value, text: &str) -> Option<&'v Value> {
    fn walk<'v>(value: &'v Value, rest: &str, budget: &mut u32) -> Option<&'v Value> {
        if let Some(found) = child(value, rest) {
            return Some(found);
        }
        for (dot, _) in rest.rmatch_indices('.') {
            *budget = budget.checked_sub(1)?;
            let below = child(value, &rest[..dot]);
            if let Some(found) = below.and_then(|below| walk(below, &rest[dot + 1..], budget)) {
                return Some(found);
            }
        }
        None
    }
    walk(value, text, &mut { MAX_LOOKUPS })
}

#[cfg(test)]
mod tests;

//! The key that somebody probably meant when a path finds nothing.

use serde_json::Value;

use super::{child, steps};
use crate::text::distance;

/// Keys looked at, however large the response is.
const MAX_KEYS: usize = 500;

/// Characters of a key that are compared.
const MAX_CHARS: usize = 64;

/// The steps to the key most similar to what a dotted path asks for.
pub(super) fn of_dotted(value: &Value, text: &str) -> Option<Vec<String>> {
    let mut best = Reached {
        trail: Vec::new(),
        value,
        rest: text,
    };
    deepest(value, text, &mut Vec::new(), &mut best, &mut { 1_000 });
    let wish = Wish {
        word: best.rest,
        tail: &[best.rest.to_owned()],
        fits: &|value| super::dotted(value, best.rest).is_some(),
    };
    suggest(best.trail, best.value, &wish)
}

/// The steps to the key most similar to what these steps ask for.
pub(super) fn of_steps(value: &Value, names: &[String]) -> Option<Vec<String>> {
    let mut at = value;
    for (done, name) in names.iter().enumerate() {
        match child(at, name) {
            Some(below) => at = below,
            None => {
                let tail = &names[done..];
                let wish = Wish {
                    word: name,
                    tail,
                    fits: &|value| steps(value, tail).is_some(),
                };
                return suggest(names[..done].to_vec(), at, &wish);
            }
        }
    }
    None
}

struct Reached<'v, 't> {
    trail: Vec<String>,
    value: &'v Value,
    rest: &'t str,
}

/// Follows a dotted path as far as any way of cutting it leads.
fn deepest<'v, 't>(
    value: &'v Value,
    rest: &'t str,
    trail: &mut Vec<String>,
    best: &mut Reached<'v, 't>,
    budget: &mut u32,
) {
    if rest.len() < best.rest.len() {
        *best = Reached {
            trail: trail.clone(),
            value,
            rest,
        };
    }
    for (dot, _) in rest.rmatch_indices('.') {
        let Some(left) = budget.checked_sub(1) else {
            return;
        };
        *budget = left;
        if let Some(below) = child(value, &rest[..dot]) {
            trail.push(rest[..dot].to_owned());
            deepest(below, &rest[dot + 1..], trail, best, budget);
            trail.pop();
        }
    }
}

/// What is asked for below the place that was reached.
struct Wish<'t> {
    /// The key to compare with.
    word: &'t str,
    /// Every step that is left.
    tail: &'t [String],
    /// Whether a value has what is asked for.
    fits: &'t dyn Fn(&Value) -> bool,
}

/// What comes after `trail`: a similar key beside it, the same key elsewhere below, else the least
/// different key. An array gets its first element's index.
fn suggest(mut trail: Vec<String>, value: &Value, wish: &Wish<'_>) -> Option<Vec<String>> {
    let rest = wish.word;
    let map = match value {
        Value::Object(map) => map,
        Value::Array(items) => {
            let first = items.first()?;
            trail.push("0".to_owned());
            if (wish.fits)(first) {
                trail.extend_from_slice(wish.tail);
                return Some(trail);
            }
            return match first {
                Value::Object(_) => suggest(trail, first, wish),
                _ => Some(trail),
            };
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    };
    let first = rest.split('.').next().unwrap_or(rest);
    let (edits, key) = map
        .keys()
        .take(MAX_KEYS)
        .map(|key| (self::edits(key, rest).min(self::edits(key, first)), key))
        .min_by_key(|(edits, _)| *edits)?;
    if edits * 3 > first.chars().count()
        && let Some(below) = elsewhere(value, rest)
    {
        trail.extend(below);
        return Some(trail);
    }
    trail.push(key.clone());
    Some(trail)
}

/// The steps to a key of exactly this name somewhere below, nearest to the top first.
fn elsewhere(value: &Value, name: &str) -> Option<Vec<String>> {
    let mut level: Vec<(Vec<String>, &Value)> = vec![(Vec::new(), value)];
    let mut seen = 0;
    while !level.is_empty() {
        let mut next = Vec::new();
        for (trail, value) in &level {
            let below: Vec<(String, &Value)> = match value {
                Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), v)).collect(),
                Value::Array(items) => items
                    .first()
                    .map(|v| ("0".to_owned(), v))
                    .into_iter()
                    .collect(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => continue,
            };
            for (key, value) in below {
                seen += 1;
                if seen > MAX_KEYS {
                    return None;
                }
                let found = key.eq_ignore_ascii_case(name);
                let mut trail = trail.clone();
                trail.push(key);
                if found {
                    return Some(trail);
                }
                next.push((trail, value));
            }
        }
        level = next;
    }
    None
}

/// How many edits apart, without regard to case.
fn edits(a: &str, b: &str) -> usize {
    let lower = |text: &str| -> Vec<char> {
        let chars = text.chars().take(MAX_CHARS);
        chars.flat_map(char::to_lowercase).collect()
    };
    distance(&lower(a), &lower(b))
}

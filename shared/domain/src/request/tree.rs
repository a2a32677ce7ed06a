//! A JSON document put together from values and their places in it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A document under construction.
#[derive(Debug, Default)]
pub(super) enum Tree {
    /// Nothing was put anywhere.
    #[default]
    Empty,
    Leaf(Value),
    Object(Vec<(String, Tree)>),
    /// By index; what is absent is left out, so the others move up.
    Array(BTreeMap<usize, Tree>),
}

/// The index of an array that a part of a place is.
pub(crate) fn index(name: &str) -> Option<usize> {
    let plain = name == "0" || !name.starts_with('0');
    let digits = plain && !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| name.parse().ok()).flatten()
}

impl Tree {
    /// Puts a value at its place; false when another value is on the way.
    pub(super) fn put(&mut self, place: &[String], value: &Value) -> bool {
        let Some((name, rest)) = place.split_first() else {
            let free = matches!(self, Self::Empty);
            if free {
                *self = Self::Leaf(value.clone());
            }
            return free;
        };
        if matches!(self, Self::Empty) {
            *self = match index(name) {
                Some(_) => Self::Array(BTreeMap::new()),
                None => Self::Object(Vec::new()),
            };
        }
        match (self, index(name)) {
            (Self::Array(items), Some(index)) => items.entry(index).or_default().put(rest, value),
            (Self::Object(members), None) => {
                let known = members.iter_mut().find(|(known, _)| known == name);
                match known {
                    Some((_, below)) => below.put(rest, value),
                    None => {
                        let mut below = Self::Empty;
                        let put = below.put(rest, value);
                        members.push((name.clone(), below));
                        put
                    }
                }
            }
            (Self::Empty | Self::Leaf(_) | Self::Object(_) | Self::Array(_), _) => false,
        }
    }

    /// Puts a member of this very name into the root object.
    pub(super) fn member(&mut self, name: &str, value: &Value) {
        if let Self::Empty = self {
            *self = Self::Object(Vec::new());
        }
        if let Self::Object(members) = self {
            members.push((name.to_owned(), Self::Leaf(value.clone())));
        }
    }

    /// The finished document; `None` when nothing was put.
    pub(super) fn into_value(self) -> Option<Value> {
        match self {
            Self::Empty => None,
            Self::Leaf(value) => Some(value),
            Self::Object(members) => {
                let members = members.into_iter();
                let members = members.filter_map(|(name, below)| Some((name, below.into_value()?)));
                Some(Value::Object(members.collect::<Map<_, _>>()))
            }
            Self::Array(items) => Some(items.into_values().filter_map(Self::into_value).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(place: &str) -> Vec<String> {
        place.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn names_make_objects_and_numbers_make_arrays() {
        let mut tree = Tree::Empty;
        for (at, value) in [
            ("to/1/email", json!("b")),
            ("to/0/email", json!("a")),
            ("to/0/name", json!(null)),
            ("note", json!([1])),
            ("ids/007", json!("a name")),
        ] {
            assert!(tree.put(&place(at), &value), "{at}");
        }
        let expected = json!({
            "to": [{"email": "a", "name": null}, {"email": "b"}],
            "note": [1], "ids": {"007": "a name"},
        });
        assert_eq!(tree.into_value(), Some(expected));
        assert_eq!(Tree::Empty.into_value(), None);
    }

    #[test]
    fn nothing_is_written_over() {
        for (first, second) in [
            ("a", "a/b"),
            ("a/b", "a"),
            ("a", "a"),
            ("a/0", "a/b"),
            ("a/b", "a/0"),
        ] {
            let mut tree = Tree::Empty;
            assert!(tree.put(&place(first), &json!(1)));
            assert!(!tree.put(&place(second), &json!(2)), "{first} {second}");
        }
    }

    #[test]
    fn what_is_absent_leaves_no_hole() {
        let mut tree = Tree::Empty;
        assert!(tree.put(&place("a/2"), &json!(2)));
        assert_eq!(tree.into_value(), Some(json!({"a": [2]})));
    }
}

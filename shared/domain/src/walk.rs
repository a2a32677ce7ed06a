//! Walking over a document: where one stands in it, and what was found wrong on the way.

use std::fmt::Write as _;

use serde_json::Value;

use crate::fault::Fault;

/// Faults reported at most; a document with more is not mended one by one.
const MOST: usize = 100;

/// A place in a document. Costs nothing until a fault needs its pointer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    parent: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Name(&'a str),
    Index(usize),
}

impl<'a> At<'a> {
    /// The document itself.
    pub(crate) const ROOT: At<'static> = At {
        parent: None,
        step: Step::Root,
    };

    /// The member of this name.
    pub(crate) const fn name(&'a self, name: &'a str) -> At<'a> {
        At {
            parent: Some(self),
            step: Step::Name(name),
        }
    }

    /// The element at this index.
    pub(crate) const fn index(&'a self, index: usize) -> At<'a> {
        At {
            parent: Some(self),
            step: Step::Index(index),
        }
    }

    /// The JSON pointer (RFC 6901).
    pub(crate) fn pointer(&self) -> String {
        let mut pointer = self.parent.map(Self::pointer).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Name(name) => {
                pointer.push('/');
                escape_into(&mut pointer, name);
            }
            Step::Index(index) => {
                let _ = write!(pointer, "/{index}");
            }
        }
        pointer
    }
}

/// Appends a member's name to a JSON pointer, escaped by RFC 6901. Long names are cut: the pointer
/// is for people.
pub(crate) fn escape_into(pointer: &mut String, name: &str) {
    for c in name.chars().take(128) {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Notes a fault. Beyond the first hundred they are only the same again.
    pub(crate) fn add(&mut self, at: &At<'_>, code: &'static str, message: impl Into<String>) {
        self.push(|| Fault::new(at.pointer(), code, message));
    }

    /// Notes a fault and what to do about it.
    pub(crate) fn advise(
        &mut self,
        at: &At<'_>,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(|| Fault::new(at.pointer(), code, message).hint(hint));
    }

    /// Notes that a value has another type than `expected` (such as `a string`).
    pub(crate) fn wrong_type(&mut self, at: &At<'_>, expected: &str, value: &Value) {
        self.add(
            at,
            "invalid_type",
            format!("expected {expected}, found {}", type_name(value)),
        );
    }

    /// Notes that a value is not `expected`: by its type when that is wrong, else as it is.
    pub(crate) fn wrong_number(&mut self, at: &At<'_>, expected: &str, value: &Value) {
        if value.is_number() {
            self.add(at, "out_of_range", format!("expected {expected}"));
        } else {
            self.wrong_type(at, expected, value);
        }
    }

    /// Notes that a member is missing.
    pub(crate) fn missing(&mut self, at: &At<'_>, name: &str) {
        self.add(
            &at.name(name),
            "required",
            format!("\"{name}\" is required"),
        );
    }

    /// Notes a fault whose place is known already.
    pub(crate) fn tell(&mut self, fault: Fault) {
        self.push(|| fault);
    }

    fn push(&mut self, fault: impl FnOnce() -> Fault) {
        if self.0.len() < MOST {
            self.0.push(fault());
        }
    }

    /// Whether more would not be noted: whoever searches for advice can stop.
    pub(crate) const fn full(&self) -> bool {
        self.0.len() >= MOST
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }

    /// All of them, in the order in which they were found.
    pub(crate) fn into_vec(self) -> Vec<Fault> {
        self.0
    }
}

/// A value's type with its article, for sentences.
pub(crate) const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_escaped() {
        let root = At::ROOT;
        let (api, list) = (root.name("a/b~c"), root.name("list"));
        assert_eq!(root.pointer(), "");
        assert_eq!(api.pointer(), "/a~1b~0c");
        assert_eq!(list.index(3).name("").pointer(), "/list/3/");
    }

    #[test]
    fn a_hundred_faults_are_enough() {
        let mut faults = Faults::default();
        for index in 0..1000 {
            faults.add(&At::ROOT.index(index), "code", "wrong");
        }
        assert_eq!(faults.into_vec().len(), 100);
    }
}

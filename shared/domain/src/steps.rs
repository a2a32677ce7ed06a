//! Where a value stands in another: the way to it, step by step.

use serde_json::Value;

use crate::path::escape_token;

/// A member or an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Member(String),
    Element(usize),
}

/// The way as a JSON pointer (RFC 6901).
pub(crate) fn pointer(way: &[Step]) -> String {
    let tokens = way.iter().map(|step| match step {
        Step::Member(name) => format!("/{}", escape_token(name)),
        Step::Element(index) => format!("/{index}"),
    });
    tokens.collect()
}

/// The way from `root` to `wanted`, which is a part of it: found by its address, so that it is the very one that a path
/// led to.
pub(crate) fn to(root: &Value, wanted: &Value) -> Option<Vec<Step>> {
    let mut way = Vec::new();
    walk(root, wanted, &mut way).then(|| {
        way.reverse();
        way
    })
}

/// Whether `wanted` is here or below; then the way to it, its last step first.
fn walk(here: &Value, wanted: &Value, way: &mut Vec<Step>) -> bool {
    if std::ptr::eq(here, wanted) {
        return true;
    }
    let step = match here {
        Value::Object(members) => members
            .iter()
            .find(|(_, below)| walk(below, wanted, way))
            .map(|(name, _)| Step::Member(name.clone())),
        Value::Array(items) => items
            .iter()
            .position(|below| walk(below, wanted, way))
            .map(Step::Element),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    let found = step.is_some();
    way.extend(step);
    found
}

/// What stands there.
pub(crate) fn at_mut<'v>(root: &'v mut Value, way: &[Step]) -> Option<&'v mut Value> {
    way.iter().try_fold(root, |here, step| match step {
        Step::Member(name) => here.get_mut(name.as_str()),
        Step::Element(index) => here.get_mut(*index),
    })
}

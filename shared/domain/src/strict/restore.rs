//! Arguments on their way back: from the strict schema to the original one.

use serde_json::Value;

use super::node::{Kind, Member, Node, set_null};

/// Comparisons of values with alternatives at most; beyond, the first alternative of the right kind is taken.
const MOST: usize = 200_000;

/// Restores one call's arguments.
pub(super) struct Restorer<'n> {
    parts: &'n [Node],
    left: usize,
}

/// How exactly a value has to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// As strict mode guarantees.
    Exact,
    /// Optional members may be missing: for servers that do not enforce the schema.
    Loose,
}

impl<'n> Restorer<'n> {
    pub(super) const fn new(parts: &'n [Node]) -> Self {
        Self { parts, left: MOST }
    }

    /// Takes out the nulls that mean "left out", puts in those that were meant. What fits nothing
    /// stays as it is: the validator says what is wrong with it.
    pub(super) fn restore(&mut self, node: &Node, value: &mut Value) {
        match (&node.kind, value) {
            (Kind::Plain(_) | Kind::Values(_), _) => {}
            (Kind::Object(members), Value::Object(given)) => {
                let mut next = 0;
                given.retain(|name, value| {
                    let Some(member) = member(members, name, &mut next) else {
                        return true;
                    };
                    if member.optional && value.is_null() {
                        return false;
                    }
                    self.restore(&member.node, value);
                    true
                });
            }
            (Kind::List(element), Value::Array(items)) => {
                for item in items {
                    self.restore(element, item);
                }
            }
            (Kind::Union(nodes), value) => {
                let chosen = [Fit::Exact, Fit::Loose]
                    .into_iter()
                    .find_map(|fit| nodes.iter().find(|node| self.fits(node, value, fit)));
                if let Some(node) = chosen {
                    self.restore(node, value);
                }
            }
            (Kind::Part(number), value) => {
                let parts = self.parts;
                self.restore(&parts[*number], value);
            }
            (Kind::SetNull, value) => {
                if *value == set_null() {
                    *value = Value::Null;
                }
            }
            (Kind::Object(_) | Kind::List(_), _) => {}
        }
    }

    fn fits(&mut self, node: &Node, value: &Value, fit: Fit) -> bool {
        self.left = self.left.saturating_sub(1);
        match (&node.kind, value) {
            (Kind::Plain(types), value) => types.take(value),
            (Kind::Values(values), value) => values.contains(value),
            (Kind::Object(_), Value::Object(_)) | (Kind::List(_), Value::Array(_))
                if self.left == 0 =>
            {
                true
            }
            (Kind::Object(members), Value::Object(given)) => {
                let mut next = 0;
                (given.len() == members.len() || fit == Fit::Loose)
                    && given.iter().all(|(name, value)| {
                        member(members, name, &mut next).is_some_and(|member| {
                            member.optional && value.is_null()
                                || self.fits(&member.node, value, fit)
                        })
                    })
                    && members.iter().all(|member| {
                        member.optional && fit == Fit::Loose || given.contains_key(&member.name)
                    })
            }
            (Kind::List(element), Value::Array(items)) => {
                items.iter().all(|item| self.fits(element, item, fit))
            }
            (Kind::Union(nodes), value) => {
                self.left > 0 && nodes.iter().any(|node| self.fits(node, value, fit))
            }
            (Kind::Part(number), value) => {
                let parts = self.parts;
                self.left > 0 && self.fits(&parts[*number], value, fit)
            }
            (Kind::SetNull, value) => *value == set_null(),
            (Kind::Object(_) | Kind::List(_), _) => false,
        }
    }
}

/// The member of this name; mostly it is the next one.
fn member<'m>(members: &'m [Member], name: &str, next: &mut usize) -> Option<&'m Member> {
    let here = members.get(*next).filter(|member| member.name == name);
    *next += 1;
    here.or_else(|| members.iter().find(|member| member.name == name))
}
